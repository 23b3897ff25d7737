"""`schedule` in both dialects: the operations of the working-hours guide and its common errors, against the sandbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from handlers.capacity import Floor
from handlers.configure_schedules import ConfigureSchedules
from handlers.normalise.recurrence import Entry
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.schedule import ScheduleRequest
from handlers.requests.words import InvalidRequest
from processor.clients.api import Forbidden, NotFound, Rejected
from processor.clients.genesys.guide.schedules import Schedules
from processor.clients.genesys.jobs.schedules import Place
from processor.clients.genesys.pages import entities
from processor.errors import ConflictError, RefusedError, RetryableError
from sandbox.genesys.guard import Call, Failure
from sandbox.names import EMAIL, ORGANISATION, uid
from tests.contract.jobsdesk import Desk, desk
from tests.contract.official import Official

GROUP, OTHER_GROUP = (uid("schedule-group", f"{place} Support") for place in ("New York", "Berlin"))
HOURS, SATURDAYS, MEETING = (uid("schedule", name) for name in ("Support Hours", "Saturday Hours", "Team Meeting"))
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
CHRISTMAS = uid("schedule", "Christmas")
GUIDE_PATH = f"/api/v2/schedulegroups/{GROUP}/schedules/{HOURS}"
PLATFORM_PATH = f"/api/v2/architect/schedules/{HOURS}"
FORMS: dict[str, dict[str, Any]] = {
    "guide": {
        "scheduleGroupId": GROUP,
        "scheduleId": HOURS,
        "timezoneId": "America/Chicago",
        "holidays": [CHRISTMAS],
        "scheduleEntries": [
            {"daysOfWeek": WEEKDAYS, "startTime": "09:00:00.000", "endTime": "17:00:00.000"},
            {"daysOfWeek": ["saturday"], "startTime": "10:00:00.000", "endTime": "14:00:00.000"},
        ],
    },
    "platform": {
        "scheduleId": HOURS,
        "start": "2026-01-05T09:00:00.000",
        "end": "2026-01-05T17:00:00.000",
        "rrule": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR,SA",
    },
}
both = pytest.mark.parametrize("dialect", FORMS)


def request(dialect: str, **fields: Any) -> ScheduleRequest:
    return ScheduleRequest.read({**FORMS[dialect], **fields})


def rules(there: Desk, **fields: Any) -> ConfigureSchedules:
    return ConfigureSchedules(there.jobs, there.clock.now, clocks=there.clock.time(), **fields)


async def make(there: Desk, asked: ScheduleRequest) -> tuple[Plan, Result]:
    plan = await rules(there).plan(asked)
    return plan, await rules(there).carry_out(asked, plan, started=False)


def there_now(there: Desk) -> Any:
    return (
        there.sandbox.guide.schedules.items[GROUP, HOURS]
        if there.dialect == "guide"
        else there.sandbox.world.schedules[HOURS]
    )


def by_somebody_else(there: Desk, **fields: Any) -> None:
    if there.dialect == "guide":
        there.sandbox.guide.schedules.by_a_person(GROUP, HOURS, **fields)
    else:
        world = there.sandbox.world
        world.put(world.schedules, HOURS, {**world.schedules[HOURS], **fields}, "somebody")


def overtaken(there: Desk, times: int) -> None:
    """Somebody else is faster after each of the next reads."""
    left = list(range(times))

    def watch(call: Call) -> None:
        if call.method == "GET" and call.path.endswith(HOURS) and left:
            by_somebody_else(there, description=f"changed {left.pop()}")

    there.sandbox.guard.watchers.append(watch)


@both
async def test_a_change_is_one_conditional_write_of_the_whole(dialect: str) -> None:
    async with desk(dialect) as there:
        before = dict(there_now(there))
        announced: list[tuple[str, str]] = []
        there.sandbox.guide.hub.listeners.append(lambda event, key, _: announced.append((event, key)))
        plan, result = await make(there, request(dialect))
        (call,) = there.calls()
        after = there_now(there)
        wanted = request(dialect).wanted()
    assert plan.calls[0].body == call.body
    assert (plan.calls[0].method, plan.calls[0].path) == (call.method, call.path)
    assert {name: after[name] for name in wanted} == wanted
    assert (result.status, result.conflict_retries) == ("done", 0)
    assert {name: result.before[name] for name in wanted} == {name: before[name] for name in wanted}
    assert {name: result.after[name] for name in wanted} == wanted
    assert result.after["name"] == "Support Hours"
    assert result.look == ("schedule-group",)
    if dialect == "guide":
        assert (call.method, call.path) == ("PUT", GUIDE_PATH)
        assert call.headers["if-match"] == plan.facts["guard"]
        assert call.body == {**before, **wanted}
        assert announced == [("schedule:updated", HOURS)]
    else:
        assert (call.method, call.path) == ("PUT", PLATFORM_PATH)
        assert call.body["version"] == before["version"]


@both
async def test_what_is_so_already_needs_no_call_however_it_is_spelled(dialect: str) -> None:
    spelled = (
        {
            "timezoneId": "America/New_York",
            "scheduleEntries": [{"daysOfWeek": list(reversed(WEEKDAYS)), "startTime": "08:00", "endTime": "18:00:00"}],
            "holidays": [uid("schedule", "New Year"), CHRISTMAS],
            "description": "",
        }
        if dialect == "guide"
        else {
            "start": "2026-01-05T08:00",
            "end": "2026-01-05T18:00:00",
            "rrule": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR",
        }
    )
    async with desk(dialect) as there:
        plan, result = await make(there, request(dialect, **spelled))
        assert not there.calls()
    assert not plan.calls
    assert (plan.before, result.status, result.look) == (plan.after, "done", ("schedule-group",))


@both
async def test_overtaken_the_change_is_merged_into_what_is_there_then(dialect: str) -> None:
    async with desk(dialect) as there:
        plan = await rules(there).plan(request(dialect))
        overtaken(there, 2)
        result = await rules(there).carry_out(request(dialect), plan, started=False)
        after = there_now(there)
        codes = [name.rpartition(" ")[2] for name in there.sandbox.guard.counts if name.startswith("PUT")]
    assert (result.status, result.conflict_retries) == ("done", 2)
    assert sorted(codes) == ["200", "412" if dialect == "guide" else "409"]
    assert after["description"] == "changed 0"
    assert {name: after[name] for name in request(dialect).wanted()} == request(dialect).wanted()
    assert result.before["description"] == "changed 0"
    assert result.facts["changedByOthers"] == ["description"]
    assert there.clock.slept


@both
async def test_overtaken_again_and_again_is_a_conflict_that_shows_what_is_there(dialect: str) -> None:
    async with desk(dialect) as there:
        plan = await rules(there).plan(request(dialect))
        overtaken(there, 9)
        with pytest.raises(ConflictError) as raised:
            await rules(there).carry_out(request(dialect), plan, started=False)
        assert len(there.calls()) == 4  # the guide's first try and three more
    assert isinstance(raised.value.found, dict)
    assert raised.value.found["name"] == "Support Hours"


@both
async def test_a_lost_answer_is_not_written_twice(dialect: str) -> None:
    async with desk(dialect) as there:
        plan = await rules(there).plan(request(dialect))
        there.sandbox.guard.failures.append(Failure("/api/v2", "PUT", drop=True, after=True))
        versions = []
        there.sandbox.guide.hub.listeners.append(lambda *_: versions.append(1))
        result = await rules(there).carry_out(request(dialect), plan, started=False)
        after = there_now(there)
    assert result.status == "done"
    assert {name: after[name] for name in request(dialect).wanted()} == request(dialect).wanted()
    assert versions == [1] if dialect == "guide" else after["version"] == 2


@both
async def test_what_was_expected_must_still_be_there(dialect: str) -> None:
    async with desk(dialect) as there:
        first = request(dialect)
        _, result = await make(there, first)
        fields = rules(there).reverse(first, result.before, result.after)
        back = ScheduleRequest.read({**fields, "expected": result.after, "undoes": "r-1"})
        by_somebody_else(there, description="mine")
        with pytest.raises(ConflictError, match="description") as raised:
            await rules(there).plan(back)
        by_somebody_else(there, description=result.after["description"])
        _, undone = await make(there, back)
        sent = len(there.calls())
        _, repeated = await make(there, back)  # as after a crash before the outcome
        assert (repeated.status, len(there.calls())) == ("done", sent)
        with pytest.raises(RefusedError, match="nothing was changed"):
            rules(there).reverse(back, undone.after, undone.after)
    assert raised.value.found["description"] == "mine"  # type: ignore[index]
    assert {name: undone.after[name] for name in first.wanted()} == {
        name: result.before[name] for name in first.wanted()
    }


@both
async def test_a_schedule_that_is_not_there(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound, match=r"no-such") as raised:
            await rules(there).plan(request(dialect, scheduleId="no-such"))
        if dialect == "platform":
            there.sandbox.world.schedules[HOURS]["state"] = "deleted"
            with pytest.raises(NotFound, match="deleted"):
                await rules(there).plan(request(dialect))
    assert raised.value.remedy


@both
async def test_a_missing_right_is_named(dialect: str) -> None:
    right = "schedule:write" if dialect == "guide" else "routing:schedule:edit"
    async with desk(dialect) as there:
        plan = await rules(there).plan(request(dialect))
        there.sandbox.guard.missing.add(right)
        with pytest.raises(Forbidden) as raised:
            await rules(there).carry_out(request(dialect), plan, started=False)
    assert right in f"{raised.value} {raised.value.remedy}"


@both
async def test_too_many_requests_are_waited_out_or_told(dialect: str) -> None:
    async with desk(dialect) as there:
        plan = await rules(there).plan(request(dialect))
        slow = Failure("/api/v2", "PUT", status=429, headers={"Retry-After": "3"})
        there.sandbox.guard.failures.append(slow)
        result = await rules(there).carry_out(request(dialect), plan, started=False)
        there.sandbox.guard.failures.append(replace(slow, method="GET", headers={"Retry-After": "40"}, times=5))
        with pytest.raises(RetryableError) as raised:
            await rules(there).plan(request(dialect))
    assert result.status == "done"
    assert 3 in [round(seconds) for seconds in there.clock.slept]
    assert raised.value.retry_after == timedelta(seconds=40)


@pytest.mark.parametrize(("too_fast", "taken"), [(3, True), (4, False)])
async def test_the_guide_tries_a_write_that_came_too_fast_three_times_more(too_fast: int, taken: bool) -> None:
    async with desk("guide") as there:
        plan = await rules(there).plan(request("guide"))
        there.sandbox.guard.failures.append(
            Failure("/api/v2", "PUT", status=429, headers={"Retry-After": "1"}, times=too_fast)
        )
        if not taken:
            with pytest.raises(RetryableError, match="429"):
                await rules(there).carry_out(request("guide"), plan, started=False)
        else:
            assert (await rules(there).carry_out(request("guide"), plan, started=False)).status == "done"
        assert len(there.calls()) == taken


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"timezoneId": "EST"}, "timezoneId"),
        (
            {
                "scheduleEntries": [
                    *FORMS["guide"]["scheduleEntries"],
                    {"daysOfWeek": ["friday"], "startTime": "16:00", "endTime": "20:00"},
                ]
            },
            r"scheduleEntries\[2\]: overlaps with scheduleEntries\[0\] on friday",
        ),
        ({"scheduleEntries": []}, "scheduleEntries"),
        ({"scheduleEntries": [{"daysOfWeek": ["monday"], "startTime": "17:00", "endTime": "09:00"}]}, "endTime"),
        ({"scheduleEntries": [{"daysOfWeek": ["mon"], "startTime": "09:00", "endTime": "17:00"}]}, r"daysOfWeek\[0\]"),
    ],
)
async def test_what_genesys_would_refuse_with_400_is_refused_before(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        request("guide", **fields)
    async with desk("guide") as there:  # and it would have been
        job, place = there.jobs.schedules, Place(HOURS, GROUP)
        found = await job.get(place)
        with pytest.raises(Rejected, match="400"):
            await job.send(job.write(place, found, fields))


@pytest.mark.parametrize("dialect", FORMS)
async def test_the_form_of_the_other_dialect_is_refused_with_what_would_do(dialect: str) -> None:
    other = next(name for name in FORMS if name != dialect)
    async with desk(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await rules(there).plan(request(other))
        assert not there.sandbox.guard.seen
    (problem,) = raised.value.problems
    meant = '"startTime":"09:00:00.000"' if dialect == "guide" else "BYDAY=MO,TU,WE,TH,FR"
    assert meant in problem.remedy


async def test_holidays_must_exist() -> None:
    async with desk("guide") as there:
        with pytest.raises(InvalidRequest) as raised:
            await rules(there).plan(request("guide", holidays=[CHRISTMAS, "christmass", "x"]))
        assert [problem.place for problem in raised.value.problems] == ["holidays[1]", "holidays[2]"]
        assert CHRISTMAS in raised.value.problems[0].remedy
        there.sandbox.guard.failures.append(Failure(f"/api/v2/schedulegroups/{GROUP}/holidays", status=404, times=9))
        assert (await rules(there, holidays={"x": ("2026-12-24",)}).plan(request("guide", holidays=["x"]))).calls
        with pytest.raises(InvalidRequest, match="christmass"):
            await rules(there, holidays={"x": ("2026-12-24",)}).plan(request("guide", holidays=["christmass"]))


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
    assert set(zones) == (
        {"America/Chicago"}
        if dialect == "guide"
        else {"America/New_York", "Europe/Berlin", "Australia/Sydney", "Asia/Kolkata"}
    )
    for one in zones.values():
        assert 0 <= one["after"]["contacts"] <= found["offered"]
        assert one["after"]["share"] == pytest.approx(one["after"]["contacts"] / found["offered"], abs=0.01)
    assert len(asked) == (-(-found["offered"] // 100) + (found["offered"] % 100 == 0) if dialect == "guide" else 1)


async def test_platform_requests_are_official(shared: Path) -> None:
    official = Official(shared / "genesys" / "publicapi-v2-subset.json")
    async with desk("platform") as there:
        await make(there, request("platform", queueIds=[EMAIL.id], description=None, name="Longer"))
        seen = list(there.sandbox.guard.seen)
    assert {call.method for call in seen} == {"GET", "PUT", "POST"}
    for call in seen:
        official.check(call.method, call.template, call.query, call.body)


@both
async def test_the_audit_is_the_guides_own_entry(dialect: str) -> None:
    async with desk(dialect) as there:
        asked = request(dialect)
        plan, result = await make(there, asked)
        story = Story("r-1", there.clock.now(), "done", latency_ms=412.4, facts={**plan.facts, **result.facts})
        done = rules(there).audit(asked, story)
        failed = rules(there).audit(asked, replace(story, status="conflict", error="changed by ana"))
    guard = f"ETag: {plan.facts['guard']}, Hours: 44.00" if dialect == "guide" else "Version: 1, Hours: 48.00"
    assert list(done) == ["timestamp", "action", "scheduleId", "status", "latencyMs", "details"]
    assert (done["action"], done["scheduleId"], done["status"]) == ("SCHEDULE_UPDATE", HOURS, "success")
    assert (done["latencyMs"], done["details"]) == (412, guard)
    assert (failed["status"], failed["details"]) == ("failure", "changed by ana")
    assert done["timestamp"].endswith("Z")


async def test_a_write_without_its_guard_or_in_another_group_is_no_write() -> None:
    async with desk("guide") as there:
        job = there.jobs.schedules
        found = await job.get(Place(HOURS, OTHER_GROUP))
        assert found.body["timezoneId"] == "Europe/Berlin"
        write = job.write(Place(HOURS, OTHER_GROUP), found, {"name": "x"})
        with pytest.raises(Rejected, match="428"):
            await job.send(replace(write, headers={}))
        with pytest.raises(NotFound, match="group"):
            await job.get(Place(HOURS, ORGANISATION))


async def test_the_sandbox_lists_groups_and_their_schedules_and_lets_people_edit_them() -> None:
    async with desk("guide", most_on_page=1) as there, aiohttp.ClientSession(there.sandbox.genesys_url) as people:
        job = Schedules(there.jobs.schedules._api)  # type: ignore[attr-defined]
        groups = [one["id"] async for one in entities(job._api, "/api/v2/schedulegroups")]
        listed = [one async for one in entities(job._api, f"/api/v2/schedulegroups/{GROUP}/schedules")]
        first = await job.get(Place(HOURS, GROUP))
        async with people.post(f"/_sandbox/groups/{GROUP}/schedules/{HOURS}", json={"name": "Ours"}) as answer:
            assert answer.status == 200
        second = await job.get(Place(HOURS, GROUP))
        async with people.post(f"/_sandbox/groups/{GROUP}/schedules/{HOURS}", json={"deleted": True}) as answer:
            assert answer.status == 200
        with pytest.raises(NotFound):
            await job.get(Place(HOURS, GROUP))
    assert sorted(groups) == sorted(there.sandbox.world.groups)
    assert [one["name"] for one in listed] == ["Support Hours", "Saturday Hours"]
    assert (first.body["name"], second.body["name"]) == ("Support Hours", "Ours")
    assert first.guard != second.guard
