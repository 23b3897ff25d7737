"""`routing-profile` in the guide's dialect: a PATCH under the version, the recommendation, undo, the audit."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from handlers.configure_profiles import ConfigureProfiles
from handlers.requests.plans import Story
from handlers.requests.profile import ProfileRequest
from processor.errors import ConflictError
from sandbox.names import ADMIN, CHAT
from tests.contract.profilesdesk import (
    EXAMPLES,
    GUIDE_CHANGE,
    TIER,
    office,
)


async def test_the_guides_patch_carries_the_whole_profile_and_its_version() -> None:
    async with office("guide") as there:
        person = {"name": "Tier One"}
        there.sandbox.guide.profiles.by_a_person(TIER, person)
        done = await there.make_so(**GUIDE_CHANGE)
        (call,) = [one for one in there.sandbox.guard.seen if one.method == "PATCH"]
        profile = there.sandbox.guide.profiles.table[TIER]
    assert call.path == f"/api/v2/routing/profiles/{TIER}"
    assert (call.headers["if-match"], call.body["version"], call.body["name"]) == ("6", 6, "Tier One")
    assert profile["skillAssignments"] == GUIDE_CHANGE["skillAssignments"]
    assert (profile["version"], profile["utilizationPercent"]) == (7, 70)
    assert (done.status, done.before["utilizationPercent"], done.after["utilizationPercent"]) == ("done", 85, 70)
    assert done.look == ("profile",)
    assert done.facts["quota"] == {"skills": 2, "maxConcurrentSessions": 1000}


async def test_what_is_so_already_is_not_sent() -> None:
    async with office("guide") as there:
        await there.make_so(**GUIDE_CHANGE)
        request = ProfileRequest.read(GUIDE_CHANGE)
        plan = await there.rules.plan(request)
        again = await there.rules.carry_out(request, plan, started=False)
        patches = there.sent("PATCH")
    assert (plan.calls, again.status, len(patches)) == ([], "done", 1)


async def test_the_call_that_is_shown_is_the_call_that_is_sent() -> None:
    async with office("guide") as there:
        request = ProfileRequest.read(GUIDE_CHANGE)
        (shown,) = (await there.rules.plan(request)).calls
        assert not there.sent("PATCH")
        await there.rules.carry_out(request, await there.rules.plan(request), started=False)
        (sent,) = [one for one in there.sandbox.guard.seen if one.method == "PATCH"]
    assert (shown.method, shown.path, shown.body) == (sent.method, sent.path, sent.body)
    assert shown.headers["If-Match"] == sent.headers["if-match"]


async def test_409_is_read_again_and_what_others_changed_stays() -> None:
    async with office("guide") as there:
        there.sandbox.guide.profiles.interruptions += [{"name": "A"}, {"name": "B"}, {"name": "Theirs"}]
        done = await there.make_so(**GUIDE_CHANGE)
        profile = there.sandbox.guide.profiles.table[TIER]
    assert (done.status, done.conflict_retries, profile["name"]) == ("done", 3, "Theirs")
    assert profile["utilizationPercent"] == 70
    assert done.before["name"] == done.after["name"] == "Theirs"
    assert len(there.clock.slept) == 3
    assert all(slept <= 2 * 2**tried for tried, slept in enumerate(there.clock.slept, 1))


async def test_the_recommended_utilisation_is_asked_for_as_the_guide_does_and_set() -> None:
    async with office("guide") as there:
        there.sandbox.clock.jump(timedelta(hours=2))
        there.sandbox.life.step()
        done = await there.make_so(profileId=TIER, queueId=CHAT.id)
        (asked,) = [one for one in there.sandbox.guard.seen if "details/query" in one.path]
        kept = await there.make_so(profileId=TIER, queueId=CHAT.id, utilizationPercent=66)
    assert asked.body["interval"] == "P7D"
    assert asked.body["query"]["filter"] == {"type": "EQUALS", "attribute": "queue.id", "value": CHAT.id}
    advice = done.facts["utilization"]
    assert advice["recommended"] in (78, 85, 92)
    assert "on average" in advice["reason"]
    assert (done.after["utilizationPercent"], advice["isSet"]) == (advice["recommended"], True)
    assert (kept.after["utilizationPercent"], kept.facts["utilization"]["isSet"]) == (66, False)


async def test_undo_gives_back_what_was_there_and_stops_where_somebody_was_faster() -> None:
    async with office("guide") as there:
        was = copy.deepcopy(there.sandbox.guide.profiles.table[TIER])
        request = ProfileRequest.read(GUIDE_CHANGE)
        done = await there.make_so(**GUIDE_CHANGE)
        back = there.rules.reverse(request, done.before, done.after)
        undone = await there.make_so(**back, expected=done.after, undoes="r-1")
        now = there.sandbox.guide.profiles.table[TIER]
        assert undone.status == "done"
        done = await there.make_so(**GUIDE_CHANGE)
        there.sandbox.guide.profiles.by_a_person(TIER, {"utilizationPercent": 12})
        for attempt in (there.plan, there.make_so):
            with pytest.raises(ConflictError, match=f"changed by {ADMIN} since: utilizationPercent"):
                await attempt(**back, expected=done.after, undoes="r-1")
    told = {"version", "dateModified", "modifiedBy"}
    assert {k: v for k, v in now.items() if k not in told} == {k: v for k, v in was.items() if k not in told}


def test_the_audit_is_the_guides_own_entry() -> None:
    rules = ConfigureProfiles(None, lambda: datetime.now(UTC))  # type: ignore[arg-type]
    request = ProfileRequest.read({"profileId": "profile-1", "utilizationPercent": 92})
    at = datetime(2026, 3, 9, 13, tzinfo=UTC)
    assert rules.audit(request, Story("r-1", at, "done", 300, 0)) == {
        "timestamp": "2026-03-09T13:00:00.000Z",
        "profileId": "profile-1",
        "changes": {"utilizationPercent": 92},
        "latencyMs": 300,
        "conflictCount": 0,
        "status": "COMPLIANT",
        "auditVersion": "1.0",
    }
    assert rules.audit(request, Story("r-1", at, "conflict", 1, 5))["status"] == "NON_COMPLIANT"


@pytest.mark.parametrize("dialect", ["platform", "guide"])
async def test_the_example_runs_unchanged(dialect: str) -> None:
    fields = yaml.safe_load((EXAMPLES / f"routing-profile.{dialect}.yaml").read_text(encoding="utf-8"))
    assert fields.pop("kind") == "routing-profile"
    async with office(dialect) as there:
        assert (await there.make_so(**fields)).status == "done"


async def test_an_undo_that_is_overtaken_does_not_take_back_what_another_wrote() -> None:
    async with office("guide") as there:
        done = await there.make_so(**GUIDE_CHANGE)
        back = there.rules.reverse(ProfileRequest.read(GUIDE_CHANGE), done.before, done.after)
        there.sandbox.guide.profiles.interruptions.append({"utilizationPercent": 33})  # right before our PATCH
        with pytest.raises(ConflictError, match="since: utilizationPercent") as raised:
            await there.make_so(**back, expected=done.after, undoes="r-1")
        profile = there.sandbox.guide.profiles.table[TIER]
    assert profile["utilizationPercent"] == 33
    assert isinstance(raised.value.found, dict)
    assert raised.value.found["utilizationPercent"] == 33


async def test_an_undo_whose_answer_was_lost_is_not_its_own_conflict() -> None:
    async with office("guide") as there:
        done = await there.make_so(**GUIDE_CHANGE)
        back = there.rules.reverse(ProfileRequest.read(GUIDE_CHANGE), done.before, done.after)
        await there.make_so(**back, expected=done.after, undoes="r-1")  # and nobody hears of it
        again = await there.make_so(**back, expected=done.after, undoes="r-1")
        patches = there.sent("PATCH")
    assert (again.status, len(patches)) == ("done", 2)
