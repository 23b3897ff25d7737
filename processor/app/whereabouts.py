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
SECONDS = 5.0
"""After which the answer says what was found, and how far we looked."""


def _weight(fate: str) -> int:
    """A repeat of a published event is a duplicate, and the event is published all the same."""
    return ("published", "dead letter", "pending").index(fate) if fate in ("published", "dead letter", "pending") else 3


async def whereabouts(
    log: EventLog, event_id: str, subject: str | None, *, topics: Sequence[str] = CAUSED, seconds: float = SECONDS
) -> dict[str, Any]:
    """All that the log says about one event id. With its subject one partition is searched, else all."""
    partitions = [partition_of(subject, log.partitions)] if subject else list(range(log.partitions))
    places = [(topic, partition) for topic in (RAW, *topics) for partition in partitions]
    found = await log.find(event_id, places, AT_MOST, seconds)
    records = [record for record in found.records if _belongs(record, event_id)]
    raw = [record for record in records if record.topic == RAW]
    caused = [record for record in records if record.topic != RAW]
    fates = _fates(raw, caused)
    return {
        "id": event_id,
        "fate": min(fates, key=_weight) if fates else "unknown",
        "raw": [_shown(record) | {"fate": fate} for record, fate in zip(raw, fates, strict=True)],
        "records": [_shown(record) for record in sorted(caused, key=lambda record: record.timestamp)],
        "searched": {
            "partitions": partitions,
            "backTo": {f"{topic}-{partition}": f"offset {end}" for (topic, partition), end in found.back_to.items()},
        },
    }


async def search(
    log: EventLog, topic: str, partitions: Sequence[int], event_id: str, *, since: datetime | None = None
) -> list[Record]:
    """The records that are this event or were caused by it. `since`: what is older need not be found."""
    found = await log.find(event_id, [(topic, partition) for partition in partitions], AT_MOST, since=since)
    return [record for record in found.records if _belongs(record, event_id)]


def _belongs(record: Record, event_id: str) -> bool:
    """Only of raw records a marked id says that it is the same event."""
    headers = record.message.headers
    return record.topic == RAW or event_id in (headers.get("ce_id"), headers.get("ce_causationid"))


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
