"""WFM notifications say that shifts changed, never how: look there. Their answer becomes an agent's shifts in UTC."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from handlers.events import Activity, Shift, ShiftsUpdated
from handlers.normalise.reading import Candidate, Context, Data, Look, Reading, look
from handlers.normalise.words import identifier, mapping, number, objects, reference, required_moment
from processor.errors import PoisonError
from processor.event import Fence, Raw, Written, blank
from processor.instants import instant
from processor.shapes import document
from processor.timezones import UnknownZone, zone

SHIFTS = "shifts"
LONGEST_MINUTES = 60 * 24 * 60


def read_agent_schedules(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.users.{id}.workforcemanagement.schedules` and `.timeoffrequests`: this agent's shifts may differ now."""
    if not raw.subject.startswith("agent/"):
        raise PoisonError("nobody says whose schedule changed", "user.id")
    return Reading(lookups=(_look(raw, raw.subject, body),))


def read_unit_changes(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`…managementunits.{id}.agentschedules.changed`: these agents' shifts."""
    agents = objects(body.get("agents"))
    found = {identifier(agent.get("agentId")): agent for agent in agents if identifier(agent.get("agentId"))}
    if not found:
        return _whole_unit(raw) if not agents else Reading(ignored="no agent is named")
    return Reading(lookups=tuple(_look(raw, f"agent/{name}", span) for name, span in found.items()))


def read_business_unit(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`…businessunits.{id}.schedules`: the agents named in it, else all of the units, else of the business unit."""
    if body.get("status") != "Complete":
        return Reading(ignored=f"the operation is {str(body.get('status'))[:40]}")
    result = mapping(body.get("result"))
    if result.get("published") is False:
        return Reading(ignored="the schedule is not published")
    looks: dict[str, Look] = {}
    for unit in objects(result.get("managementUnits")):
        named = [reference(agent) for agent in objects(unit.get("agents"))]
        for name in filter(None, named):
            looks[name] = _look(raw, f"agent/{name}", unit)
        where = reference(unit.get("managementUnit"))
        if where and not any(named):
            looks[where] = _all_of(raw, f"management-unit/{where}")
    return Reading(lookups=tuple(looks.values())) if looks else _whole_unit(raw)


def read_management_unit(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`…managementunits.{id}.schedules`: which agents it does not say."""
    if body.get("status") != "Complete":
        return Reading(ignored=f"the operation is {str(body.get('status'))[:40]}")
    return _whole_unit(raw)


def read_search_result(_: Raw, __: Mapping[str, Any], ___: Context) -> Reading:
    """`…users.{id}.schedules.search`: the answer to a question that somebody asked."""
    return Reading(ignored="the result of somebody's search, which whoever asked collects")


def read_intraday(_: Raw, __: Mapping[str, Any], ___: Context) -> Reading:
    """`…workforcemanagement.intraday`: forecasts; what really came stands in genesys.volume."""
    return Reading(ignored="a forecast, which we do not publish")


def read_answer(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`answer.shifts`: `{userId, timeZone, from, to, shifts[], activityCodes?, fullDayTimeOffMarkers?}` or deleted."""
    subject = raw.subject
    deleted = bool(body.get("deleted"))
    start, end = (
        raw.time if deleted and name not in body else instant(required_moment(body, name, name))
        for name in ("from", "to")
    )
    codes = {str(code): str(name) for code, name in mapping(body.get("activityCodes")).items()}
    shifts = sorted((_shift(shift, codes) for shift in objects(body.get("shifts"))), key=lambda one: one.start)
    told = {
        **blank(ShiftsUpdated),
        "userId": subject.removeprefix("agent/"),
        "timeZone": _zone_name(body.get("timeZone")),
        "from": start,
        "to": end,
        "shifts": [document(shift) for shift in shifts],
        "deleted": deleted,
    }

    def merge(previous: Written | None, _: Collection[str]) -> Data | None:
        return None if deleted and previous is None else told  # nobody was told of an agent who has no shifts

    return Reading((Candidate(ShiftsUpdated, subject, {SHIFTS: Fence(raw.time, 0, raw.id)}, merge),))


def _zone_name(name: object) -> str:
    """Shifts are in UTC already; a zone nobody knows is no reason to lose them."""
    try:
        return zone(name).key
    except UnknownZone:
        return "UTC"


def _shift(body: Mapping[str, Any], codes: Mapping[str, str]) -> Shift:
    """The guide's shift is its two ends and nothing in between."""
    if "startTime" in body and "startDate" not in body:
        start, end = (required_moment(body, name, f"shifts.{name}") for name in ("startTime", "endTime"))
        if end < start:
            raise PoisonError("a shift that ends before it begins", "shifts.endTime")
        return Shift(id=identifier(body.get("id")) or start.isoformat(), start=start, end=end)
    start, end = _span(body, "shifts.startDate", "shifts.lengthMinutes")
    activities = sorted((_activity(one, codes) for one in objects(body.get("activities"))), key=lambda one: one.start)
    return Shift(id=identifier(body.get("id")) or start.isoformat(), start=start, end=end, activities=tuple(activities))


def _activity(body: Mapping[str, Any], codes: Mapping[str, str]) -> Activity:
    start, end = _span(body, "shifts.activities.startDate", "shifts.activities.lengthMinutes")
    code, text, paid = identifier(body.get("activityCodeId")), body.get("description"), body.get("paid")
    return Activity(
        start=start,
        end=end,
        code=code,
        description=text if isinstance(text, str) and text else codes.get(code, ""),
        paid=paid if isinstance(paid, bool) else None,
    )


def _span(body: Mapping[str, Any], start_field: str, length_field: str) -> tuple[datetime, datetime]:
    """Lengths count absolute minutes: nothing to do with the clocks of any zone."""
    start, minutes = required_moment(body, "startDate", start_field), number(body.get("lengthMinutes"))
    if minutes is None or not 0 <= minutes <= LONGEST_MINUTES:
        raise PoisonError(f"{length_field} should be minutes, found {body.get('lengthMinutes')!r:.80}", length_field)
    return start, start + timedelta(minutes=minutes)


def _look(raw: Raw, subject: str, span: Mapping[str, Any]) -> Look:
    touched = {name: span[key] for name, key in (("from", "startDate"), ("to", "endDate")) if identifier(span.get(key))}
    return look(raw, "shifts", raw.type, subject=subject, details=touched)


def _all_of(raw: Raw, subject: str) -> Look:
    return look(raw, "agents-of", raw.type, subject=subject, details={"then": "shifts"})


def _whole_unit(raw: Raw) -> Reading:
    if not raw.subject:
        raise PoisonError("nobody says of which unit", "subject")
    return Reading(lookups=(_all_of(raw, raw.subject),))
