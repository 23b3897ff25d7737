"""Where is my event? Its fate, every record it caused, every effect, as far back as we looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from processor.event import RAW, instant
from processor.eventlog import EventLog, Record
from processor.eventlog.partitions import partition_of

CAUSED = (
    "genesys.schedules",
    "genesys.shifts",
    "genesys.presence",
    "genesys.queues",
    "genesys.volume",
    "genesys.campaigns",
    "genesys.profiles",
    "genesys.lookups",
    "genesys.fates",
    "genesys.decisions",
    "genesys.outcomes",
    "genesys.deadletters",
)
AT_MOST = 50_000
"""Records of a partition that are looked through, the newest first."""
PAGE = 2_000


async def whereabouts(
    log: EventLog, event_id: str, subject: str | None, *, topics: Sequence[str] = CAUSED
) -> dict[str, Any]:
    """All that the log says about one event id. With its subject one partition is searched, else all."""
    partitions = [partition_of(subject, log.partitions)] if subject else list(range(log.partitions))
    searched: dict[str, str] = {}
    raw = await _search(log, RAW, partitions, event_id, searched)
    caused: list[Record] = []
    for topic in topics:
        caused += await _search(log, topic, partitions, event_id, searched)
    return {
        "id": event_id,
        "fate": _fate(raw, caused),
        "raw": [_shown(record) for record in raw],
        "records": [_shown(record) for record in sorted(caused, key=lambda record: record.timestamp)],
        "searched": {"partitions": partitions, "backTo": searched},
    }


async def _search(
    log: EventLog, topic: str, partitions: Sequence[int], event_id: str, searched: dict[str, str]
) -> list[Record]:
    found: list[Record] = []
    for partition in partitions:
        start, end = await log.bounds(topic, partition)
        stop = max(start, end - AT_MOST)
        while end > stop:
            page = max(stop, end - PAGE)
            found.extend([r async for r in log.read(topic, partition, page, end) if _belongs(r, event_id)])
            end = page
        if stop > start:
            searched[f"{topic}-{partition}"] = f"offset {stop}"
    return found


def _belongs(record: Record, event_id: str) -> bool:
    headers = record.message.headers
    if headers.get("ce_causationid") == event_id:
        return True
    own = headers.get("ce_id", "")
    return own == event_id or (record.topic == RAW and own.startswith(f"{event_id}~"))


def _fate(raw: Sequence[Record], caused: Sequence[Record]) -> str:
    """One word: published, what its fate record says, dead letter, pending, or unknown."""
    if any(record.topic == "genesys.deadletters" for record in caused):
        return "dead letter"
    for record in caused:
        if record.topic == "genesys.fates":
            return str(orjson.loads(record.message.value or b"{}").get("fate", "unknown"))
    if any(record.topic not in ("genesys.lookups", "genesys.outcomes") for record in caused):
        return "published"
    if any(record.topic == "genesys.lookups" for record in caused):
        return "looked-up"
    return "pending" if raw else "unknown"


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
    if record.topic in ("genesys.fates", "genesys.outcomes", "genesys.decisions"):
        shown["data"] = orjson.loads(record.message.value or b"{}")
    if record.topic == "genesys.deadletters":
        shown["reason"] = headers.get("dlq_reason")
        shown["error"] = headers.get("dlq_error")
        shown["deadLetter"] = headers.get("dlq_id")
    return shown
