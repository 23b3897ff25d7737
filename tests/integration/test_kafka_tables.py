"""A long topic folded into a table out of a real Kafka: every record counts once, and only the table takes memory.

50,000 records; `make chaos` folds a million (CHAOS_RECORDS) and writes what it took beside CHAOS_REPORT.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from processor.event import Event
from processor.eventlog import Topic
from processor.table import Table
from tests.kafkabroker import Broker
from tests.kafkalog import Names, create_topics, opened

RECORDS = int(os.environ.get("CHAOS_RECORDS", "50000"))
KEYS = 5_000
AT_ONCE = 5_000
PARTITIONS = 4
MOST_MORE = 64 * 1024 * 1024
"""Beside what the process had: pages under way, and a table of so few keys."""
PAGE = resource.getpagesize()


class Counted(Event):
    type: ClassVar[str] = "counted"
    topic: ClassVar[str] = "counts"
    number: int


def add(total: tuple[int, int] | None, event: Counted) -> tuple[int, int]:
    """How many, and their sum."""
    count, number = total or (0, 0)
    return count + 1, number + event.number


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Peak:
    """The most memory while something runs."""

    def __init__(self) -> None:
        self.before = self.most = memory()

    async def watch(self) -> None:
        while True:
            self.most = max(self.most, memory())
            await asyncio.sleep(0.01)

    @property
    def more(self) -> int:
        return self.most - self.before


@pytest.mark.slow
@pytest.mark.timeout(180 + RECORDS // 1000)
async def test_kafka_a_long_topic_folded_into_a_table(kafka: Broker) -> None:
    names = Names()
    topics = [Topic(names.outside("counts"), compact=True)]
    await create_topics(kafka.bootstrap, topics, PARTITIONS)
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    async with opened(kafka.bootstrap, topics, PARTITIONS, names) as log:
        for start in range(0, RECORDS, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, RECORDS))
            events = (Counted(id=f"e{n}", time=at, subject=f"agent/{n % KEYS}", number=n) for n in numbers)
            await log.append([event.to_message() for event in events])
    async with opened(kafka.bootstrap, topics, PARTITIONS, names) as log:
        table = Table(Counted, fold=add)
        peak = Peak()
        watching = asyncio.create_task(peak.watch())
        began, worked = time.monotonic(), time.process_time()
        for partition in range(PARTITIONS):
            await table.load(log, partition)
        seconds, processor = time.monotonic() - began, time.process_time() - worked
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    rows = dict(table.items())
    assert len(rows) == KEYS
    assert sum(count for count, _ in rows.values()) == RECORDS
    assert sum(total for _, total in rows.values()) == RECORDS * (RECORDS - 1) // 2
    took = {"seconds": round(seconds, 1), "processorSeconds": round(processor, 1)}
    report = {"records": RECORDS, "keys": KEYS, **took, "moreBytes": peak.more}
    if file := os.environ.get("CHAOS_REPORT"):
        Path(file).with_suffix(".table.json").write_text(json.dumps(report) + "\n")
    assert peak.more < MOST_MORE, report
