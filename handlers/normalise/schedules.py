"""Schedules as Genesys or the guides write them → the opening hours of a group in effect over the horizon.

Open less closed less holidays, as Genesys evaluates a group. Each pattern carries its own zone:
that of the group for official schedules, its own for the guides' callbacks, of which a group
holds those that were seen. What is published is worked out from `schedules[]` alone, so that the
horizon moves on without anybody being asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from handlers.events import SchedulePattern, ScheduleUpdated
from handlers.normalise.effective import in_effect
from handlers.normalise.hours import horizon_at
from handlers.normalise.reading import Candidate, Context, Data, Merge, Reading, look
from handlers.normalise.words import identifier, mapping, objects, reference, version
from processor.errors import PoisonError
from processor.event import Fence, Raw, Written, blank
from processor.shapes import document
from processor.timezones import zone

GROUP = "group"
"""The facet of what a group says about itself; each schedule is a facet of its own, `schedule/<id>`."""

HORIZON = "horizon"
GONE = frozenset({"deleted", "inactive"})
ROLES = (("open", "openSchedules"), ("closed", "closedSchedules"), ("holiday", "holidaySchedules"))
NO_PATTERN: Data = document(SchedulePattern(schedule_id="", time_zone="UTC", pattern={}))
RANK = {role: n for n, (role, _) in enumerate(ROLES)}


def facet(schedule_id: str) -> str:
    """The facet under which a schedule's fence stands."""
    return f"schedule/{schedule_id}"


def read_guide(raw: Raw, body: Mapping[str, Any], context: Context) -> Reading:
    """G1's `schedule:updated`: one schedule of a group, with its own zone, days and holiday ids.

    A body that only names the schedule is a look-here. An entry that does not end after it
    starts is an overnight one here (the far side has it; a request for one is refused).
    Raises PoisonError at `timezoneId`, `scheduleGroupId` or the entry's field.
    """
    schedule = _innermost(body)
    group_id = _group_id(raw, schedule)
    if schedule.get("scheduleEntries") is None and schedule.get("timezoneId") is None:
        where = f"schedule-group/{group_id}"
        named = identifier(schedule.get("scheduleId")) or identifier(schedule.get("id"))
        which = {"scheduleIds": [named]} if named else {}
        return Reading(lookups=(look(raw, "schedule-group", raw.type, subject=where, details=which),))
    pattern = _guide_pattern(schedule, "open")
    _hours((pattern,), context)
    schedule_id, fence = pattern["scheduleId"], Fence(raw.time, version(schedule.get("version")))

    def merge(previous: Written | None, _: Collection[str]) -> Data:
        if previous and GROUP in previous.fences and not previous.fences[GROUP].admits(fence):
            return expand(previous.data, context)  # the whole group was asked for later than this was written
        group = previous.data if previous else _blank(group_id)
        schedules = _ordered([*(one for one in group["schedules"] if one["scheduleId"] != schedule_id), pattern])
        told_itself = previous is not None and GROUP in previous.fences
        told = {
            "schedules": schedules,
            "timeZone": group["timeZone"] if told_itself else schedules[0]["timeZone"],
            "deleted": False,
        }
        return expand({**group, **told}, context)

    subject = f"schedule-group/{group_id}"
    return Reading((Candidate(ScheduleUpdated, subject, {facet(schedule_id): fence}, merge),))


def read_one(raw: Raw, body: Mapping[str, Any], context: Context) -> Reading:
    """`answer.schedule`: one of the guide's schedules as it is now, or `{id, scheduleGroupId, deleted: true}`."""
    if not body.get("deleted"):
        return read_guide(raw, body, context)
    schedule_id = identifier(body.get("id"))

    def merge(previous: Written | None, _: Collection[str]) -> Data | None:
        if previous is None or previous.data["deleted"]:
            return None
        kept = [one for one in previous.data["schedules"] if one["scheduleId"] != schedule_id]
        return expand({**previous.data, "schedules": kept}, context)

    subject = f"schedule-group/{_group_id(raw, body)}"
    return Reading((Candidate(ScheduleUpdated, subject, {facet(schedule_id): Fence(raw.time)}, merge),))


def read_answer(raw: Raw, body: Mapping[str, Any], context: Context) -> Reading:
    """`answer.schedule-group`: `{group, schedules[]}` as Genesys has them now, or `{deleted: true}`.

    The whole group as of the question: it replaces every pattern, but for those of which a later
    callback was seen. A schedule that the group names and the answer lacks stands in `exceptions`
    without a date. Raises PoisonError at `timeZone`, `start`, `end` or `rrule`.
    """
    group = mapping(body.get("group"))
    group_id = identifier(group.get("id")) or _subject_id(raw)
    subject = f"schedule-group/{group_id}"
    fence = Fence(raw.time)
    if body.get("deleted") or str(group.get("state")) in GONE:
        return Reading((Candidate(ScheduleUpdated, subject, {GROUP: fence}, _deletion(group_id, context)),))
    patterns = _answered(group, objects(body.get("schedules")))
    _hours(_ordered(patterns), context)
    name, where = str(group.get("name") or ""), zone(group.get("timeZone"), "timeZone").key

    def merge(previous: Written | None, news: Collection[str]) -> Data:
        if previous and GROUP not in news:
            return expand(previous.data, context)  # a later answer may have left out what this one has
        before = previous.data if previous else _blank(group_id)
        known = {(one["role"], one["scheduleId"]): one for one in before["schedules"]}
        kept = [
            one if facet(one["scheduleId"]) in news else known.get((one["role"], one["scheduleId"]), one)
            for one in patterns
        ]
        told = {"schedules": _ordered(kept), "name": name, "timeZone": where, "deleted": False}
        return expand({**before, **told}, context)

    facets = {GROUP: fence, **{facet(one["scheduleId"]): fence for one in patterns}}
    return Reading((Candidate(ScheduleUpdated, subject, facets, merge),))


def read_horizon(raw: Raw, _: Mapping[str, Any], context: Context) -> Reading:
    """A new day has begun: the same patterns over the horizon as it is now."""

    def merge(previous: Written | None, _: Collection[str]) -> Data | None:
        return None if previous is None or previous.data["deleted"] else expand(previous.data, context)

    return Reading((Candidate(ScheduleUpdated, raw.subject, {HORIZON: Fence(raw.time)}, merge),))


def expand(group: Data, context: Context) -> Data:
    """The same patterns, with hours, exceptions and horizon as of now; the same all day long."""
    return {**group, **_hours(group["schedules"], context)}


def _hours(schedules: Iterable[Data], context: Context) -> Data:
    return in_effect(schedules, horizon_at(context.now(), context.horizon), context.holidays)


def _deletion(group_id: str, context: Context) -> Merge:
    def merge(previous: Written | None, _: Collection[str]) -> Data:
        if previous and previous.data["deleted"]:
            return previous.data
        before = previous.data if previous else _blank(group_id)
        return expand({**before, "schedules": [], "deleted": True}, context)

    return merge


def _blank(group_id: str) -> Data:
    """What a merge starts from; the horizon is set by `expand`."""
    return {**blank(ScheduleUpdated), "groupId": group_id}


def _innermost(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schedule itself, in whichever wrapper the callback has it."""
    if "scheduleEntries" not in body and "timezoneId" not in body:
        for name in ("data", "schedule", "resource", "entity", "payload"):
            inner = body.get(name)
            if isinstance(inner, Mapping):
                return {**{key: body[key] for key in ("scheduleId", "scheduleGroupId") if key in body}, **inner}
    return body


def _group_id(raw: Raw, schedule: Mapping[str, Any]) -> str:
    found = identifier(schedule.get("scheduleGroupId")) or _subject_id(raw)
    if not found:
        raise PoisonError("a schedule without its group: nobody's hours can be said from it", "scheduleGroupId")
    return found


def _subject_id(raw: Raw) -> str:
    kind, _, found = raw.subject.partition("/")
    return found if kind == "schedule-group" else ""


def _guide_pattern(schedule: Mapping[str, Any], role: str) -> Data:
    schedule_id = identifier(schedule.get("scheduleId")) or identifier(schedule.get("id"))
    if not schedule_id:
        raise PoisonError("a schedule without an id", "id")
    entries = schedule.get("scheduleEntries")
    if entries is None:
        raise PoisonError("a schedule without its weekly entries", "scheduleEntries")
    holidays = schedule.get("holidays") or []
    ids = [reference(one) for one in holidays] if isinstance(holidays, list) else [""]
    if not all(ids):
        raise PoisonError("holidays is no list of holiday ids", "holidays")
    return {
        **NO_PATTERN,
        "scheduleId": schedule_id,
        "name": str(schedule.get("name") or ""),
        "role": role,
        "timeZone": zone(schedule.get("timezoneId"), "timezoneId").key,
        "pattern": {"entries": entries},
        "holidays": ids,
    }


def _answered(group: Mapping[str, Any], schedules: Iterable[Mapping[str, Any]]) -> list[Data]:
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
) -> Data:
    if "scheduleEntries" in schedule:
        return _guide_pattern(schedule, role)
    there = schedule and str(schedule.get("state")) not in GONE
    written = {"start": schedule.get("start"), "end": schedule.get("end"), "rrule": schedule.get("rrule") or ""}
    return {
        **NO_PATTERN,
        "scheduleId": schedule_id,
        "name": str(schedule.get("name") or ref.get("name") or ""),
        "role": role,
        "timeZone": where,
        "pattern": written if there else {},
    }


def _ordered(schedules: Iterable[Data]) -> list[Data]:
    """The same whatever order Genesys lists them in: unchanged meaning gives unchanged bytes."""
    return sorted(schedules, key=lambda one: (RANK[one["role"]], one["scheduleId"]))
