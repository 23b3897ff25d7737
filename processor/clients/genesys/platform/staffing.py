"""Who serves a queue in the official API: joined members with their skills, and who of them is on a shift now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api, Forbidden, Time
from processor.clients.genesys.jobs.queues import Member, OnShift
from processor.clients.genesys.pages import chunks, entities, path_id
from processor.clients.genesys.platform.agents import Shifts
from processor.clients.genesys.platform.cache import Cache
from processor.clients.genesys.platform.units import WFM, Units

AT_ONCE = 16
DAY = timedelta(days=1)


class Staffing:
    """Read from members, skills and published shifts."""

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._units = Units(api, clocks)
        self._shifts = Shifts(api, self._units, clocks)
        self._on_queue = Cache[frozenset[str]](timedelta(hours=1), clocks.monotonic)

    async def members(self, queue_id: str) -> Sequence[Member]:
        """Who is joined: nobody else is routed to. Skills come with the list where Genesys expands them."""
        params = {"joined": "true", "expand": "skills"}
        listed = [
            one async for one in entities(self._api, f"/api/v2/routing/queues/{path_id(queue_id)}/members", params)
        ]
        found: list[Member] = []
        for some in chunks(listed, AT_ONCE):
            held = await asyncio.gather(*(self._skills(one) for one in some), return_exceptions=True)
            for one, skills in zip(some, held, strict=True):
                if isinstance(skills, BaseException):
                    raise skills
                found.append(Member(str(one["id"]), skills))
        return found

    async def _skills(self, member: Mapping[str, Any]) -> frozenset[str]:
        told = (member.get("user") or {}).get("skills")
        if told is None:
            path = f"/api/v2/users/{path_id(str(member['id']))}/routingskills"
            told = [one async for one in entities(self._api, path)]
        return frozenset(str(one["id"]) for one in told if one.get("state", "active") == "active")

    async def on_shift(self, user_ids: Sequence[str]) -> Mapping[str, OnShift]:
        """By the published shifts; one without any work on queue in what is left of it has no capacity."""
        now = self._api.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        found: dict[str, OnShift] = {}
        for some in chunks(user_ids, 100):
            shifts = await asyncio.gather(
                *(self._shifts.get(user_id, midnight - DAY, midnight + DAY) for user_id in some),
                return_exceptions=True,
            )
            for user_id, shift in zip(some, shifts, strict=True):
                if isinstance(shift, BaseException):
                    raise shift
                active = _active(shift[0], now) if shift else None
                if active:
                    found[user_id] = OnShift(await self._capacity(user_id, active, now))
        return found

    async def _capacity(self, user_id: str, shift: Mapping[str, Any], now: datetime) -> int:
        codes = await self._on_queue.get((await self._units.of(user_id)).business_unit, self._work_on_queue)
        left = [one for one in shift.get("activities") or () if _end(one) > now]
        return int(not codes or any(str(one.get("activityCodeId")) in codes for one in left))

    async def _work_on_queue(self, business_unit: str) -> frozenset[str]:
        try:
            reply = await self._api.request("GET", f"{WFM}/businessunits/{path_id(business_unit)}/activitycodes")
        except Forbidden:
            return frozenset()  # then every shift counts as work
        codes = reply.json().get("entities") or ()
        return frozenset(str(code["id"]) for code in codes if code.get("category") == "OnQueueWork")


def _active(body: Mapping[str, Any], now: datetime) -> Mapping[str, Any] | None:
    return next((one for one in body["shifts"] if datetime.fromisoformat(one["startDate"]) <= now < _end(one)), None)


def _end(part: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(part["startDate"]) + timedelta(minutes=part["lengthMinutes"])
