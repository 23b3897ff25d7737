"""The one writer of the clean topics: is what a payload says news, and what do we call it?

Every raw record ends as clean records, look-heres, or one fate that says why not; or it raises
PoisonError and rests among the dead letters. All that is remembered is read back from the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pydantic

from handlers.events import (
    CampaignUpdated,
    Fate,
    Lookup,
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
from handlers.normalise.forms import UNKNOWN, body_of
from handlers.normalise.readers import READERS
from handlers.normalise.reading import Candidate, Context, Data, Reader, Reading
from handlers.normalise.words import DEEPEST, ahead, too_deep
from processor.errors import PoisonError
from processor.event import Event, Fence, Raw, Written, digest
from processor.table import States, Table
from processor.verbatim import glance, read

Rows = Table[Written, Row]

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
    states = States(glance, fences.pass_by, fences.keep_state)
    found = {event.topic: Rows(event, fold=fences.remember_state, read=read, states=states) for event in STATES}
    volume = Rows(VolumeUpdated, fold=fences.remember_volume, read=read, since=fences.LOADED)
    fates = Rows(Fate, fold=fences.remember_fate, read=read, since=fences.LOADED)
    return {**found, volume.topic: volume, fates.topic: fates}


Unnamed = tuple[type[Event], str, Data, Mapping[str, Fence]]
"""What will be published, before it is said what it is called and where it came from: kind, subject, data, fences."""

NO_FENCES: Mapping[str, Fence] = {}


@dataclass(slots=True)
class _Verdict:
    """What has been found about one raw record so far."""

    name: str
    """The event's id, marked where the same id was seen with another body."""
    mark: str
    clean: list[Unnamed] = field(default_factory=list)
    moved_on: dict[str, Fence] = field(default_factory=dict)
    """Facets that are newer though they say the same."""
    stale: bool = False
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Normalise:
    """Raw record → clean records, look-heres, or the fate. `readers`: by the record's type."""

    context: Context
    known: Mapping[str, Rows] = field(default_factory=tables)
    readers: Mapping[str, Reader] = field(default_factory=lambda: READERS)

    @property
    def tables(self) -> tuple[Rows, ...]:
        """What the group that runs this owns."""
        return tuple(self.known.values())

    def __call__(self, raw: Raw) -> list[Written]:
        """Raises PoisonError, naming the field, for what nobody knows and what lacks what its type promises."""
        reader = self.readers.get(raw.type)
        if reader is None:
            told = "nothing in it says what it is" if raw.type == UNKNOWN else raw.type
            raise PoisonError(f"no event that we know: {told}", "type")
        if ahead(raw.time, raw.received_at):  # it would fence out all that really comes after it
            raw = raw._replace(time=raw.received_at, time_source="received")
        value = parse(raw.data)
        if raw.data.count(b"{") + raw.data.count(b"[") > DEEPEST and too_deep(value):
            raise PoisonError(f"nested deeper than {DEEPEST} levels", "body")
        body = value if raw.type.startswith("answer.") else body_of(value, raw.type)
        if not isinstance(body, dict):
            raise PoisonError("the body should be an object", "body")
        try:
            return self._publish(raw, reader(raw, body, self.context))
        except pydantic.ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise PoisonError(f"{place}: {first['msg']}", place) from error

    def _publish(self, raw: Raw, reading: Reading) -> list[Written]:
        verdict = _Verdict(raw.id, _mark(raw))
        for candidate in reading.candidates:
            self._judge(raw, candidate, verdict)
        if verdict.clean:
            clean = _named(verdict.clean, raw, verdict)
            return clean + _look_heres(reading, raw, verdict) if reading.lookups else clean
        if verdict.duplicate or verdict.stale:
            return [_fate(raw, verdict, "duplicate" if verdict.duplicate else "stale")]
        if reading.lookups:
            if self._looked_up(raw, verdict):
                return [_fate(raw, verdict, "duplicate")]
            return [*_look_heres(reading, raw, verdict), _fate(raw, verdict, "looked-up")]
        if verdict.moved_on:
            return [_fate(raw, verdict, "coalesced", "it says what is known already")]
        return [_fate(raw, verdict, "ignored", reading.ignored or "nothing in it that we publish")]

    def _judge(self, raw: Raw, candidate: Candidate, verdict: _Verdict) -> None:
        subject = candidate.subject
        if subject != raw.subject:
            raise PoisonError(f"about {subject:.80}, but filed under {raw.subject:.80}", "subject")
        row = self.known[candidate.event.topic].get(subject) or NOTHING
        moved_on = self.known[Fate.topic].get(subject) or NOTHING
        if known := row.known.get(raw.id):
            if verdict.mark not in known.digests:
                verdict.name = f"{raw.id}~{verdict.mark}"
            elif _third(raw, candidate, row, moved_on):
                verdict.name = f"{raw.id}@{raw.position[0]}-{raw.position[1]}"
            else:
                verdict.duplicate = True
                return
        news = {}
        undated = (
            raw.time_source == "received"
        )  # nothing but its receipt says when: at equal times the log's order does
        for name, fence in fences.named(candidate.facets, verdict.name).items():
            last = fences.newest(row, moved_on, name)
            if last is None or fence > last or (undated and fence.time == last.time):
                news[name] = fence
        if not news:
            verdict.stale = True
            return
        self._merge(candidate, row, news, verdict)

    def _merge(self, candidate: Candidate, row: Row, news: Mapping[str, Fence], verdict: _Verdict) -> None:
        merged = candidate.merge(row.last, news)
        if merged is None:
            return
        moments = candidate.event is VolumeUpdated
        if moments:
            merged = self._judged_against(candidate.subject, merged)
            unchanged = all(fences.told_already(row, name, merged) for name in news)
        else:
            unchanged = row.last is not None and fences.same_meaning(row.last.data, merged)
        if unchanged:
            verdict.moved_on.update(news)
            return
        facets = news if moments else {**row.fences, **news}
        verdict.clean.append((candidate.event, candidate.subject, merged, facets))

    def _judged_against(self, subject: str, volume: Data) -> Data:
        """What Genesys counts by itself it judges against the queue's present target, which it does not repeat."""
        if volume["serviceLevel"] is None or volume["serviceLevelTargetSeconds"] is not None:
            return volume
        row = self.known[QueueUpdated.topic].get(subject)
        level = row.last.data["mediaTypes"].get(volume["mediaType"]) if row and row.last else None
        return {**volume, "serviceLevelTargetSeconds": level["serviceLevelSeconds"]} if level else volume

    def _looked_up(self, raw: Raw, verdict: _Verdict) -> bool:
        """Whether this very event was handed to look-ups before."""
        row = self.known[Fate.topic].get(raw.subject or raw.id)
        known = row.known.get(raw.id) if row else None
        return known is not None and verdict.mark in known.digests


def _mark(raw: Raw) -> str:
    """The start of the body's digest; blanks around the body are nothing that a sender says."""
    words = raw.data.strip()
    known = raw.digest if len(words) == len(raw.data) else ""
    return (known or digest(words))[:8]


def _third(raw: Raw, candidate: Candidate, row: Row, moved_on: Row) -> bool:
    """A, B, A: the words of an event without id and time come again after others about the same facet."""
    if raw.time_source != "received" or not raw.id.startswith(DIGEST_ID):
        return False
    last = [fences.newest(row, moved_on, name) for name in candidate.facets]
    return not any(fence and fence.id.partition("@")[0] == raw.id for fence in last)


def _named(events: list[Unnamed], raw: Raw, verdict: _Verdict) -> list[Written]:
    """Each with its origin, and its cause's id, with `/<k>` where it makes several of a kind."""
    if len(events) == 1:
        return [_original(events[0], verdict.name, raw, verdict)]
    return [
        _original(event, f"{verdict.name}/{number}", raw, verdict)
        for number, event in enumerate(sorted(events, key=_order), 1)
    ]


def _original(event: Unnamed, name: str, raw: Raw, verdict: _Verdict) -> Written:
    kind, subject, data, facets = event
    time = ""
    for at, _, by in facets.values():
        if by == name and at > time:
            time = at
    time = time or raw.time
    return Written(
        kind,
        name,
        time,
        subject,
        data,
        raw.source,
        raw.id,
        verdict.mark,
        raw.time_source if time == raw.time else "",
        facets,
        raw.trace,
        raw.received_at,
    )


def _look_heres(reading: Reading, raw: Raw, verdict: _Verdict) -> list[Written]:
    return _named([(Lookup, *look, NO_FENCES) for look in reading.lookups], raw, verdict)


def _order(event: Unnamed) -> tuple[str, ...]:
    kind, subject, data, _ = event
    if kind is not VolumeUpdated:
        return (kind.topic, subject)
    return (kind.topic, subject, data["mediaType"], data["interval"]["start"], data["origin"])


def _fate(raw: Raw, verdict: _Verdict, fate: str, reason: str = "") -> Written:
    """Named after the raw record's place: two deliveries of one event have a fate each."""
    return Written(
        Fate,
        f"{raw.id}@{raw.position[0]}-{raw.position[1]}",
        raw.time,
        raw.subject or raw.id,
        {"fate": fate, "reason": reason},
        raw.source,
        raw.id,
        verdict.mark,
        raw.time_source,
        verdict.moved_on,
        raw.trace,
        raw.received_at,
    )
