"""Where is my event? Its fate, every record it caused, every effect, as far back as we looked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from processor.event import RAW, instant
from processor.eventlog import EventLog, Record
from processor.eventlog.partitions import partition_of

CLEAN = (
    "genesys.schedules",
    "genesys.shifts",
    "genesys.presence",
    "genesys.queues",
    "genesys.volume",
    "genesys.campaigns",
    "genesys.profiles",
)
FATES = "genesys.fates"
DEAD_LETTERS = "genesys.deadletters"
CAUSED = (*CLEAN, "genesys.lookups", FATES, "genesys.decisions", "genesys.outcomes", DEAD_LETTERS)
AT_MOST = 50_000
"""Records of a partition that are looked through, the newest first."""
PAGE = 2_000


def _weight(fate: str) -> int:
    """A repeat of a published event is a duplicate, and the event is published all the same."""
    return ("published", "dead letter", "pending").index(fate) if fate in ("published", "dead letter", "pending") else 3


async def whereabouts(
    log: EventLog, event_id: str, subject: str | None, *, topics: Sequence[str] = CAUSED
) -> dict[str, Any]:
    """All that the log says about one event id. With its subject one partition is searched, else all."""
    partitions = [partition_of(subject, log.partitions)] if subject else list(range(log.partitions))
    searched: dict[str, str] = {}
    raw = await search(log, RAW, partitions, event_id, searched)
    caused: list[Record] = []
    for topic in topics:
        caused += await search(log, topic, partitions, event_id, searched)
    fates = _fates(raw, caused)
    return {
        "id": event_id,
        "fate": min(fates, key=_weight) if fates else "unknown",
        "raw": [_shown(record) | {"fate": fate} for record, fate in zip(raw, fates, strict=True)],
        "records": [_shown(record) for record in sorted(caused, key=lambda record: record.timestamp)],
        "searched": {"partitions": partitions, "backTo": searched},
    }


async def search(
    log: EventLog,
    topic: str,
    partitions: Sequence[int],
    event_id: str,
    searched: dict[str, str] | None = None,
    *,
    since: datetime | None = None,
) -> list[Record]:
    """The records that are this event or were caused by it; `searched` learns where the search ended early.

    `since`: pages that end before it are not looked at.
    """
    found: list[Record] = []
    for partition in partitions:
        start, end = await log.bounds(topic, partition)
        stop = max(start, end - AT_MOST)
        while end > stop:
            page = max(stop, end - PAGE)
            records = [record async for record in log.read(topic, partition, page, end)]
            found.extend([record for record in records if _belongs(record, event_id)])
            end = stop if since and records and records[0].timestamp < since else page
        if stop > start and searched is not None:
            searched[f"{topic}-{partition}"] = f"offset {stop}"
    return found


def _belongs(record: Record, event_id: str) -> bool:
    headers = record.message.headers
    if headers.get("ce_causationid") == event_id:
        return True
    own = headers.get("ce_id", "")
    return own == event_id or (record.topic == RAW and own.startswith(f"{event_id}~"))


def _fates(raw: Sequence[Record], caused: Sequence[Record]) -> list[str]:
    """One for each raw record: its own fate record says it, else it is what its clean records and dead letters say."""
    told = {
        record.message.headers["ce_id"].rpartition("@")[2]: str(_data(record).get("fate", "unknown"))
        for record in caused
        if record.topic == FATES
    }
    parked = {
        f"{headers['dlq_partition']}-{headers['dlq_offset']}"
        for record in caused
        if (headers := record.message.headers) and record.topic == DEAD_LETTERS and headers.get("dlq_topic") == RAW
    }
    published = any(record.topic in CLEAN for record in caused)
    fates = []
    for record in raw:
        place = f"{record.partition}-{record.offset}"
        fates.append("dead letter" if place in parked else told.get(place) or ("published" if published else "pending"))
    return fates


def _data(record: Record) -> dict[str, Any]:
    data: dict[str, Any] = orjson.loads(record.message.value or b"{}")
    return data


def _shown(record: Record) -> dict[str, Any]:
    headers = record.message.headers
    shown: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": instant(record.timestamp),
        "id": headers.get("ce_id"),
        "type": headers.get("ce_type"),
        "subject": headers.get("ce_subject"),
        "time": headers.get("ce_time"),
    }
    if record.topic in (FATES, "genesys.outcomes", "genesys.decisions"):
        shown["data"] = _data(record)
    if record.topic == DEAD_LETTERS:
        shown["reason"] = headers.get("dlq_reason")
        shown["error"] = headers.get("dlq_error")
        shown["deadLetter"] = headers.get("dlq_id")
    return shown
