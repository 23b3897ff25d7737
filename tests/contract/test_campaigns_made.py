"""`campaign-schedule` in both dialects: made once, dialling when it was asked to, told to the WFM system."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from handlers.configure_campaigns import wanted_of
from handlers.events import CampaignUpdated, Horizon, Outcome
from handlers.normalise.campaign_hours import spans_of
from handlers.reports.campaigns import report
from handlers.requests.campaign import CampaignScheduleRequest
from handlers.requests.campaign_times import occurrences
from handlers.requests.plans import Story
from handlers.sync_wfm import SyncCampaignsToWfm
from processor.clients.api import Api, NotFound, open_session
from processor.clients.genesys.jobs.campaigns import Slot, Wanted
from processor.clients.genesys.platform.campaign_hours import written
from processor.clients.wfm import Wfm
from processor.errors import RetryableError
from processor.event import Envelope
from processor.shapes import renewed
from sandbox.names import uid
from tests.contract.campaignsdesk import BUSY, EXAMPLES, FREE, SCHEDULES, both, dialled, make, planned, request, rules
from tests.contract.jobsdesk import desk
from tests.contract.official import Official
from tests.unit.normalisedesk import Desk as Normaliser
from tests.unit.normalisedesk import clean, lookups


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
    assert (told["event"], told["campaignId"], told["source"]) == ("SCHEDULE_CREATED", FREE, sample["source"])
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
    assert planned_already.keys() == {"scheduleId", "name", "next"}
    assert planned_already["name"] == ("Autumn push" if dialect == "platform" else "")
    assert {"campaignId", "maxConcurrentAgents", "agents"} <= told.keys()
    assert datetime.fromisoformat(planned_already["next"].split(" to ")[1]) > now
    assert (told["name"], told["maxConcurrentCalls"]) == ("Autumn push", 50)
    assert (empty["schedules"], empty["total"], empty["averageLatencyMs"]) == ([], 0, None)


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


@both
async def test_hours_to_midnight_are_the_same_hours_when_they_are_asked_for_again(dialect: str) -> None:
    """`24:00:00` is no time that a clock shows."""
    async with desk(dialect) as there:
        evenings = [{"startTime": "20:00", "endTime": "24:00", "days": ["Monday"]}]
        await make(there, request(there, dailySlots=evenings))
        again, _ = await make(there, request(there, dailySlots=evenings))
        assert len(there.calls()) == 1
    assert (again.calls, again.before["dailySlots"][0]["endTime"]) == ((), "24:00:00")
