"""Tables hold what the log says, no more and no less."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest

from processor.errors import RetryableError
from processor.event import Event
from processor.eventlog import EventLog, Message, Record, Topic
from processor.eventlog.partitions import partition_of
from processor.eventlog.sqlite import SqliteLog
from processor.table import Table, last

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARTITIONS = 2


class Counted(Event):
    type: ClassVar[str] = "counted"
    topic: ClassVar[str] = "counts"
    number: int


class Other(Event):
    type: ClassVar[str] = "other"
    topic: ClassVar[str] = "counts"


def counted(subject: str, number: int) -> Counted:
    return Counted(id=f"{subject}-{number}", time=NOON, subject=subject, number=number)


def add(total: int | None, event: Counted) -> int | None:
    """Forgets the subject at 0."""
    return (total or 0) + event.number if event.number else None


HERE = next(f"agent/{n}" for n in range(99) if partition_of(f"agent/{n}", PARTITIONS) == 0)
THERE = next(f"agent/{n}" for n in range(99) if partition_of(f"agent/{n}", PARTITIONS) == 1)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    async with SqliteLog.open(tmp_path / "events.db", [Topic("counts", compact=True)], PARTITIONS, lambda: NOON) as log:
        yield log


async def append(log: EventLog, *events: Event) -> None:
    await log.append([event.to_message() for event in events])


async def test_load_folds_what_the_partition_holds(log):
    await append(log, counted(HERE, 1), counted(THERE, 5), counted(HERE, 2))
    table = Table(Counted, fold=add)
    await table.load(log, 0)
    assert dict(table.items()) == {HERE: 3}


async def test_load_again_starts_afresh(log):
    await append(log, counted(HERE, 1))
    table = Table(Counted, fold=add)
    await table.load(log, 0)
    await table.load(log, 0)
    assert table.get(HERE) == 1


async def test_others_have_their_turns_while_a_table_is_loaded(log):
    """Posts are answered meanwhile, however many records a page brings."""
    await append(log, *[counted(HERE, 1) for _ in range(500)])
    taken: list[int] = []

    async def others() -> None:
        while True:
            taken.append(table.get(HERE) or 0)
            await asyncio.sleep(0)

    table = Table(Counted, fold=add)
    await table.load(log, 1)
    await table.load(log, 0)
    working = asyncio.create_task(others())
    await table.load(log, 0)
    working.cancel()
    assert table.get(HERE) == 500
    assert {200, 400} <= set(taken)


async def test_catch_up_folds_only_what_is_new_and_says_so(log):
    await append(log, counted(HERE, 1))
    table = Table(Counted, fold=add)
    await table.load(log, 0)
    assert not await table.catch_up(log, 0)
    await append(log, counted(HERE, 10))
    assert await table.catch_up(log, 0)
    assert table.get(HERE) == 11
    assert not await table.catch_up(log, 0)


async def test_what_was_folded_before_a_failure_is_not_folded_twice(log, monkeypatch):
    table, read = Table(Counted, fold=add), log.read
    await table.load(log, 0)
    await append(log, counted(HERE, 1), counted(HERE, 10))

    async def broken(*place):
        async for record in read(*place):
            yield record
            raise RetryableError("the disk does not answer")

    monkeypatch.setattr(log, "read", broken)
    with pytest.raises(RetryableError):
        await table.catch_up(log, 0)
    monkeypatch.setattr(log, "read", read)
    assert await table.catch_up(log, 0)
    assert table.get(HERE) == 11


async def test_own_outputs_count_before_they_are_in_the_log(log):
    table = Table(Counted, fold=add)
    await table.load(log, 0)
    table.apply(counted(HERE, 4))
    assert table.get(HERE) == 4


async def test_a_reload_forgets_outputs_that_never_reached_the_log(log):
    table = Table(Counted, fold=add)
    await table.load(log, 0)
    table.apply(counted(HERE, 4))
    await table.load(log, 0)
    assert table.get(HERE) is None


async def test_a_tombstone_and_a_fold_to_nothing_forget_the_key(log):
    other = next(
        f"agent/{n}" for n in range(99) if partition_of(f"agent/{n}", PARTITIONS) == 0 and f"agent/{n}" != HERE
    )
    await append(log, counted(HERE, 1), counted(other, 1), counted(other, 0))
    await log.append([Message("counts", HERE, None)])
    table = Table(Counted, fold=add)
    await table.load(log, 0)
    assert dict(table.items()) == {}
    table.apply(counted(HERE, 7))
    table.apply(counted(HERE, 0))
    assert dict(table.items()) == {}


async def test_records_of_other_types_are_passed_over(log):
    await append(log, counted(HERE, 1), Other(id="x", time=NOON, subject=HERE))
    table = Table(Counted, fold=add)
    await table.load(log, 0)
    assert table.get(HERE) == 1
    assert table.takes(counted(HERE, 1))
    assert not table.takes(Other(id="x", time=NOON, subject=HERE))


async def test_several_types_of_one_topic_fold_together(log):
    await append(log, counted(HERE, 1), Other(id="x", time=NOON, subject=HERE))
    table: Table[Event, Event] = Table(Counted, Other, fold=last)
    await table.load(log, 0)
    row = table.get(HERE)
    assert row is not None
    assert (row.type, row.sequence) == ("other", "0-1")


async def test_a_partition_that_left_is_not_answered_for(log):
    await append(log, counted(HERE, 1), counted(THERE, 2))
    table = Table(Counted, fold=add)
    for partition in range(PARTITIONS):
        await table.load(log, partition)
    assert dict(table.items(1)) == {THERE: 2}
    table.drop(0)
    assert dict(table.items()) == {THERE: 2}
    with pytest.raises(KeyError):
        table.get(HERE)
    with pytest.raises(KeyError):
        await table.catch_up(log, 0)


async def test_compacted_records_are_not_missed(log):
    """What compaction took away was replaced by something later in the log."""
    await append(log, counted(HERE, 1), counted(HERE, 2))
    table: Table[Counted, Counted] = Table(Counted, fold=last)
    await table.load(log, 0)
    await append(log, counted(HERE, 3))
    assert isinstance(log, SqliteLog)
    await log.compact(datetime(2026, 3, 5, tzinfo=UTC))
    await table.catch_up(log, 0)
    row = table.get(HERE)
    assert row is not None
    assert row.number == 3


class Moved:
    """A clock that the records' timestamps are taken from."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.mark.parametrize(("hours", "kept"), [(0, [7]), (1, [6, 7]), (3, [4, 5, 6, 7]), (1_000, list(range(8)))])
@pytest.mark.parametrize("gone", [0, 5])
async def test_only_what_is_young_enough_is_loaded(tmp_path: Path, hours: int, kept: list[int], gone: int):
    clock = Moved()
    topic = Topic("counts", retention=timedelta(hours=7 - gone, minutes=30))
    async with SqliteLog.open(tmp_path / "events.db", [topic], PARTITIONS, clock) as log:
        for number in range(8):
            clock.now = NOON + timedelta(hours=number)
            await append(log, counted(HERE, 2**number), *[Other(id="x", time=NOON, subject=HERE)] * 40)
        if gone:
            await log.compact(clock.now)
        table = Table(Counted, fold=add, since=timedelta(hours=hours, minutes=10))
        await table.load(log, 0)
        await table.load(log, 1)
        assert table.get(HERE) == sum(2**number for number in kept if number >= gone)
        assert table.get(THERE) is None


class Sparse:
    """A log in which most offsets are no record, as where transactions leave their markers."""

    partitions = 1

    def __init__(self, *offsets: int) -> None:
        self._records = [
            Record("counts", 0, at, NOON + timedelta(minutes=at), counted(HERE, 1).to_message()) for at in offsets
        ]

    async def bounds(self, _: str, __: int) -> tuple[int, int]:
        return 0, 1_000

    async def read(self, _: str, __: int, start: int, end: int) -> AsyncIterator[Record]:
        for record in self._records:
            if start <= record.offset < end:
                yield record


@pytest.mark.parametrize("offsets", [(), (0,), (999,), (3, 400, 401, 960, 990), (0, 100, 985), (700, 701)])
async def test_offsets_that_are_no_records_are_passed_over(offsets: tuple[int, ...]):
    table = Table(Counted, fold=add, since=timedelta(minutes=40))
    await table.load(Sparse(*offsets), 0)
    newest = offsets[-1] if offsets and offsets[-1] >= 984 else 1_040  # no newest found: everything is loaded
    young = [at for at in offsets if at >= newest - 40 or newest == 1_040]
    assert (table.get(HERE) or 0) == len(young)
