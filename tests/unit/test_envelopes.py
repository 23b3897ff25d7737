"""A delivery to the raw events in it: bytes, ids, subjects, types, times."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from handlers.normalise.bodies import AT_MOST, NotJson
from handlers.normalise.envelopes import envelopes
from processor.event import Delivery, Envelope

NOW = datetime(2026, 3, 9, 14, tzinfo=UTC)
AGENT = "2b6c1f52-8a3e-4d61-9a41-5be1b8a0c101"


def deliver(body: object, caller: str = "basic:1", **headers: str) -> list[Envelope]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return envelopes(Delivery("genesys/unknown", named, raw, NOW, caller))


def event_bridge(event_id: str = "eb-1", template: str = "v2.users.{id}.presence", **detail: object) -> dict:
    return {
        "version": "0",
        "id": event_id,
        "detail-type": template,
        "source": "aws.partner/genesys.com/cloud/org-7/wfm",
        "time": "2026-03-09T13:00:09Z",
        "detail": {
            "topicName": f"v2.users.{AGENT}.presence",
            "eventBody": {
                "presenceDefinition": {"systemPresence": "AVAILABLE"},
                "modifiedDate": "2026-03-09T13:00:04.217Z",
            },
            "timestamp": "2026-03-09T13:00:05.500Z",
        }
        | detail,
    }


def test_an_event_bridge_object_keeps_its_id_and_says_when_it_happened():
    (found,) = deliver(event_bridge())
    assert (found.id, found.type, found.subject) == ("eb-1", "v2.users.{id}.presence", f"agent/{AGENT}")
    assert found.source == "genesys/org-7"
    assert found.time == datetime(2026, 3, 9, 13, 0, 4, 217000, UTC)
    assert found.time_source == ""
    assert found.to_message().key == f"agent/{AGENT}"


def test_the_time_is_the_envelopes_where_the_body_has_none_and_says_so():
    (found,) = deliver(event_bridge(eventBody={"presenceDefinition": {"systemPresence": "AVAILABLE"}}))
    assert (found.time, found.time_source) == (datetime(2026, 3, 9, 13, 0, 5, 500000, UTC), "envelope")


def test_the_time_is_that_of_receipt_where_nothing_else_is_said():
    (found,) = deliver({"topicName": f"v2.users.{AGENT}.presence", "eventBody": {}})
    assert (found.time, found.time_source) == (NOW, "received")


def test_a_concrete_detail_type_without_a_topic_name_is_read_too():
    body = event_bridge(template=f"v2.users.{AGENT}.presence")
    del body["detail"]["topicName"]
    (found,) = deliver(body)
    assert (found.type, found.subject) == ("v2.users.{id}.presence", f"agent/{AGENT}")


def test_a_template_without_a_topic_name_finds_its_subject_in_the_body():
    body = event_bridge(template="v2.users.{id}.activity", eventBody={"id": AGENT})
    del body["detail"]["topicName"]
    assert deliver(body)[0].subject == f"agent/{AGENT}"


def test_another_partners_events_are_not_ours():
    body = event_bridge() | {"source": "aws.partner/example.com"}
    assert deliver(body)[0].type == "unknown"


@pytest.mark.parametrize(
    "topic", ["v2.users.a1.made.up", "v2.detail.events.conversation.0f0e0d0c-0b0a-4900-8807-060504030201.user.start"]
)
def test_an_unknown_topic_keeps_its_template(topic: str):
    (found,) = deliver({"topicName": topic, "eventBody": {"eventTime": 1773061204217}})
    assert found.type.startswith("v2.")
    assert "0f0e0d0c" not in found.type
    assert found.time == datetime(2026, 3, 9, 13, 0, 4, 217000, UTC)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        ("Queue", "queue/x-1"),
        ("Schedule", "schedule/x-1"),
        ("ScheduleGroup", "schedule-group/x-1"),
        ("UserPresence", "agent/x-1"),
        ("CampaignSchedule", "campaign/x-1"),
        ("BusinessUnit", "business-unit/x-1"),
        ("ManagementUnit", "management-unit/x-1"),
        ("Flow", ""),
    ],
)
def test_an_audit_is_about_what_it_names(kind: str, subject: str):
    (found,) = deliver({"topicName": f"v2.audits.entitytype.{kind}.entityid.x-1", "eventBody": {}})
    assert (found.type, found.subject) == ("v2.audits.entitytype.{id}.entityid.{id}", subject)


def test_an_array_is_split_into_exact_slices():
    first, second = '{ "a": 1 ,\n"ü": [1, {"b":"]"}]}', '"Zürich \\u00fc"'
    body = f" [ {first} ,{second}\t,[ 1 ] , null]\n".encode()
    assert [one.data for one in deliver(body)] == [first.encode(), second.encode(), b"[ 1 ]", b"null"]


def test_a_single_event_keeps_its_bytes_but_for_the_byte_order_mark():
    assert deliver(b'\xef\xbb\xbf{"x": 1}\n')[0].data == b'{"x": 1}\n'


def test_an_empty_array_holds_nothing():
    assert deliver(b"[]") == []


@pytest.mark.parametrize(
    "body", [b"", b"   ", b"{", b"[1,]", b"nope", b"\xff\xfe{\x00}\x00", b'{"a": NaN}', b"{}{}", b"[" * 50_000]
)
def test_what_is_no_json_is_refused(body: bytes):
    with pytest.raises(NotJson):
        deliver(body)


@pytest.mark.parametrize(
    "body", [b"1", b'"x"', b"null", b"{}", b"[[]]", b'{"type": 3}', b'{"detail": 1, "detail-type": 2}']
)
def test_odd_json_is_kept(body: bytes):
    (found,) = deliver(body)
    assert found.type == "unknown"
    assert found.subject == ""
    assert found.to_message().key == found.id


def test_an_array_of_too_many_is_kept_whole():
    body = b"[" + b"0," * AT_MOST + b"0]"
    assert [one.data for one in deliver(body)] == [body]


def test_without_an_id_the_same_words_have_the_same_id_and_others_another():
    frame = {"topicName": "v2.users.u-1.presence", "eventBody": {"message": "x"}}
    first, again, other = deliver(frame)[0], deliver(frame)[0], deliver(frame | {"version": "2"})[0]
    assert first.id == again.id != other.id
    assert deliver(json.dumps([frame]).encode())[0].id == first.id


def test_a_verified_webhook_id_names_the_event_and_in_an_array_its_place():
    assert deliver({"x": 1}, "standard-webhooks:1", webhook_id="msg_1")[0].id == "msg_1"
    assert [one.id for one in deliver([{"x": 1}, {"x": 2}], "standard-webhooks:1", webhook_id="m")] == ["m/0", "m/1"]


def test_a_webhook_id_that_no_signature_covers_names_nothing():
    assert deliver({"x": 1}, "basic:1", webhook_id="msg_1")[0].id.startswith("sha256:")


def test_an_events_own_id_comes_before_the_webhooks():
    assert deliver(event_bridge("eb-9"), "standard-webhooks:1", webhook_id="m")[0].id == "eb-9"


@pytest.mark.parametrize("odd", ["", "a" * 300, "two\nlines", 7.5, None, ["x"]])
def test_what_cannot_be_an_id_is_none(odd: object):
    assert deliver(event_bridge() | {"id": odd})[0].id.startswith("sha256:")


def test_cloud_events_structured():
    body = {
        "specversion": "1.0",
        "id": "ce-1",
        "type": f"v2.users.{AGENT}.presence",
        "source": "s",
        "time": "2026-03-09T12:00:00Z",
        "data": {"presenceDefinition": {"systemPresence": "AVAILABLE"}},
    }
    (found,) = deliver(body)
    assert (found.id, found.type, found.subject) == ("ce-1", "v2.users.{id}.presence", f"agent/{AGENT}")
    assert (found.time, found.time_source) == (datetime(2026, 3, 9, 12, tzinfo=UTC), "")


def test_cloud_events_binary():
    headers = {"ce-specversion": "1.0", "ce-id": "ce-2", "ce-type": "schedule:updated", "ce-source": "s"}
    (found,) = deliver({"scheduleGroupId": "g-1", "id": "s-1", "scheduleEntries": []}, **headers)
    assert (found.id, found.type, found.subject) == ("ce-2", "schedule:updated", "schedule-group/g-1")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("a%20b%25c", "a b%c"),
        ("%C3%A9", "é"),
        ("a%2520b", "a%20b"),
        ("100%", "100%"),
        ("%zz", "%zz"),
        ("a%0Ab", None),
    ],
)
def test_attributes_in_headers_are_percent_encoded(sent: str, meant: str | None):
    headers = {"ce-specversion": "1.0", "ce-id": sent, "ce-type": "schedule%3Aupdated", "ce-source": "s"}
    (found,) = deliver({"scheduleGroupId": "g-1", "id": "s-1", "scheduleEntries": []}, **headers)
    assert found.type == "schedule:updated"
    assert found.id == meant if meant else found.id.startswith("sha256:")


def packed(data: bytes) -> dict:
    return {"specversion": "1.0", "id": "ce-3", "type": "x", "data_base64": base64.b64encode(data).decode()}


def test_cloud_events_whose_data_was_given_as_bytes():
    (found,) = deliver(packed(json.dumps(event_bridge()).encode()))
    assert (found.id, found.type, found.subject) == ("ce-3", "v2.users.{id}.presence", f"agent/{AGENT}")
    for odd in (packed(b"no JSON"), packed(b""), packed(b"") | {"data_base64": "?"}, packed(b"") | {"data_base64": 1}):
        assert deliver(odd)[0].type == "unknown"
    assert deliver(packed(b"") | {"data": event_bridge()})[0].type == "v2.users.{id}.presence"


SCHEDULE = {"id": "s-1", "scheduleGroupId": "g-1", "timezoneId": "Europe/Paris", "scheduleEntries": []}


@pytest.mark.parametrize(
    ("body", "event_id"),
    [
        ({"event": "schedule:updated", "id": "evt-1", "data": SCHEDULE}, "evt-1"),
        ({"type": "schedule:updated", "id": "s-1", "schedule": SCHEDULE}, None),
        ({"eventType": "schedule:updated"} | SCHEDULE, None),
        ({"events": ["schedule:updated"], "resource": SCHEDULE}, None),
        ({"eventSubscriptions": ["schedule:updated"], "payload": SCHEDULE}, None),
        ({"topic": "schedule:updated", "entity": SCHEDULE}, None),
        (SCHEDULE, None),
        ({"event": "schedule:updated", "id": "evt-2", "scheduleId": "s-1", "scheduleGroupId": "g-1"}, "evt-2"),
    ],
)
def test_a_schedule_callback_in_every_wrapping(body: dict, event_id: str | None):
    (found,) = deliver(body)
    assert (found.type, found.subject) == ("schedule:updated", "schedule-group/g-1")
    assert found.id == event_id if event_id else found.id.startswith("sha256:")


def test_a_schedule_without_its_group_is_filed_under_itself():
    assert deliver({"event": "schedule:updated", "scheduleId": "s-1"})[0].subject == "schedule/s-1"


def test_the_header_may_be_the_only_marker():
    (found,) = deliver({"queueId": "q-1"}, x_genesys_event="routing-sync")
    assert (found.type, found.subject) == ("routingQueueUpdated", "queue/q-1")


def test_a_local_time_is_read_in_the_agents_zone():
    body = {"event": "presence:updated", "userId": "u-1", "presenceId": "Available", "timestamp": "2026-07-09T09:00:04"}
    assert deliver(body | {"agentTimeZone": "America/New_York"})[0].time == datetime(2026, 7, 9, 13, 0, 4, tzinfo=UTC)
    assert deliver(body | {"agentTimeZone": "Mars/Olympus"})[0].time == datetime(2026, 7, 9, 9, 0, 4, tzinfo=UTC)
    assert deliver(body)[0].time == datetime(2026, 7, 9, 9, 0, 4, tzinfo=UTC)


def test_a_trace_goes_along_when_it_is_one():
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert deliver({}, traceparent=trace)[0].trace == trace
    assert deliver({}, traceparent="cc" + trace[2:])[0].trace == trace
    assert deliver({}, traceparent=f"cc{trace[2:]}-what-comes-later")[0].trace == trace
    for none in ("x\ny", "ff" + trace[2:], trace + "-00", trace.upper(), f"{trace}, {trace}", trace[:-1]):
        assert deliver({}, traceparent=none)[0].trace == ""
    for zeros in (
        trace.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        trace.replace("00f067aa0ba902b7", "0" * 16),
    ):
        assert deliver({}, traceparent=zeros)[0].trace == ""


def test_each_event_of_a_batch_may_have_a_trace_of_its_own():
    delivered, first = (f"00-{letter * 32}-{letter * 16}-01" for letter in "ab")
    sent = [{"specversion": "1.0", "id": name, "type": "x"} for name in "12"]
    found = deliver([sent[0] | {"traceparent": first}, sent[1]], traceparent=delivered)
    assert [one.trace for one in found] == [first, delivered]
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-type": "x", "ce-traceparent": first}
    assert deliver({}, traceparent=delivered, **headers)[0].trace == first


def test_a_type_in_bytes_that_are_no_text_is_unknown():
    (found,) = deliver({"a": 1}, ce_specversion="1.0", ce_type="v2.users.u.presence\udcff")
    assert (found.type, found.id[:7], found.subject) == ("unknown", "sha256:", "agent/u")


def test_an_envelope_survives_the_log():
    (found,) = deliver(event_bridge())
    message = found.to_message()
    assert message.value == found.data
    assert message.headers["ce_time"] == "2026-03-09T13:00:04.217Z"
    assert message.headers["ce_type"] == "v2.users.{id}.presence"
