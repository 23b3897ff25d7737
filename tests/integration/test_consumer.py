"""The engine on the embedded log, in a process of its own: stopped, killed, started again."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from processor.audit import OUTCOMES, verify
from processor.eventlog import Record
from processor.eventlog.sqlite import SqliteLog
from tests.integration.summing import PARTITIONS, TOPICS, clock
from tests.unit.engine import Fact, Note, fact, put

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def summing(path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.summing", str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def everything(log: SqliteLog, topic: str) -> list[Record]:
    return [record for p in range(PARTITIONS) async for record in log.read(topic, p, *await log.bounds(topic, p))]


async def until_told(log: SqliteLog, count: int) -> None:
    while sum([(await log.bounds(OUTCOMES, p))[1] for p in range(PARTITIONS)]) < count:  # noqa: ASYNC110  # another process writes; the log is all we see of it
        await asyncio.sleep(0.02)


def check_sums(notes: list[Record], facts: list[Fact]) -> None:
    ids = [record.message.headers["ce_id"] for record in notes]
    assert sorted(ids) == sorted(event.id for event in facts), "each once"
    expected: dict[str, int] = {}
    for event in facts:
        expected[event.subject] = expected.get(event.subject, 0) + event.number
    assert {record.message.key: Note.from_record(record).total for record in notes} == expected


@pytest.mark.slow
async def test_killed_again_and_again_each_fact_counts_once_and_every_note_is_told(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    facts = [fact(f"s/{n % 11}", n) for n in range(3_000)]
    chance = random.Random(7)
    async with SqliteLog.open(path, TOPICS, PARTITIONS, clock) as log:
        for start in range(0, len(facts), 500):
            await put(log, facts[start : start + 500])
            async with summing(path) as process:
                await until_told(log, start + chance.randrange(300))
                process.kill()
        async with summing(path) as process:
            while len({r.message.headers["ce_id"] for r in await everything(log, OUTCOMES)}) < len(facts):  # noqa: ASYNC110  # another process writes; the log is all we see of it
                await asyncio.sleep(0.05)
            process.terminate()
            assert await process.wait() == 0
        check_sums(await everything(log, Note.topic), facts)
        assert sum((await log.committed("sum", Fact.topic)).values()) == len(facts)
        assert sum((await log.committed("tell", Note.topic)).values()) == len(facts)
        report = await verify(log)
        assert report.broken == []
        assert report.chains == PARTITIONS


async def test_a_stop_drains_and_the_next_process_does_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    facts = [fact(f"s/{n % 11}", n) for n in range(400)]
    async with SqliteLog.open(path, TOPICS, PARTITIONS, clock) as log:
        for part in (facts[:200], facts[200:]):
            await put(log, part)
            async with summing(path) as process:
                await until_told(log, facts.index(part[-1]) + 1)
                process.terminate()
                assert await process.wait() == 0
        check_sums(await everything(log, Note.topic), facts)
        assert len(await everything(log, OUTCOMES)) == len(facts)
