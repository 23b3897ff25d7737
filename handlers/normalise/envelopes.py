"""A delivery to the raw events in it: their exact bytes, and what to call them. Pure and quick: callers wait."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from handlers.normalise.bodies import events
from handlers.normalise.forms import Form, cloud_event, recognise
from handlers.normalise.words import LONGEST_ID, identifier
from processor.event import Delivery, Envelope

DIGEST_ID = "sha256:"
"""How the id of an event begins that came without one: a digest of type, subject and body."""

TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
LONGEST_SUBJECT = 300


def envelopes(delivery: Delivery) -> list[Envelope]:
    """One envelope for each event of the body, in its order; an empty array gives none.

    What nobody knows is kept too, as type `unknown`. Raises `NotJson` when the body is no JSON.
    """
    marker = delivery.headers.get("x-genesys-event", "")
    attributes = _cloud_event_headers(delivery.headers)
    found = []
    for data, value, index in events(delivery.body):
        form = cloud_event(attributes, value, marker) if attributes else recognise(value, marker)
        name = _at(attributes.get("id"), index) or form.id or _at(_verified_id(delivery), index)
        found.append(_envelope(delivery, data, form, name))
    return found


def _envelope(delivery: Delivery, data: bytes, form: Form, name: str) -> Envelope:
    subject = form.subject if len(form.subject) <= LONGEST_SUBJECT and form.subject.isprintable() else ""
    trace = delivery.headers.get("traceparent", "")
    return Envelope(
        id=name or digest_id(form.type, subject, data),
        source=f"genesys/{form.organisation}" if form.organisation else delivery.source or "genesys/unknown",
        type=form.type if len(form.type) <= LONGEST_ID and form.type.isprintable() else "unknown",
        subject=subject,
        time=form.time or delivery.received_at,
        received_at=delivery.received_at,
        data=data,
        time_source=form.time_source,
        trace=trace if TRACE.fullmatch(trace) else "",
    )


def digest_id(kind: str, subject: str, data: bytes) -> str:
    """The id of an event that has none: the same for the same words (blanks around them aside) about the same thing."""
    words = b"\n".join((kind.encode(), subject.encode(), data.strip()))
    return DIGEST_ID + hashlib.sha256(words).hexdigest()[:32]


def _verified_id(delivery: Delivery) -> str | None:
    """The `webhook-id`, where the signature that let the caller in covers it."""
    return delivery.headers.get("webhook-id") if delivery.caller.startswith("standard-webhooks") else None


def _at(sent: str | None, index: int | None) -> str:
    """The delivery's id for one event of it: in an array the index is added."""
    name = identifier(sent)
    return f"{name}/{index}" if name and index is not None else name


def _cloud_event_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The attributes of CloudEvents binary mode; empty when it is not that."""
    if "ce-specversion" not in headers or "ce-type" not in headers:
        return {}
    return {name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")}
