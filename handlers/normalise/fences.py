"""What normalise remembers of a subject, all of it read back from the log: the last record, the fences, recent ids.

The state topics carry all fences of their subject in each record. Compaction leaves the records
of the last 25 hours (`min.compaction.lag.ms`), so the ids in them can be read back as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from handlers.events import Fate, VolumeUpdated
from processor.event import META, Event, Fence

WINDOW = timedelta(hours=25)
"""Senders retry for 24 hours."""

LOADED = WINDOW + timedelta(hours=1)
"""What is read back of the topics that are records of moments, not states."""

ROLLING_HOUR = "/hour/"
"""In the name of a facet: the last sixty minutes, which are others at every look."""

SILENCE_TOLD_EVERY = timedelta(minutes=5)
"""An hour in which nothing came is told again after this: the loop needs two to see that a queue has recovered."""
LONG_SILENCE = timedelta(hours=2)
LONG_SILENCE_TOLD_EVERY = timedelta(hours=1)

UNSAID = META | {"changed"}
"""Fields that are no part of what a record says."""

KEPT = 16
"""Ids remembered of events with a time of their own: the fences judge these, ids only name the verdict."""

KEPT_AT_MOST = 1_000
"""Ids remembered of one subject whatever their age."""


@dataclass(slots=True)
class Known:
    """A raw record that was taken. `digests`: of the bodies seen under its id; `until`: forgotten first when None."""

    digests: tuple[str, ...]
    received_at: datetime | None


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when a medium's rolling hours are empty, and which of them was published last."""

    since: datetime
    told: datetime
    target_seconds: float | None


@dataclass(slots=True)
class Row:
    """All that is remembered of one subject in one topic."""

    last: Event | None = None
    fences: dict[str, Fence] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    """Volume only: by facet, a hash of what was published last (`last` is of one facet among many)."""
    silences: dict[str, Silence] = field(default_factory=dict)
    """Volume only: by facet."""


NOTHING = Row()
"""Of a subject never seen. Read only."""


def remember_state(row: Row | None, event: Event) -> Row:
    """Fold a record that is the whole state of its subject."""
    row = row or Row()
    row.last = event
    row.fences = dict(event.fences)
    _remember_id(row, event)
    return row


def remember_volume(row: Row | None, event: VolumeUpdated) -> Row:
    """Fold one interval of one medium: its fence joins the others, those older than the window go."""
    row = row or Row()
    row.last = event
    row.fences.update(event.fences)
    mark = hash(meaning_of(event))
    row.marks.update(dict.fromkeys(event.fences, mark))
    for name in event.fences:
        _remember_silence(row, name, event)
    oldest = event.time - WINDOW
    if any(fence.time < oldest for fence in row.fences.values()):
        row.fences = {name: fence for name, fence in row.fences.items() if fence.time >= oldest}
        row.marks = {name: mark for name, mark in row.marks.items() if name in row.fences}
        row.silences = {name: silence for name, silence in row.silences.items() if name in row.fences}
    _remember_id(row, event)
    return row


def _remember_silence(row: Row, facet: str, event: VolumeUpdated) -> None:
    if ROLLING_HOUR not in facet or not _silent(event):
        row.silences.pop(facet, None)
        return
    before, end = row.silences.get(facet), event.interval.end
    row.silences[facet] = Silence(before.since if before else end, end, event.service_level_target_seconds)


def _silent(event: VolumeUpdated) -> bool:
    """Nothing came and nothing waits."""
    return event.offered == 0 and not (event.answered or event.abandoned or event.waiting)


def told_already(row: Row, facet: str, event: VolumeUpdated) -> bool:
    """Whether publishing it would tell nobody anything: the same again, or one more hour of a silence."""
    if row.marks.get(facet) == hash(meaning_of(event)):
        return True
    silence = row.silences.get(facet)
    if silence is None or not _silent(event) or silence.target_seconds != event.service_level_target_seconds:
        return False
    long = silence.told - silence.since >= LONG_SILENCE
    return event.interval.end - silence.told < (LONG_SILENCE_TOLD_EVERY if long else SILENCE_TOLD_EVERY)


def remember_fate(row: Row | None, fate: Fate) -> Row | None:
    """Fold a fate: fences that moved on without a record, and ids of what was handed to look-ups."""
    if not fate.fences and fate.fate != "looked-up":
        return row
    row = row or Row()
    for name, fence in fate.fences.items():
        if name not in row.fences or row.fences[name].admits(fence):
            row.fences[name] = fence
    oldest = fate.time - WINDOW
    if len(row.fences) > KEPT:
        row.fences = {name: fence for name, fence in row.fences.items() if fence.time >= oldest}
    if fate.fate == "looked-up":
        _remember_id(row, fate)
    return row


def _remember_id(row: Row, event: Event) -> None:
    before = row.known.pop(event.cause, None)
    digests = before.digests if before else ()
    if event.cause_digest and event.cause_digest not in digests:
        digests = (*digests[-KEPT:], event.cause_digest)
    row.known[event.cause] = Known(digests, event.received_at if event.time_source == "received" else None)
    if len(row.known) > KEPT:
        _forget(row, (event.received_at or event.time) - WINDOW)


def _forget(row: Row, oldest: datetime) -> None:
    """Oldest first, until few enough are left; what has no time of its own stays for the whole window."""
    for name, known in list(row.known.items()):
        if len(row.known) <= KEPT:
            return
        if known.received_at is None or known.received_at < oldest or len(row.known) > KEPT_AT_MOST:
            del row.known[name]


def newest(row: Row, moved_on: Row, facet: str) -> Fence | None:
    """The fence of a facet, also where it moved on without a clean record."""
    here = row.fences.get(facet)
    there = moved_on.fences.get(facet) if moved_on is not NOTHING else None
    if here is None or there is None:
        return here or there
    return there if here.admits(there) else here


def meaning_of(event: Event) -> tuple[object, ...]:
    """What the record says, without what it is called and when it came."""
    return tuple(value for name, value in event.__dict__.items() if name not in META)


def same_meaning(before: Event | None, after: Event) -> bool:
    """Whether publishing `after` would tell nobody anything. What it calls changed is news by itself."""
    if before is None or type(before) is not type(after) or after.__dict__.get("changed"):
        return False
    there = before.__dict__
    for name, value in after.__dict__.items():
        known = there[name]
        if known is not value and name not in UNSAID and known != value:
            return False
    return True


def named(facets: Mapping[str, Fence], name: str) -> Mapping[str, Fence]:
    """The fences under the name that their event is published by; readers may leave that open."""
    for fence in facets.values():
        if fence.id != name:
            return {facet: Fence(one.time, one.version, name) for facet, one in facets.items()}
    return facets
