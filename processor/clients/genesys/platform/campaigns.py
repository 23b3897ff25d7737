"""Campaign schedules through the official API: one resource for each campaign, with a version, replaced whole.

    GET     /api/v2/outbound/campaigns/{campaignId}             lines and queue
    GET     /api/v2/outbound/schedules/campaigns/{campaignId}   404: it has no schedule
    PUT     …                                                   the version must be the last one; 409
    DELETE  …                                                   when nothing is left in it

A wanted schedule becomes recurrences, and intervals where its window cuts an occurrence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api, Forbidden, NotFound, Time
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.campaigns import Added, Admit, Campaign, Entry, Present, Shift, Wanted, absent
from processor.clients.genesys.jobs.changing import change
from processor.clients.genesys.pages import entities, path_id
from processor.clients.genesys.platform.agents import Shifts
from processor.clients.genesys.platform.campaign_hours import contents, written
from processor.clients.genesys.platform.units import Units
from processor.errors import ConflictError

CAMPAIGNS = "/api/v2/outbound/campaigns"
SCHEDULES = "/api/v2/outbound/schedules/campaigns"
WRITTEN = ("name", "version", "intervals", "recurrences", "timeZone", "campaign")


class Campaigns:
    """The job `Campaigns` in the official dialect."""

    keeps_limits = False
    removes = True

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks
        self._shifts = Shifts(api, Units(api, clocks), clocks)

    async def campaign(self, campaign_id: str) -> Campaign:
        """Its lines are its limit of calls, the members of its queue that of agents."""
        try:
            body = (await self._api.request("GET", f"{CAMPAIGNS}/{path_id(campaign_id)}")).json()
        except NotFound as missing:
            raise absent(campaign_id, missing) from missing
        except Forbidden as refusal:
            return Campaign("", unread=f"{refusal} ({refusal.remedy})")
        queue_id = (body.get("queue") or {}).get("id")
        members = await self._members(queue_id) if queue_id else None
        most = None if members is None else len(members)
        return Campaign(str(body.get("name") or ""), body.get("outboundLineCount"), most, tuple(members or ()))

    async def _members(self, queue_id: str) -> list[str] | None:
        path = f"/api/v2/routing/queues/{path_id(queue_id)}/members"
        try:
            return [str(member["id"]) async for member in entities(self._api, path) if member.get("joined")]
        except (Forbidden, NotFound):
            return None

    async def present(self, campaign_id: str) -> Present:
        """Each recurrence and each interval by itself: one of them is what another one overlaps."""
        return _present(campaign_id, await self._read(campaign_id))

    async def _read(self, campaign_id: str) -> Found:
        try:
            reply = await self._api.request("GET", f"{SCHEDULES}/{path_id(campaign_id)}")
        except NotFound:
            return Found({}, "", self._api.now())
        return Found(reply.json(), str(reply.json().get("version", "")), reply.asked)

    def standing(self, present: Present, wanted: Wanted) -> str | None:
        """There when all its parts are; ids may be Genesys's own."""
        there = contents(present.body)
        return wanted.campaign_id if all(part in there for part in contents(written(wanted))) else None

    def addition(self, present: Present, wanted: Wanted) -> Write:
        """Beside all that is there, other people's fields untouched."""
        more, old = written(wanted), present.body
        body = {
            **({"timeZone": wanted.time_zone, "campaign": {"id": wanted.campaign_id}} if not old else _kept(old)),
            "intervals": [*(old.get("intervals") or []), *more["intervals"]],
            "recurrences": [*_recurrences(old), *more["recurrences"]],
        }
        return Write("PUT", f"{SCHEDULES}/{path_id(wanted.campaign_id)}", body)

    async def add(self, wanted: Wanted, admit: Admit) -> Added:
        """Read, judge, replace; when somebody was faster, once more."""

        def merge(found: Found) -> Write | None:
            present = _present(wanted.campaign_id, found)
            if self.standing(present, wanted):
                return None
            admit(present)
            return self.addition(present, wanted)

        changed = await change(lambda: self._read(wanted.campaign_id), merge, self._send, self._clocks)
        return Added(wanted.campaign_id, changed.write is None, changed.conflict_retries)

    def removal(self, present: Present, wanted: Wanted) -> Write | None:
        """What is there without its parts. Raises `ConflictError` when only some of them are there still."""
        mine, there = contents(written(wanted)), contents(present.body)
        if not any(part in there for part in mine):
            return None
        if not all(part in there for part in mine):
            raise ConflictError(
                f"the schedule of campaign {wanted.campaign_id} was changed since: only a part of it is there",
                found=present.body,
                remedy="look at what is there now, and take out what shall go in Genesys",
            )
        zone = present.body.get("timeZone")
        left = {
            "intervals": [one for one in present.body.get("intervals") or [] if not _in(mine, {"intervals": [one]})],
            "recurrences": [
                one for one in _recurrences(present.body) if not _in(mine, {"timeZone": zone, "recurrences": [one]})
            ],
        }
        path = f"{SCHEDULES}/{path_id(wanted.campaign_id)}"
        if not left["intervals"] and not left["recurrences"]:
            return Write("DELETE", path)
        return Write("PUT", path, {**_kept(present.body), **left})

    async def remove(self, wanted: Wanted, admit: Admit) -> int:
        """Deleted when nothing else is left: that call alone knows no version, and follows its read at once."""

        def merge(found: Found) -> Write | None:
            present = _present(wanted.campaign_id, found)
            admit(present)
            return self.removal(present, wanted)

        return (await change(lambda: self._read(wanted.campaign_id), merge, self._send, self._clocks)).conflict_retries

    async def _send(self, write: Write) -> Found:
        reply = await self._api.request(write.method, write.path, json=write.body)
        return Found(reply.json(), "", reply.asked)

    async def shifts(self, agents: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Shift]]:
        """The published shifts; who is not in workforce management is left out."""
        try:
            async with asyncio.TaskGroup() as tasks:
                asked = {agent: tasks.create_task(self._shifts.get(path_id(agent), start, end)) for agent in agents}
        except ExceptionGroup as several:  # they ask together, so the first speaks for all
            raise several.exceptions[0] from several
        known = {agent: found for agent, task in asked.items() if (found := task.result())}
        return {agent: [_span(shift) for shift in body["shifts"]] for agent, (body, _) in known.items()}


def _present(campaign_id: str, found: Found) -> Present:
    body = found.body
    zone = {"timeZone": body.get("timeZone")}
    entries = [
        *({**zone, "recurrences": [one]} for one in body.get("recurrences") or []),
        *({**zone, "intervals": [one]} for one in body.get("intervals") or []),
    ]
    name = str(body.get("name") or "")
    listed = tuple(Entry(str(body.get("id") or campaign_id), name, entry) for entry in entries)
    return Present(campaign_id, listed, found.asked, found.guard, body)


def _kept(body: Mapping[str, Any]) -> dict[str, Any]:
    """What may be written of what was read."""
    kept = {name: body[name] for name in WRITTEN if body.get(name) is not None}
    return {**kept, "campaign": {"id": body["campaign"]["id"]}} if body.get("campaign") else kept


def _recurrences(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Without what Genesys works out itself."""
    return [
        {name: value for name, value in one.items() if name != "nextOccurrenceDetails"}
        for one in body.get("recurrences") or []
    ]


def _in(mine: Sequence[object], part: Mapping[str, Any]) -> bool:
    return contents(part)[0] in mine


def _span(shift: Mapping[str, Any]) -> Shift:
    start = datetime.fromisoformat(shift["startDate"])
    return start, start + timedelta(minutes=shift["lengthMinutes"])
