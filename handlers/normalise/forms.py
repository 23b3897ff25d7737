"""Which form an event has, and what it is about: the detection that receiving and normalising share."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from handlers.normalise import guide_forms
from handlers.normalise.bodies import NotJson, parse
from handlers.normalise.topics import AUDITED, may_be_of, read_topic
from handlers.normalise.words import identifier, mapping, moment, reference, too_deep

PARTNER = "aws.partner/genesys.com"
UNKNOWN = "unknown"
CONTROL = "channel.metadata"


class Form(NamedTuple):
    """One event, unwrapped. `body` is the innermost payload; `id` is the event's own, or empty.

    `time_source`: empty when the event itself says when it happened, `envelope` when only its
    wrapper does, `received` when nothing does (`time` is None then).
    """

    type: str
    subject: str
    body: Mapping[str, Any]
    id: str = ""
    time: datetime | None = None
    time_source: str = "received"
    organisation: str = ""
    trace: str = ""
    """What the event itself says of the trace that it belongs to."""


NOTHING = Form(UNKNOWN, "", {})


def recognise(value: Any, marker: str = "") -> Form:
    """The form of one event of a body; `marker` is the header that may be the only sign of a guide's callback."""
    return _recognise(value, marker) if isinstance(value, dict) else NOTHING


def body_of(value: Any, kind: str) -> Any:
    """Only the innermost payload, of an event whose kind is known: the same as `recognise`, sooner."""
    if not isinstance(value, dict):
        return {}
    if _is_event_bridge(value):
        return _body(mapping(value["detail"]))
    if _is_notification(value):
        return _body(value)
    if _is_cloud_event(value):
        return body_of(_data(value), kind)
    if kind in guide_forms.OWN_IDS:
        return guide_forms.body_in(value)
    return value  # the bare payload of what its wrapper, or the headers it came with, named


def _is_event_bridge(value: Mapping[str, Any]) -> bool:
    return "detail" in value and "detail-type" in value and str(value.get("source")).startswith(PARTNER)


def _is_notification(value: Mapping[str, Any]) -> bool:
    return ("eventBody" in value or "metadata" in value) and isinstance(value.get("topicName"), str)


def _is_cloud_event(value: Mapping[str, Any]) -> bool:
    return "specversion" in value and isinstance(value.get("type"), str)


def _data(value: Mapping[str, Any]) -> Any:
    """Of a CloudEvent in its JSON format: some libraries write what they are given as bytes in base64."""
    packed = value.get("data_base64")
    if "data" in value or not isinstance(packed, str):
        return value.get("data")
    try:
        return parse(base64.b64decode(packed, validate=True))
    except (ValueError, NotJson):
        return None


def _body(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    body = frame.get("eventBody")
    return body if isinstance(body, dict) else mapping(frame.get("metadata"))


def _recognise(value: Mapping[str, Any], marker: str) -> Form:
    if _is_event_bridge(value):
        return _event_bridge(value)
    if _is_notification(value):
        return _notification(value)
    if _is_cloud_event(value):
        return cloud_event(value, _data(value), marker)
    if name := guide_forms.name_of(value, marker):
        return _guide(name, value)
    if isinstance(value.get("result"), str) and value.keys() <= {"result", "status", "correlationId", "topics"}:
        return Form(CONTROL, "", value)
    return NOTHING


def _event_bridge(value: Mapping[str, Any]) -> Form:
    detail = mapping(value["detail"])
    named, concrete = str(value["detail-type"]), detail.get("topicName")
    topic = concrete if isinstance(concrete, str) else named
    form = _topic(topic, detail)
    parts = str(value["source"]).split("/")
    time, told = form.time, form.time_source
    if time is None and (time := moment(detail.get("timestamp")) or moment(value.get("time"))):
        told = "envelope"
    return Form(
        named if "{id}" in named and may_be_of(named, topic) else form.type,
        form.subject,
        form.body,
        identifier(value.get("id")),
        time,
        told,
        parts[3] if len(parts) > 3 else "",
    )


def _notification(value: Mapping[str, Any]) -> Form:
    form = _topic(value["topicName"], value)._replace(id=identifier(value.get("id")))
    time = moment(value.get("timestamp"))
    return form._replace(time=time, time_source="envelope") if time and form.time is None else form


def cloud_event(attributes: Mapping[str, Any], data: Any, marker: str = "") -> Form:
    """CloudEvents in structured mode, or binary mode with the attributes from the headers.

    The data may be an event in a form of its own, or the bare payload of what `type` names.
    Its `time` is when it happened, so the event has a time of its own.
    """
    kind = str(attributes.get("type"))
    form = recognise(data, guide_forms.canonical(kind) or marker)
    if form.type == UNKNOWN and kind.startswith("v2."):
        form = _topic(kind, {"eventBody": data})
    trace = attributes.get("traceparent")
    form = form._replace(
        id=identifier(attributes.get("id")) or form.id, trace=trace if isinstance(trace, str) else form.trace
    )
    time = moment(attributes.get("time"))
    return form._replace(time=time, time_source="") if time and form.time_source == "received" else form


def _guide(name: str, value: Mapping[str, Any]) -> Form:
    if too_deep(value):
        return NOTHING
    body, event_id = guide_forms.payload(name, value)
    time = guide_forms.time_of(body)
    return Form(name, guide_forms.subject_of(name, body), body, event_id, time, "" if time else "received")


def _topic(name: str, frame: Mapping[str, Any]) -> Form:
    template, subject = read_topic(name)
    body = _body(frame)
    times = [found for found in (moment(value) for value in _times(template, body)) if found]
    time = max(times) if times else None
    return Form(template, subject or _subject_in(template, body), body, "", time, "" if time else "received")


def _subject_in(template: str, body: Mapping[str, Any]) -> str:
    """For senders that put the template where the topic belongs: the body may know whom it is about."""
    if template.startswith("v2.audits."):
        owner, found = AUDITED.get(str(body.get("entityType")), ""), reference(body.get("entity"))
    elif template.startswith("v2.users."):
        owner = "agent"
        found = reference(body.get("user")) or identifier(body.get("userId")) or _own_id(template, body)
    elif template.startswith(("v2.analytics.queues.", "v2.routing.queues.")):
        owner = "queue"
        found = identifier(mapping(body.get("group")).get("queueId")) or identifier(body.get("queueId"))
    elif template == "v2.outbound.schedules.campaigns.{id}":
        owner, found = "campaign", reference(body.get("campaign")) or identifier(body.get("id"))
    else:
        return ""
    return f"{owner}/{found}" if owner and found else ""


def _own_id(template: str, body: Mapping[str, Any]) -> str:
    """Only in these two topics is the body's `id` the user's."""
    return identifier(body.get("id")) if template.endswith((".routingStatus", ".activity")) else ""


def _modified(body: Mapping[str, Any]) -> tuple[Any, ...]:
    return (body.get("modifiedDate"),)


def _times(template: str, body: Mapping[str, Any]) -> tuple[Any, ...]:
    return TIMES.get(template, _any_time)(body)


def _any_time(body: Mapping[str, Any]) -> tuple[Any, ...]:
    return (body.get("eventTime") or body.get("modifiedDate") or body.get("dateModified"),)


TIMES: Mapping[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]] = {
    "v2.users.{id}.presence": _modified,
    "v2.users.{id}.routingStatus": lambda body: (mapping(body.get("routingStatus")).get("startTime"),),
    "v2.users.{id}.activity": lambda body: (
        mapping(body.get("routingStatus")).get("startTime"),
        mapping(body.get("presence")).get("modifiedDate"),
    ),
    "v2.users.{id}.workforcemanagement.adherence": lambda body: (body.get("adherenceChangeTime"),),
    "v2.workforcemanagement.businessunits.{id}.schedules": lambda body: (
        mapping(mapping(body.get("result")).get("metadata")).get("dateModified"),
    ),
}
"""By topic: where the body says when it happened; the latest of several counts."""
