"""What the embedded log keeps when its process is killed, and what two processes on one file see of each other."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from processor.errors import FatalError
from processor.eventlog import Topic
from processor.eventlog.sqlite import SqliteLog
from tests.contract.filelog import no_offsets, nothing

PROGRAM = Path(__file__).parent / "sqlite_member.py"
ROOT = Path(__file__).parents[2]
TOPICS = (Topic("things"), Topic("results"))


def open_log(file: Path):
    return SqliteLog.open(file, TOPICS, 4, lambda: datetime.now(UTC))


@asynccontextmanager
async def member(what: str, file: Path) -> AsyncIterator[Process]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), what, str(file), stdout=PIPE, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def said(process: Process, lines: int) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(30):
        return [(await process.stdout.readline()).decode().strip() for _ in range(lines)]


async def killed(process: Process) -> list[str]:
    """All that it had said by then."""
    process.kill()
    out, _ = await process.communicate()
    return out.decode().split("\n")[:-1]


async def keys(log: SqliteLog, topic: str, until: Mapping[int, int] | None = None) -> list[str]:
    found = []
    for partition in range(log.partitions):
        start, end = await log.bounds(topic, partition)
        end = end if until is None else until.get(partition, 0)
        found += [record.message.key async for record in log.read(topic, partition, start, end)]
    return found


async def test_append_survives_kill_9(tmp_path):
    file = tmp_path / "events.db"
    acknowledged: set[str] = set()
    for lines in (1, 50, 400):
        async with member("append", file) as process:
            acknowledged.update(await said(process, lines))
            acknowledged.update(await killed(process))
    async with open_log(file) as log:
        kept = await keys(log, "things")
    assert len(kept) == len(set(kept))
    assert acknowledged <= set(kept)


async def test_offsets_and_results_are_committed_together_also_when_killed(tmp_path):
    file = tmp_path / "events.db"
    for lines in (100, 300):
        async with member("work", file) as process:
            await said(process, lines)
            await killed(process)
    async with open_log(file) as log:
        committed = await log.committed("workers", "things")
        results = await keys(log, "results")
        assert len(results) > 0
        assert sorted(results) == sorted(await keys(log, "things", committed))


async def test_another_process_s_append_is_polled(tmp_path):
    file = tmp_path / "events.db"
    async with open_log(file) as log, log.subscribe("things", "readers", nothing, no_offsets) as subscription:
        async with member("append", file) as process:
            acknowledged = set(await said(process, 20))
            acknowledged.update(await killed(process))
        polled: set[str] = set()
        async with asyncio.timeout(20):
            while not acknowledged <= polled:
                polled.update(record.message.key for record in await subscription.poll(500, 1))


async def test_a_group_is_held_by_one_process_until_it_dies(tmp_path):
    file = tmp_path / "events.db"
    async with open_log(file) as log:
        async with member("hold", file) as process:
            assert await said(process, 1) == ["held"]
            with pytest.raises(FatalError, match=rf"workers is held by pid {process.pid} \(sqlite_member.py hold"):
                async with log.subscribe("things", "workers", nothing, no_offsets):
                    pass
            await killed(process)
        async with log.subscribe("things", "workers", nothing, no_offsets):
            pass
