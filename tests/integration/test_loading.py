"""A group begins to work with the first partition whose tables are loaded, and says truly how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from processor.eventlog import EventLog, Topic
from processor.eventlog.partitions import partition_of
from processor.eventlog.sqlite import SqliteLog
from processor.progress import Progress
from processor.routing import Group, on
from processor.table import Table
from tests.unit.engine import NOON, Fact, Note, fact, note, put, running, until

PARTITIONS = 3
SUBJECTS = {partition_of(f"s/{n}", PARTITIONS): f"s/{n}" for n in range(20)}


class Held(Table[Note, int]):
    """One partition of it takes as long to load as the test wants."""

    def __init__(self, slow: int) -> None:
        super().__init__(Note, fold=lambda _, one: one.total)
        self.slow = slow
        self.loading, self.go = asyncio.Event(), asyncio.Event()

    async def load(self, event_log: EventLog, partition: int) -> None:
        if partition == self.slow:
            self.loading.set()
            await self.go.wait()
        await super().load(event_log, partition)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[EventLog]:
    topics = [
        Topic(Fact.topic),
        Topic(Note.topic, compact=True),
        Topic("genesys.deadletters"),
        Topic("genesys.replays"),
    ]
    async with SqliteLog.open(tmp_path / "events.db", topics, PARTITIONS, lambda: NOON) as log:
        yield log


def summing(table: Held) -> Group:
    def add(event: Fact) -> list[Note]:
        return [note(event, (table.get(event.subject) or 0) + event.number)]

    return Group("sum", Fact.topic, (on(Fact, add),), pure=True, owns=(table,))


async def totals(log: EventLog) -> dict[str, int]:
    return {
        record.message.key: Note.from_record(record).total
        for partition in range(PARTITIONS)
        async for record in log.read(Note.topic, partition, *await log.bounds(Note.topic, partition))
    }


async def test_what_is_loaded_works_while_the_rest_is_loading(log: EventLog) -> None:
    await put(log, [fact(subject, 5) for subject in SUBJECTS.values()])
    table, progress = Held(slow=1), Progress("sum", Fact.topic)
    async with running(summing(table), log, progress=progress):
        await until(lambda: progress.done == 1 and progress.lag.get(0) == 0 and table.loading.is_set())
        assert await totals(log) == {SUBJECTS[0]: 5}
        assert sum(progress.lag.values()) >= 2, "what nobody has begun is not done"
        table.go.set()
        await until(lambda: progress.done == PARTITIONS and not any(progress.lag.values()))
        assert await totals(log) == dict.fromkeys(SUBJECTS.values(), 5)


async def test_who_is_told_to_stop_does_not_wait_for_the_rest(log: EventLog) -> None:
    await put(log, [fact(subject, 5) for subject in SUBJECTS.values()])
    table, progress = Held(slow=1), Progress("sum", Fact.topic)
    async with running(summing(table), log, progress=progress):
        await until(lambda: progress.done == 1 and table.loading.is_set())
    assert await log.committed("sum", Fact.topic) == {0: 1}
    again = Held(slow=-1)
    async with running(summing(again), log, progress=progress):
        await until(lambda: progress.done == PARTITIONS)
    assert await totals(log) == dict.fromkeys(SUBJECTS.values(), 5)
