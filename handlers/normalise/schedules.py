"""Schedules as Genesys or the guides write them → the opening hours of a group in effect over the horizon.

Open less closed less holidays, as Genesys evaluates a group. Each pattern carries its own zone:
that of the group for official schedules, its own for the guides' callbacks, of which a group
holds those that were seen. What is published is worked out from `schedules[]` alone, so that the
horizon moves on without anybody being asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from handlers.events import SchedulePattern, ScheduleUpdated
from handlers.normalise.effective import effective
from handlers.normalise.hours import horizon_at
from handlers.normalise.reading import Candidate, Context, Reading, look
from handlers.normalise.words import identifier, mapping, objects
from processor.errors import PoisonError
from processor.event import Envelope, Fence
from processor.shapes import renewed
from processor.timezones import zone

GROUP = "group"
"""The facet of what a group says about itself; each schedule is a facet of its own, `schedule/<id>`."""

HORIZON = "horizon"
GONE = frozenset({"deleted", "inactive"})
ROLES = (("open", "openSchedules"), ("closed", "closedSchedules"), ("holiday", "holidaySchedules"))


def facet(schedule_id: str) -> str:
    """The facet under which a schedule's fence stands."""
    return f"schedule/{schedule_id}"


def read_guide(envelope: Envelope, body: Mapping[str, Any], context: Context) -> Reading:
    """G1's `schedule:updated`: one schedule of a group, with its own zone, days and holiday ids.

    A body that only names the schedule is a look-here. An entry that does not end after it
    starts is an overnight one here (the far side has it; a request for one is refused).
    Raises PoisonError at `timezoneId`, `scheduleGroupId` or the entry's field.
    """
    schedule = _innermost(body)
    group_id = _group_id(envelope, schedule)
    if schedule.get("scheduleEntries") is None and schedule.get("timezoneId") is None:
        where = f"schedule-group/{group_id}"
        named = identifier(schedule.get("scheduleId")) or identifier(schedule.get("id"))
        which = {"scheduleIds": [named]} if named else {}
        return Reading(lookups=(look(envelope, "schedule-group", envelope.type, subject=where, details=which),))
    pattern = _guide_pattern(schedule, "open")
    effective((pattern,), horizon_at(context.now(), context.horizon), context.holidays)
    fence = Fence(time=envelope.time, version=_version(schedule))

    def merge(previous: ScheduleUpdated | None, _: frozenset[str]) -> ScheduleUpdated:
        if previous and GROUP in previous.fences and not previous.fences[GROUP].admits(fence):
            return expand(previous, context)  # the whole group was asked for later than this was written
        known = previous.schedules if previous and not previous.deleted else ()
        others = [one for one in known if one.schedule_id != pattern.schedule_id]
        whole = renewed(
            _blank(envelope, group_id, previous),
            {
                "schedules": _ordered([*others, pattern]),
                "time_zone": previous.time_zone if previous and others else pattern.time_zone,
                "deleted": False,
            },
        )
        return expand(whole, context)

    return Reading(
        (Candidate(ScheduleUpdated, f"schedule-group/{group_id}", {facet(pattern.schedule_id): fence}, merge),)
    )


def read_one(envelope: Envelope, body: Mapping[str, Any], context: Context) -> Reading:
    """`answer.schedule`: one of the guide's schedules as it is now, or `{id, scheduleGroupId, deleted: true}`."""
    if not body.get("deleted"):
        return read_guide(envelope, body, context)
    schedule_id = identifier(body.get("id"))

    def merge(previous: ScheduleUpdated | None, _: frozenset[str]) -> ScheduleUpdated | None:
        if previous is None or previous.deleted:
            return None
        kept = tuple(one for one in previous.schedules if one.schedule_id != schedule_id)
        return expand(renewed(previous, {"schedules": kept}), context)

    subject = f"schedule-group/{_group_id(envelope, body)}"
    return Reading((Candidate(ScheduleUpdated, subject, {facet(schedule_id): Fence(time=envelope.time)}, merge),))


def read_answer(envelope: Envelope, body: Mapping[str, Any], context: Context) -> Reading:
    """`answer.schedule-group`: `{group, schedules[]}` as Genesys has them now, or `{deleted: true}`.

    The whole group as of the question: it replaces every pattern, but for those of which a later
    callback was seen. A schedule that the group names and the answer lacks stands in `exceptions`
    without a date. Raises PoisonError at `timeZone`, `start`, `end` or `rrule`.
    """
    group = mapping(body.get("group"))
    group_id = identifier(group.get("id")) or _subject_id(envelope)
    subject = f"schedule-group/{group_id}"
    fence = Fence(time=envelope.time)
    if body.get("deleted") or str(group.get("state")) in GONE:
        return Reading((Candidate(ScheduleUpdated, subject, {GROUP: fence}, _deletion(envelope, group_id, context)),))
    patterns = _answered(group, objects(body.get("schedules")))
    effective(_ordered(patterns), horizon_at(context.now(), context.horizon), context.holidays)
    name, where = str(group.get("name") or ""), zone(group.get("timeZone"), "timeZone").key

    def merge(previous: ScheduleUpdated | None, news: frozenset[str]) -> ScheduleUpdated:
        if previous and GROUP not in news:
            return expand(previous, context)  # a later answer may have left out what this one has
        known = {(one.role, one.schedule_id): one for one in (previous.schedules if previous else ())}
        kept = [
            one if facet(one.schedule_id) in news else known.get((one.role, one.schedule_id), one) for one in patterns
        ]
        update = {"schedules": _ordered(kept), "name": name, "time_zone": where, "deleted": False}
        return expand(renewed(_blank(envelope, group_id, previous), update), context)

    facets = {GROUP: fence, **{facet(one.schedule_id): fence for one in patterns}}
    return Reading((Candidate(ScheduleUpdated, subject, facets, merge),))


def read_horizon(envelope: Envelope, _: Mapping[str, Any], context: Context) -> Reading:
    """A new day has begun: the same patterns over the horizon as it is now."""

    def merge(previous: ScheduleUpdated | None, _: frozenset[str]) -> ScheduleUpdated | None:
        return None if previous is None or previous.deleted else expand(previous, context)

    fence = Fence(time=envelope.time)
    return Reading((Candidate(ScheduleUpdated, envelope.subject, {HORIZON: fence}, merge),))


def expand(previous: ScheduleUpdated, context: Context) -> ScheduleUpdated:
    """The same patterns, with hours, exceptions and horizon as of now; the same all day long."""
    horizon = horizon_at(context.now(), context.horizon)
    hours, exceptions = effective(previous.schedules, horizon, context.holidays)
    return renewed(previous, {"intervals": hours, "exceptions": exceptions, "horizon": horizon})


def _deletion(
    envelope: Envelope, group_id: str, context: Context
) -> Callable[[ScheduleUpdated | None, frozenset[str]], ScheduleUpdated]:
    def merge(previous: ScheduleUpdated | None, _: frozenset[str]) -> ScheduleUpdated:
        if previous and previous.deleted:
            return previous
        blank = _blank(envelope, group_id, previous)
        return expand(renewed(blank, {"schedules": (), "deleted": True}), context)

    return merge


def _blank(envelope: Envelope, group_id: str, previous: ScheduleUpdated | None) -> ScheduleUpdated:
    """What a merge starts from. The horizon is set by `expand`, ids and the rest by Normalise."""
    if previous:
        return previous
    return ScheduleUpdated(
        id=envelope.id,
        time=envelope.time,
        subject=f"schedule-group/{group_id}",
        group_id=group_id,
        horizon=horizon_at(envelope.time, timedelta()),
    )


def _innermost(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schedule itself, in whichever wrapper the callback has it."""
    if "scheduleEntries" not in body and "timezoneId" not in body:
        for name in ("data", "schedule", "resource", "entity", "payload"):
            inner = body.get(name)
            if isinstance(inner, Mapping):
                return {**{key: body[key] for key in ("scheduleId", "scheduleGroupId") if key in body}, **inner}
    return body


def _group_id(envelope: Envelope, schedule: Mapping[str, Any]) -> str:
    found = identifier(schedule.get("scheduleGroupId")) or _subject_id(envelope)
    if not found:
        raise PoisonError("a schedule without its group: nobody's hours can be said from it", "scheduleGroupId")
    return found


def _subject_id(envelope: Envelope) -> str:
    kind, _, found = envelope.subject.partition("/")
    return found if kind == "schedule-group" else ""


def _guide_pattern(schedule: Mapping[str, Any], role: str) -> SchedulePattern:
    schedule_id = identifier(schedule.get("scheduleId")) or identifier(schedule.get("id"))
    if not schedule_id:
        raise PoisonError("a schedule without an id", "id")
    entries = schedule.get("scheduleEntries")
    if entries is None:
        raise PoisonError("a schedule without its weekly entries", "scheduleEntries")
    holidays = schedule.get("holidays") or []
    if not isinstance(holidays, list):
        raise PoisonError("holidays is no list of holiday ids", "holidays")
    return SchedulePattern(
        schedule_id=schedule_id,
        name=str(schedule.get("name") or ""),
        role=role,
        time_zone=zone(schedule.get("timezoneId"), "timezoneId").key,
        pattern={"entries": entries},
        holidays=tuple(str(one) for one in holidays),
    )


def _answered(group: Mapping[str, Any], schedules: Iterable[Mapping[str, Any]]) -> list[SchedulePattern]:
    bodies = {identifier(one.get("id")): one for one in schedules}
    where = zone(group.get("timeZone"), "timeZone").key
    found = []
    for role, listed in ROLES:
        for ref in objects(group.get(listed)):
            schedule_id = identifier(ref.get("id"))
            if not schedule_id:
                raise PoisonError("a group names a schedule without an id", f"{listed}.id")
            found.append(_official_pattern(schedule_id, ref, bodies.get(schedule_id, {}), role, where))
    return found


def _official_pattern(
    schedule_id: str, ref: Mapping[str, Any], schedule: Mapping[str, Any], role: str, where: str
) -> SchedulePattern:
    if "scheduleEntries" in schedule:
        return _guide_pattern(schedule, role)
    there = schedule and str(schedule.get("state")) not in GONE
    written = {"start": schedule.get("start"), "end": schedule.get("end"), "rrule": schedule.get("rrule") or ""}
    return SchedulePattern(
        schedule_id=schedule_id,
        name=str(schedule.get("name") or ref.get("name") or ""),
        role=role,
        time_zone=where,
        pattern=written if there else {},
    )


def _version(schedule: Mapping[str, Any]) -> int:
    """ETags are opaque and say nothing about order; a number does."""
    version = schedule.get("version")
    return version if isinstance(version, int) else 0


def _ordered(schedules: Iterable[SchedulePattern]) -> tuple[SchedulePattern, ...]:
    """The same whatever order Genesys lists them in: unchanged meaning gives unchanged bytes."""
    rank = {role: n for n, (role, _) in enumerate(ROLES)}
    return tuple(sorted(schedules, key=lambda one: (rank[one.role], one.schedule_id)))
