"""Working hours in the official API: an architect schedule recurs on the clocks of the groups that refer to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from processor.clients.api import Api, NotFound, Reply
from processor.clients.genesys.inbound import INBOUND, any_of
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.schedules import Arrivals, Form, Place, Use
from processor.clients.genesys.pages import chunks, entities, path_id
from processor.event import instant

CHANGEABLE = ("name", "description", "start", "end", "rrule")
TOLD_BY_GENESYS = {"dateCreated", "dateModified", "createdBy", "modifiedBy", "state", "selfUri"} | {
    "createdByApp",
    "modifiedByApp",
}
ROLES = (("open", "openSchedules"), ("closed", "closedSchedules"), ("holiday", "holidaySchedules"))
GROUPS = "/api/v2/architect/schedulegroups"
AGGREGATES = "/api/v2/analytics/conversations/aggregates/query"
QUEUES_AT_ONCE = 50


class Schedules:
    """The job `Schedules` in the official dialect."""

    form: Form = "recurring"

    def __init__(self, api: Api) -> None:
        self._api = api

    async def get(self, place: Place) -> Found:
        """See `Schedules.get`; the guard is the version in the body."""
        remedy = "the id of one that exists: Genesys shows it under Admin, Routing, Schedules"
        try:
            found = _found(await self._api.request("GET", _path(place)))
        except NotFound as missing:
            raise missing.named("scheduleId", f"there is no schedule {place.schedule_id}", remedy) from missing
        if found.body.get("state") == "deleted":
            what = f"schedule {place.schedule_id} was deleted"
            raise NotFound(what, remedy, places=(("scheduleId", what),))
        return found

    def fields(self, found: Found) -> Mapping[str, Any]:
        """See `Schedules.fields`."""
        return {name: found.body.get(name) for name in CHANGEABLE}

    def write(self, place: Place, found: Found, fields: Mapping[str, Any]) -> Write:
        """The whole schedule goes back with the version with which it was read."""
        kept = {name: value for name, value in found.body.items() if name not in TOLD_BY_GENESYS}
        return Write("PUT", _path(place), {**kept, **{name: value or "" for name, value in fields.items()}})

    async def send(self, write: Write) -> Found:
        """See `Schedules.send`: 409 means that somebody wrote in between."""
        return _found(await self._api.request(write.method, write.path, json=write.body))

    async def uses(self, place: Place, found: Found) -> Sequence[Use]:
        """A schedule may be in groups of several zones, in one open and in another closed."""
        del found
        return [
            Use(str(group["id"]), str(group.get("name") or ""), str(group.get("timeZone") or ""), role)
            async for group in entities(self._api, GROUPS, {"scheduleIds": place.schedule_id})
            for role, listed in ROLES
            if any(one.get("id") == place.schedule_id for one in group.get(listed) or ())
        ]

    async def holidays(self, place: Place) -> Mapping[str, str] | None:
        """Holidays are schedules of the group here, not ids of a schedule."""
        del place
        return None

    async def arrivals(self, queue_ids: Sequence[str], start: datetime, end: datetime) -> Sequence[Arrivals]:
        """From the aggregates, by the half hour."""
        found: list[Arrivals] = []
        for some in chunks([path_id(queue_id) for queue_id in queue_ids], QUEUES_AT_ONCE):
            reply = await self._api.request("POST", AGGREGATES, json=aggregates(some, start, end), repeatable=True)
            for result in reply.json().get("results") or []:
                found += [arrivals for bucket in result.get("data") or () if (arrivals := _arrivals(bucket))]
        return found


def aggregates(queue_ids: Sequence[str], start: datetime, end: datetime) -> dict[str, Any]:
    """What each of these queues was offered from outside."""
    return {
        "interval": f"{instant(start)}/{instant(end)}",
        "granularity": "PT30M",
        "groupBy": ["queueId"],
        "filter": {
            "type": "and",
            "predicates": [INBOUND],
            "clauses": [any_of(queue_ids)],
        },
        "metrics": ["nOffered"],
    }


def _arrivals(bucket: Mapping[str, Any]) -> Arrivals | None:
    counts = [one["stats"].get("count", 0) for one in bucket.get("metrics") or () if one.get("metric") == "nOffered"]
    if not sum(counts):
        return None
    start, end = (datetime.fromisoformat(text) for text in bucket["interval"].split("/"))
    return Arrivals(start, end, sum(counts))


def _path(place: Place) -> str:
    return f"/api/v2/architect/schedules/{path_id(place.schedule_id)}"


def _found(reply: Reply) -> Found:
    body = reply.json()
    return Found(body, str(body.get("version", "")), reply.asked, body.get("modifiedBy"))
