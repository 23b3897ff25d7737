"""What a vendor's payload says, before it is decided whether that is news.

A reader (one function for a payload's type) turns a body into `Reading`: candidates for clean
records, places to look at, or the reason why there is nothing in it. It never sees fences,
ids or tables of other subjects; `Normalise` compares, merges, names and publishes.

What will be written is handled as it is written (`Data`): JSON under the record's own names, in the
order of its class, times as text. Merging is a copy of a dictionary, sameness is `==`, and nothing
has to be turned into anything before it goes out. Tests read every record back through its class.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from handlers.events import Lookup
from processor.event import Event, Fence, Raw, Written, blank

Data = Mapping[str, Any]
"""What a record says. Nobody changes one: records and tables share their parts."""

Merge = Callable[[Written | None, Collection[str]], Data | None]


class Candidate(NamedTuple):
    """One subject's new state in one topic, by facets.

    `facets`: for each facet that the payload speaks of, when (and in which version) it became so.
    `merge(previous, facets)`: the whole state when only these facets are news; `previous` is the
    last record of this subject or None. What the record is called and when it came is added later.
    It returns None when what is news changes nothing that we publish.
    """

    event: type[Event]
    subject: str
    facets: Mapping[str, Fence]
    merge: Merge


class Look(NamedTuple):
    """Where to look: the subject, and what the look-here says."""

    subject: str
    data: Data


class Reading(NamedTuple):
    """All that one payload says. Empty with `ignored` set: understood, and nothing for anybody."""

    candidates: tuple[Candidate, ...] = ()
    lookups: tuple[Look, ...] = ()
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What every reader may use: the clock, the horizon, and the settings' holiday table."""

    now: Callable[[], datetime]
    horizon: timedelta
    holidays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By holiday id: ISO dates. From `holidays` in PROCESSOR_CONFIG."""


def look(raw: Raw, what: str, why: str, *, subject: str = "", details: Data | None = None) -> Look:
    """Look at this subject (the raw record's, if none is named) as it is after this event. Normalise names it."""
    told = {**blank(Lookup), "what": what, "why": why, "since": raw.time}
    if details:
        told["details"] = details
    return Look(subject or raw.subject, told)


Reader = Callable[[Raw, Mapping[str, Any], Context], Reading]
"""(raw, body, context) → what it says. `body` is the innermost payload (eventBody, data, …).

Raises `PoisonError(message, field)` when the body lacks what its type promises.
"""
