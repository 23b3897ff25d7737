"""The one writer of the clean topics: is what a payload says news, and what do we call it?

Every raw record ends as clean records, look-heres, or one fate that says why not; or it raises
PoisonError and rests among the dead letters. All that is remembered is read back from the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pydantic

from handlers.events import (
    CampaignUpdated,
    Fate,
    PresenceUpdated,
    ProfileUpdated,
    QueueUpdated,
    ScheduleUpdated,
    ShiftsUpdated,
    VolumeUpdated,
)
from handlers.normalise import fences
from handlers.normalise.bodies import parse
from handlers.normalise.envelopes import DIGEST_ID
from handlers.normalise.fences import NOTHING, Row
from handlers.normalise.forms import body_of
from handlers.normalise.readers import READERS
from handlers.normalise.reading import Candidate, Context, Reader, Reading
from handlers.normalise.words import AHEAD, DEEPEST, too_deep
from processor.errors import PoisonError
from processor.event import Envelope, Event, Fence, Publishable, digest
from processor.shapes import made, renewed
from processor.table import Table

Rows = Table[Any, Row]

STATES: tuple[type[Event], ...] = (
    ScheduleUpdated,
    ShiftsUpdated,
    PresenceUpdated,
    QueueUpdated,
    CampaignUpdated,
    ProfileUpdated,
)


def tables() -> dict[str, Rows]:
    """What `Normalise` must remember, by topic; all of it is rebuilt from the log."""
    found: dict[str, Rows] = {event.topic: Table(event, fold=fences.remember_state) for event in STATES}
    found[VolumeUpdated.topic] = Table(VolumeUpdated, fold=fences.remember_volume, since=fences.LOADED)
    found[Fate.topic] = Table(Fate, fold=fences.remember_fate, since=fences.LOADED)
    return found


@dataclass(slots=True)
class _Verdict:
    """What has been found about one raw record so far."""

    name: str
    """The event's id, marked where the same id was seen with another body."""
    mark: str
    clean: list[tuple[Event, dict[str, Fence]]] = field(default_factory=list)
    moved_on: dict[str, Fence] = field(default_factory=dict)
    """Facets that are newer though they say the same."""
    stale: bool = False
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Normalise:
    """Envelope → clean events, look-heres, or the fate. `readers`: by the envelope's type."""

    context: Context
    known: Mapping[str, Rows] = field(default_factory=tables)
    readers: Mapping[str, Reader] = field(default_factory=lambda: READERS)

    @property
    def tables(self) -> tuple[Rows, ...]:
        """What the group that runs this owns."""
        return tuple(self.known.values())

    async def __call__(self, envelope: Envelope) -> list[Publishable]:
        """Raises PoisonError, naming the field, for what nobody knows and what lacks what its type promises."""
        reader = self.readers.get(envelope.type)
        if reader is None:
            raise PoisonError(f"no event that we know: {envelope.type}", "type")
        envelope = believed(envelope)
        value = parse(envelope.data)
        if envelope.data.count(b"{") + envelope.data.count(b"[") > DEEPEST and too_deep(value):
            raise PoisonError(f"nested deeper than {DEEPEST} levels", "body")
        body = value if envelope.type.startswith("answer.") else body_of(value, envelope.type)
        if not isinstance(body, dict):
            raise PoisonError("the body should be an object", "body")
        try:
            return self._publish(envelope, reader(envelope, body, self.context))
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise PoisonError(f"{place}: {first['msg']}", place) from error

    def _publish(self, envelope: Envelope, reading: Reading) -> list[Publishable]:
        verdict = _Verdict(envelope.id, _mark(envelope))
        for candidate in reading.candidates:
            self._judge(envelope, candidate, verdict)
        lookups: list[tuple[Event, dict[str, Fence]]] = [(lookup, {}) for lookup in reading.lookups]
        if verdict.clean:
            named: list[Publishable] = _named(verdict.clean, envelope, verdict)
            return [*named, *_named(lookups, envelope, verdict)] if lookups else named
        if verdict.duplicate or verdict.stale:
            return [_fate(envelope, verdict, "duplicate" if verdict.duplicate else "stale")]
        if reading.lookups:
            if self._looked_up(envelope, verdict):
                return [_fate(envelope, verdict, "duplicate")]
            return [*_named(lookups, envelope, verdict), _fate(envelope, verdict, "looked-up")]
        if verdict.moved_on:
            return [_fate(envelope, verdict, "coalesced", "it says what is known already")]
        return [_fate(envelope, verdict, "ignored", reading.ignored or "nothing in it that we publish")]

    def _judge(self, envelope: Envelope, candidate: Candidate, verdict: _Verdict) -> None:
        if candidate.subject != envelope.subject:
            raise PoisonError(f"about {candidate.subject:.80}, but filed under {envelope.subject:.80}", "subject")
        row = self.known[candidate.event.topic].get(candidate.subject) or NOTHING
        moved_on = self.known[Fate.topic].get(candidate.subject) or NOTHING
        if known := row.known.get(envelope.id):
            if verdict.mark not in known.digests:
                verdict.name = f"{envelope.id}~{verdict.mark}"
            elif _third(envelope, candidate, row, moved_on):
                verdict.name = f"{envelope.id}@{envelope.position[0]}-{envelope.position[1]}"
            else:
                verdict.duplicate = True
                return
        news = {
            name: fence
            for name, fence in fences.named(candidate.facets, verdict.name).items()
            if (last := fences.newest(row, moved_on, name)) is None or last.admits(fence)
        }
        if not news:
            verdict.stale = True
            return
        self._merge(candidate, row, news, verdict)

    def _merge(self, candidate: Candidate, row: Row, news: Mapping[str, Fence], verdict: _Verdict) -> None:
        merged = candidate.merge(row.last, frozenset(news))
        if merged is None:
            return
        if isinstance(merged, VolumeUpdated):
            merged = self._judged_against(merged)
            unchanged = all(fences.told_already(row, name, merged) for name in news)
        else:
            unchanged = fences.same_meaning(row.last, merged)
        if unchanged:
            verdict.moved_on.update(news)
            return
        before = {} if isinstance(merged, VolumeUpdated) else row.fences
        verdict.clean.append((merged, {**before, **news}))

    def _judged_against(self, volume: VolumeUpdated) -> VolumeUpdated:
        """What Genesys counts by itself it judges against the queue's present target, which it does not repeat."""
        if volume.service_level is None or volume.service_level_target_seconds is not None:
            return volume
        row = self.known[QueueUpdated.topic].get(volume.subject)
        queue = row.last if row else None
        target = queue.media_types.get(volume.media_type) if isinstance(queue, QueueUpdated) else None
        if target is None:
            return volume
        return renewed(volume, {"service_level_target_seconds": target.service_level_seconds})

    def _looked_up(self, envelope: Envelope, verdict: _Verdict) -> bool:
        """Whether this very event was handed to look-ups before."""
        row = self.known[Fate.topic].get(envelope.subject or envelope.id)
        known = row.known.get(envelope.id) if row else None
        return known is not None and verdict.mark in known.digests


def believed(envelope: Envelope) -> Envelope:
    """An event from the future would fence out all that really comes after it: it happened when it was received."""
    if envelope.time <= envelope.received_at + AHEAD:
        return envelope
    return replace(envelope, time=envelope.received_at, time_source="received")


def _mark(envelope: Envelope) -> str:
    """The start of the body's digest; blanks around the body are nothing that a sender says."""
    words = envelope.data.strip()
    known = envelope.digest if len(words) == len(envelope.data) else ""
    return (known or digest(words))[:8]


def _third(envelope: Envelope, candidate: Candidate, row: Row, moved_on: Row) -> bool:
    """A, B, A: the words of an event without id and time come again after others about the same facet."""
    if envelope.time_source != "received" or not envelope.id.startswith(DIGEST_ID):
        return False
    last = [fences.newest(row, moved_on, name) for name in candidate.facets]
    return not any(fence and fence.id.partition("@")[0] == envelope.id for fence in last)


def _named(events: list[tuple[Event, dict[str, Fence]]], envelope: Envelope, verdict: _Verdict) -> list[Publishable]:
    """Each with its origin, and its cause's id, with `/<k>` where it makes several of a kind."""
    if len(events) == 1:
        ((event, facets),) = events
        return [_original(event, verdict.name, facets, envelope, verdict)]
    ordered = sorted(events, key=lambda pair: _order(pair[0]))
    return [
        _original(event, f"{verdict.name}/{number}", facets, envelope, verdict)
        for number, (event, facets) in enumerate(ordered, 1)
    ]


def _original(event: Event, name: str, facets: dict[str, Fence], envelope: Envelope, verdict: _Verdict) -> Event:
    mine = [fence.time for fence in facets.values() if fence.id == verdict.name]
    time = max(mine) if mine else envelope.time
    return renewed(
        event,
        {
            "id": name,
            "time": time,
            "fences": facets,
            "source": envelope.source,
            "cause": envelope.id,
            "cause_digest": verdict.mark,
            "time_source": envelope.time_source if time == envelope.time else "",
            "trace": envelope.trace,
            "received_at": envelope.received_at,
            "sequence": "",
        },
    )


def _order(event: Event) -> tuple[str, ...]:
    medium = (event.media_type, str(event.interval.start), event.origin) if isinstance(event, VolumeUpdated) else ()
    return (event.topic, event.subject, *medium)


def _fate(envelope: Envelope, verdict: _Verdict, fate: str, reason: str = "") -> Fate:
    """Named after the raw record's place: two deliveries of one event have a fate each."""
    return made(
        Fate,
        {
            "id": f"{envelope.id}@{envelope.position[0]}-{envelope.position[1]}",
            "time": envelope.time,
            "subject": envelope.subject or envelope.id,
            "source": envelope.source,
            "cause": envelope.id,
            "cause_digest": verdict.mark,
            "time_source": envelope.time_source,
            "fences": verdict.moved_on,
            "trace": envelope.trace,
            "received_at": envelope.received_at,
            "fate": fate,
            "reason": reason,
        },
    )
