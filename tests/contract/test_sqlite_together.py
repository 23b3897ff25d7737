"""What goes to the disk together, and what comes to a subscription without being read back."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime
from functools import partial

import pytest

from processor.eventlog import Message, Record
from processor.eventlog import sqlite_commits as commits
from processor.eventlog import sqlite_subscription as subscriptions
from processor.eventlog import sqlite_writer as writer
from processor.eventlog.sqlite import SqliteLog
from processor.eventlog.sqlite_writer import Work, Writer
from processor.telemetry import Metrics
from tests.contract.filelog import START, TOPICS, no_offsets, nothing, open_log, rows, state


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many works at a time the writer is given."""
    seen: list[int] = []
    put = Writer.put

    def counted(self: Writer, works: list[Work]) -> None:
        seen.append(len(works))
        put(self, works)

    monkeypatch.setattr(Writer, "put", counted)
    return seen


class Disk:
    """Takes a batch each time it is allowed to, in the end all; stands in the log's clock, which every batch asks."""

    def __init__(self) -> None:
        self._asked, self._allowed = threading.Semaphore(0), threading.Semaphore(0)

    async def at_work(self) -> None:
        await asyncio.to_thread(self._asked.acquire)

    def allow(self, batches: int = 1) -> None:
        self._allowed.release(batches)

    def __call__(self) -> datetime:
        self._asked.release()
        assert self._allowed.acquire(timeout=30)
        return START

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *_: object) -> None:
        self.allow(100)


@pytest.fixture
def disk() -> Disk:
    return Disk()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_those_who_come_in_one_turn_of_the_loop_and_in_the_next_share_a_batch(file, handed_over):
    async with open_log(file) as log:
        written = [log.append([state("a", "1")]), log.append([state("a", "2")])]
        await asyncio.sleep(0)
        await asyncio.gather(*written, log.append([state("a", "3")]))
        assert handed_over == [3]


async def test_who_comes_alone_does_not_wait_for_others(file, handed_over):
    async with open_log(file) as log:
        written = log.append([state("a", "1")])
        for _ in range(2):
            await asyncio.sleep(0)
        assert handed_over == [1]
        await written


async def test_however_many_wait_they_are_looked_at_once_a_turn(file, handed_over, monkeypatch):
    looks, gather = [], commits.Commits._gather

    def counted(self: commits.Commits, turns: int, before: int) -> None:
        looks.append(turns)
        gather(self, turns, before)

    monkeypatch.setattr(commits.Commits, "_gather", counted)
    async with open_log(file) as log:
        await asyncio.gather(*(log.append([state("a", str(number))]) for number in range(100)))
    assert len(looks) == 2
    assert handed_over == [100]


async def test_the_first_are_not_kept_waiting_by_those_who_come_on_and_on(file, handed_over, disk):
    async with open_log(file, now=disk) as log, disk:
        written = []
        for number in range(20):
            written.append(log.append([state("a", str(number))]))
            await asyncio.sleep(0)
        assert handed_over == [commits.GATHERED_TURNS + 1]
        disk.allow(2)
        await asyncio.gather(*written)
        assert handed_over == [commits.GATHERED_TURNS + 1, 20 - commits.GATHERED_TURNS - 1]


async def test_those_who_come_while_the_disk_is_at_work_go_next_and_together(file, handed_over, disk):
    async with open_log(file, now=disk) as log, disk:
        written = []
        for number in range(4):
            written.append(log.append([state("a", str(number))]))
            await turns()
        assert handed_over == [1]
        disk.allow(2)
        await asyncio.gather(*written)
        assert handed_over == [1, 3]


async def test_who_is_answered_and_comes_again_goes_with_those_who_waited_meanwhile(file, handed_over, disk):
    async with open_log(file, now=disk) as log, disk:

        async def twice() -> None:
            await log.append([state("a", "1")])
            for _ in range(2):  # on his way
                await asyncio.sleep(0)
            await log.append([state("a", "2")])

        sender = asyncio.create_task(twice())
        await disk.at_work()
        other = log.append([state("b", "1")])
        disk.allow(2)
        await asyncio.gather(sender, other)
        assert handed_over == [1, 2]


async def test_very_many_go_while_it_is_at_work_and_it_is_at_work_until_those_are_written(
    file, handed_over, disk, monkeypatch
):
    monkeypatch.setattr(commits, "HAND_OVER_AT", 3)
    async with open_log(file, now=disk) as log, disk:
        first = log.append([state("a", "first")])
        await disk.at_work()
        many = [log.append([state("a", str(number))]) for number in range(3)]
        assert handed_over == [1, 3]
        final = log.append([state("a", "final")])
        disk.allow()
        await first
        await turns()
        assert handed_over == [1, 3]
        disk.allow(2)
        await asyncio.gather(*many, final)
        assert handed_over == [1, 3, 1]


@pytest.mark.parametrize(("most", "batches"), [(2_000, 2), (2, 3)])
async def test_all_that_waits_is_one_batch_up_to_a_bound(file, disk, monkeypatch, most, batches):
    monkeypatch.setattr(commits, "HAND_OVER_AT", 1)
    monkeypatch.setattr(writer, "MOST_IN_A_BATCH", most)
    metrics = Metrics.build()
    async with SqliteLog.open(file, TOPICS, 1, disk, metrics) as log, disk:
        pending = partial(metrics.registry.get_sample_value, "processor_log_pending_bytes")
        first = log.append([state("a", "0")])
        await disk.at_work()
        others = [log.append([state("a", str(number))]) for number in range(1, 5)]
        disk.allow()
        await first
        assert pending() == len(others) * len("{}" + "a" + "1")
        disk.allow(batches - 1)
        await asyncio.gather(*others)
        assert pending() == 0
        assert metrics.registry.get_sample_value("processor_append_seconds_count") == batches
        assert [value for _, value in await rows(log, "states")] == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_check_writes_nothing_when_something_was_written_just_now(file, handed_over, monkeypatch):
    monkeypatch.setattr(commits, "CHECKED_FOR_SECONDS", 3600)
    async with open_log(file) as log:
        await log.append([state("a", "1")])
        await log.check()
    assert handed_over == [1]


async def test_what_still_waits_when_the_log_is_closed_is_written(file, disk, monkeypatch):
    async with open_log(file, now=disk) as log:
        written = [log.append([state("a", "1")])]
        await disk.at_work()
        written.append(log.append([state("a", "2")]))
        thread = log._commits._writer._thread
        join = thread.join
        monkeypatch.setattr(thread, "join", lambda: (disk.allow(2), join()))  # told to end, and only then at liberty
    assert [one.done() for one in written] == [True, True]
    async with open_log(file) as log:
        assert await rows(log, "states") == [("a", b"1"), ("a", b"2")]


@pytest.mark.parametrize("kept", [0, 1])
async def test_what_this_process_appends_is_not_read_back_as_long_as_it_is_polled(file, monkeypatch, kept):
    """Several times as much as is held for a partition goes through, some of which waits all the time."""
    read = []

    def counted(connection, **words) -> list[Record]:
        read.append(words["start"])
        return subscriptions.page(connection, **words)

    things = [Message("things", "a", bytes(subscriptions.PAGE_BYTES // 3)) for _ in range(10)]
    async with open_log(file) as log, log.subscribe("things", "readers", nothing, no_offsets) as subscription:
        with monkeypatch.context() as patch:
            patch.setattr(subscriptions, "page", counted)
            await log.append(things[:kept])
            for number, thing in enumerate(things[kept:]):
                await log.append([thing])
                assert [record.offset for record in await subscription.poll(1, 5)] == [number]
    assert read == []
