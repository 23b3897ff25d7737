"""What senders send that nobody described: found, counted, and shown with an example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from handlers.normalise.envelopes import envelopes
from handlers.normalise.readers import GUIDES, OFFICIAL
from handlers.normalise.vocabulary import FIELDS, known, strange, tree
from processor.app.errands.drift import KINDS_AT_MOST, Drift, drift
from processor.cli.drift import _page
from processor.deadletters import DEADLETTERS
from processor.event import Delivery
from processor.eventlog import Message
from tests.unit.normalisedesk import NOW, Log, event_bridge
from tests.unit.normalisedesk import presence as presence_event

NO_DELIVERIES = ("rest.", "guide1.webhook", "guide3.event_export", "guide4.webhook")


def log_of(*bodies: Any) -> Log:
    log = Log()
    for body in bodies:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        for envelope in envelopes(Delivery("genesys/unknown", {}, raw, NOW, "basic:1")):
            log.add(envelope.to_message())
    return log


async def found(*bodies: Any, limit: int = 1000) -> list[tuple[str, str, str, int]]:
    seen = await drift(log_of(*bodies), limit)
    return [(one.what, one.type, one.name, one.count) for one in seen.findings()]


def test_brackets_are_trees() -> None:
    assert tree("a b(c d(e)) f") == {"a": {}, "b": {"c": {}, "d": {"e": {}}}, "f": {}}


def test_every_type_that_is_read_is_described_and_no_other() -> None:
    assert set(FIELDS) == {*OFFICIAL, *GUIDES}


def test_below_a_field_without_brackets_anything_may_stand() -> None:
    fields = tree("a b(c)")
    assert list(strange({"a": {"x": 1}, "b": [{"c": 1}, {"d": 2}], "e": {"f": 3}}, fields)) == [
        ("b.d", 2),
        ("e", {"f": 3}),
    ]


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("v2.users.u-1.presence", {"futurePresenceDefinition": {"id": "x"}}),
        ("v2.users.u-1.routingStatus", {"errorInfo": {"errorCode": "x"}}),
        ("v2.users.u-1.integrationpresence", {"currentDisplaySourceId": "x", "previousDisplaySourceId": "y"}),
        ("v2.users.u-1.workforcemanagement.adherence", {"adherenceExplanation": {}}),
        ("v2.routing.queues.q-1.users", {"additionalProperties": {}}),
        ("v2.audits.entitytype.Queue.entityid.q-1", {"remoteIp": ["192.0.2.1"], "entity": {"selfUri": "/"}}),
        ("v2.analytics.queues.q-1.observations", {"data": [{"metrics": [{"stats": {"p95": 1.0}}]}]}),
        ("v2.outbound.schedules.campaigns.c-1", {"intervals": [{"additionalProperties": {}}]}),
    ],
)
async def test_what_the_vendor_documents_is_no_news_though_nobody_recorded_it(topic: str, body: dict[str, Any]) -> None:
    assert await found(event_bridge(topic, body)) == []


async def test_what_is_read_of_a_callback_is_no_news() -> None:
    callback = {
        "event": "presence:updated",
        "data": {"userId": "u-1", "presenceId": "BUSY", "customStatusMessage": "x"},
    }
    assert await found(callback, {"event": "routingQueueUpdated", "data": {"queueId": "q-1", "name": "Sales"}}) == []


async def test_what_is_known_is_no_drift() -> None:
    assert await found(presence_event("BUSY", "2026-03-09T13:00:00Z", "1")) == []


async def test_new_fields_and_types_are_counted_with_the_latest_example() -> None:
    one, two = (presence_event("BUSY", "2026-03-09T13:00:00Z", name) for name in ("1", "2"))
    for number, event in enumerate((one, two)):
        event["detail"]["eventBody"]["presenceDefinition"]["mood"] = {"level": number}
    made_up = event_bridge("v2.users.u-1.horoscope", {"sign": "Leo"}, name="3")
    log = log_of(one, two, made_up, {"hello": 1}, b"7")
    seen = await drift(log, 1000)
    assert [(f.what, f.type, f.name, f.count) for f in seen.findings()] == [
        ("field", "v2.users.{id}.presence", "presenceDefinition.mood", 2),
        ("type", "unknown", "a bare int", 1),
        ("type", "unknown", "fields: hello", 1),
        ("type", "v2.users.u-1.horoscope", "detail-type: as the topic says", 1),
    ]
    mood = seen.findings()[0]
    assert (mood.id, mood.example) == ("2", '{"level":1}')
    assert (seen.looked, seen.kept, seen.since, seen.until) == (5, 5, NOW, NOW)


async def test_it_says_how_far_it_looked() -> None:
    seen = await drift(log_of(*({"n": n} for n in range(20))), 5)
    assert (seen.looked, seen.kept) == (5, 20)


async def test_known_types_that_could_not_be_used_are_told_by_field() -> None:
    log = log_of()
    headers = {"ce_type": "v2.users.{id}.presence", "ce_id": "1", "dlq_topic": "genesys.raw", "dlq_reason": "poison"}
    log.add(Message(DEADLETTERS, "k", b"{}", {**headers, "dlq_field": "modifiedDate", "dlq_error": "no date"}))
    log.add(Message(DEADLETTERS, "k", b"{}", {**headers, "dlq_field": "x", "dlq_reason": "bug"}))
    log.add(Message(DEADLETTERS, "k", b"{}", {**headers, "ce_type": "unknown"}))
    (finding,) = (await drift(log, 10)).findings()
    assert (finding.what, finding.name, finding.example) == ("unusable", "modifiedDate", "no date")


async def test_junk_of_any_depth_is_counted_and_shown() -> None:
    deep = b'{"topicName":"v2.users.u.presence","eventBody":' + b"[" * 900 + b"]" * 900 + b"}"
    assert await found(deep) == []
    assert [name for _, _, name, _ in await found(b"[" * 1000 + b"]" * 1000, b"[" * 1000 + b"1" + b"]" * 1000)]


def test_what_strangers_sent_cannot_steer_a_terminal() -> None:
    seen = Drift()
    record = log_of({"x": 1}).records["genesys.raw"][0]
    seen.count("type", record, "unknown", "\x1b[2J\u202e", "ü\x07")
    page = _page(seen)
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "ü\\x07" in page


async def test_our_own_answers_are_not_looked_at() -> None:
    log = Log()
    log.add(Message("genesys.raw", "k", b'{"x":1}', {"ce_type": "answer.queue"}))
    assert (await drift(log, 10)).findings() == []


async def test_made_up_names_do_not_fill_the_memory() -> None:
    seen: Drift = await drift(log_of([{f"f{n}": n} for n in range(KINDS_AT_MOST + 50)]), 5000)
    assert len(seen.found) == KINDS_AT_MOST
    assert seen.not_counted == 50
    assert seen.until == NOW


@pytest.mark.parametrize("kind", sorted(FIELDS))
def test_nothing_is_described_twice(kind: str) -> None:
    assert known(kind)


async def test_no_recorded_delivery_is_drift(shared: Path) -> None:
    bodies = [
        path.read_bytes()
        for path in sorted((shared / "genesys/samples").glob("event.*.json"))
        + sorted((shared / "genesys/samples").glob("guide*.json"))
        if not path.stem.startswith(NO_DELIVERIES)
    ]
    assert [one for one in await found(*bodies) if one[0] == "field"] == []
