"""How fast raw records become clean ones: python benchmarks/normalise.py [RECORDS] → results/normalise.json."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from handlers import Policy, normalise
from handlers.normalise.envelopes import envelopes
from processor.app.errands.backtesting import Blank
from processor.app.interpreter import settle
from processor.app.topics import TOPICS
from processor.consumer import run
from processor.event import RAW, Delivery, Raw, instant
from processor.eventlog import Message, Record
from processor.eventlog.partitions import partition_of
from processor.eventlog.sqlite import SqliteLog
from processor.pace import Policy as Pace
from processor.progress import Progress
from processor.telemetry import Metrics

BEGIN = datetime(2026, 3, 9, 13, tzinfo=UTC)
RESULTS = Path(__file__).parent / "results"
KINDS = Path(__file__).parents[1] / "tests" / "data" / "deliveries.json"
SUBJECTS = 2_000
PARTITIONS = 12
GOAL = 20_000


def now() -> datetime:
    """The day on which all of this happens."""
    return BEGIN + timedelta(hours=1)


def deliveries(count: int) -> Iterator[bytes]:
    """Every kind of event in turn, of many subjects, each later than the one before."""
    kinds = [json.dumps(kind) for kind in json.loads(KINDS.read_text(encoding="utf-8"))["posted"]]
    for number in range(count):
        text = kinds[number % len(kinds)]
        at = instant(BEGIN + timedelta(milliseconds=number))
        for name in ("u-1", "q-1", "g-1", "c-1", "p-1"):
            text = text.replace(f'"{name}"', f'"{name}{number % SUBJECTS}"').replace(
                f".{name}", f".{name}{number % SUBJECTS}"
            )
        text = text.replace("2026-03-09T13:00:00Z", at).replace("2026-03-09T13:00:09.000Z", at)
        text = text.replace('"eb-1"', f'"eb-{number}"').replace('"evt-', f'"evt-{number}-')
        yield text.encode()


def raw(count: int) -> list[Message]:
    """As the receiver appends them."""
    return [
        envelope.to_message()
        for body in deliveries(count)
        for envelope in envelopes(Delivery("genesys/o", {}, body, now(), "basic:1"))
    ]


async def alone(messages: Sequence[Message]) -> dict[str, Any]:
    """The handler and its tables, from records in memory to records in memory."""
    (group,) = normalise(Policy(timedelta(weeks=8)), now)
    log = Blank(PARTITIONS)
    for table in group.owns:
        for partition in range(PARTITIONS):
            await table.load(log, partition)
    records = [
        Record(message.topic, partition_of(message.key, PARTITIONS), offset, BEGIN, message)
        for offset, message in enumerate(messages)
    ]
    handler, tables = group.routes[0].handler, {table.topic: table for table in group.owns}
    started = time.perf_counter()
    for record in records:
        for event in handler(Raw.from_record(record)):
            event.to_message()
            if event.topic in tables:
                tables[event.topic].apply(event)
    return row("normalise alone", len(records), time.perf_counter() - started)


async def whole_group(messages: Sequence[Message], folder: Path) -> dict[str, Any]:
    """The consumer group as the product runs it: polled from the file, committed to the file."""
    async with SqliteLog.open(folder / "events.db", TOPICS, PARTITIONS, now) as log:
        for begin in range(0, len(messages), 5_000):
            await log.append(messages[begin : begin + 5_000])
        (group,) = normalise(Policy(timedelta(weeks=8)), now)
        progress, stop = Progress(group.name, group.topic), asyncio.Event()
        started = time.perf_counter()
        used = _used()
        task = asyncio.create_task(
            run(
                group,
                log,
                stop,
                policy=Pace(),
                metrics=Metrics.build(),
                now=lambda: datetime.now(UTC),
                progress=progress,
            )
        )
        while progress.done + progress.parked < len(messages) or await _left(log, group.name):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        seconds, used = time.perf_counter() - started, _used() - used
        stop.set()
        await task
        assert progress.parked == 0, f"{progress.parked} dead letters"
    found = row("normalise group, raw to clean in the file", len(messages), seconds)
    return {**found, "cpuSecondsPerEvent": round(used / len(messages), 9)}


async def _left(log: SqliteLog, group: str) -> int:
    """Raw records that are not committed as done."""
    committed = await log.committed(group, RAW)
    return sum([(await log.bounds(RAW, number))[1] - committed.get(number, 0) for number in range(PARTITIONS)])


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def row(name: str, count: int, seconds: float) -> dict[str, Any]:
    """In the form of all results."""
    rate = round(count / seconds)
    rss = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {
        "name": name,
        "value": rate,
        "unit": "events/s",
        "reference": GOAL,
        "ratio": round(rate / GOAL, 2),
        "rssMb": rss,
    }


async def main() -> None:
    """Both, written down and shown."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 34_000
    messages = raw(count)
    with tempfile.TemporaryDirectory() as folder:
        rows = [await alone(messages), await whole_group(messages, Path(folder))]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "normalise.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for one in rows:
        print(f"{one['name']:<45}{one['value']:>10,} {one['unit']}  {one['ratio']:.2f} of the goal")


if __name__ == "__main__":
    settle()  # as `serve` does
    asyncio.run(main())
