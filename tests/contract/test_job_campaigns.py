"""`campaign-schedule` in both dialects: G2's operations and its common errors, against the sandbox."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.configure_campaigns import ConfigureCampaigns, wanted_of
from handlers.events import CampaignUpdated, Horizon, Outcome
from handlers.normalise.campaign_hours import spans_of
from handlers.reports.campaigns import report
from handlers.requests.campaign import CampaignScheduleRequest
from handlers.requests.campaign_times import occurrences
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.words import InvalidRequest
from handlers.sync_wfm import SyncCampaignsToWfm
from processor.clients.api import Api, Forbidden, NotFound, Unauthorised, open_session
from processor.clients.genesys.jobs.campaigns import Slot, Wanted
from processor.clients.genesys.platform.campaign_hours import written
from processor.clients.wfm import Wfm
from processor.errors import ConflictError, RefusedError, RetryableError
from processor.event import Envelope
from processor.shapes import renewed
from sandbox.genesys.guard import Failure
from sandbox.names import uid
from tests.contract.jobsdesk import Desk, desk
from tests.contract.official import Official
from tests.unit.normalisedesk import Desk as Normaliser
from tests.unit.normalisedesk import clean, lookups

BUSY, FREE = uid("campaign", "Autumn push"), uid("campaign", "Renewals")
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
SCHEDULES = "/api/v2/outbound/campaigns"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
both = pytest.mark.parametrize("dialect", ["platform", "guide"])


def request(there: Desk, campaign: str = FREE, **fields: Any) -> CampaignScheduleRequest:
    today = there.clock.now().date()
    said = {
        "campaignId": campaign,
        "startDate": str(today + timedelta(days=1)),
        "endDate": str(today + timedelta(days=20)),
        "timezone": "America/Chicago",
        "dailySlots": [
            {"startTime": "13:00", "endTime": "15:00", "days": WEEKDAYS},
            {"startTime": "15:30:00", "endTime": "17:00:00", "days": ["monday", "FRIDAY"]},
        ],
        "maxConcurrentCalls": 25,
        "maxConcurrentAgents": 8,
        **fields,
    }
    return CampaignScheduleRequest.read(said)


def rules(there: Desk) -> ConfigureCampaigns:
    return ConfigureCampaigns(there.jobs, there.clock.now)


async def make(there: Desk, asked: CampaignScheduleRequest) -> tuple[Plan, Result]:
    plan = await rules(there).plan(asked)
    return plan, await rules(there).carry_out(asked, plan, started=False)


def planned(there: Desk, campaign: str = FREE) -> list[dict[str, Any]]:
    """What the far side has, as the normaliser reads it."""
    if there.dialect == "guide":
        return there.sandbox.guide.campaigns.schedules[campaign]
    found = there.sandbox.world.campaigns.get(campaign)
    return [found] if found else []


def dialled(sources: list[dict[str, Any]], wanted: Wanted) -> set[tuple[datetime, datetime]]:
    window = Horizon(start=wanted.start, end=wanted.end)
    return {(span.start, span.end) for source in sources for span in spans_of(source, window)}


@both
async def test_a_schedule_is_made_once_and_dials_when_it_was_asked_to(dialect: str) -> None:
    async with desk(dialect) as there:
        asked = request(there)
        plan, result = await make(there, asked)
        (call,) = there.calls()
        assert (call.method, call.path, call.body) == (plan.calls[0].method, plan.calls[0].path, plan.calls[0].body)
        wanted = wanted_of(asked)
        assert dialled(planned(there), wanted) == {(one.start, one.end) for one in occurrences(wanted)}
        again, unchanged = await make(there, asked)
        assert len(there.calls()) == 1
    assert (plan.before, result.status, again.calls, unchanged.publish) == ({}, "done", (), ())
    assert result.after == again.before == unchanged.after
    assert result.after["scheduleId"]
    assert result.after["dailySlots"][1] == {
        "startTime": "15:30:00",
        "endTime": "17:00:00",
        "days": ["Monday", "Friday"],
    }
    (notice,) = result.publish
    assert isinstance(notice, Envelope)
    assert (notice.type, notice.subject) == ("SCHEDULE_CREATED", f"campaign/{FREE}")
    assert result.after["scheduleId"].encode() in notice.data


@both
async def test_the_example_runs_unchanged(dialect: str) -> None:
    fields = yaml.safe_load((EXAMPLES / f"campaign-schedule.{dialect}.yaml").read_text(encoding="utf-8"))
    assert fields.pop("kind") == CampaignScheduleRequest.kind
    asked = CampaignScheduleRequest.read(fields)
    async with desk(dialect) as there:
        _, result = await make(there, asked)
        wanted = wanted_of(asked)
        assert dialled(planned(there), wanted) == {(one.start, one.end) for one in occurrences(wanted)}
    assert result.status == "done"


async def test_the_body_is_the_guides(shared: Path) -> None:
    async with desk("guide") as there:
        await make(there, request(there, maxConcurrentCalls=25, maxConcurrentAgents=10))
        (call,) = there.calls()
    sample = json.loads((shared / "genesys" / "samples" / "guide2.campaign_schedule.post.request.json").read_text())
    assert call.path == f"{SCHEDULES}/{FREE}/schedules"
    assert call.body.keys() == sample.keys()
    assert call.body["dailySchedule"][0].keys() == sample["dailySchedule"][0].keys()
    assert call.body["dailySchedule"][1]["days"] == ["Monday", "Friday"]


async def test_what_nobody_says_is_as_in_the_guide() -> None:
    async with desk("guide") as there:
        asked = CampaignScheduleRequest.read(
            {
                "campaignId": FREE,
                "startDate": "2031-06-01",
                "endDate": "2031-06-30",
                "dailySlots": [{"startTime": "09:00", "endTime": "10:00", "days": ["Monday"]}],
            }
        )
        await make(there, asked)
        (call,) = there.calls()
    assert (call.body["timezone"], call.body["maxConcurrentCalls"], call.body["maxConcurrentAgents"]) == ("UTC", 10, 5)
    assert (call.body["startTime"], call.body["endTime"]) == ("2031-06-01T00:00:00.000Z", "2031-07-01T00:00:00.000Z")


@both
async def test_the_wfm_system_is_told_through_the_log_in_the_guides_words(dialect: str, shared: Path) -> None:
    sample = json.loads((shared / "genesys" / "samples" / "guide2.wfm_webhook.schedule_created.json").read_text())
    async with desk(dialect) as there, open_session() as session:
        _, result = await make(there, request(there))
        (notice,) = result.publish
        assert isinstance(notice, Envelope)
        log = await Normaliser.open()
        found = await log.take(notice)
        assert lookups(found) == [("campaign", f"campaign/{FREE}")]
        (event,) = clean(found)
        assert isinstance(event, CampaignUpdated)
        wfm = Wfm(Api("wfm", there.sandbox.wfm_url, session), there.sandbox.options.wfm_secret, there.clock.now)
        sync = SyncCampaignsToWfm(wfm, there.clock.now)
        there.sandbox.wfm.answer_with = 503
        with pytest.raises(RetryableError):
            await sync(renewed(event, {"sequence": "0-1"}))
        there.sandbox.wfm.answer_with = None
        await sync(renewed(event, {"sequence": "0-1"}))
        (told,) = there.sandbox.wfm.books["schedules"].bodies
    assert told.keys() == sample.keys()
    assert (told["event"], told["campaignId"]) == ("SCHEDULE_CREATED", FREE)
    assert told["scheduleId"] == result.after["scheduleId"]


@both
async def test_the_report_tells_what_dials_next_and_how_requests_ended(dialect: str) -> None:
    async with desk(dialect) as there:
        now = there.clock.now()
        ends = [("done", 410.4), ("started", 0), ("conflict", 20), ("done", 90)]
        outcomes = [
            Outcome(
                id=str(n), time=now, subject=f"campaign/{BUSY}", kind="campaign-schedule", status=end, latency_ms=ms
            )
            for n, (end, ms) in enumerate(ends)
        ]
        told = await report(there.jobs.campaigns, BUSY, outcomes, now=now)
        empty = await report(there.jobs.campaigns, FREE, [], now=now)
        with pytest.raises(NotFound):
            await report(there.jobs.campaigns, uid("campaign", "nobody's"), [], now=now)
    assert {name: told[name] for name in ("total", "success", "failures", "latencies", "averageLatencyMs")} == {
        "total": 3,
        "success": 2,
        "failures": 1,
        "latencies": [410, 90],
        "averageLatencyMs": 250,
    }
    (planned_already,) = told["schedules"]
    assert datetime.fromisoformat(planned_already["next"].split(" to ")[1]) > now
    assert (told["name"], told["maxConcurrentCalls"]) == ("Autumn push", 50)
    assert (empty["schedules"], empty["total"], empty["averageLatencyMs"]) == ([], 0, None)


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
    assert plan.facts["shifts"]["agents"] == 2


@both
async def test_after_a_try_that_was_cut_off_it_is_adopted_and_announced(dialect: str) -> None:
    async with desk(dialect) as there:
        asked = request(there)
        plan = await rules(there).plan(asked)
        assert plan.creates
        await rules(there).carry_out(asked, plan, started=False)  # and dies before its outcome
        second = await rules(there).plan(asked)
        result = await rules(there).carry_out(asked, second, started=True)
        assert len(there.calls()) == 1
    assert result.status == "done"
    assert result.after["scheduleId"]
    assert len(result.publish) == 1


async def test_g2_too_many_requests_is_tried_four_times_as_long_apart_as_the_server_says() -> None:
    async with desk("guide") as there:
        post = Failure(f"{SCHEDULES}/{FREE}", "POST", 3, 429, "too.many.requests", "slow", {"Retry-After": "3"})
        there.sandbox.guard.failures.append(post)
        _, result = await make(there, request(there))
        tried = there.sandbox.guard.counts[f"POST {SCHEDULES}/{{campaignId}}/schedules 429"]
        assert (tried, len(planned(there)), result.status) == (3, 1, "done")
        assert len([one for one in there.clock.slept if one >= 3]) == 3
        assert all(one <= 30 for one in there.clock.slept)
        there.sandbox.guide.campaigns.forget(FREE)
        there.sandbox.guard.failures.append(replace(post, times=4))
        with pytest.raises(RetryableError):
            await make(there, request(there))
        assert there.sandbox.guard.counts[f"POST {SCHEDULES}/{{campaignId}}/schedules 429"] == 3 + 4
        assert not planned(there)


async def test_an_answer_that_went_missing_is_searched_for_before_it_is_sent_again() -> None:
    async with desk("guide") as there:
        lost = Failure(f"{SCHEDULES}/{FREE}", "POST", drop=True, after=True)
        there.sandbox.guard.failures.append(lost)
        _, result = await make(there, request(there))
        assert (len(planned(there)), len(there.calls()), result.facts["adopted"]) == (1, 1, True)
        there.sandbox.guide.campaigns.forget(FREE)
        plan = await rules(there).plan(request(there))
        # lost again, and the first search for it fails too: it is looked for until somebody answers
        blind = Failure(f"{SCHEDULES}/{FREE}/schedules", "GET", times=3, status=503)
        silent = Failure(f"{SCHEDULES}/{FREE}/schedules", "GET", status=0)
        there.sandbox.guard.failures += [replace(lost, times=1), silent, blind]
        result = await rules(there).carry_out(request(there), plan, started=False)
        assert not there.sandbox.guard.failures
        assert (len(planned(there)), result.facts["adopted"]) == (1, True)
        there.sandbox.guide.campaigns.forget(FREE)
        there.sandbox.guard.failures.append(Failure(f"{SCHEDULES}/{FREE}", "POST", drop=True))
        _, result = await make(there, request(there))
        assert (len(planned(there)), result.facts["adopted"]) == (1, False)


async def test_g2_conflict_with_a_window_that_no_list_shows_says_so() -> None:
    async with desk("guide") as there:
        wanted = wanted_of(request(there))
        there.sandbox.guide.campaigns.active[FREE] = [(wanted.start, wanted.end)]
        with pytest.raises(ConflictError, match=r"active campaign window.*none is seen to overlap"):
            await make(there, request(there))


async def test_g2_401_and_403_say_what_to_do() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing.add("outbound:campaign:write")
        with pytest.raises(Forbidden) as raised:
            await make(there, request(there))
        assert "outbound:campaign:write" in str(raised.value.remedy)
        there.sandbox.guard.missing.clear()
        there.sandbox.guard.failures.append(Failure(SCHEDULES, times=2, status=401, code="bad.credentials"))
        with pytest.raises(Unauthorised, match="check them"):
            await rules(there).plan(request(there))


@both
async def test_a_campaign_that_is_not_there(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound):
            await rules(there).plan(request(there, uid("campaign", "nobody's")))


async def test_what_other_people_planned_stays_and_a_lost_race_is_run_again() -> None:
    async with desk("platform") as there:
        asked = request(there, BUSY)
        plan = await rules(there).plan(asked)
        world = there.sandbox.world
        edited = {**world.campaigns[BUSY], "name": "Autumn push, renamed"}
        before = world.campaigns[BUSY]["recurrences"]
        world.put(world.campaigns, BUSY, edited, "ana")  # between our plan and our write
        there.sandbox.guard.failures.append(Failure("/api/v2/outbound/schedules", "PUT", status=409, code="conflict"))
        result = await rules(there).carry_out(asked, plan, started=False)
        now = world.campaigns[BUSY]
    assert now["name"] == "Autumn push, renamed"
    assert now["recurrences"][: len(before)] == before
    assert len(now["recurrences"]) == len(before) + 2
    assert (result.status, result.conflict_retries) == ("done", 1)


async def test_undo_on_the_platform_leaves_what_was_there_before() -> None:
    async with desk("platform") as there:
        world = there.sandbox.world
        before = world.campaigns[BUSY]
        for campaign in (BUSY, FREE):
            asked = request(there, campaign)
            plan, result = await make(there, asked)
            fields = rules(there).reverse(asked, plan.before, result.after)
            undo = CampaignScheduleRequest.read({**fields, "expected": dict(result.after), "undoes": "r-1"})
            taken, gone = await make(there, undo)
            assert (taken.before, gone.after, gone.look) == (result.after, {}, ("campaign",))
            _, again = await make(there, undo)
            assert again.look == ()
        assert FREE not in world.campaigns
        assert world.campaigns[BUSY]["recurrences"] == before["recurrences"]
        assert [call.method for call in there.calls()] == ["PUT", "PUT", "PUT", "DELETE"]
        redo = CampaignScheduleRequest.read(rules(there).reverse(undo, gone.before, gone.after))
        await make(there, redo)
        assert FREE in world.campaigns


async def test_undo_is_refused_when_somebody_changed_it_since() -> None:
    async with desk("platform") as there:
        asked = request(there)
        plan, result = await make(there, asked)
        world = there.sandbox.world
        edited = {**world.campaigns[FREE], "recurrences": world.campaigns[FREE]["recurrences"][1:]}
        world.put(world.campaigns, FREE, edited, "ana")
        undo = CampaignScheduleRequest.read({**rules(there).reverse(asked, plan.before, result.after)})
        with pytest.raises(ConflictError, match="only a part"):
            await make(there, undo)


async def test_the_guide_has_no_call_to_undo_with_and_says_so() -> None:
    async with desk("guide") as there:
        asked = request(there)
        plan, result = await make(there, asked)
        with pytest.raises(RefusedError, match="no call that deletes"):
            rules(there).reverse(asked, plan.before, result.after)
        with pytest.raises(RefusedError, match="no call that takes"):
            await rules(there).plan(asked.model_copy(update={"remove": True}))


@both
async def test_the_audit_is_the_guides(dialect: str, shared: Path) -> None:
    sample = json.loads((shared / "genesys" / "samples" / "guide2.audit.success.json").read_text())
    async with desk(dialect) as there:
        asked = request(there)
        _, result = await make(there, asked)
        story = Story("r-1", there.clock.now(), "done", 410, before={}, after=result.after)
        entry = rules(there).audit(asked, story)
        failure = rules(there).audit(asked, replace(story, status="conflict", error="overlaps", after={}))
    assert entry.keys() == sample.keys()
    assert (entry["status"], entry["timezone"], entry["maxConcurrentCalls"]) == ("SUCCESS", "America/Chicago", 25)
    assert failure.keys() == {"timestamp", "campaignId", "status", "error", "latencyMs"}
    assert failure["status"] == "FAILURE"


async def test_every_call_is_one_that_the_official_api_knows(shared: Path) -> None:
    official = Official(shared / "genesys" / "publicapi-v2-subset.json")
    async with desk("platform") as there:
        for campaign in (BUSY, FREE):
            asked = request(there, campaign)
            _, result = await make(there, asked)
            await make(there, CampaignScheduleRequest.read(rules(there).reverse(asked, {}, result.after)))
        calls = list(there.sandbox.guard.seen)
    assert {"GET", "PUT", "DELETE"} <= {call.method for call in calls}
    for call in calls:
        if call.template != "/api/v2/outbound/campaigns/{campaignId}":  # official, but not in the part that we keep
            official.check(call.method, call.template, call.query, call.body)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-01T06:00:00+00:00", "2026-03-30T05:00:00+00:00"),  # the clocks go forward on the 8th
        ("2026-10-26T05:00:00+00:00", "2026-11-09T06:00:00+00:00"),  # and back on the 1st
        ("2026-07-06T15:30:00+00:00", "2026-07-20T14:15:00+00:00"),  # both edges cut an occurrence
        ("2026-07-06T15:30:00+00:00", "2026-07-06T15:45:00+00:00"),  # within one
    ],
)
def test_recurrences_and_intervals_dial_at_the_same_times_as_the_slots(start: str, end: str) -> None:
    hours = timedelta(hours=1)
    slots = (
        Slot((0, 2, 6), 9 * hours, 12 * hours),
        Slot((6,), 1.5 * hours, 4 * hours),
        Slot((3,), 20 * hours, 24 * hours),
    )
    window = datetime.fromisoformat(start), datetime.fromisoformat(end)
    wanted = Wanted("c", "0f0e0d0c-0b0a-4900-8807-060504030201", *window, "America/Chicago", slots, 1, 1)
    there = {**written(wanted), "timeZone": "America/Chicago"}
    read = spans_of(there, Horizon(start=wanted.start, end=wanted.end))
    assert [(one.start, one.end) for one in read] == [(one.start, one.end) for one in occurrences(wanted)]
    assert read
    assert date.fromisoformat(start[:10])
