"""Taking partitions over: all of them, or nobody is left who would fence their next owner. Giving them back ends in time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from processor.errors import RetryableError
from processor.eventlog import OnRevoke, kafka_seats
from processor.eventlog.kafka_connection import SESSION_MS


class Slow:
    """A transactional producer that starts late."""

    ended = False

    async def take(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.ended = True


class Failing:
    async def take(self) -> None:
        await asyncio.sleep(0)
        raise RetryableError("no transactions")


async def test_when_one_fails_no_other_goes_on() -> None:
    slow = Slow()
    with pytest.raises(RetryableError, match="no transactions"):
        await kafka_seats._all_taken([slow, Failing()])
    assert slow.ended


async def test_when_it_is_given_up_nobody_goes_on() -> None:
    slow = Slow()
    taking = asyncio.create_task(kafka_seats._all_taken([slow]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert slow.ended


def seats(
    on_revoke: OnRevoke, told: list[BaseException | None], consumer: Any = None, log: Any = None
) -> kafka_seats.Seats:
    nobody: Any = None
    return kafka_seats.Seats(
        consumer,
        nobody,
        log,
        topic="things",
        group="readers",
        pure=False,
        on_assign=no_assign,
        on_revoke=on_revoke,
        tell=told.append,
    )


def hold(taken: kafka_seats.Seats, committed: Mapping[int, int]) -> None:
    """These partitions, so far."""
    for number, offset in committed.items():
        taken.held[number] = kafka_seats.Seat(taken.place(number), taken._consumer, offset, offset, None)
    taken._begun = list(committed)


async def no_assign(_: Sequence[int]) -> None:
    """Not of interest."""


async def no_drain(_: Sequence[int]) -> Mapping[int, int]:
    """Nothing is under way."""
    return {}


async def test_trap_8_a_drain_that_does_not_end_is_not_waited_for_beyond_what_the_group_waits_for_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_seats, "RELEASE_SECONDS", 0.01)
    cut_off: list[int] = []

    async def never(numbers: Sequence[int]) -> Mapping[int, int]:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            cut_off.extend(numbers)

    leaving = seats(never, [])
    leaving._begun = [3]
    await leaving.revoked()
    assert cut_off == [3]
    assert not leaving.held


async def test_trap_9_what_a_drain_raises_reaches_whoever_polls_and_not_the_coordination() -> None:
    told: list[BaseException | None] = []

    async def fails(_: Sequence[int]) -> Mapping[int, int]:
        raise ZeroDivisionError

    leaving = seats(fails, told)
    leaving._begun = [3]
    await leaving.revoked()
    assert [type(error) for error in told] == [ZeroDivisionError]


class Member:
    """A consumer whose group knows it, and takes what it commits."""

    def __init__(self) -> None:
        self._coordinator = self
        self.generation = 1
        self.commits: list[Mapping[TopicPartition, int]] = []
        self.answering = asyncio.Event()
        self.answering.set()
        self.answered = 0

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.commits.append(offsets)
        await self.answering.wait()
        self.answered += 1


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no such clock")
async def test_a_machine_that_was_suspended_has_lost_what_it_had_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one clock goes on then."""
    clocks = dict.fromkeys((time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME), 1_000.0)
    monkeypatch.setattr(time, "clock_gettime", clocks.__getitem__)
    woken = seats(no_drain, [], Member())
    hold(woken, {3: 7})
    await woken._prove()
    assert woken.tenure.valid
    clocks[time.CLOCK_BOOTTIME] += SESSION_MS / 1000
    assert not woken.tenure.valid


async def turns() -> None:
    """Whatever can go on without an answer has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_commit_waits_for_the_one_before_it_and_is_no_older_than_that() -> None:
    group = Member()
    group.answering.clear()
    taken = seats(no_drain, [], group)
    hold(taken, {3: 7})
    first = asyncio.create_task(taken.commit({3: 9}))
    await turns()
    taken.tenure.keep()
    await turns()
    assert group.commits == [{taken.place(3): 9}]
    group.answering.set()
    await first
    await taken.tenure.end()
    assert group.commits == [{taken.place(3): 9}, {taken.place(3): 9}], "what is committed never goes back"


async def test_a_question_that_is_under_way_is_answered_before_anything_is_given_back() -> None:
    group = Member()
    group.answering.clear()
    leaving = seats(no_drain, [], group)
    hold(leaving, {3: 7})
    leaving.tenure.keep()
    await turns()
    release = asyncio.create_task(leaving.release())
    await turns()
    assert leaving.held, "the answer is still to come"
    group.answering.set()
    await release
    assert (group.answered, list(leaving.held)) == (1, [])


async def test_who_gives_back_asks_no_more() -> None:
    """The client goes when it has given back, and what it was asked meanwhile would be left behind."""
    group, drained = Member(), asyncio.Event()

    async def drain(_: Sequence[int]) -> Mapping[int, int]:
        leaving.tenure.keep()
        await turns()
        drained.set()
        return {}

    leaving = seats(drain, [], group)
    hold(leaving, {3: 7})
    await leaving.release()
    assert drained.is_set()
    assert group.commits == []
