"""Which log the settings name, opened."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from processor.app.kafka import connection_of, is_kafka, order_of
from processor.app.topics import TOPICS
from processor.errors import SettingsError
from processor.eventlog import EventLog
from processor.eventlog.awaited import AwaitedLog
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_topics import prepare
from processor.eventlog.sqlite import SqliteLog
from processor.settings import Settings
from processor.telemetry import Metrics

logger = logging.getLogger("processor.eventlog")


def utc_now() -> datetime:
    """The process's clock."""
    return datetime.now(UTC)


def log_file(settings: Settings) -> Path:
    """The embedded log's file. Raises `SettingsError` for any other log."""
    return file_of(settings.log)


def file_of(place: str) -> Path:
    """The file of `sqlite:///FILE`. Raises `SettingsError` for anything else."""
    kind, _, path = place.partition("://")
    if kind != "sqlite" or not path.startswith("/"):
        raise SettingsError(f"{kind}:// is not an embedded log: this needs LOG=sqlite:///FILE")
    return Path(path.removeprefix("/"))


@asynccontextmanager
async def open_log(
    settings: Settings, metrics: Metrics | None = None, member_id: str | None = None
) -> AsyncIterator[EventLog]:
    """The log of the settings, its topics made where they are missing; closed on exit.

    `member_id`: under which pure groups are joined, where the log has several members.

    Raises `FatalError` when a topic of Kafka would break a promise, naming its setting and the remedy.
    """
    if is_kafka(settings):
        async with open_kafka(settings, metrics, member_id) as kafka:
            yield kafka
    else:
        async with open_file(settings, metrics) as file:
            yield file


@asynccontextmanager
async def open_kafka(settings: Settings, metrics: Metrics | None, member_id: str | None) -> AsyncIterator[KafkaLog]:
    """As `open_log`, where that is Kafka."""
    connection = connection_of(settings, member_id)
    for finding in await prepare(connection, order_of(settings)):
        logger.warning("topic", extra={"finding": str(finding)})
    async with KafkaLog.open(connection, TOPICS, settings.partitions, utc_now, metrics=metrics) as kafka:
        yield kafka


@asynccontextmanager
async def open_later(settings: Settings, metrics: Metrics, member_id: str) -> AsyncIterator[AwaitedLog]:
    """Kafka, which need not be there yet: for a process that has a spool."""
    awaited = AwaitedLog(lambda: open_kafka(settings, metrics, member_id), settings.partitions)
    async with asyncio.TaskGroup() as tasks:
        holding = tasks.create_task(awaited.run(), name="log")
        try:
            yield awaited
        finally:
            holding.cancel()


@asynccontextmanager
async def open_file(settings: Settings, metrics: Metrics | None = None) -> AsyncIterator[SqliteLog]:
    """The embedded log, for what only that can do. Raises `SettingsError` when the settings name another."""
    path = log_file(settings)
    if not path.exists():
        logger.warning("new-log", extra={"what": f"there was no event log at {path}: it is made, and empty"})
    async with SqliteLog.open(path, TOPICS, settings.partitions, utc_now, metrics) as log:
        yield log
