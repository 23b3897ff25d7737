from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from processor.app.whereabouts import whereabouts
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from tests.unit.memorylog import MemoryLog

SUBJECT = "agent/1"


def record(topic: str, event_id: str, cause: str = "", data: Any = None, **headers: str) -> Message:
    named = {"ce_id": event_id, "ce_subject": SUBJECT, "ce_type": topic, **headers}
    if cause:
        named["ce_causationid"] = cause
    return Message(f"genesys.{topic}", SUBJECT, orjson.dumps(data or {}), named)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(partitions=4, now=lambda: datetime(2026, 3, 9, tzinfo=UTC))


async def test_a_repeat_is_a_duplicate_and_the_event_is_published_all_the_same(log: MemoryLog) -> None:
    place = partition_of(SUBJECT, 4)
    await log.append([record("raw", "e"), record("presence", "e", "e"), record("raw", "e")])
    await log.append([record("fates", f"e@{place}-1", "e", {"fate": "duplicate"})])
    found = await whereabouts(log, "e", SUBJECT)
    assert found["fate"] == "published"
    assert [one["fate"] for one in found["raw"]] == ["published", "duplicate"]
    assert {one["topic"] for one in found["records"]} == {"genesys.presence", "genesys.fates"}


async def test_a_dead_letter_is_told_with_its_id(log: MemoryLog) -> None:
    place = partition_of(SUBJECT, 4)
    dead = {"dlq_id": f"normalise.genesys.raw.{place}.0", "dlq_topic": "genesys.raw", "dlq_reason": "poison"}
    dead |= {"dlq_partition": str(place), "dlq_offset": "0", "dlq_error": "type: unknown"}
    await log.append([record("raw", "e"), record("deadletters", "e", **dead)])
    found = await whereabouts(log, "e", None)
    assert found["fate"] == "dead letter"
    assert found["records"][0]["deadLetter"] == dead["dlq_id"]


async def test_what_has_only_arrived_is_pending_and_what_never_came_is_unknown(log: MemoryLog) -> None:
    await log.append([record("raw", "e")])
    assert (await whereabouts(log, "e", SUBJECT))["fate"] == "pending"
    assert (await whereabouts(log, "other", SUBJECT))["fate"] == "unknown"
