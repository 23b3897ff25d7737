"""Genesys through its official API.

The bodies of the answers, composed of vendor JSON (`{"deleted": true}` where the thing is gone):

    schedule-group   {group, schedules[]}: the group, and each schedule it refers to that exists
    queue            {queue}
    shifts           {userId, timeZone, from, to, shifts[], fullDayTimeOffMarkers[], activityCodes{id: name}}:
                     all published shifts from yesterday to the horizon; deleted = the user is deleted or
                     deactivated, or not in workforce management
    presence         {userId, presence, routingStatus, outOfOffice}: what is in effect, whatever its source;
                     deleted = the user is deleted or deactivated
    campaign         {schedule}; deleted = the campaign has no schedule
    volume           {queueId, asked, targets{media: seconds}, observations[], aggregates[]}: see `volume.py`
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api, Forbidden, NotFound, Time
from processor.clients.genesys import Answer, QueueChange, QueueState
from processor.clients.genesys.pages import Entity, entities, path_id, subject_id, whole
from processor.clients.genesys.platform.agents import Found, Leavers, Presences, Shifts
from processor.clients.genesys.platform.queues import Queues
from processor.clients.genesys.platform.units import Units
from processor.clients.genesys.platform.volume import Targets, Volumes
from processor.errors import PoisonError

log = logging.getLogger("processor.genesys")

LISTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("schedule-group", "/api/v2/architect/schedulegroups", {}),
    ("queue", "/api/v2/routing/queues", {}),
    ("agent", "/api/v2/users", {"state": "active"}),
)
CAMPAIGNS = "/api/v2/outbound/schedules/campaigns"
DELETED: Mapping[str, Any] = {"deleted": True}


class Platform:
    """The protocol `Genesys` in the official dialect; `api` carries the credentials."""

    def __init__(self, api: Api, *, horizon: timedelta, clocks: Time | None = None) -> None:
        """`horizon`: how far ahead shifts are asked for."""
        clocks = clocks or Time()
        self._api = api
        self._horizon = horizon
        self._queues = Queues(api.urgent(), clocks)
        self._volumes = Volumes(api)
        self._presences = Presences(api, clocks)
        self._leavers = Leavers(api, clocks)
        self._units = Units(api, clocks)
        self._shifts = Shifts(api, self._units, clocks)
        self._organisation = ""

    def now(self) -> datetime:
        """Genesys's clock as its last answer showed it; our own before the first."""
        return self._api.now()

    async def organisation_id(self) -> str:
        """Asked once, kept."""
        if not self._organisation:
            self._organisation = str((await self._api.request("GET", "/api/v2/organizations/me")).json()["id"])
        return self._organisation

    async def subjects(self) -> Sequence[str]:
        """All that we publish and may see; a list that is forbidden to us is left out with a warning."""
        found: list[str] = []
        for kind, path, params in LISTS:
            found += [f"{kind}/{entity['id']}" for entity in await self._permitted(entities(self._api, path, params))]
        campaigns = [schedule.get("campaign") or {} for schedule in await self._permitted(whole(self._api, CAMPAIGNS))]
        return [*found, *(f"campaign/{campaign['id']}" for campaign in campaigns if campaign.get("id"))]

    async def _permitted(self, listed: AsyncIterator[Entity]) -> list[Entity]:
        try:
            return [entity async for entity in listed]
        except Forbidden as refusal:
            log.warning("list forbidden", extra={"error": str(refusal), "remedy": refusal.remedy})
            return []

    async def look(
        self, what: str, subject: str, since: datetime, until: datetime | None, details: Mapping[str, Any]
    ) -> Sequence[Answer]:
        """See `Genesys.look`. It is always the whole present state: `since`, `until`, `details` do not narrow it."""
        del since, until, details
        looks = {
            "schedule-group": self._schedule_group,
            "queue": self._queue,
            "shifts": self._agent_shifts,
            "presence": self._presence,
            "campaign": self._campaign,
        }
        if what == "profile":
            return []  # the official API has no routing profiles; a guide's callback may have named one
        if what not in looks:
            raise PoisonError(f"nobody knows how to look for {what!r}", "what")
        try:
            body, asked = await looks[what](subject_id(subject))
        except NotFound:
            body, asked = DELETED, self.now()
        return [Answer(what, subject, body, asked)]

    async def spread(self, what: str, subject: str, details: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """The groups of `schedule/…`, the agents of `management-unit/…` or `business-unit/…`, whatever `what` says."""
        del details
        kind, wanted = subject.partition("/")[0], subject_id(subject)
        if kind == "schedule":
            groups = entities(self._api, "/api/v2/architect/schedulegroups", {"scheduleIds": wanted})
            return [
                ("schedule-group", f"schedule-group/{group['id']}") async for group in groups if refers(group, wanted)
            ]
        if kind not in ("management-unit", "business-unit"):
            raise PoisonError(f"{what!r} of {subject!r}: a {kind} spreads to nothing", "subject")
        agents = await self._units.agents(kind, wanted)
        return [("shifts", f"agent/{agent}") for agent in agents]

    async def volume(self, targets: Targets, queues: Sequence[str]) -> Sequence[Answer]:
        """See `Genesys.volume`."""
        return await self._volumes.get(targets, queues)

    async def queue(self, queue_id: str) -> QueueState:
        """See `Genesys.queue`."""
        return await self._queues.get(queue_id)

    async def joined(self, queue_id: str, user_ids: Sequence[str]) -> frozenset[str]:
        """See `Genesys.joined`."""
        members = await self._queues.members(queue_id, user_ids)
        return frozenset(user for user, joined in members.items() if joined)

    async def change_queue(self, change: QueueChange) -> tuple[QueueState, QueueState]:
        """See `Genesys.change_queue`; pool members are joined to the queue, and un-joined again."""
        return await self._queues.change(change)

    async def _schedule_group(self, group_id: str) -> Found:
        reply = await self._api.request("GET", f"/api/v2/architect/schedulegroups/{group_id}")
        group = reply.json()
        if group.get("state") == "deleted":
            return DELETED, reply.asked
        schedules = []
        for schedule_id in references(group):
            try:
                answer = await self._api.request("GET", f"/api/v2/architect/schedules/{path_id(schedule_id)}")
            except NotFound:
                continue  # deleted since: the group refers to nothing there
            schedules.append(answer.json())
        return {"group": group, "schedules": schedules}, reply.asked

    async def _queue(self, queue_id: str) -> Found:
        reply = await self._api.request("GET", f"/api/v2/routing/queues/{queue_id}")
        return {"queue": reply.json()}, reply.asked

    async def _agent_shifts(self, user_id: str) -> Found:
        if await self._leavers.has(user_id):
            return {"userId": user_id, **DELETED}, self.now()
        today = self.now().replace(hour=0, minute=0, second=0, microsecond=0)
        found = await self._shifts.get(user_id, today - timedelta(days=1), today + self._horizon)
        return found or ({"userId": user_id, **DELETED}, self.now())

    async def _presence(self, user_id: str) -> Found:
        found = await self._presences.get(user_id)
        if found is None:
            return {"userId": user_id, **DELETED}, self.now()
        return {"userId": user_id, **found[0]}, found[1]

    async def _campaign(self, campaign_id: str) -> Found:
        reply = await self._api.request("GET", f"{CAMPAIGNS}/{campaign_id}")
        return {"schedule": reply.json()}, reply.asked


def references(group: Entity) -> list[str]:
    """The ids of all schedules that a group refers to, each once."""
    lists = (group.get(name) or [] for name in ("openSchedules", "closedSchedules", "holidaySchedules"))
    return list(dict.fromkeys(str(schedule["id"]) for schedules in lists for schedule in schedules))


def refers(group: Entity, schedule_id: str) -> bool:
    """Whether the group is among those that a schedule touches, should Genesys not have filtered."""
    return schedule_id in references(group)
