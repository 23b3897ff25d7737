"""Every kind against a Genesys that has what the guides show and nothing else: no lists, no ids repeated in answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web

from handlers.configure_campaigns import ConfigureCampaigns
from handlers.configure_profiles import ConfigureProfiles
from handlers.configure_queues import ConfigureQueues
from handlers.configure_schedules import ConfigureSchedules
from handlers.requests.campaign import CampaignScheduleRequest
from handlers.requests.operating_hours import Hours
from handlers.requests.plans import Plan, Result
from handlers.requests.presence import PresenceRequest
from handlers.requests.profile import ProfileRequest
from handlers.requests.queue import QueueRequest
from handlers.requests.schedule import ScheduleRequest
from handlers.requests.words import InvalidRequest
from handlers.set_presence import SetPresence
from processor.clients.api import ApiPolicy
from processor.clients.genesys.guide.jobs import jobs
from processor.clients.genesys.jobs import Jobs
from tests.unit.farside import Asked, Clock, api_to, said

SCHEDULE = "/api/v2/schedulegroups/g/schedules/s"
PROFILE = "/api/v2/routing/profiles/p"
QUEUE = "/api/v2/routing/queues/q"
PRESENCE = "/api/v2/users/u/presences/purecloud"
PLANNED = "/api/v2/outbound/campaigns/c/schedules"
ANALYTICS = "/api/v2/analytics/queues/details/query"
ENTRY = {"daysOfWeek": ["monday"], "startTime": "09:00", "endTime": "17:00"}


@dataclass
class Bare:
    """Resources by path, each with a version that its ETag shows too; what is not here is a plain 404."""

    there: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    lost: int = 0
    """So many writes take effect and break the connection off."""
    said_of_writes: dict[str, Any] | None = None
    """What a write is answered with in place of the resource."""
    clock: Clock = field(default_factory=lambda: Clock(at=datetime(2026, 3, 9, 12, tzinfo=UTC)))

    def answer(self, asked: Asked) -> web.Response:
        path = asked.path.removeprefix("/base")
        if path in self.there and asked.method == "GET":
            return self._shown(path)
        if path in self.there:
            return self._written(path, asked)
        if path in self.answers:
            return said(200, self.answers[path])
        return web.Response(status=404, text="404: Not Found")

    def _written(self, path: str, asked: Asked) -> web.Response:
        there, body = self.there[path], orjson.loads(asked.body)
        condition = asked.headers.get("if-match")
        if condition is not None and condition.strip('"') != str(there["version"]):
            return said(409 if asked.method == "PATCH" else 412, {"message": "somebody was faster"})
        if condition is None and body.get("version", there["version"]) != there["version"]:
            return said(409, {"message": "somebody was faster"})
        there |= {**body, "version": there["version"] + 1}
        if self.lost:
            self.lost -= 1
            return web.Response(status=503)
        if self.said_of_writes is not None:
            return said(200, {**self.said_of_writes, "version": there["version"]})
        return self._shown(path)

    def _shown(self, path: str) -> web.Response:
        return said(200, self.there[path], ETag=f'"{self.there[path]["version"]}"')

    @asynccontextmanager
    async def jobs(self) -> AsyncIterator[Jobs]:
        async with api_to(self.answer, policy=ApiPolicy(attempts=3), clock=self.clock) as (api, _):
            yield jobs(api, self.clock.time())


async def carried_out(rules: Any, request: Any) -> tuple[Plan, Result]:
    plan = await rules.plan(request)
    return plan, await rules.carry_out(request, plan, started=False)


def schedules(**fields: Any) -> ScheduleRequest:
    said = {"scheduleGroupId": "g", "scheduleId": "s", "scheduleEntries": [ENTRY], "timezoneId": "America/Chicago"}
    return ScheduleRequest.read({**said, **fields})


async def test_holidays_that_nobody_lists_are_for_genesys_to_judge() -> None:
    bare = Bare({SCHEDULE: {"version": 1, "timezoneId": "UTC", "scheduleEntries": [ENTRY], "holidays": ["h0"]}})
    async with bare.jobs() as there:
        rules = ConfigureSchedules(there, bare.clock.now, clocks=bare.clock.time())
        plan, result = await carried_out(rules, schedules(holidays=["h0", "h1"]))
        assert plan.facts["uncheckedHolidays"] == ["h1"]
        assert (result.status, bare.there[SCHEDULE]["holidays"]) == ("done", ["h0", "h1"])
        known = ConfigureSchedules(there, bare.clock.now, holidays={"h1": ()}, clocks=bare.clock.time())
        with pytest.raises(InvalidRequest, match="there is no holiday 'h2'"):
            await known.plan(schedules(holidays=["h1", "h2"]))


async def test_a_schedule_whose_write_was_taken_and_not_answered_can_still_be_taken_back() -> None:
    before = {"timezoneId": "UTC", "scheduleEntries": [ENTRY], "holidays": []}
    bare = Bare({SCHEDULE: {"version": 1, **before}}, lost=1)
    async with bare.jobs() as there:
        rules = ConfigureSchedules(there, bare.clock.now, clocks=bare.clock.time())
        _, result = await carried_out(rules, schedules())
        assert (result.before["timezoneId"], result.after["timezoneId"]) == ("UTC", "America/Chicago")
        assert rules.reverse(schedules(), result.before, result.after)["timezoneId"] == "UTC"
    assert bare.there[SCHEDULE]["version"] == 2


async def test_a_profile_where_nothing_is_listed_and_the_organisation_tells_nothing() -> None:
    asked = ProfileRequest.read(
        {
            "profileId": "p",
            "queueId": "q",
            "skillAssignments": [{"skill": {"id": "s1"}, "utilizationPercent": 90}],
            "wrapUpCodes": [{"id": "w1", "default": True}],
            "overflowRoutingTargets": [{"target": {"id": "q9"}, "overflowType": "QUEUE"}],
        }
    )
    bare = Bare({PROFILE: {"version": 4, "name": "P"}}, {ANALYTICS: {"entities": []}})
    async with bare.jobs() as there:
        rules = ConfigureProfiles(there, bare.clock.now, clocks=bare.clock.time())
        _, result = await carried_out(rules, asked)
    assert result.facts["unchecked"] == ["skillAssignments", "wrapUpCodes", "overflowRoutingTargets"]
    assert result.facts["quota"]["maxConcurrentSessions"] == 1000
    assert (result.before["utilizationPercent"], result.after["utilizationPercent"]) == (None, 85)
    assert (bare.there[PROFILE]["version"], bare.there[PROFILE]["name"]) == (5, "P")


async def test_a_queue_that_genesys_says_is_not_there_is_no_overflow_target() -> None:
    target = {"target": {"id": "q9"}, "overflowType": "QUEUE"}
    asked = ProfileRequest.read({"profileId": "p", "overflowRoutingTargets": [target]})
    bare = Bare({PROFILE: {"version": 4, "name": "P"}})

    def answer(call: Asked) -> web.Response:
        return said(404, {"message": "no such queue"}) if "/queues/" in call.path else bare.answer(call)

    async with api_to(answer, clock=bare.clock) as (api, _):
        rules = ConfigureProfiles(jobs(api, bare.clock.time()), bare.clock.now, clocks=bare.clock.time())
        with pytest.raises(InvalidRequest, match="there is no queue q9"):
            await rules.plan(asked)


async def test_a_queue_whose_answers_name_neither_itself_nor_its_skills() -> None:
    bare = Bare(
        {QUEUE: {"version": 3, "slaTarget": 60, "slaPercent": 80, "routingRules": [], "foreign": 1}},
        {
            f"{QUEUE}/members": {"entities": [{"memberId": "a"}]},
            "/api/v2/schedule/agents/a": {"entities": [{"status": "active", "capacity": 2}]},
        },
        said_of_writes={},
    )
    asked = QueueRequest.read({"queueId": "q", "skillIds": ["s1"], "slaTarget": 45})
    async with bare.jobs() as there:
        rules = ConfigureQueues(there, bare.clock.now, bare.clock.time())
        _, result = await carried_out(rules, asked)
    assert (result.status, result.after["slaTarget"], bare.there[QUEUE]["foreign"]) == ("done", 45, 1)
    assert result.facts["unchecked"] == ["s1"]
    assert result.facts["activation"]["state"] == "active"


async def test_a_presence_where_nobody_tells_the_organisation() -> None:
    now = datetime.now(UTC)  # what the server's Date shows
    shift = {name: (now + timedelta(hours=h)).isoformat() for name, h in (("startTime", -1), ("endTime", 1))}
    bare = Bare(
        {PRESENCE: {"version": 1, "presenceId": "Busy"}}, {"/api/v2/users/u/schedules": {"shifts": [shift]}}, lost=1
    )
    asked = PresenceRequest.read({"userId": "u", "presenceId": "Available"})
    async with bare.jobs() as there:
        _, result = await carried_out(SetPresence(there, bare.clock.now, Hours(time(0), time(23, 59, 59))), asked)
    assert (result.status, result.before["presenceId"], result.after["presenceId"]) == ("done", "Busy", "Available")
    assert bare.there[PRESENCE]["version"] == 2


async def test_a_shift_without_an_offset_is_in_utc_as_the_guide_compares_it() -> None:
    listed = [
        {"startTime": "2026-03-09T08:00:00", "endTime": "2026-03-09T16:00:00"},
        {"startTime": "2026-03-10T08:00:00-05:00", "endTime": "2026-03-10T16:00:00-05:00"},
    ]
    bare = Bare(answers={"/api/v2/users/u/schedules": {"shifts": listed}})
    async with bare.jobs() as there:
        duty = await there.presences.duty("u", bare.clock.now())
        nobody = await there.presences.duty("nobody", bare.clock.now())
    assert [(start.isoformat(), end.hour) for start, end in duty.shifts] == [
        ("2026-03-09T08:00:00+00:00", 16),
        ("2026-03-10T13:00:00+00:00", 21),
    ]
    assert (duty.zone, nobody.shifts) == ("", ())


@pytest.mark.parametrize("kept", [True, False])
async def test_a_campaign_schedule_that_is_listed_without_its_limits_is_our_own(kept: bool) -> None:
    slot = {"startTime": "09:00", "endTime": "12:00", "days": ["Monday"]}
    fields = {"campaignId": "c", "startDate": "2026-06-01", "endDate": "2026-06-30", "timezone": "UTC"}
    asked = CampaignScheduleRequest.read({**fields, "dailySlots": [slot]})
    listed = {
        "id": "theirs",
        "startTime": "2026-06-01T00:00:00Z",
        "endTime": "2026-07-01T00:00:00.000Z",
        "dailySchedule": [slot],
        **({"maxConcurrentCalls": 10, "maxConcurrentAgents": 5} if kept else {}),
    }
    bare = Bare(answers={PLANNED: {"entities": [listed]}})
    async with bare.jobs() as there:
        plan = await ConfigureCampaigns(there, bare.clock.now).plan(asked)
    assert (plan.calls, plan.before["scheduleId"]) == ((), "theirs")
