"""What normalise remembers of a subject, all of it read back from the log: the last record, the fences, recent ids.

The state topics carry all fences of their subject in each record. Compaction leaves the records
of the last 25 hours (`min.compaction.lag.ms`), so the ids in them can be read back as well.
Times are text as they are written: of one width, they compare as the instants do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from handlers.normalise.reading import Data
from handlers.normalise.words import later
from processor.event import Fence, Written

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

CHANGED = "changed"
"""The field that is no part of what a record says: it tells what differs from the record before."""

KEPT = 16
"""Ids remembered of events with a time of their own: the fences judge these, ids only name the verdict."""

FORGOTTEN_AT_ONCE = 8

KEPT_AT_MOST = 1_000
"""Ids remembered of one subject whatever their age."""


class Known(NamedTuple):
    """A raw record that was taken. `digests`: of the bodies seen under its id; `received_at` empty: forgotten first."""

    digests: tuple[str, ...]
    received_at: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when a medium's rolling hours are empty, and which of them was published last."""

    since: str
    told: str
    target_seconds: float | None


@dataclass(slots=True)
class Row:
    """All that is remembered of one subject in one topic."""

    last: Written | None = None
    fences: Mapping[str, Fence] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    """Volume only: by facet, a hash of what was published last (`last` is of one facet among many)."""
    silences: dict[str, Silence] = field(default_factory=dict)
    """Volume only: by facet."""


NOTHING = Row()
"""Of a subject never seen. Read only."""


def remember_state(row: Row | None, event: Written) -> Row:
    """Fold a record that is the whole state of its subject."""
    return pass_by(keep_state(row, event), event)


def keep_state(row: Row | None, event: Written) -> Row:
    """What it says, but not that it came."""
    row = row or Row()
    row.last = event
    row.fences = event.fences
    return row


def pass_by(row: Row | None, event: Written) -> Row:
    """That it came: all that counts of a state when a newer one has replaced it."""
    row = row or Row()
    _remember_id(row, event)
    return row


def remember_volume(row: Row | None, event: Written) -> Row:
    """Fold one interval of one medium: its fence joins the others, those older than the window go."""
    row = row or Row()
    row.last = event
    known, mark = row.fences, _mark(event.data)
    row.fences = {**known, **event.fences}
    for name in event.fences:
        row.marks[name] = mark
        _remember_silence(row, name, event.data)
    if len(row.fences) > len(known) > 1:
        oldest = later(event.time, -WINDOW)
        row.fences = {name: fence for name, fence in row.fences.items() if fence.time >= oldest}
        row.marks = {name: mark for name, mark in row.marks.items() if name in row.fences}
        row.silences = {name: silence for name, silence in row.silences.items() if name in row.fences}
    _remember_id(row, event)
    return row


def _mark(data: Data) -> int:
    return hash(orjson.dumps(data))


def _remember_silence(row: Row, facet: str, data: Data) -> None:
    if ROLLING_HOUR not in facet:
        return
    if not _silent(data):
        row.silences.pop(facet, None)
        return
    before, end = row.silences.get(facet), data["interval"]["end"]
    row.silences[facet] = Silence(before.since if before else end, end, data["serviceLevelTargetSeconds"])


def _silent(data: Data) -> bool:
    """Nothing came and nothing waits."""
    return data["offered"] == 0 and not (data["answered"] or data["abandoned"] or data["waiting"])


def told_already(row: Row, facet: str, data: Data) -> bool:
    """Whether publishing it would tell nobody anything: the same again, or one more hour of a silence."""
    mark = row.marks.get(facet)
    if mark is not None and mark == _mark(data):
        return True
    silence = row.silences.get(facet)
    if silence is None or not _silent(data) or silence.target_seconds != data["serviceLevelTargetSeconds"]:
        return False
    told = datetime.fromisoformat(silence.told)
    long = told - datetime.fromisoformat(silence.since) >= LONG_SILENCE
    passed = datetime.fromisoformat(data["interval"]["end"]) - told
    return passed < (LONG_SILENCE_TOLD_EVERY if long else SILENCE_TOLD_EVERY)


def remember_fate(row: Row | None, fate: Written) -> Row | None:
    """Fold a fate: fences that moved on without a record, and ids of what was handed to look-ups."""
    looked_up = fate.data["fate"] == "looked-up"
    if not fate.fences and not looked_up:
        return row
    row = row or Row()
    if fate.fences:
        known = row.fences
        newer = {name: fence for name, fence in fate.fences.items() if name not in known or known[name].admits(fence)}
        row.fences = {**known, **newer}
        if len(row.fences) > KEPT:
            oldest = later(fate.time, -WINDOW)
            row.fences = {name: fence for name, fence in row.fences.items() if fence.time >= oldest}
    if looked_up:
        _remember_id(row, fate)
    return row


def _remember_id(row: Row, event: Written) -> None:
    before = row.known.pop(event.cause, None)
    digests = before.digests if before else ()
    if event.cause_digest and event.cause_digest not in digests:
        digests = (*digests[-KEPT:], event.cause_digest)
    row.known[event.cause] = Known(digests, event.received_at if event.time_source == "received" else "")
    if len(row.known) > KEPT + FORGOTTEN_AT_ONCE:
        _forget(row, later(event.received_at or event.time, -WINDOW))


def _forget(row: Row, oldest: str) -> None:
    """Oldest first, until few enough are left; what has no time of its own stays for the whole window."""
    for name, known in list(row.known.items()):
        if len(row.known) <= KEPT:
            return
        if known.received_at < oldest or len(row.known) > KEPT_AT_MOST:
            del row.known[name]


def newest(row: Row, moved_on: Row, facet: str) -> Fence | None:
    """The fence of a facet, also where it moved on without a clean record."""
    here = row.fences.get(facet)
    there = moved_on.fences.get(facet) if moved_on is not NOTHING else None
    if here is None or there is None:
        return here or there
    return there if here.admits(there) else here


def same_meaning(before: Data, after: Data) -> bool:
    """Whether publishing `after` would tell nobody anything. What it calls changed is news by itself."""
    if CHANGED not in after:
        return before == after
    return not after[CHANGED] and {**before, CHANGED: after[CHANGED]} == after


def named(facets: Mapping[str, Fence], name: str) -> Mapping[str, Fence]:
    """The fences under the name that their event is published by; readers may leave that open."""
    for fence in facets.values():
        if fence.id != name:
            return {facet: Fence(one.time, one.version, name) for facet, one in facets.items()}
    return facets
