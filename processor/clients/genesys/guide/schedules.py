"""Working hours as the guide has them: weekly entries beneath a group, guarded by an ETag."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api, Forbidden, NotAllowed, NotFound, Reply
from processor.clients.genesys.inbound import INBOUND, any_of
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.schedules import Arrivals, Form, Place, Use
from processor.clients.genesys.pages import entities, path_id
from processor.errors import RefusedError
from processor.event import instant

CHANGEABLE = ("name", "description", "timezoneId", "scheduleEntries", "holidays")
DETAILS = "/api/v2/analytics/conversations/details/query"
ATTEMPTS = 4
"""The guide's retries of a write that came too fast: three after the first try."""
PAGE = 100
MOST = 100_000
"""Genesys pages no further through one query of details."""
MINUTE = timedelta(minutes=1)


class Schedules:
    """The job `Schedules` in the guide dialect."""

    form: Form = "weekly"

    def __init__(self, api: Api) -> None:
        self._api = api

    async def get(self, place: Place) -> Found:
        """See `Schedules.get`; the guard is the ETag."""
        try:
            return _found(await self._api.request("GET", _path(place)))
        except NotFound as missing:
            what = f"schedule {place.schedule_id} is not in group {place.group_id}"
            raise missing.named("scheduleId", what, "scheduleGroupId and scheduleId of one in Genesys") from missing

    def fields(self, found: Found) -> Mapping[str, Any]:
        """See `Schedules.fields`."""
        return {name: found.body.get(name) for name in CHANGEABLE}

    def write(self, place: Place, found: Found, fields: Mapping[str, Any]) -> Write:
        """The whole resource goes back, conditional on the ETag with which it was read."""
        return Write("PUT", _path(place), {**found.body, **fields}, _condition(found))

    async def send(self, write: Write) -> Found:
        """See `Schedules.send`: 412 means that somebody wrote in between."""
        return _found(
            await self._api.request(write.method, write.path, json=write.body, headers=write.headers, attempts=ATTEMPTS)
        )

    async def uses(self, place: Place, found: Found) -> Sequence[Use]:
        """Its own group alone, on its own clocks."""
        return [Use(place.group_id, "", str(found.body.get("timezoneId") or ""), "open")]

    async def holidays(self, place: Place) -> Mapping[str, str] | None:
        """The guide shows ids and no way to look them up: a list beneath the group is asked for, and may be missing."""
        path = f"/api/v2/schedulegroups/{path_id(place.group_id)}/holidays"
        try:
            return {str(one["id"]): str(one.get("name") or "") async for one in entities(self._api, path)}
        except (NotFound, NotAllowed, Forbidden):
            return None

    async def arrivals(self, queue_ids: Sequence[str], start: datetime, end: datetime) -> Sequence[Arrivals]:
        """From the details of each conversation, which the guide names, by the minute."""
        minutes: Counter[datetime] = Counter()
        async for conversation in self._conversations(queue_ids, start, end):
            began = datetime.fromisoformat(conversation["conversationStart"])
            minutes[began.replace(second=0, microsecond=0)] += 1
        return [Arrivals(minute, minute + MINUTE, count) for minute, count in sorted(minutes.items())]

    async def _conversations(
        self, queue_ids: Sequence[str], start: datetime, end: datetime
    ) -> AsyncIterator[Mapping[str, Any]]:
        for number in range(1, MOST // PAGE + 1):
            query = details(queue_ids, start, end, number)
            body = (await self._api.request("POST", DETAILS, json=query, repeatable=True)).json()
            found = body.get("conversations") or []
            for conversation in found:
                yield conversation
            if len(found) < PAGE:
                return
        raise RefusedError(f"more than {MOST} conversations came in that time", "compare fewer days: volumeDays")


def details(queue_ids: Sequence[str], start: datetime, end: datetime, number: int) -> dict[str, Any]:
    """One page of the inbound conversations that any of these queues had."""
    return {
        "interval": f"{instant(start)}/{instant(end)}",
        "order": "asc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": PAGE, "pageNumber": number},
        "segmentFilters": [any_of(queue_ids)],
        "conversationFilters": [{"type": "and", "predicates": [INBOUND]}],
    }


def _condition(found: Found) -> dict[str, str]:
    """None where the answer had no ETag: an empty one would match nothing."""
    return {"If-Match": found.guard} if found.guard else {}


def _path(place: Place) -> str:
    return f"/api/v2/schedulegroups/{path_id(place.group_id)}/schedules/{path_id(place.schedule_id)}"


def _found(reply: Reply) -> Found:
    return Found(reply.json(), reply.headers.get("etag", ""), reply.asked)
