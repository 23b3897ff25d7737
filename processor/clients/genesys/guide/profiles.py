"""Routing profiles as the third guide has them: one resource with a version, changed by PATCH with `If-Match`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api, Forbidden, NotAllowed, NotFound
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.profiles import Fields, Load, Place
from processor.clients.genesys.pages import entities, path_id

PROFILES = "/api/v2/routing/profiles"
LISTS = {"skill": "/api/v2/routing/skills", "wrap-up-code": "/api/v2/routing/wrapupcodes"}
QUEUE_DETAILS = "/api/v2/analytics/queues/details/query"
SELECTED = ("queue.avgWaitTimeSec", "queue.totalHandled", "queue.totalAbandoned", "queue.utilizationPercent")
ATTEMPTS = 5
"""Of a PATCH that comes too fast: the guide counts these as it counts conflicts (G3, "429")."""
SESSIONS = 1000
"""When the organisation does not say how many it may have (G3, step 1)."""
CONTENT: Mapping[str, Any] = {
    "name": "",
    "skillAssignments": [],
    "wrapUpCodes": [],
    "overflowRoutingTargets": [],
    "utilizationPercent": None,
}
"""What a request may say of a profile, and what a profile that does not say it is taken to say."""


class Profiles:
    """The job `Profiles` in the guide dialect."""

    lacks: Mapping[str, str] = {
        "userIds": "profileId: agents are set up by their routing profile",
        "maximumCapacities": "utilizationPercent",
    }

    def __init__(self, api: Api) -> None:
        self._api = api

    def places(self, fields: Fields) -> Sequence[Place]:
        """The profile itself."""
        return (Place("profile", str(fields["profileId"])),)

    async def read(self, place: Place, /) -> Found:
        """The profile with its version."""
        try:
            reply = await self._api.request("GET", f"{PROFILES}/{path_id(place.id)}")
        except NotFound as missing:
            remedy = "the id of one that exists in Genesys"
            raise missing.named("profileId", f"there is no routing profile {place.id}", remedy) from missing
        return _found(reply.json(), reply.asked)

    def told(self, _: Place, found: Found, /) -> Fields:
        """Its content."""
        said = {name: value for name, value in found.body.items() if name in CONTENT and value is not None}
        return {**CONTENT, **said}

    def aim(self, place: Place, found: Found, wanted: Fields, /) -> Fields:
        """What is there, with what is wanted over it."""
        return {**self.told(place, found), **{name: wanted[name] for name in CONTENT if name in wanted}}

    def writes(self, place: Place, found: Found, aim: Fields, /) -> Sequence[Write]:
        """The whole profile as it came, with the wanted fields, on condition of its version."""
        said = self.told(place, found)
        changed = {name: value for name, value in aim.items() if value != said[name]}
        body = {**found.body, **changed}
        condition = {"If-Match": found.guard} if found.guard else {}
        return (Write("PATCH", f"{PROFILES}/{path_id(place.id)}", body, condition),)

    async def send(self, _: Place, write: Write, /) -> Found:
        """The profile as Genesys has it then."""
        reply = await self._api.request(
            write.method, write.path, json=write.body, headers=write.headers, attempts=ATTEMPTS
        )
        return _found(reply.json(), reply.asked)

    async def missing(self, kind: str, ids: Collection[str], /) -> Sequence[str] | None:
        """Skills and wrap-up codes by their lists, as the guide says; a queue by itself."""
        if kind == "queue":
            found = [(one, await self._is_queue(one)) for one in ids]
            return None if any(there is None for _, there in found) else [one for one, there in found if not there]
        try:
            known = {str(one["id"]) async for one in entities(self._api, LISTS[kind])} if ids else set()
        except (NotFound, NotAllowed, Forbidden):
            return None
        return [one for one in ids if one not in known]

    async def _is_queue(self, queue_id: str) -> bool | None:
        """None where the address is not there or not for us; this guide neither shows it nor asks for its scope."""
        try:
            await self._api.request("GET", f"/api/v2/routing/queues/{path_id(queue_id)}")
        except NotFound as missing:
            return False if "queue" in missing.said.lower() else None
        except (NotAllowed, Forbidden):
            return None
        return True

    async def sessions(self) -> int | None:
        """By the organisation's licence; as if it said nothing where it may not be asked."""
        try:
            body = (await self._api.request("GET", "/api/v2/organizations")).json()
        except (NotFound, NotAllowed, Forbidden):
            return SESSIONS
        return body.get("maxConcurrentSessions") or SESSIONS

    async def load(self, queue_id: str, span: timedelta, /) -> Load | None:
        """By the guide's query; all queues it answers for are this one."""
        reply = await self._api.request("POST", QUEUE_DETAILS, json=details(queue_id, span), repeatable=True)
        rows = reply.json().get("entities")
        if not rows:
            return None
        metrics = rows[0].get("metrics") or {}

        def value(name: str) -> float:
            return float((metrics.get(name) or {}).get("value") or 0)

        return Load(value("avgWaitTimeSec"), value("totalHandled"), value("totalAbandoned"))


def details(queue_id: str, span: timedelta) -> dict[str, Any]:
    """The body of the guide's analytics query."""
    return {
        "timeGroup": "AUTO",
        "interval": f"P{span.days}D",
        "view": "QUEUE",
        "query": {
            "filter": {"type": "EQUALS", "attribute": "queue.id", "value": queue_id},
            "groupBy": ["queue.id"],
        },
        "select": list(SELECTED),
    }


def _found(body: Mapping[str, Any], asked: datetime) -> Found:
    by = body.get("modifiedBy")
    return Found(body, str(body.get("version", "")), asked, str(by) if by else None)
