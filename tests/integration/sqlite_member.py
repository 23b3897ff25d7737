"""A process of its own on an embedded log, made to be killed: python sqlite_member.py append|work|hold FILE."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from processor.eventlog import Message, Topic
from processor.eventlog.sqlite import SqliteLog
from tests.contract.filelog import no_offsets, nothing

TOPICS = (Topic("things"), Topic("results"))
PARTITIONS = 4


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


async def append(log: SqliteLog, name: str) -> None:
    """Say each id after it was acknowledged."""
    for number in count():
        await log.append([Message("things", f"{name}-{number}", b"x" * 300, {"ce_id": f"{name}-{number}"})])
        say(f"{name}-{number}")


async def work(log: SqliteLog) -> None:
    """One result for each thing, committed with its offset."""
    async with log.subscribe("things", "workers", nothing, no_offsets) as subscription:
        while True:
            records = await subscription.poll(50, 1)
            offsets = {record.partition: record.offset + 1 for record in records}
            await subscription.commit(offsets, [Message("results", r.message.key, b"") for r in records])


async def main(what: str, file: str) -> None:
    async with SqliteLog.open(Path(file), TOPICS, PARTITIONS, lambda: datetime.now(UTC)) as log:
        if what == "hold":
            async with log.subscribe("things", "workers", nothing, no_offsets):
                say("held")
                await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for number in range(16):
                group.create_task(append(log, f"{what}-{datetime.now(UTC).timestamp()}-{number}"))
            if what == "work":
                group.create_task(work(log))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
