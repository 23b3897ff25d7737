"""`campaign-schedule` in both dialects: overlaps, limits and shifts, before anything is made."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.configure_campaigns import wanted_of
from handlers.requests.campaign_times import occurrences
from handlers.requests.words import InvalidRequest
from processor.clients.api import NotFound
from processor.errors import ConflictError, RefusedError
from sandbox.genesys.guard import Failure
from sandbox.names import VOICE, uid
from tests.contract.campaignsdesk import BUSY, FREE, SCHEDULES, WEEKDAYS, both, dialled, make, planned, request, rules
from tests.contract.jobsdesk import desk


@both
async def test_an_overlap_is_explained_with_the_schedule_that_is_there(dialect: str) -> None:
    async with desk(dialect) as there:
        slots = [{"startTime": "11:30", "endTime": "12:30", "days": WEEKDAYS}]
        with pytest.raises(ConflictError) as raised:
            await rules(there).plan(request(there, BUSY, dailySlots=slots))
        assert not there.calls()
        (there_already,) = planned(there, BUSY)
    assert there_already["id"] in str(raised.value)
    assert "11:30 to 12:00 America/Chicago" in str(raised.value)
    assert raised.value.found["scheduleId"] == there_already["id"]


@both
async def test_who_was_faster_is_named_and_nothing_is_made_twice(dialect: str) -> None:
    async with desk(dialect) as there:
        asked = request(there)
        plan = await rules(there).plan(asked)
        other = request(there, dailySlots=[{"startTime": "14:00", "endTime": "14:30", "days": WEEKDAYS}])
        await make(there, other)
        with pytest.raises(ConflictError, match="14:00 to 14:30"):
            await rules(there).carry_out(asked, plan, started=False)
        wanted = wanted_of(other)
        assert dialled(planned(there), wanted) == {(one.start, one.end) for one in occurrences(wanted)}


@both
async def test_limits_of_the_campaign_hold_before_those_of_the_request(dialect: str) -> None:
    async with desk(dialect) as there:
        generous = {"maxConcurrentCalls": 500, "maxConcurrentAgents": 500}
        with pytest.raises(InvalidRequest) as raised:
            await rules(there).plan(request(there, maxConcurrentCalls=51, maxConcurrentAgents=21, limits=generous))
        assert not there.calls()
    assert [problem.place for problem in raised.value.problems] == ["maxConcurrentCalls", "maxConcurrentAgents"]
    assert "51 is more than the campaign allows: 50" in str(raised.value)


async def test_what_stands_is_not_judged_by_limits_that_came_later() -> None:
    async with desk("guide") as there:
        asked = request(there)
        await make(there, asked)
        there.sandbox.guide.campaigns.campaigns[FREE]["maxConcurrentCalls"] = 20
        again, unchanged = await make(there, asked)
        assert len(there.calls()) == 1
    assert (again.calls, again.before == again.after, unchanged.status) == ((), True, "done")


@both
async def test_where_the_campaign_cannot_be_read_the_request_says_its_limits(dialect: str) -> None:
    scope = {"platform": "outbound:campaign:view", "guide": "outbound:campaign:read"}[dialect]
    async with desk(dialect) as there:
        if dialect == "guide":  # the list needs the same scope: only the campaign itself is gone
            gone = Failure(f"{SCHEDULES}/{FREE}", "GET", status=404, code="not.found")
            there.sandbox.guard.failures += [Failure(f"{SCHEDULES}/{FREE}/schedules", "GET", status=0), gone]
        else:
            there.sandbox.guard.missing.add(scope)
        with pytest.raises(InvalidRequest, match="25 is more than the request's limits allows: 20"):
            await rules(there).plan(request(there, limits={"maxConcurrentCalls": 20}))


async def test_limits_that_nobody_tells_and_shifts_that_nobody_has_published_are_said_to_be_unchecked() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.failures += [
            Failure(f"{SCHEDULES}/{FREE}/schedules", "GET", status=0),
            Failure(f"{SCHEDULES}/{FREE}", "GET", status=404, code="not.found"),
        ]
        start = there.clock.now().date() + timedelta(days=40)
        span = {"startDate": str(start), "endDate": str(start + timedelta(days=7))}
        agents = list(there.sandbox.world.agents)[:1]
        plan = await rules(there).plan(request(there, **span, maxConcurrentCalls=99_999, agentIds=agents))
    limits = plan.facts["limits"]
    assert limits["maxConcurrentCalls"] == {"asked": 99_999, "limit": None, "from": "nobody"}
    assert "404" in limits["unread"]
    assert plan.facts["shifts"] == {"compared": "it begins more than 28 days from now: no shifts are compared"}


@both
async def test_hours_without_an_agent_are_named_and_refused_on_demand(dialect: str) -> None:
    async with desk(dialect) as there:
        today = there.clock.now().date()
        span = {"startDate": str(today), "endDate": str(today + timedelta(days=1)), "timezone": "UTC"}
        allday = {"startTime": "00:00", "endTime": "24:00", "days": [*WEEKDAYS, "Saturday", "Sunday"]}
        asked = request(there, **span, dailySlots=[allday])
        plan = await rules(there).plan(asked)
        strict = request(there, **span, dailySlots=[allday], onConstraint="refuse")
        with pytest.raises(RefusedError, match=r"dailySlots\[0\]: nobody is at work from"):
            await rules(there).plan(strict)
        assert not there.calls()
    shifts = plan.facts["shifts"]
    assert shifts["agents"] == 9
    assert 0 < shifts["outsideHours"] < 48
    assert {one["slot"] for one in shifts["outside"]} == {"dailySlots[0]"}
    assert plan.facts["hours"]["weeklyHours"] == 168


@both
async def test_agents_of_the_request_are_looked_at_instead_of_the_queues(dialect: str) -> None:
    async with desk(dialect) as there:
        agents = list(there.sandbox.world.agents)[:2]
        tomorrow = there.clock.now().date() + timedelta(days=1)
        span = {"startDate": str(tomorrow), "endDate": str(tomorrow)}
        daily = [{"startTime": "00:00", "endTime": "06:00", "days": [f"{tomorrow:%A}"]}]
        plan = await rules(there).plan(request(there, **span, dailySlots=daily, agentIds=agents))
        stranger = await rules(there).plan(request(there, **span, dailySlots=daily, agentIds=[*agents, "nobody"]))
    assert plan.facts["shifts"]["agents"] == 2
    assert "unknownAgents" not in plan.facts["shifts"]
    assert stranger.facts["shifts"]["unknownAgents"] == ["nobody"]


@both
async def test_a_campaign_that_is_not_there(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound):
            await rules(there).plan(request(there, uid("campaign", "nobody's")))


@both
async def test_shifts_are_those_that_touch_the_window_from_their_beginning_to_their_end(dialect: str) -> None:
    async with desk(dialect) as there:
        world, now = there.sandbox.world, there.sandbox.world.now()
        window = now - timedelta(hours=6), now + timedelta(hours=18)
        agents = list(world.agents.values())[:12]
        told = await there.jobs.campaigns.shifts([agent.id for agent in agents], *window)
        expected = {
            agent.id: [(one.start, one.end) for one in world.roster.between(agent, *window)] for agent in agents
        }
    assert {agent: list(spans) for agent, spans in told.items()} == expected
    assert any(expected.values())


async def test_a_campaign_without_a_queue_has_no_agents_that_are_known() -> None:
    async with desk("guide") as there:
        del there.sandbox.guide.campaigns.campaigns[FREE]["queue"]
        plan = await rules(there).plan(request(there))
    assert plan.facts["shifts"] == {"compared": "no agents are known: name them in agentIds"}


async def test_only_who_is_joined_counts_among_a_campaigns_agents() -> None:
    async with desk("platform") as there:
        before = await there.jobs.campaigns.campaign(FREE)
        queue = there.sandbox.world.members[VOICE.id]
        queue[before.agents[0]] = False
        after = await there.jobs.campaigns.campaign(FREE)
    assert (before.most_agents, after.most_agents) == (len(before.agents), len(before.agents) - 1)
    assert set(before.agents) - set(after.agents) == {before.agents[0]}
