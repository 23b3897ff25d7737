"""What the log needs now and then while the product runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from processor.app.kafka import connection_of, is_kafka, order_of
from processor.app.log import utc_now
from processor.errors import ProcessorError, RetryableError
from processor.eventlog import EventLog
from processor.eventlog.kafka_promises import Finding
from processor.eventlog.kafka_topics import check
from processor.eventlog.sqlite import SqliteLog
from processor.settings import Settings
from processor.telemetry import Metrics

COMPACT_EVERY = 3600.0
LOOK_EVERY = 600.0

log = logging.getLogger("processor.app")


async def upkeep(event_log: EventLog, settings: Settings, metrics: Metrics) -> None:
    """Until it is cancelled: one file is compacted by us, Kafka's topics by its brokers, but others may alter them."""
    if isinstance(event_log, SqliteLog):
        await _compact(event_log, settings.log_max_bytes)
    elif is_kafka(settings):
        connection, order = connection_of(settings), order_of(settings)
        await watch_promises(lambda: check(connection, order), metrics, LOOK_EVERY)


async def watch_promises(look: Callable[[], Awaitable[Sequence[Finding]]], metrics: Metrics, every: float) -> None:
    """Tell of each setting that breaks a promise, once, and when it does no more.

    Nothing stops for it: what was acknowledged is there, and the next start is what will be refused. `look` may
    raise `RetryableError`: whoever needs Kafka says that it is away.
    """
    known: set[Finding] = set()
    metrics.topics_broken.set(0)
    while True:
        await asyncio.sleep(every)
        try:
            found = {finding for finding in await look() if finding.breaks}
        except RetryableError:
            continue
        for finding in sorted(found - known, key=str):
            log.error("promise-broken", extra={"finding": str(finding)})
        for finding in sorted(known - found, key=str):
            log.warning("promise-kept-again", extra={"topic": finding.topic, "setting": finding.setting})
        known = found
        metrics.topics_broken.set(len({finding.topic for finding in found}))


async def _compact(event_log: SqliteLog, most_bytes: int) -> None:
    """Retention and compaction, now and then hourly; an outage of the log waits for the next time."""
    while True:
        try:
            await event_log.compact(utc_now(), most_bytes)
        except ProcessorError as error:
            log.warning("compaction-failed", extra={"error": str(error)})
        await asyncio.sleep(COMPACT_EVERY)
