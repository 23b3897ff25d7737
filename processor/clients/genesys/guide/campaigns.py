"""Campaign schedules as G2 writes them: a POST beside what is there, which nothing makes conditional.

    GET  /api/v2/outbound/campaigns/{campaignId}             its limits and its queue
    GET  /api/v2/outbound/campaigns/{campaignId}/schedules   {entities: […]}, a bare list too
    POST /api/v2/outbound/campaigns/{campaignId}/schedules   409 for one that overlaps

The guide shows no call that changes or deletes a schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any

import tenacity

from processor.clients.api import Api, Forbidden, NotFound, Time, Unreachable
from processor.clients.genesys.jobs import Write
from processor.clients.genesys.jobs.campaigns import (
    DAYS,
    Added,
    Admit,
    Campaign,
    Entry,
    Present,
    Shift,
    Slot,
    Wanted,
    absent,
    clock_text,
)
from processor.clients.genesys.pages import entities, path_id, to_the_end
from processor.errors import ConflictError, FarSideDown, RefusedError, RetryableError
from processor.event import instant

ROOT = "/api/v2/outbound/campaigns"
ATTEMPTS = 4
"""G2, step 3: `maxAttempts`."""
FIRST, LONGEST = 1.0, 30.0
"""Seconds, G2, step 3: `baseDelay` and the cap on a wait. The wait is drawn from all of it: full jitter."""


class Campaigns:
    """The job `Campaigns` by the guide's endpoints."""

    keeps_limits = True
    removes = False

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks

    async def campaign(self, campaign_id: str) -> Campaign:
        """The guide is handed the limits by its caller; a server that shows the campaign tells them itself."""
        try:
            body = (await self._api.request("GET", f"{ROOT}/{path_id(campaign_id)}")).json()
        except (Forbidden, NotFound) as refusal:
            return Campaign("", unread=str(refusal))
        agents = await self._members((body.get("queue") or {}).get("id"))
        calls, most = body.get("maxConcurrentCalls"), body.get("maxConcurrentAgents")
        return Campaign(str(body.get("name") or ""), calls, most, agents)

    async def _members(self, queue_id: str | None) -> tuple[str, ...]:
        if not queue_id:
            return ()
        path = f"/api/v2/routing/queues/{path_id(queue_id)}/members"
        try:
            return tuple([str(member["memberId"]) async for member in entities(self._api, path)])
        except (Forbidden, NotFound):
            return ()

    async def present(self, campaign_id: str) -> Present:
        """All pages, should there be any."""
        path, asked = f"{ROOT}/{path_id(campaign_id)}/schedules", self._api.now()
        try:
            found, _ = await to_the_end(self._api, path)
        except NotFound as missing:
            raise absent(campaign_id, missing) from missing
        entries = (Entry(str(one.get("id") or ""), str(one.get("name") or ""), one) for one in found)
        return Present(campaign_id, tuple(entries), asked)

    def standing(self, present: Present, wanted: Wanted) -> str | None:
        """The server may have given it an id of its own: what it says decides."""
        body = body_of(wanted)
        return next((one.schedule_id for one in present.entries if _is_same(one.source, body)), None)

    def addition(self, present: Present, wanted: Wanted) -> Write:
        """What is there already plays no part in it."""
        del present
        return Write("POST", f"{ROOT}/{path_id(wanted.campaign_id)}/schedules", body_of(wanted))

    async def add(self, wanted: Wanted, admit: Admit) -> Added:
        """G2's attempts; searched for before it is sent, and again when it may have arrived without an answer."""
        may_be_there = True

        async def once() -> Added:
            nonlocal may_be_there
            if may_be_there and (found := await self._adopted(wanted, admit)):
                return found
            try:
                return await self._post(wanted, admit)
            except RetryableError as error:
                may_be_there = isinstance(error, Unreachable) and error.sent
                raise

        again = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            retry=tenacity.retry_if_exception(_is_for_later),
            wait=_wait,
            sleep=self._clocks.sleep,
            reraise=True,
        )
        return await again(once)

    async def _post(self, wanted: Wanted, admit: Admit) -> Added:
        write = self.addition(Present(wanted.campaign_id, (), self._api.now()), wanted)
        headers = {"Accept": "application/json"}
        try:
            reply = await self._api.request(
                write.method, write.path, json=write.body, headers=headers, repeatable=False, attempts=1
            )
        except ConflictError as conflict:
            found = await self._adopted(wanted, admit)
            if found:
                return replace(found, conflict_retries=1)
            raise ConflictError(
                f"{conflict}; among the campaign's schedules none is seen to overlap",
                remedy="an active window of the campaign itself may forbid it: look at the campaign in Genesys",
            ) from conflict
        return Added(str(reply.json().get("id") or wanted.schedule_id))

    async def _adopted(self, wanted: Wanted, admit: Admit) -> Added | None:
        present = await self.present(wanted.campaign_id)
        found = self.standing(present, wanted)
        if found is None:
            admit(present)
        return Added(found, adopted=True) if found else None

    def removal(self, present: Present, wanted: Wanted) -> Write | None:
        """There is no such call; one that is gone needs none."""
        if self.standing(present, wanted) is None:
            return None
        raise RefusedError(
            f"this dialect has no call that takes schedule {wanted.schedule_id} out of campaign {wanted.campaign_id}",
            "delete it in Genesys's administration",
        )

    async def remove(self, wanted: Wanted, admit: Admit) -> int:
        """As `removal`."""
        present = await self.present(wanted.campaign_id)
        admit(present)
        self.removal(present, wanted)
        return 0

    async def shifts(self, agents: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Shift]]:
        """G5's shifts of each agent: those around today, whatever the window."""
        found: dict[str, Sequence[Shift]] = {}
        for agent in agents:
            path = f"/api/v2/users/{path_id(agent)}/schedules"
            try:
                body = (await self._api.request("GET", path, params={"expand": "shifts"})).json()
            except NotFound:
                continue
            spans = (tuple(map(datetime.fromisoformat, (one["startTime"], one["endTime"]))) for one in body["shifts"])
            found[agent] = [(opens, closes) for opens, closes in spans if opens < end and closes > start]
        return found


def body_of(wanted: Wanted) -> Mapping[str, Any]:
    """The schedule in G2's words: instants for the window, wall times for the slots."""
    return {
        "id": wanted.schedule_id,
        "campaignId": wanted.campaign_id,
        "startTime": instant(wanted.start),
        "endTime": instant(wanted.end),
        "timezone": wanted.time_zone,
        "dailySchedule": [_slot(slot) for slot in wanted.slots],
        "maxConcurrentCalls": wanted.calls,
        "maxConcurrentAgents": wanted.agents,
    }


def _slot(slot: Slot) -> Mapping[str, Any]:
    return {
        "startTime": clock_text(slot.start),
        "endTime": clock_text(slot.end),
        "days": [DAYS[day] for day in slot.days],
    }


def _is_same(source: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Limits that a server does not repeat make no difference."""
    content = _content(source)
    limits = ("maxConcurrentCalls", "maxConcurrentAgents")
    return content == _content(wanted) and all(source.get(name) in (None, wanted[name]) for name in limits)


def _content(source: Mapping[str, Any]) -> object:
    """What makes two schedules the same, whatever id they have; None where it cannot be read."""
    try:
        start, end = (datetime.fromisoformat(source[name]).astimezone(UTC) for name in ("startTime", "endTime"))
        slots = frozenset(
            (str(day).lower(), _clock(slot["startTime"]), _clock(slot["endTime"]))
            for slot in source["dailySchedule"]
            for day in slot["days"]
        )
    except (KeyError, TypeError, ValueError):
        return None
    return start, end, source.get("timezone") or "UTC", slots


def _clock(text: str) -> object:
    return text[:5] if text.startswith("24:00") else time.fromisoformat(text)


def _is_for_later(error: BaseException) -> bool:
    return isinstance(error, RetryableError) and not isinstance(error, FarSideDown)


def _wait(state: tenacity.RetryCallState) -> float:
    """Full jitter, but never less than the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, RetryableError) else None
    drawn: float = tenacity.wait_random_exponential(multiplier=FIRST, max=LONGEST)(state)
    return max(drawn, asked.total_seconds() if asked else 0.0)
