"""A process of its own that sums facts from a log file until it is told to stop, or killed: for test_consumer."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from processor import consumer
from processor.deadletters import DEADLETTERS, REPLAYS
from processor.eventlog import Topic
from processor.eventlog.sqlite import SqliteLog
from processor.pace import Policy
from processor.routing import Group, on
from processor.telemetry import Metrics
from tests.unit.engine import Fact, Note, Told, told
from tests.unit.test_serial import Sum

TOPICS = [Topic(Fact.topic), Topic(Note.topic, compact=True), Topic(Told.topic), Topic(DEADLETTERS), Topic(REPLAYS)]
PARTITIONS = 4


def clock() -> datetime:
    return datetime.now(UTC)


async def tell(event: Note) -> list[Told]:
    await asyncio.sleep(0)
    return [told(event)]


async def main(path: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    metrics = Metrics.build()
    async with SqliteLog.open(path, TOPICS, PARTITIONS, clock) as log, asyncio.TaskGroup() as tasks:
        for group in (Sum().group(), Group("tell", Note.topic, (on(Note, tell),))):
            tasks.create_task(consumer.run(group, log, stop, policy=Policy(batch=20), metrics=metrics, now=clock))
        sys.stdout.write("ready\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
