"""The present state of one subject, by the guides' own reading calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processor.clients.api import Api, Forbidden, NotAllowed, NotFound, Reply
from processor.clients.genesys import Answer
from processor.clients.genesys.pages import Entity, entities, path_id, subject_id, to_the_end
from processor.errors import PoisonError
from processor.event import instant

DELETED: Mapping[str, Any] = {"deleted": True}
PATHS: Mapping[str, str] = {
    "queue": "/api/v2/routing/queues/{}",
    "profile": "/api/v2/routing/profiles/{}",
    "presence": "/api/v2/users/{}/presences/purecloud",
    "shifts": "/api/v2/users/{}/schedules",
    "campaign": "/api/v2/outbound/campaigns/{}/schedules",
}
GROUPS = "/api/v2/schedulegroups"


async def listed(api: Api, path: str) -> list[Entity]:
    """All that is listed there; nothing where there is no such list, or the thing above it is gone."""
    try:
        return [entity async for entity in entities(api, path)]
    except (NotFound, NotAllowed, Forbidden):
        return []


class Looks:
    """One request for each, but for lists in pages and the schedules of a group."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def look(self, what: str, subject: str, details: Mapping[str, Any]) -> list[Answer]:
        """See `Genesys.look`. Raises `PoisonError` for what nobody knows how to look for."""
        wanted = subject_id(subject)
        if what == "schedule-group":
            known = details.get("scheduleIds")
            there = [str(one["id"]) for one in await listed(self._api, f"{GROUPS}/{wanted}/schedules")]
            ids = dict.fromkeys([*there, *(known if isinstance(known, list | tuple) else ())])
            return [await self._schedule(subject, wanted, str(schedule_id)) for schedule_id in ids]
        if what not in PATHS:
            raise PoisonError(f"nobody knows how to look for {what!r}", "what")
        path = PATHS[what].format(wanted)
        try:
            if what == "campaign":
                return [await self._campaign(subject, path)]
            params = {"expand": "shifts"} if what == "shifts" else None
            reply = await self._api.request("GET", path, params=params)
        except NotFound:
            return [Answer(what, subject, DELETED, self._api.now())]
        return [Answer(what, subject, _shown(what, wanted, reply), reply.asked)]

    async def _schedule(self, subject: str, group_id: str, schedule_id: str) -> Answer:
        path = f"{GROUPS}/{group_id}/schedules/{path_id(schedule_id)}"
        try:
            reply = await self._api.request("GET", path)
        except NotFound:
            gone = {"id": schedule_id, "scheduleGroupId": group_id, **DELETED}
            return Answer("schedule", subject, gone, self._api.now())
        named = {"id": schedule_id, "scheduleGroupId": group_id}  # an answer need not repeat whose it is
        return Answer("schedule", subject, {**named, **reply.json()}, reply.asked)

    async def _campaign(self, subject: str, path: str) -> Answer:
        """Bare, or under `entities`, in pages should there be any."""
        found, reply = await to_the_end(self._api, path)
        return Answer("campaign", subject, {"schedules": found}, reply.asked)


def _shown(what: str, wanted: str, reply: Reply) -> Mapping[str, Any]:
    body = reply.json()
    if what == "queue":
        return {"queue": {**body, "id": wanted}}
    if what == "presence":
        return {**body, "userId": wanted}
    if what == "shifts":
        shifts = body.get("shifts") or []
        # the call does not say which span it covers: no more than from its first shift to its last
        edges = sorted(str(shift[edge]) for shift in shifts for edge in ("startTime", "endTime"))
        now = instant(reply.asked)
        return {
            "userId": wanted,
            "from": edges[0] if edges else now,
            "to": edges[-1] if edges else now,
            "shifts": shifts,
        }
    whole: Mapping[str, Any] = body
    return whole
