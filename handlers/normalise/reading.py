"""What a vendor's payload says, before it is decided whether that is news.

A reader (one function for a payload's type) turns a body into `Reading`: candidates for clean
records, places to look at, or the reason why there is nothing in it. It never sees fences,
ids or tables of other subjects; `Normalise` compares, merges, names and publishes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handlers.events import Lookup
from processor.event import Envelope, Event, Fence
from processor.shapes import made


@dataclass(frozen=True, slots=True)
class Candidate:
    """One subject's new state in one topic, by facets.

    `facets`: for each facet that the payload speaks of, when (and in which version) it became so.
    `merge(previous, facets)`: the whole state when only these facets are news; `previous` is the
    last record of this subject or None. Meta fields (id, time, cause, fences) are filled in later.
    It returns None when what is news changes nothing that we publish.
    """

    event: type[Event]
    subject: str
    facets: Mapping[str, Fence]
    merge: Callable[[Any, frozenset[str]], Event | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one payload says. Empty with `ignored` set: understood, and nothing for anybody."""

    candidates: tuple[Candidate, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What every reader may use: the clock, the horizon, and the settings' holiday table."""

    now: Callable[[], datetime]
    horizon: timedelta
    holidays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By holiday id: ISO dates. From `holidays` in PROCESSOR_CONFIG."""


def look(
    envelope: Envelope, what: str, why: str, *, subject: str = "", details: Mapping[str, Any] | None = None
) -> Lookup:
    """Look at this subject (the envelope's, if none is named) as it is after this event. Normalise names it."""
    fields = {
        "id": envelope.id,
        "time": envelope.time,
        "subject": subject or envelope.subject,
        "what": what,
        "why": why,
        "since": envelope.time,
        "details": details or {},
    }
    return made(Lookup, fields)


Reader = Callable[[Envelope, Mapping[str, Any], Context], Reading]
"""(envelope, body, context) → what it says. `body` is the innermost payload (eventBody, data, …).

Raises `PoisonError(message, field)` when the body lacks what its type promises.
"""
