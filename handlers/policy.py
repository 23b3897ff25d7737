"""The loop's rules, as data, and what an hour of volume says under them. Pure; every clock is the events'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from handlers.events import QueueUpdated, VolumeUpdated

HOUR = timedelta(hours=1)
SPANS_AN_HOUR = timedelta(minutes=59)
REMEMBERED = timedelta(hours=3)
FRESH = timedelta(minutes=15)
"""An hour that ended longer ago than this, by the newest word of its medium, says nothing of the present."""


class Mode(StrEnum):
    """How far the loop goes: it decides and tells, or it also changes queues."""

    OFF = "off"
    OBSERVE = "observe"
    ACT = "act"


@dataclass(frozen=True, slots=True)
class Rule:
    """The e-mail routing guide's rule. Limits are strict: exactly 500 or exactly 85 % is no breach."""

    name: str = "high_volume_sla_breach"
    offered_above: int = 500
    service_level_below: float = 0.85
    step_seconds: float = 15
    floor_seconds: float = 30
    recover_at: float = 0.9
    recover_for: timedelta = timedelta(minutes=5)
    cooldown: timedelta = timedelta(minutes=10)
    changes_per_hour: int = 4
    silence: timedelta = timedelta(minutes=15)
    remind_after: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Selection:
    """What the loop may touch. Empty: everything, which `act` does not accept."""

    ids: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()
    divisions: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, words: Iterable[str]) -> Selection:
        """`name:` patterns (shell style), `division:` ids, `media:` types; anything else is a queue's id."""
        kinds: dict[str, list[str]] = {"": [], "name": [], "division": [], "media": []}
        for word in words:
            kind, colon, rest = word.partition(":")
            if colon and kind in kinds and kind:
                kinds[kind].append(rest.strip())
            else:
                kinds[""].append(word)
        return cls(frozenset(kinds[""]), tuple(kinds["name"]), frozenset(kinds["division"]), frozenset(kinds["media"]))

    def covers(self, queue: QueueUpdated, media_type: str) -> bool:
        """Ids, names and divisions widen the choice of queues, media narrow what is touched on them."""
        if self.media and media_type not in self.media:
            return False
        if not (self.ids or self.names or self.divisions):
            return True
        return (
            queue.queue_id in self.ids
            or queue.division_id in self.divisions
            or any(fnmatchcase(queue.name.casefold(), pattern.casefold()) for pattern in self.names)
        )


@dataclass(frozen=True, slots=True)
class Hour:
    """What came in one hour. `target_seconds` None: the source did not say what it measured against."""

    start: datetime
    end: datetime
    offered: int
    service_level: float
    target_seconds: float | None
    average_wait_seconds: float | None = None

    def seen(self) -> dict[str, object]:
        """As it stands in a decision."""
        return {
            "offered": self.offered,
            "serviceLevel": round(self.service_level, 4),
            "serviceLevelTargetSeconds": self.target_seconds,
            "averageWaitSeconds": self.average_wait_seconds,
            "start": self.start,
            "end": self.end,
        }


class Verdict(StrEnum):
    """What an hour says. UNCLEAR: it was not measured against the baseline's target."""

    BREACH = "breach"
    RECOVERED = "recovered"
    BETWEEN = "between"
    UNCLEAR = "unclear"


def judge(rule: Rule, hour: Hour, baseline_seconds: float, *, adjusted: bool) -> Verdict:
    """Against the baseline's target: a tightened target would hide the recovery that we wait for.

    An hour that does not say its target was measured against the present one, which is the
    baseline's only while nothing is adjusted. Who was in time by a tighter target was in time by the
    baseline's too, so an hour that is good by the tighter one has recovered; a bad one says nothing.
    """
    if hour.offered <= rule.offered_above:
        return Verdict.RECOVERED
    measured = hour.target_seconds
    if measured is not None and measured < baseline_seconds - 0.5:
        return Verdict.RECOVERED if hour.service_level >= rule.recover_at else Verdict.UNCLEAR
    if (measured is None and adjusted) or (measured is not None and measured > baseline_seconds + 0.5):
        return Verdict.UNCLEAR
    if hour.service_level < rule.service_level_below:
        return Verdict.BREACH
    return Verdict.RECOVERED if hour.service_level >= rule.recover_at else Verdict.BETWEEN


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours that the records of one queue and medium cover; each is worked out when it is asked for.

    `runs`: the records of each hour, the newest last. False when there is none.
    """

    runs: Sequence[Sequence[VolumeUpdated]] = ()

    def __bool__(self) -> bool:
        """Whether anything is covered."""
        return bool(self.runs)

    @property
    def newest(self) -> Hour:
        """The one that decides."""
        return _sum(self.runs[-1])

    def back_to(self, moment: datetime) -> Iterator[Hour]:
        """The newest first: every hour that ended later, and the one before those."""
        for run in reversed(self.runs):
            yield (hour := _sum(run))
            if hour.end <= moment:
                return


def hours(records: Iterable[VolumeUpdated]) -> Hours:
    """Every hour that these records of one queue and medium cover without a gap; none when they are old.

    A record that spans an hour speaks for itself; shorter ones of one origin are added up when they
    adjoin, and only where no whole hour is fresh. What lacks a number that is needed, or was told before
    its interval was over, covers nothing: missing or partial volume is neither breach nor recovery.
    Where nothing was offered no service level is needed: nobody waited.
    """
    told = list(records)
    present = max((record.time for record in told), default=None)
    complete = [record for record in told if _is_complete(record)]
    whole = [record for record in complete if _span(record) >= SPANS_AN_HOUR]
    shorter = [record for record in complete if _span(record) < SPANS_AN_HOUR]
    for runs in ([[record] for record in whole], _runs(shorter)):
        found = sorted(runs, key=lambda run: run[-1].interval.end)
        if found and present and found[-1][-1].interval.end >= present - FRESH:
            return Hours(found)
    return Hours()


def _is_complete(record: VolumeUpdated) -> bool:
    is_over = record.final or record.time >= record.interval.end - (HOUR - SPANS_AN_HOUR)
    return is_over and record.offered is not None and (record.service_level is not None or record.offered == 0)


def _span(record: VolumeUpdated) -> timedelta:
    return record.interval.end - record.interval.start


def _runs(records: Sequence[VolumeUpdated]) -> Iterator[list[VolumeUpdated]]:
    """Shorter records that together span an hour, measured against one target."""
    for origin in sorted({record.origin for record in records}):
        parts = sorted((r for r in records if r.origin == origin), key=lambda r: r.interval.start)
        for last in range(len(parts)):
            run = [parts[last]]
            for part in reversed(parts[:last]):
                if run[0].interval.start <= parts[last].interval.end - HOUR:
                    break
                if part.interval.end != run[0].interval.start:
                    break
                run.insert(0, part)
            if parts[last].interval.end - run[0].interval.start >= SPANS_AN_HOUR and len(_targets(run)) == 1:
                yield run


def _targets(run: Sequence[VolumeUpdated]) -> set[float | None]:
    """What was measured against, where anything was."""
    return {record.service_level_target_seconds for record in run if record.offered} or {
        record.service_level_target_seconds for record in run
    }


def _sum(run: Sequence[VolumeUpdated]) -> Hour:
    weights = [record.answered or 0 for record in run]
    levels = [1.0 if record.service_level is None else record.service_level for record in run]
    total = sum(weights)
    level = sum(w * s for w, s in zip(weights, levels, strict=True)) / total if total else min(levels)
    waits = [record.average_wait_seconds for record in run]
    return Hour(
        start=run[0].interval.start,
        end=run[-1].interval.end,
        offered=sum(record.offered or 0 for record in run),
        service_level=level,
        target_seconds=next(iter(_targets(run))),
        average_wait_seconds=waits[0] if len(run) == 1 else None,
    )


Window = Mapping[str, tuple[VolumeUpdated, ...]]
"""By media type: the records of the last three hours, the newest of each interval and origin."""


def remember(window: Window | None, event: VolumeUpdated) -> Window:
    """The fold of `genesys.volume` that the loop keeps: bounded by time, later words replace earlier ones."""
    kept = {(r.origin, r.interval.start, _span(r)): r for r in (window or {}).get(event.media_type, ())}
    kept[event.origin, event.interval.start, _span(event)] = event
    newest = max(record.interval.end for record in kept.values())
    records = tuple(record for record in kept.values() if record.interval.end > newest - REMEMBERED)
    return {**(window or {}), event.media_type: records}
