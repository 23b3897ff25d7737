"""An embedded log of one partition on a clock of its own, and short words to write and read it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from processor.eventlog import Message, Record, Topic
from processor.eventlog.sqlite import SqliteLog

START = datetime(2026, 3, 1, tzinfo=UTC)
TOPICS = (Topic("things", retention=timedelta(days=7)), Topic("states", compact=True), Topic("kept"))


class Clock:
    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment


def open_log(file: Path, partitions: int = 1, now=Clock()):  # noqa: B008 - a clock that nobody moves
    return SqliteLog.open(file, TOPICS, partitions, now)


def state(key: str, value: str | None) -> Message:
    return Message("states", key, None if value is None else value.encode())


async def content(log: SqliteLog, topic: str) -> list[Record]:
    start, end = await log.bounds(topic, 0)
    return [record async for record in log.read(topic, 0, start, end)]


async def rows(log: SqliteLog, topic: str) -> list[tuple[str, bytes | None]]:
    return [(record.message.key, record.message.value) for record in await content(log, topic)]


async def nothing(_: Sequence[int]) -> None:
    return None


async def no_offsets(_: Sequence[int]) -> Mapping[int, int]:
    return {}
