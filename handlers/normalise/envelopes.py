"""A delivery to the raw events in it: their exact bytes, and what to call them. Pure and quick: callers wait."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import unquote

from handlers.normalise.bodies import events
from handlers.normalise.forms import Form, cloud_event, recognise
from handlers.normalise.words import LONGEST_ID, identifier
from processor.envelope import trace_of
from processor.event import Delivery, Envelope

DIGEST_ID = "sha256:"
"""How the id of an event begins that came without one: a digest of type, subject and body."""

LONGEST_SUBJECT = 300


def envelopes(delivery: Delivery) -> list[Envelope]:
    """One envelope for each event of the body, in its order; an empty array gives none.

    What nobody knows is kept too, as type `unknown`. Raises `NotJson` when the body is no JSON.
    """
    headers = delivery.headers
    marker = headers.get("x-genesys-event", "")
    attributes = _cloud_event_headers(headers) if "ce-specversion" in headers else {}
    if attributes:
        return [
            _envelope(
                delivery, data, form, _at(attributes.get("id"), index) or form.id or _verified_id(delivery, index)
            )
            for data, value, index in events(delivery.body)
            for form in (cloud_event(attributes, value, marker),)
        ]
    return [
        _envelope(delivery, data, form, form.id or _verified_id(delivery, index))
        for data, value, index in events(delivery.body)
        for form in (recognise(value, marker),)
    ]


def _envelope(delivery: Delivery, data: bytes, form: Form, name: str) -> Envelope:
    kind, subject, _, _, time, told, organisation, trace = form
    if len(subject) > LONGEST_SUBJECT or not subject.isprintable():
        subject = ""
    if len(kind) > LONGEST_ID or not kind.isprintable():  # a header may hold bytes that are no text
        kind = "unknown"
    trace = trace or delivery.headers.get("traceparent", "")
    return Envelope(
        name or digest_id(kind, subject, data),
        f"genesys/{organisation}" if organisation else delivery.source or "genesys/unknown",
        kind,
        subject,
        time or delivery.received_at,
        delivery.received_at,
        data,
        told,
        trace_of(trace) if trace else "",
    )


def digest_id(kind: str, subject: str, data: bytes) -> str:
    """The id of an event that has none: the same for the same words (blanks around them aside) about the same thing."""
    words = b"\n".join((kind.encode(), subject.encode(), data.strip()))
    return DIGEST_ID + hashlib.sha256(words).hexdigest()[:32]


def _verified_id(delivery: Delivery, index: int | None) -> str:
    """The `webhook-id`, where the signature that let the caller in covers it."""
    return _at(delivery.headers.get("webhook-id"), index) if delivery.caller.startswith("standard-webhooks") else ""


def _at(sent: str | None, index: int | None) -> str:
    """The delivery's id for one event of it: in an array the index is added."""
    name = identifier(sent)
    return f"{name}/{index}" if name and index is not None else name


def _cloud_event_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The attributes of CloudEvents binary mode, whose values are percent-encoded; empty when it is not that."""
    if "ce-specversion" not in headers or "ce-type" not in headers:
        return {}
    return {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}
