"""How much the embedded log takes and gives: python benchmarks/eventlog.py [RECORDS] → results/eventlog.json."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processor.app.interpreter import settle
from processor.eventlog import Message, Topic
from processor.eventlog.sqlite import SqliteLog

APPENDERS = 64
SUBJECTS = 5_000
VALUE = b'{"detail":{"eventBody":"' + b"x" * 660 + b'"}}'
HEADERS = {f"ce_header{number}": "x" * 30 for number in range(9)}
RESULTS = Path(__file__).parent / "results"


async def _nothing(_: Sequence[int]) -> None:
    return None


async def _no_offsets(_: Sequence[int]) -> Mapping[int, int]:
    return {}


def message(number: int) -> Message:
    """Of the size of a typical delivery."""
    return Message("things", f"agent/{number % SUBJECTS}", VALUE, HEADERS)


async def append(log: SqliteLog, records: int, appenders: int) -> dict[str, Any]:
    """Each appender waits for the disk before it sends its next."""
    waits: list[float] = []

    async def one(first: int) -> None:
        for number in range(first, records, appenders):
            started = time.perf_counter()
            await log.append([message(number)])
            waits.append(time.perf_counter() - started)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for first in range(appenders):
            group.create_task(one(first))
    return row(f"durable appends, {appenders} senders", records, time.perf_counter() - started, waits)


@asynccontextmanager
async def busy_loop(busy: bool) -> AsyncIterator[None]:  # noqa: FBT001 - it is the one thing that varies
    """A neighbour that leaves the loop hardly any time, as handlers under load do."""

    async def spin() -> None:
        while True:
            until = time.perf_counter() + 0.002
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(spin()) if busy else None
        yield
        if task:
            task.cancel()


async def poll(log: SqliteLog, records: int, *, busy: bool) -> dict[str, Any]:
    """The whole backlog, committed batch by batch."""
    name = "polls of a backlog, beside a busy loop" if busy else "polls of a backlog"
    waits: list[float] = []
    async with busy_loop(busy), log.subscribe("things", name, _nothing, _no_offsets) as subscription:
        started = time.perf_counter()
        seen = 0
        while seen < records:
            asked = time.perf_counter()
            polled = await subscription.poll(500, 1)
            waits.append(time.perf_counter() - asked)
            seen += len(polled)
            await subscription.commit({record.partition: record.offset + 1 for record in polled})
        return row(name, records, time.perf_counter() - started, waits)


async def follow(log: SqliteLog, records: int) -> dict[str, Any]:
    """From the append to the poll in the same process, one at a time."""
    waits: list[float] = []
    async with log.subscribe("things", "follow", _nothing, _no_offsets) as subscription:
        while await subscription.poll(5_000, 0.1):
            pass
        began = time.perf_counter()
        for number in range(records):
            started = time.perf_counter()
            await log.append([message(number)])
            while not await subscription.poll(10, 1):
                pass
            waits.append(time.perf_counter() - started)
        return row("appended and polled, one by one", records, time.perf_counter() - began, waits)


def row(name: str, count: int, seconds: float, waits: Sequence[float]) -> dict[str, Any]:
    """As every benchmark reports."""
    ordered = sorted(waits)
    return {
        "name": name,
        "value": round(count / seconds),
        "unit": "records/s",
        "reference": None,
        "ratio": None,
        "p50Ms": round(ordered[len(ordered) // 2] * 1000, 2),
        "p99Ms": round(ordered[len(ordered) * 99 // 100] * 1000, 2),
        "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


async def idle(log: SqliteLog, seconds: float) -> dict[str, Any]:
    """What a process with a waiting subscription costs."""
    async with log.subscribe("idle", "idle", _nothing, _no_offsets) as subscription:
        began = time.process_time()
        await subscription.poll(1, seconds)
        share = (time.process_time() - began) / seconds
    return {**row("idle", 0, seconds, [0.0]), "value": round(share * 100, 2), "unit": "% of a core"}


async def main(records: int) -> None:
    """Bounded: a folder of its own, a few seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.db"
        async with SqliteLog.open(path, [Topic("things"), Topic("idle")], 12, lambda: datetime.now(UTC)) as log:
            rows = [
                await append(log, records, APPENDERS),
                await poll(log, records, busy=False),
                await poll(log, records, busy=True),
                await follow(log, min(records, 1_000)),
                await idle(log, 2),
            ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "eventlog.json").write_text(json.dumps(rows, indent=1) + "\n")
    for each in rows:
        print(f"{each['name']:42} {each['value']:>9} {each['unit']:12} p50 {each['p50Ms']} ms, p99 {each['p99Ms']} ms")


if __name__ == "__main__":
    settle()  # as `serve` does
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000))
