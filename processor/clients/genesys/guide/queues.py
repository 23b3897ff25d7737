"""A queue's routing as the guide has it: rules and targets in one body, whose new version takes its time to show."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from processor.clients.api import Api, Forbidden, NotAllowed, NotFound, Reply, Time
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.queues import (
    Activation,
    AuditEntry,
    Efficiency,
    Member,
    OnShift,
    RuleForm,
    Settings,
    absent,
    until_active,
)
from processor.clients.genesys.pages import chunks, entities, path_id
from processor.clients.genesys.platform.queue_routing import changes, unknown_skills
from processor.errors import ConflictError, UnknownEnd
from processor.event import instant

SETTINGS = ("queueType", "slaPercent", "slaTarget", "wrapUpPolicy", "routingRules")
TOLD_BY_GENESYS = {"id", "selfUri", "dateCreated", "dateModified", "createdBy", "modifiedBy"}
METRICS = ("offer.avg.wait.time", "offer.avg.handle.time", "sla.percent", "offer.count", "abandon.count")
AUDITS_ON_A_PAGE = 50
MOST_PAGES = 1000
EVENT = "routingQueueUpdated"
SHIFTS_AT_ONCE = 16


class Queues:
    """The job `Queues` in the guide dialect."""

    rules: RuleForm = "conditions"

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks

    async def get(self, queue_id: str) -> Found:
        """See `Queues.get`; the guard is the version."""
        try:
            found = _found(await self._api.request("GET", _path(queue_id)))
        except NotFound as missing:
            raise absent(queue_id, missing) from missing
        return replace(found, body={**found.body, "id": queue_id})  # an answer need not repeat whose it is

    def settings(self, found: Found, queue_type: str | None) -> Settings:
        """See `Queues.settings`: a queue has one type and one target."""
        del queue_type
        return {name: found.body.get(name) for name in SETTINGS}

    def wanted(self, found: Found, settings: Settings) -> Settings:
        """The guide's words are the request's."""
        del found
        return settings

    def write(self, found: Found, settings: Settings) -> Write:
        """Members are not part of it: the guide sends none, so that it does not set them."""
        kept = {name: value for name, value in found.body.items() if name not in TOLD_BY_GENESYS}
        return Write("PUT", _path(str(found.body["id"])), {**kept, **settings, "members": []})

    async def send(self, write: Write) -> Found:
        """See `Queues.send`: 409 means that the version in the body was not the present one."""
        queue_id = write.path.rpartition("/")[2]
        try:
            found = _found(await self._api.request(write.method, write.path, json=write.body))
        except ConflictError:
            await self._shown(queue_id, str(write.body.get("version", "")))
            raise
        return replace(found, body={**write.body, **found.body, "id": queue_id})

    async def _shown(self, queue_id: str, refused: str) -> None:
        """Until the edge shows another version than the refused one: what was faster may still be on its way.

        That may be a write of our own whose answer was lost; read too early it would look like none.
        """

        def judge(found: Found) -> Literal["active"] | None:
            return None if found.guard == refused else "active"

        await until_active(lambda: self.get(queue_id), judge, self._clocks)

    async def arrived(self, before: Found, written: Found, settings: Settings) -> Activation:
        """Until the version shown is the one that the PUT was answered with."""

        def judge(found: Found) -> Literal["active", "overtaken"] | None:
            if found.guard == written.guard != before.guard:
                return "active"
            so = {name: found.body.get(name) for name in settings} == dict(settings)
            if found.guard == before.guard:
                # the old version, or an answer without one: then what it says decides
                return "active" if so and not found.guard else None
            return "active" if so else "overtaken"  # a later version may still have all that we wrote

        return await until_active(lambda: self.get(str(before.body["id"])), judge, self._clocks)

    async def unknown_skills(self, skill_ids: Sequence[str]) -> Sequence[str] | None:
        """See `Queues.unknown_skills`; G3 says where skills are listed, G4 has no scope for it."""
        try:
            return await unknown_skills(self._api, skill_ids)
        except (NotFound, NotAllowed, Forbidden):
            return None

    async def members(self, queue_id: str) -> Sequence[Member]:
        """See `Queues.members`."""
        return [
            Member(str(one["memberId"]), frozenset(str(skill["id"]) for skill in one.get("skills") or ()))
            async for one in entities(self._api, f"{_path(queue_id)}/members")
        ]

    async def on_shift(self, user_ids: Sequence[str]) -> Mapping[str, OnShift]:
        """One request for each, several at a time; an agent without schedules is on no shift."""
        found: dict[str, OnShift] = {}
        for some in chunks(user_ids, SHIFTS_AT_ONCE):
            shifts = await asyncio.gather(*(self._active(user_id) for user_id in some), return_exceptions=True)
            for user_id, shift in zip(some, shifts, strict=True):
                if isinstance(shift, BaseException):
                    raise shift
                if shift:
                    found[user_id] = shift
        return found

    async def _active(self, user_id: str) -> OnShift | None:
        path = f"/api/v2/schedule/agents/{path_id(user_id)}"
        today = self._api.now().date().isoformat()
        try:
            body = (await self._api.request("GET", path, params={"dateFrom": today})).json()
        except NotFound:
            return None
        active = next((one for one in body.get("entities") or () if one.get("status") == "active"), None)
        return OnShift(int(active.get("capacity", 0))) if active else None

    async def webhook(self, queue_id: str, url: str) -> str | None:
        """See `Queues.webhook`: the same address for the same queue is the same webhook."""
        try:
            async for one in entities(self._api, "/api/v2/webhooks"):
                if one.get("endpoint") == url and queue_id in _queues_of(one):
                    return str(one["id"])
        except (NotFound, NotAllowed) as refusal:
            raise UnknownEnd(f"Genesys does not list its webhooks: {refusal}") from refusal
        return None

    def register(self, queue_id: str, url: str) -> Write:
        """As G4's fifth step has it."""
        return Write(
            "POST",
            "/api/v2/webhooks",
            {
                "name": f"Email Routing Sync - {queue_id}",
                "description": "Changes of the queue, for the system at this address",
                "enabled": True,
                "eventFilters": [{"type": EVENT, "entityFilters": [{"id": queue_id}]}],
                "eventSubscriptions": [EVENT],
                "endpoint": url,
                "httpMethod": "POST",
                "headers": {"Content-Type": "application/json", "X-Genesys-Event": "routing-sync"},
            },
        )

    async def registered(self, write: Write) -> str:
        """See `Queues.registered`."""
        return str((await self._api.request(write.method, write.path, json=write.body)).json().get("id", ""))

    async def efficiency(self, queue_id: str, start: datetime, end: datetime) -> Efficiency:
        """G4's sixth step: the summary over days."""
        query = {
            "dateFrom": instant(start),
            "dateTo": instant(end),
            "entities": [{"id": queue_id, "type": "queue"}],
            "metrics": list(METRICS),
            "interval": "1d",
        }
        reply = await self._api.request("POST", "/api/v2/analytics/queues/details/query", json=query, repeatable=True)
        total = (reply.json().get("summary") or {}).get("total") or {}
        return Efficiency(
            offered=int(total.get("offer.count") or 0),
            abandoned=int(total.get("abandon.count") or 0),
            average_wait_seconds=total.get("offer.avg.wait.time"),
            average_handle_seconds=total.get("offer.avg.handle.time"),
            sla_percent=total.get("sla.percent"),
        )

    async def audits(self, queue_id: str, start: datetime, end: datetime) -> Sequence[AuditEntry]:
        """Until no token is left; sent back beside the number of the page, since the guide shows no name for it."""
        found: list[AuditEntry] = []
        params: dict[str, str | int] = {
            "entityType": "RoutingQueue",
            "entityId": path_id(queue_id),
            "pageSize": AUDITS_ON_A_PAGE,
        }
        for number in range(1, MOST_PAGES + 1):
            body = (await self._api.request("GET", "/api/v2/auditlogs", params={**params, "pageNumber": number})).json()
            found += [_entry(one) for one in body.get("entities") or ()]
            if not body.get("nextPageToken"):
                break
            params["pageToken"] = str(body["nextPageToken"])
        return [entry for entry in found if not entry.at or instant(start) <= entry.at < instant(end)]


def _path(queue_id: str) -> str:
    return f"/api/v2/routing/queues/{path_id(queue_id)}"


def _found(reply: Reply) -> Found:
    body = reply.json()
    return Found(body, str(body.get("version", "")), reply.asked, body.get("modifiedBy"))


def _queues_of(webhook: Mapping[str, Any]) -> set[str]:
    filters = [one for one in webhook.get("eventFilters") or () if one.get("type") == EVENT]
    return {str(entity.get("id")) for one in filters for entity in one.get("entityFilters") or ()}


def _entry(body: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        id=str(body.get("id") or ""),
        at=str(body.get("timestamp") or ""),
        action=str(body.get("action") or ""),
        by=str(body.get("userId") or ""),
        changes=changes(body.get("changes")),
    )
