"""`report schedule` and `report profile` in both dialects: what there is, in the guides' words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.capacity import Floor
from handlers.events import Outcome
from handlers.normalise.recurrence import Entry
from handlers.reports.profiles import report as profile_report
from handlers.reports.schedules import report as schedule_report
from handlers.requests.utilization import Thresholds
from processor.clients.api import NotFound
from processor.clients.genesys.jobs.schedules import Place
from sandbox.names import CHAT, EMAIL, SKILLS, WRAP_UP_CODES
from tests.contract.jobsdesk import desk
from tests.contract.profilesdesk import ANA, TIER
from tests.contract.schedulesdesk import GROUP, HOURS, by_somebody_else

BOTH = pytest.mark.parametrize("dialect", ["platform", "guide"])
MONDAYS = Entry((0,), timedelta(hours=7), timedelta(hours=9))
FLOOR = Floor(weekly_hours=60, peak_hours=0, peaks=(MONDAYS,))


@BOTH
async def test_a_schedule_with_what_it_gives_and_whom_it_leaves_outside(dialect: str) -> None:
    async with desk(dialect) as there:
        place = Place(HOURS, GROUP if dialect == "guide" else "")
        now, job = there.sandbox.world.now(), there.jobs.schedules
        told = await schedule_report(job, place, FLOOR, [EMAIL.id], now=now, days=1)
        alone = await schedule_report(job, place, Floor(), [], now=now, days=7)
        with pytest.raises(NotFound):
            await schedule_report(job, Place("nobody", GROUP), Floor(), [], now=now, days=7)
        unreadable = {"scheduleEntries": [{"daysOfWeek": ["moonday"]}]} if dialect == "guide" else {"rrule": "FREQ=NOW"}
        by_somebody_else(there, **unreadable)
        odd = await schedule_report(job, place, Floor(), [], now=now, days=7)
    assert (told["scheduleId"], told.get("scheduleGroupId")) == (HOURS, GROUP if dialect == "guide" else None)
    assert told["name"] == "Support Hours"
    assert {"groupId": GROUP, "timeZone": "America/New_York", "role": "open"} in told["groups"]
    assert (told["totalWeeklyHours"], told["peakDayHours"], told["peakPeriodHours"]) == (50, 10, 1)
    assert (told["byDay"]["monday"], told["byDay"]["sunday"]) == (10, 0)
    assert "60" in told["shortfalls"][0]
    volume = told["inboundVolume"]
    assert volume["queueIds"] == [EMAIL.id]
    assert volume["offered"] > 0
    assert {"timeZone", "now"} == volume["outside"][0].keys()
    assert "inboundVolume" not in alone
    assert alone["shortfalls"] == []
    assert "unreadable" in odd
    assert "totalWeeklyHours" not in odd


@BOTH
async def test_a_profile_with_what_is_recommended_and_how_its_changes_went(dialect: str) -> None:
    key, kind = (TIER, "profile") if dialect == "guide" else (ANA, "agent")
    async with desk(dialect) as there:
        now, job = there.sandbox.world.now(), there.jobs.profiles
        done = Outcome(
            id="o1",
            time=now,
            subject=f"{kind}/{key}",
            request_id="r1",
            kind="routing-profile",
            status="done",
            request={"queueId": EMAIL.id},
            latency_ms=20,
            conflict_retries=1,
            audit={"profileId": key},
        )
        named = await profile_report(job, key, [done], [], Thresholds(), days=7)
        asked = await profile_report(job, key, [], [CHAT.id, EMAIL.id], Thresholds(), days=7)
        alone = await profile_report(job, key, [], [], Thresholds(), days=7)
    assert (named["id"], named["days"]) == (key, 7)
    assert named["skillAssignments"][0]["skill"]["id"] in SKILLS.values()
    if dialect == "guide":
        assert (named["name"], named["utilizationPercent"]) == ("Tier 1", 85)
        assert named["wrapUpCodes"] == [{"id": WRAP_UP_CODES["Resolved"], "default": True}]
        assert named["quota"] == {"skills": 1, "maxConcurrentSessions": 1000}
    else:
        assert named["maximumCapacities"]["email"] == 4
        assert "quota" not in named, "the official API tells nothing of licences"
    (advice,) = named["recommended"]
    assert (advice["queueId"], advice["utilizationPercent"]) == (EMAIL.id, named["recommendedUtilization"])
    assert "on average" in advice["reason"]
    assert (named["totalUpdates"], named["averageLatencyMs"], named["conflictRate"]) == (1, 20.0, 1.0)
    assert named["audit"] == [{"profileId": key}]
    assert [one["queueId"] for one in asked["recommended"]] == [CHAT.id, EMAIL.id]
    assert asked["recommendedUtilization"] == asked["recommended"][0]["utilizationPercent"]
    assert (alone["recommended"], "recommendedUtilization" in alone) == ([], False)
