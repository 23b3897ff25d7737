"""Which log the settings name, opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from processor.app.topics import TOPICS
from processor.errors import FatalError
from processor.eventlog.sqlite import SqliteLog
from processor.settings import Settings


def utc_now() -> datetime:
    """The process's clock."""
    return datetime.now(UTC)


def log_file(settings: Settings) -> Path:
    """The embedded log's file. Raises `FatalError` for any other log."""
    kind, _, place = settings.log.partition("://")
    if kind != "sqlite" or not place.startswith("/"):
        raise FatalError(f"{kind}:// is not an embedded log: this needs LOG=sqlite:///FILE")
    return Path(place.removeprefix("/"))


@asynccontextmanager
async def open_log(settings: Settings) -> AsyncIterator[SqliteLog]:
    """The log of the settings, its topics made where they are missing; closed on exit."""
    if settings.log.startswith("kafka://"):
        raise FatalError("this version keeps its events in the embedded log only: set LOG=sqlite:///FILE")
    async with SqliteLog.open(log_file(settings), TOPICS, settings.partitions, utc_now) as log:
        yield log
