"""A consumer that does not move although there is something to read is found out, and nobody else."""

from __future__ import annotations

from processor.eventlog.kafka_watchdog import Watchdog


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_only_a_partition_with_work_that_does_not_move_is_stalled():
    clock = Clock()
    dog = Watchdog(clock, 60)
    for second in range(0, 130, 10):
        clock.now = second
        stalled = dog.stalled({0: 5, 1: 5, 2: second}, {0: 9, 1: 5, 2: 1_000})
        assert stalled == ([0] if second > 60 else [])


def test_work_that_comes_late_starts_the_clock():
    clock = Clock()
    dog = Watchdog(clock, 60)
    assert dog.stalled({0: 5}, {0: 5}) == []
    clock.now = 100
    assert dog.stalled({0: 5}, {0: 5}) == []
    clock.now = 150
    assert dog.stalled({0: 5}, {0: 6}) == []
    clock.now = 170
    assert dog.stalled({0: 5}, {0: 6}) == [0]


def test_a_partition_that_left_is_forgotten():
    clock = Clock()
    dog = Watchdog(clock, 60)
    dog.stalled({0: 5}, {0: 6})
    clock.now = 50
    dog.stalled({}, {})
    clock.now = 100
    assert dog.stalled({0: 5}, {0: 6}) == []
