"""`schedule` in both dialects: one conditional write, other people's changes, undo, the audit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from handlers.requests.plans import Story
from handlers.requests.schedule import ScheduleRequest
from processor.clients.api import NotFound, Rejected
from processor.clients.genesys.guide.schedules import Schedules
from processor.clients.genesys.jobs.schedules import Place
from processor.clients.genesys.pages import entities
from processor.errors import ConflictError, RefusedError
from sandbox.genesys.guard import Failure
from sandbox.names import EMAIL, ORGANISATION, uid
from tests.contract.jobsdesk import desk
from tests.contract.official import Official
from tests.contract.schedulesdesk import (
    CHRISTMAS,
    GROUP,
    GUIDE_PATH,
    HOURS,
    OTHER_GROUP,
    PLATFORM_PATH,
    WEEKDAYS,
    both,
    by_somebody_else,
    make,
    overtaken,
    request,
    rules,
    there_now,
)


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
    assert ("by somebody again and again" in str(raised.value)) == (dialect == "platform"), "G1 tells of nobody"


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
    assert ("by somebody since" in str(raised.value)) == (dialect == "platform"), "G1 tells of nobody"
    assert {name: undone.after[name] for name in first.wanted()} == {
        name: result.before[name] for name in first.wanted()
    }


async def test_platform_requests_are_official(shared: Path) -> None:
    official = Official(shared / "genesys" / "publicapi-v2-subset.json")
    async with desk("platform") as there:
        await make(there, request("platform", queueIds=[EMAIL.id], description=None, name="Longer"))
        seen = list(there.sandbox.guard.seen)
    assert {call.method for call in seen} == {"GET", "PUT", "POST"}
    groups = [call.query["scheduleIds"] for call in seen if call.template == "/api/v2/architect/schedulegroups"]
    assert groups == [[HOURS]], "only the groups that refer to it are asked for"
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
