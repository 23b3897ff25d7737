"""Agents: what they do now, and when they are to work. Many agents' questions share a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import tenacity

from processor.clients.api import Api, Forbidden, NotFound, Time
from processor.clients.genesys.pages import Params, entities, pages, path_id
from processor.clients.genesys.platform.cache import Cache
from processor.clients.genesys.platform.gather import Gather
from processor.clients.genesys.platform.units import WFM, Unit, Units
from processor.errors import RetryableError
from processor.event import instant

AT_ONCE = 100
GONE = frozenset({"deleted", "inactive"})
"""States of a user who is nobody's agent any more."""
SEARCH_SPAN = timedelta(days=28)
"""A longer window is searched in pieces: Genesys sends large results by other ways."""
Found = tuple[Mapping[str, Any], datetime]
"""A body, and when it was asked for."""


class Presences:
    """Presence, routing status and out of office of agents."""

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._gather = Gather[Found](self._fetch, sleep=clocks.sleep, most=AT_ONCE)

    async def get(self, user_id: str) -> Found | None:
        """The parts of `answer.presence`; None when the user is deleted or deactivated."""
        return await self._gather.get(path_id(user_id))

    async def _fetch(self, user_ids: Sequence[str]) -> Mapping[str, Found]:
        wanted, found = set(user_ids), dict[str, Found]()
        params: Params = {"id": list(user_ids), "expand": ["presence", "routingStatus", "outOfOffice"], "state": "any"}
        async for users, reply in pages(self._api, "/api/v2/users", params):
            for user in users:
                if user["id"] in wanted and user.get("state") not in GONE:
                    found[user["id"]] = await self._complete(user, reply.asked)
        return found

    async def _complete(self, user: Mapping[str, Any], asked: datetime) -> Found:
        """`expand` is best effort at Genesys: what it left out is asked for by itself."""
        path = f"/api/v2/users/{path_id(str(user['id']))}"
        presence = user.get("presence") or (await self._api.request("GET", f"{path}/presences/purecloud")).json()
        routing = user.get("routingStatus") or (await self._api.request("GET", f"{path}/routingstatus")).json()
        return {"presence": presence, "routingStatus": routing, "outOfOffice": user.get("outOfOffice")}, asked


class Leavers:
    """Who is no agent any more, though workforce management may still have shifts of his."""

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._gather = Gather[bool](self._fetch, sleep=clocks.sleep, most=AT_ONCE)

    async def has(self, user_id: str) -> bool:
        """Only of those whom Genesys shows us, as deleted or deactivated."""
        return bool(await self._gather.get(path_id(user_id)))

    async def _fetch(self, user_ids: Sequence[str]) -> Mapping[str, bool]:
        params: Params = {"id": list(user_ids), "state": "any"}
        try:
            users = [user async for user in entities(self._api, "/api/v2/users", params)]
        except Forbidden:
            return {}  # who may see shifts need not see users
        return {str(user["id"]): user.get("state") in GONE for user in users}


class Shifts:
    """The shifts of agents over a window, as they are published."""

    def __init__(self, api: Api, units: Units, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks
        self._units = units
        self._codes = Cache[Mapping[str, str]](timedelta(hours=1), clocks.monotonic)
        self._searches: dict[tuple[str, str, str], Gather[Found]] = {}

    async def get(self, user_id: str, start: datetime, end: datetime) -> Found | None:
        """The body of `answer.shifts`; None when workforce management does not know the agent."""
        try:
            unit = await self._units.of(user_id)
            schedule, asked = await self._search(unit, user_id, start, end)
            if not schedule:
                # nothing there may mean that the agent has moved: ask once more where he belongs
                unit = await self._units.of(user_id, fresh=True)
                schedule, asked = await self._search(unit, user_id, start, end)
        except NotFound:
            return None
        codes = await self._codes.get(unit.business_unit, self._activity_codes)
        body = {
            "userId": user_id,
            "timeZone": unit.zone or schedule.get("businessUnitTimeZone"),
            "from": instant(start),
            "to": instant(end),
            "shifts": schedule.get("shifts", []),
            "fullDayTimeOffMarkers": schedule.get("fullDayTimeOffMarkers", []),
            "activityCodes": codes,
        }
        return body, asked

    async def _activity_codes(self, business_unit: str) -> Mapping[str, str]:
        try:
            reply = await self._api.request("GET", f"{WFM}/businessunits/{path_id(business_unit)}/activitycodes")
        except Forbidden:
            return {}  # names are a comfort; the codes stand in the shifts
        return {str(code["id"]): str(code.get("name") or "") for code in reply.json().get("entities") or []}

    async def _search(self, unit: Unit, user_id: str, start: datetime, end: datetime) -> Found:
        key = (path_id(unit.business_unit), instant(start), instant(end))
        if key not in self._searches:
            if len(self._searches) > AT_ONCE:
                self._searches.clear()  # windows of days gone by

            async def fetch(users: Sequence[str]) -> Mapping[str, Found]:
                return await self._search_all(key[0], users, start, end)

            self._searches[key] = Gather[Found](fetch, sleep=self._clocks.sleep, most=AT_ONCE)
        found = await self._searches[key].get(user_id)
        return found or ({}, self._api.now())

    async def _search_all(
        self, business_unit: str, users: Sequence[str], start: datetime, end: datetime
    ) -> Mapping[str, Found]:
        found: dict[str, Found] = {}
        while start < end:
            piece = min(end, start + SEARCH_SPAN)
            result, asked = await self._search_piece(business_unit, users, start, piece)
            found = found or {user: ({}, asked) for user in users}
            for schedule in result.get("agentSchedules") or []:
                user = str(schedule["user"]["id"])
                before, first_asked = found.get(user, ({}, asked))
                found[user] = _joined(before, schedule, result.get("businessUnitTimeZone")), first_asked
            start = piece
        return found

    async def _search_piece(self, business_unit: str, users: Sequence[str], start: datetime, end: datetime) -> Found:
        """One search until it is complete; Genesys works on it while we ask again."""
        again = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(8),
            retry=tenacity.retry_if_exception_type(_Processing),
            wait=tenacity.wait_exponential(multiplier=0.25, max=5),
            sleep=self._clocks.sleep,
            reraise=True,
        )
        body = {"startDate": instant(start), "endDate": instant(end), "userIds": list(users)}
        return await again(self._ask, f"{WFM}/businessunits/{business_unit}/agentschedules/search", body)

    async def _ask(self, path: str, body: Mapping[str, Any]) -> Found:
        reply = await self._api.request("POST", path, json=body, repeatable=True)
        answer = reply.json()
        if answer.get("status") == "Processing":
            raise _Processing("genesys: the schedule search is still being worked on")
        if answer.get("status") != "Complete":
            raise RetryableError(f"genesys: the schedule search ended as {answer.get('status')}")
        if answer.get("result") is None and answer.get("downloadUrl"):
            result = (await self._api.request("GET", str(answer["downloadUrl"]))).json()
        else:
            result = answer.get("result") or {}
        return result, reply.asked


class _Processing(RetryableError):
    """Not yet: the same search again."""


def _joined(before: Mapping[str, Any], schedule: Mapping[str, Any], zone: str | None) -> dict[str, Any]:
    """The pieces of an agent's window together; a shift over the seam stands in both."""
    known = {shift.get("id") for shift in before.get("shifts", [])}
    markers = before.get("fullDayTimeOffMarkers", [])
    return {
        "businessUnitTimeZone": zone,
        "shifts": [
            *before.get("shifts", []),
            *(shift for shift in schedule.get("shifts") or [] if shift.get("id") not in known),
        ],
        "fullDayTimeOffMarkers": [
            *markers,
            *(marker for marker in schedule.get("fullDayTimeOffMarkers") or [] if marker not in markers),
        ],
    }
