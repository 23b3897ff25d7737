"""`schedule` in both dialects: what hours give, the floor, and the contacts that they leave outside."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.capacity import Floor
from handlers.normalise.recurrence import Entry
from handlers.requests.schedule import ScheduleRequest
from handlers.requests.words import InvalidRequest
from processor.errors import RefusedError
from sandbox.names import EMAIL
from tests.contract.jobsdesk import desk
from tests.contract.schedulesdesk import (
    HOURS,
    MEETING,
    both,
    by_somebody_else,
    make,
    request,
    rules,
)


@both
async def test_the_capacity_before_and_after(dialect: str) -> None:
    peaks = [{"daysOfWeek": ["monday", "saturday"], "startTime": "08:00", "endTime": "12:00"}]
    async with desk(dialect) as there:
        plan, result = await make(there, request(dialect, peakPeriods=peaks))
    before, after = plan.facts["capacity"]["before"], plan.facts["capacity"]["after"]
    assert (before["totalWeeklyHours"], before["peakDayHours"], before["peakPeriodHours"]) == (50, 10, 4)
    weekly, on_peaks, saturday = (44, 5, 4) if dialect == "guide" else (48, 6, 8)
    assert (after["totalWeeklyHours"], after["peakDayHours"], after["peakPeriodHours"]) == (weekly, 8, on_peaks)
    assert after["byDay"]["saturday"] == saturday
    assert result.facts["capacity"] == plan.facts["capacity"]
    assert result.facts["configLatencyMs"] >= 0


@both
async def test_hours_below_a_floor_are_refused(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(RefusedError, match=r"weekly hours come to 4[48], less than 49"):
            await rules(there, floor=Floor(weekly_hours=49)).plan(request(dialect, minimumWeeklyHours=1))
        with pytest.raises(RefusedError, match=r"less than 60"):
            await rules(there).plan(request(dialect, minimumWeeklyHours=60))
        mornings = Floor(peak_hours=5, peaks=(Entry((0, 1), timedelta(hours=8), timedelta(hours=11)),))
        with pytest.raises(RefusedError, match="hours in the peak periods come to 4, less than 5"):
            await rules(there, floor=mornings).plan(request(dialect))
        with pytest.raises(InvalidRequest, match="peakPeriods"):
            await rules(there).plan(request(dialect, minimumPeakHours=2))
        peaks = [{"daysOfWeek": ["monday"], "startTime": "09:00", "endTime": "12:00"}]
        enough = await rules(there).plan(request(dialect, minimumPeakHours=3, peakPeriods=peaks))
        assert enough.facts["capacity"]["after"]["peakPeriodHours"] == 3
        with pytest.raises(RefusedError, match="less than 4"):
            await rules(there).plan(request(dialect, minimumPeakHours=4, peakPeriods=peaks))
        assert not there.calls()


async def test_a_schedule_that_closes_has_no_floor_and_a_rule_by_the_month_is_averaged() -> None:
    fields = {"scheduleId": MEETING, "start": "2026-01-06T12:00:00.000", "end": "2026-01-06T13:00:00.000"}
    async with desk("platform") as there:
        plan = await rules(there, floor=Floor(weekly_hours=40)).plan(ScheduleRequest.read(fields))
    assert plan.after["rrule"] == "FREQ=MONTHLY;BYDAY=1TU"
    assert {use["role"] for use in plan.facts["groups"]} == {"closed"}
    assert len(plan.facts["groups"]) == 5
    assert plan.facts["capacity"]["after"]["totalWeeklyHours"] == 0.25


@both
async def test_the_contacts_outside_the_proposed_hours(dialect: str) -> None:
    async with desk(dialect, most_on_page=100) as there:
        there.sandbox.clock.jump(timedelta(hours=6))
        there.sandbox.life.step()
        contacts = there.sandbox.floor.contacts[EMAIL.id]
        plan = await rules(there).plan(request(dialect, queueIds=[EMAIL.id], volumeDays=3))
        offered = len(contacts)
        asked = [call for call in there.sandbox.guard.seen if call.path.endswith("/query")]
    found = plan.facts["inboundVolume"]
    assert offered > 500
    assert abs(found["offered"] - offered) <= offered * 0.02  # those of the last second may lie outside the span
    zones = {one["timeZone"]: one for one in found["outside"]}
    if dialect == "guide":  # the request moves it to another zone: what was is judged on the clocks of then
        judged = {"America/New_York": ["before"], "America/Chicago": ["after"]}
    else:
        groups = ("America/New_York", "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata")
        judged = {name: ["before", "after"] for name in groups}
    assert {name: [which for which in one if which != "timeZone"] for name, one in zones.items()} == judged
    for name, one in zones.items():
        for which in judged[name]:
            assert 0 <= one[which]["contacts"] <= found["offered"]
            assert one[which]["share"] == pytest.approx(one[which]["contacts"] / found["offered"], abs=0.01)
    assert len(asked) == (-(-found["offered"] // 100) + (found["offered"] % 100 == 0) if dialect == "guide" else 1)


async def test_more_conversations_than_one_query_pages_through_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.clients.genesys.guide.schedules.MOST", 200)
    async with desk("guide") as there:
        there.sandbox.clock.jump(timedelta(hours=6))
        there.sandbox.life.step()
        with pytest.raises(RefusedError, match="more than 200 conversations") as raised:
            await rules(there).plan(request("guide", queueIds=[EMAIL.id], volumeDays=3))
    assert "volumeDays" in str(raised.value.remedy)


@both
async def test_a_queue_that_is_not_there_is_no_queue_to_which_nobody_comes(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await rules(there).plan(request(dialect, queueIds=[EMAIL.id, "nobody", "nothing"]))
        assert [problem.place for problem in raised.value.problems] == ["queueIds[1]", "queueIds[2]"]
        right = "routing:queue:view" if dialect == "platform" else "routing:queue:read"
        there.sandbox.guard.missing.add(right)  # then nobody can say, and the comparison is still made
        assert "inboundVolume" in (await rules(there).plan(request(dialect, queueIds=["nobody"]))).facts


async def test_a_rule_that_is_left_as_it_is_is_judged_with_the_new_opening() -> None:
    """The request says no rule: what there is makes of it is looked at, before the write and again at it."""
    unruled = ScheduleRequest.read(
        {"scheduleId": HOURS, "start": "2026-01-05T09:00", "end": "2026-01-05T17:00", "minimumWeeklyHours": 24}
    )
    too_long = ScheduleRequest.read({"scheduleId": HOURS, "start": "2026-01-05T09:00", "end": "2026-01-06T10:00"})
    async with desk("platform") as there:
        with pytest.raises(InvalidRequest, match=r"end: each opening lasts 25 h, .* overlaps with that of 2026-01-06"):
            await rules(there).plan(too_long)
        plan = await rules(there).plan(unruled)
        by_somebody_else(there, rrule="FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU")
        with pytest.raises(RefusedError, match=r"16.*24"):
            await rules(there).carry_out(unruled, plan, started=False)
        by_somebody_else(there, rrule="FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE")
        result = await rules(there).carry_out(unruled, plan, started=False)
        assert len(there.calls()) == 1
    assert (result.after["rrule"], result.facts["changedByOthers"]) == (
        "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE",
        ["rrule"],
    )
