"""G1's schedules: weekly entries beneath a group, with an ETag that the next write must name."""

from __future__ import annotations

import copy
import hashlib
import json
import zoneinfo
from collections.abc import Iterator
from typing import Any

from sandbox.entities import GROUPS
from sandbox.genesys.guard import Answered, Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.guide.hub import Hub
from sandbox.names import uid
from sandbox.options import Options
from sandbox.world import World

READ = ("schedule:read",)
WRITE = ("schedule:write",)
GROUP = "/api/v2/schedulegroups/{scheduleGroupId}"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NO_PLACES = {"EST", "MST", "HST", "CST", "PST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT", "CET", "EET", "MET", "WET"}
HOLIDAYS = ("Christmas", "New Year")
HOURS: dict[str, tuple[tuple[tuple[str, ...], str, str], ...]] = {
    "Support Hours": ((DAYS[:5], "08:00:00.000", "18:00:00.000"),),
    "Saturday Hours": ((DAYS[5:6], "09:00:00.000", "13:00:00.000"),),
    "Night Desk": (
        ((DAYS[6], *DAYS[:4]), "22:00:00.000", "24:00:00.000"),
        (DAYS[:5], "00:00:00.000", "06:00:00.000"),
    ),
}
"""The same hours as in `sandbox.entities`; what runs over midnight is two entries."""


def etag(resource: Json) -> str:
    """Follows from what is there: a change that is taken back has the old one."""
    digest = hashlib.sha256(json.dumps(resource, sort_keys=True).encode()).hexdigest()
    return f'"{digest[:12]}"'


class Schedules:
    """The operations on working hours. `items`: by (group, schedule)."""

    def __init__(self, options: Options, world: World, hub: Hub) -> None:
        self._options = options
        self._world = world
        self._hub = hub
        self.holidays = {uid("schedule", name): name for name in HOLIDAYS}
        self.items = {(item["scheduleGroupId"], item["id"]): item for item in _schedules(list(self.holidays))}

    def routes(self) -> list[Route]:
        """What is served. The guide shows the schedule itself; lists are beneath their groups."""
        return [
            Route("GET", "/api/v2/schedulegroups", self._groups, READ),
            Route("GET", f"{GROUP}/schedules", self._of_group, READ),
            Route("GET", f"{GROUP}/holidays", self._holidays, READ),
            Route("GET", f"{GROUP}/schedules/{{scheduleId}}", self._read, READ),
            Route("PUT", f"{GROUP}/schedules/{{scheduleId}}", self._write, WRITE),
        ]

    def by_a_person(self, group_id: str, schedule_id: str, **fields: Any) -> Json:
        """Somebody else changes these fields; the next conditional write with the old ETag is a 412."""
        return self._put((group_id, schedule_id), {**self.items[group_id, schedule_id], **fields})

    def remove(self, group_id: str, schedule_id: str) -> None:
        """Somebody else deletes it."""
        del self.items[group_id, schedule_id]

    def _groups(self, call: Call) -> Json:
        shown = [
            {"id": key, "name": group["name"], "timezoneId": group["timeZone"]}
            for key, group in self._world.groups.items()
        ]
        return page(call, shown, self._options.most_on_page)

    def _of_group(self, call: Call) -> Json:
        group_id = self._known_group(call)
        found = [item for (group, _), item in self.items.items() if group == group_id]
        return page(call, found, self._options.most_on_page)

    def _holidays(self, call: Call) -> Json:
        self._known_group(call)
        shown = [{"id": key, "name": name} for key, name in self.holidays.items()]
        return page(call, shown, self._options.most_on_page)

    def _known_group(self, call: Call) -> str:
        group_id = call.parameters["scheduleGroupId"]
        if group_id not in self._world.groups:
            raise not_found("schedule group")
        return group_id

    def _read(self, call: Call) -> Answered:
        item = self.items[self._key(call)]
        return Answered(item, {"ETag": etag(item)})

    def _write(self, call: Call) -> Answered:
        key = self._key(call)
        old = self.items[key]
        if "if-match" not in call.headers:
            raise Refusal(428, "precondition.required", "The header If-Match is required")
        if call.headers["if-match"] != etag(old):
            raise Refusal(412, "precondition.failed", "The schedule was modified since its ETag was read")
        wrong = next(_wrong(call.body, self.holidays), None)
        if wrong:
            raise Refusal(400, "bad.request", wrong)
        kept = {"id": old["id"], "scheduleGroupId": old["scheduleGroupId"]}
        item = self._put(key, {**call.body, **kept})
        return Answered(item, {"ETag": etag(item)})

    def _put(self, key: tuple[str, str], item: Json) -> Json:
        self.items[key] = copy.deepcopy(item)
        self._hub.announce("schedule:updated", key[1], self.items[key])
        return self.items[key]

    def _key(self, call: Call) -> tuple[str, str]:
        key = (call.parameters["scheduleGroupId"], call.parameters["scheduleId"])
        if key not in self.items:
            raise not_found("schedule")
        return key


def _schedules(holidays: list[str]) -> Iterator[Json]:
    for place, zone, opens in GROUPS:
        for name in opens:
            yield {
                "id": uid("schedule", name),
                "scheduleGroupId": uid("schedule-group", f"{place} Support"),
                "name": name,
                "description": None,
                "timezoneId": zone,
                "scheduleEntries": [
                    {"daysOfWeek": list(days), "startTime": start, "endTime": end} for days, start, end in HOURS[name]
                ],
                "holidays": list(holidays),
            }


def _wrong(body: Any, holidays: dict[str, str]) -> Iterator[str]:
    """What the guide's own validation would say."""
    if not isinstance(body, dict) or not body.get("scheduleEntries"):
        yield "scheduleEntries must contain at least one entry"
        return
    if body.get("timezoneId") not in zoneinfo.available_timezones() - NO_PLACES:
        yield f"[{body.get('timezoneId')}] is not a valid IANA timezoneId"
    taken: dict[str, list[tuple[str, str]]] = {}
    for entry in body["scheduleEntries"]:
        start, end = entry["startTime"], entry["endTime"]
        if start >= end:
            yield "startTime must precede endTime"
        for day in entry["daysOfWeek"]:
            if day not in DAYS:
                yield f"Invalid day: {day}"
            if any(start < theirs[1] and theirs[0] < end for theirs in taken.get(day, ())):
                yield f"Overlap detected on {day}"
            taken.setdefault(day, []).append((start, end))
    yield from (f"Holiday [{one}] was not found" for one in body.get("holidays") or () if one not in holidays)
