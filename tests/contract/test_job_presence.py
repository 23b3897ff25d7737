"""`presence` in both dialects: G5's operations and its common errors, against the sandbox."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.events import PresenceUpdated
from handlers.requests.operating_hours import Hours
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.presence import PresenceRequest
from handlers.requests.stories import finished, turned_down
from handlers.set_presence import SetPresence
from processor.clients.api import Forbidden, NotFound, Unauthorised
from processor.errors import ConflictError, PoisonError, RefusedError, RetryableError
from processor.event import Envelope
from sandbox.events import Reporter
from sandbox.floor import Happening
from sandbox.genesys.guard import Failure
from sandbox.guide.calls import called
from sandbox.guide.presence import STREAM
from sandbox.names import ORGANISATION, PRESENCES, SKILLS, agents, uid
from tests.contract.jobsdesk import Desk, desk
from tests.contract.official import Official
from tests.unit.normalisedesk import Desk as Normaliser
from tests.unit.normalisedesk import clean, fate

both = pytest.mark.parametrize("dialect", ["platform", "guide"])
AGENT = next(agent for agent in agents() if agent.crew.name == "Day Mail").id
OFF_DUTY = next(agent for agent in agents() if agent.crew.name == "Late Mail").id
BILLING, ENGLISH, RETURNS = SKILLS["Billing"], SKILLS["English"], SKILLS["Returns"]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
ANY_HOUR = Hours(time(0), time(23, 59, 59))
PRESENCE = f"/api/v2/users/{AGENT}/presences/purecloud"
VERB = {"platform": "PATCH", "guide": "PUT"}


def request(user: str = AGENT, **fields: Any) -> PresenceRequest:
    said = {"userId": user, "presenceId": "Meeting", "agentTimeZone": "America/New_York", **fields}
    return PresenceRequest.read(said)


def rules(there: Desk, hours: Hours = ANY_HOUR) -> SetPresence:
    return SetPresence(there.jobs, there.clock.now, hours)


async def carry_out(there: Desk, asked: PresenceRequest, hours: Hours = ANY_HOUR) -> tuple[Plan, Result]:
    plan = await rules(there, hours).plan(asked)
    return plan, await rules(there, hours).carry_out(asked, plan, started=False)


def sits(there: Desk, user: str = AGENT) -> str:
    return there.sandbox.floor.desks[user].presence


def by_a_person(there: Desk, presence: str, user: str = AGENT) -> None:
    there.sandbox.floor.set_presence(there.sandbox.floor.desks[user], presence)


@both
async def test_a_presence_and_its_message_are_set_once(dialect: str) -> None:
    async with desk(dialect) as there:
        by_a_person(there, "OnQueue")
        asked = request(presenceId="meeting", customStatusMessage="Until ten")
        plan, result = await carry_out(there, asked)
        (call,) = there.calls()
        (write,) = plan.calls
        assert (call.method, call.path, call.body) == (write.method, write.path, write.body)
        assert write.headers.items() <= {name.title(): value for name, value in call.headers.items()}.items()
        assert (sits(there), there.sandbox.floor.desks[AGENT].message) == ("Meeting", "Until ten")
        again, unchanged = await carry_out(there, asked)
        assert len(there.calls()) == 1
    assert plan.before == result.before == {"presenceId": "OnQueue", "customStatusMessage": ""}
    assert plan.after == result.after == again.before == {"presenceId": "Meeting", "customStatusMessage": "Until ten"}
    assert (result.status, again.calls, unchanged.status, unchanged.publish) == ("done", [], "done", [])
    assert result.facts["etag"] == ('"p-2"' if dialect == "guide" else None)
    assert plan.facts["systemPresence"] == "Meeting"


@both
async def test_the_example_runs_unchanged(dialect: str) -> None:
    file = EXAMPLES / f"presence.{dialect}.yaml"
    fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert fields.pop("kind") == PresenceRequest.kind
    asked = PresenceRequest.read(fields)
    async with desk(dialect) as there:
        assert sits(there) != "Offline"
        _, result = await carry_out(there, asked, Hours())
        assert sits(there) == "Offline"
        if dialect == "guide":
            assert there.sandbox.guide.presences.statuses == {AGENT: {BILLING: "Busy"}}
            assert len(there.sandbox.guide.presences.streams[STREAM]) == 1
        else:
            assert there.sandbox.skills.inactive == {(AGENT, BILLING)}
    assert result.status == "done"


@both
async def test_others_than_offline_need_a_shift_and_the_hour(dialect: str) -> None:
    async with desk(dialect) as there:
        now = there.sandbox.clock.now()
        beyond = (now + timedelta(hours=3)).time(), (now + timedelta(hours=4)).time()
        closed = Hours(*(moment.replace(microsecond=0) for moment in beyond))
        with pytest.raises(RefusedError, match=r"outside operating hours: it is .* in UTC") as raised:
            await rules(there, closed).plan(request(agentTimeZone="UTC"))
        assert "Offline" in str(raised.value.remedy)
        with pytest.raises(RefusedError, match="no active shift"):
            await rules(there).plan(request(OFF_DUTY))
        assert not there.calls()
        for user in (AGENT, OFF_DUTY):
            by_a_person(there, "Available", user)
            _, result = await carry_out(there, request(user, presenceId="OFFLINE"), closed)
            assert (result.status, sits(there, user)) == ("done", "Offline")


@both
async def test_an_unknown_zone_counts_as_utc_and_is_not_trusted(dialect: str) -> None:
    async with desk(dialect) as there:
        plan, result = await carry_out(there, request(agentTimeZone="EST"))
        told = await Normaliser.open()
        told.now = there.clock.now()
        (state,) = clean(await told.take(delivery(result)))
    assert (plan.facts["agentTimeZone"], plan.facts["agentTimeZoneTrusted"]) == ("UTC", False)
    assert isinstance(state, PresenceUpdated)
    assert (state.time_zone, state.time_zone_trusted) == ("UTC", False)


async def test_nobody_says_the_zone_the_management_unit_does() -> None:
    async with desk("platform") as there:
        plan = await rules(there).plan(request(agentTimeZone=None))
    assert (plan.facts["agentTimeZone"], plan.facts["agentTimeZoneTrusted"]) == ("America/New_York", True)
    assert plan.facts["activeShift"]


def delivery(result: Result) -> Envelope:
    (found,) = result.publish
    assert isinstance(found, Envelope)
    return found


@both
@pytest.mark.parametrize("event_first", [False, True])
async def test_our_own_change_coming_back_is_no_second_record(dialect: str, *, event_first: bool) -> None:
    """What Genesys answered, and the event that it sends of the same change, through the whole normaliser."""
    async with desk(dialect) as there:
        asked = request(presenceId="Busy", customStatusMessage="Papers")
        _, result = await carry_out(there, asked)
        seat, floor = there.sandbox.floor.desks[AGENT], there.sandbox.floor
        moment = floor.moment(seat.presence_since)
        if dialect == "guide":
            body = called(
                "presence:updated", AGENT, there.sandbox.guide.presences.shown(AGENT), moment, "America/New_York"
            ).body
        else:
            happening = Happening(moment, "presence", AGENT, seat.presence, seat.routing, moment, seat.message)
            body = Reporter(1, there.sandbox.world, floor).presence(happening)[0].body
    told = await Normaliser.open()
    told.now = there.clock.now()
    first = await told.post(body) if event_first else await told.take(delivery(result))
    second = await told.take(delivery(result)) if event_first else await told.post(body)
    (state,) = clean(first)
    assert isinstance(state, PresenceUpdated)
    assert (state.presence, state.message, state.presence_since) == (
        "BUSY",
        "Papers",
        moment.replace(microsecond=moment.microsecond // 1000 * 1000),
    )
    assert state.subject == f"agent/{AGENT}"
    if event_first and dialect == "platform":
        # the zone is news that only the request knows
        (more,) = clean(second)
        assert isinstance(more, PresenceUpdated)
        assert (more.presence, more.presence_since, more.time_zone) == (
            state.presence,
            state.presence_since,
            "America/New_York",
        )
    else:
        assert clean(second) == []
        assert fate(second) in ("stale", "coalesced")
    assert delivery(result).source == f"genesys/{ORGANISATION}"
    # and once more the same answer, as after a crash between append and commit
    assert clean(await told.take(delivery(result))) == []


# Conflicts.


async def test_g5_412_is_read_again_and_written_again_three_times_at_most() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.presences.rivals("Away", "Break", "Away")
        plan, result = await carry_out(there, request())
        assert (result.status, result.conflict_retries, sits(there)) == ("done", 3, "Meeting")
        assert [call.headers["if-match"] for call in there.calls()] == ['"p-1"', '"p-2"', '"p-3"', '"p-4"']
        assert len(there.clock.slept) == 3
        assert plan.before != result.before == {"presenceId": "Away", "customStatusMessage": ""}
        there.sandbox.guide.presences.rivals("Available", "Break", "Away", "Meal")
        _, lost = await carry_out(there, request(presenceId="Busy"))
        assert (lost.status, lost.conflict_retries, sits(there)) == ("conflict", 3, "Meal")
    assert lost.after == {"presenceId": "Meal", "customStatusMessage": ""}
    assert "once more" in str(lost.error)


async def test_409_of_an_update_under_way_is_waited_for() -> None:
    async with desk("platform") as there:
        busy = Failure(PRESENCE, "PATCH", 3, 409, "presenceservice.conflict", "A previous update is not yet complete")
        there.sandbox.guard.failures.append(busy)
        _, result = await carry_out(there, request())
        assert (result.status, result.conflict_retries, sits(there)) == ("done", 3, "Meeting")


@both
async def test_what_is_expected_must_still_be_there(dialect: str) -> None:
    async with desk(dialect) as there:
        by_a_person(there, "Break")
        expected = {"presenceId": "Available", "customStatusMessage": ""}
        with pytest.raises(ConflictError, match="presenceId is 'Break', not 'Available'") as raised:
            await rules(there).plan(request(expected=expected))
        assert raised.value.found == {"presenceId": "Break", "customStatusMessage": ""}
        asked = request(expected={"presenceId": "BREAK"})
        plan = await rules(there).plan(asked)
        by_a_person(there, "Away")
        with pytest.raises(ConflictError, match="'Away'"):
            await rules(there).carry_out(asked, plan, started=False)
        assert not there.calls()


@both
async def test_the_way_back(dialect: str) -> None:
    async with desk(dialect) as there:
        by_a_person(there, "Break")
        asked = request(customStatusMessage="Until ten")
        _, result = await carry_out(there, asked)
        back = {**rules(there).reverse(asked, result.before, result.after), "expected": result.after, "undoes": "r-1"}
        _, undone = await carry_out(there, PresenceRequest.read(back))
        assert (sits(there), there.sandbox.floor.desks[AGENT].message) == ("Break", "")
        assert undone.after == result.before
        with pytest.raises(ConflictError):
            await rules(there).plan(PresenceRequest.read(back))


# Skills.


async def test_a_word_makes_a_skill_active_or_not_and_a_number_is_the_proficiency() -> None:
    async with desk("platform") as there:
        held, inactive = there.sandbox.skills.held[AGENT], there.sandbox.skills.inactive
        by_a_person(there, "Meeting")
        asked = request(
            skillOverrides=[
                {"skillId": BILLING, "statusId": "Busy"},
                {"skillId": ENGLISH, "statusId": 3},
                {"skillId": RETURNS, "statusId": "1.5"},
            ]
        )
        plan, result = await carry_out(there, asked)
        assert [(call.method, call.path.rpartition("/")[2]) for call in there.calls()] == [
            ("PUT", BILLING),
            ("PATCH", "bulk"),
            ("PATCH", "bulk"),
        ]
        assert (held[ENGLISH], held[RETURNS], inactive) == (3.0, 1.5, {(AGENT, BILLING)})
        again, _ = await carry_out(there, asked)
        assert len(there.calls()) == 3
        with pytest.raises(RefusedError, match=RETURNS):
            rules(there).reverse(asked, result.before, result.after)
        some = request(skillOverrides=[one.fields() for one in asked.skill_overrides[:2]])
        before = {**result.before, "skillOverrides": plan.before["skillOverrides"]}
        back = rules(there).reverse(some, before, {"skillOverrides": again.after["skillOverrides"][:2]})
        _, undone = await carry_out(there, PresenceRequest.read(back))
        assert (held[ENGLISH], inactive, undone.status) == (5.0, set(), "done")
    assert (result.status, again.calls) == ("done", [])
    assert plan.before["skillOverrides"] == [
        {"skillId": BILLING, "statusId": "active"},
        {"skillId": ENGLISH, "statusId": "5"},
    ]
    assert result.after["skillOverrides"] == [
        {"skillId": BILLING, "statusId": "inactive"},
        {"skillId": ENGLISH, "statusId": "3"},
        {"skillId": RETURNS, "statusId": "1.5"},
    ]


async def test_a_status_that_says_nothing_and_a_skill_he_lacks_are_refused_before_anything_is_done() -> None:
    async with desk("platform") as there:
        for status, match in (("lazy", "says nothing of a skill"), ("6", "from 0 to 5"), ("nan", "from 0 to 5")):
            with pytest.raises(PoisonError, match=match):
                await rules(there).plan(request(skillOverrides=[{"skillId": BILLING, "statusId": status}]))
        with pytest.raises(RefusedError, match="has no skill") as raised:
            await rules(there).plan(request(skillOverrides=[{"skillId": RETURNS, "statusId": "Busy"}]))
        assert "0 to 5" in str(raised.value.remedy)
        assert not there.calls()


@both
async def test_a_skill_that_fails_after_the_presence_was_set_is_told_with_what_stands(dialect: str) -> None:
    path = {
        "platform": f"/api/v2/users/{AGENT}/routingskills/{BILLING}",
        "guide": f"/api/v2/users/{AGENT}/routingstatus",
    }
    async with desk(dialect) as there:
        there.sandbox.guard.failures.append(Failure(path[dialect], "PUT", status=403, code="forbidden", message="no"))
        asked = request(
            skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}, {"skillId": ENGLISH, "statusId": "Busy"}]
        )
        plan, result = await carry_out(there, asked)
        story = finished(Story("r-1", there.clock.now(), ""), plan, result, 12.34)
        audit = rules(there).audit(asked, story)
    assert (result.status, sits(there)) == ("failed", "Meeting")
    assert f"what stands: presence Meeting, skill {ENGLISH}" in str(result.error)
    assert BILLING in str(result.error)
    told = {one["skillId"]: one["statusId"] for one in result.after["skillOverrides"]}
    assert told == ({ENGLISH: "Busy"} if dialect == "guide" else {BILLING: "active", ENGLISH: "inactive"})
    assert [(one["action"], one["success"]) for one in audit["auditLogs"]] == [
        ("presence_update", True),
        ("skill_override", False),
        ("skill_override", True),
    ]


@both
async def test_a_far_side_that_goes_away_half_way_is_finished_later_and_nothing_is_set_twice(dialect: str) -> None:
    path = {"platform": f"/api/v2/users/{AGENT}/routingskills/", "guide": f"/api/v2/users/{AGENT}/routingstatus"}
    async with desk(dialect) as there:
        there.sandbox.guard.failures.append(Failure(path[dialect], "PUT", times=99, status=503))
        asked = request(skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}])
        with pytest.raises(RetryableError):
            await carry_out(there, asked)
        there.sandbox.guard.failures.clear()
        there.clock.pass_by(3600)  # long enough for the breaker to let us ask again
        _, result = await carry_out(there, asked)
        assert [call.method for call in there.calls()] == [VERB[dialect], "PUT"]
    assert result.status == "done"


async def test_in_the_guide_nobody_can_read_what_a_skill_was() -> None:
    async with desk("guide") as there:
        asked = request(skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}])
        _, result = await carry_out(there, asked)
        with pytest.raises(RefusedError, match="cannot be read"):
            rules(there).reverse(asked, result.before, result.after)


# The stream.


async def test_the_stream_is_told_in_the_guides_words_and_the_same_after_a_repeat(shared: Path) -> None:
    sample = json.loads((shared / "genesys" / "samples" / "guide5.presence_update_event.json").read_text())
    async with desk("guide") as there:
        asked = request(streamId=STREAM)
        plan, result = await carry_out(there, asked)
        again, _ = await carry_out(there, asked)
        first, second = there.sandbox.guide.presences.streams[STREAM]
        since = there.sandbox.guide.presences.shown(AGENT)["modifiedDate"]
    assert first == second
    assert (first.keys(), first["data"].keys()) == (sample.keys(), sample["data"].keys())
    assert first == {
        "eventType": "presence.update",
        "source": "presence-manager-api",
        "timestamp": since,
        "data": {"userId": AGENT, "presenceId": "Meeting", "etag": result.facts["etag"], "normalizedAt": since},
    }
    assert [call.method for call in plan.calls] == ["PUT", "POST"]
    assert [call.body for call in again.calls] == [first]
    told = await Normaliser.open()
    told.now = datetime.fromisoformat(since)
    assert clean(await told.take(delivery(result)))
    assert clean(await told.post(first)) == []


async def test_g5_404_of_the_stream_is_clear_and_the_presence_stands() -> None:
    async with desk("guide") as there:
        _, result = await carry_out(there, request(streamId=uid("event-stream", "nobody's")))
        assert (result.status, sits(there)) == ("failed", "Meeting")
    assert "there is no event stream" in str(result.error)
    assert "streamId" in str(result.error)
    assert "what stands: presence Meeting" in str(result.error)
    assert result.publish


async def test_the_official_api_has_no_streams_and_says_what_does_the_same() -> None:
    async with desk("platform") as there:
        with pytest.raises(RefusedError, match="no event streams") as raised:
            await rules(there).plan(request(streamId=STREAM))
        assert not there.calls()
    assert "v2.users.{id}.presence" in str(raised.value.remedy)


# The guide's common errors.


@both
async def test_g5_429_waits_as_long_as_the_server_says(dialect: str) -> None:
    async with desk(dialect) as there:
        slow = Failure(PRESENCE, VERB[dialect], 1, 429, "too.many.requests", "slow", {"Retry-After": "3"})
        there.sandbox.guard.failures.append(slow)
        _, result = await carry_out(there, request())
        assert (result.status, max(there.clock.slept)) == ("done", 3)
        there.sandbox.guard.failures.append(
            Failure(PRESENCE, VERB[dialect], 9, 429, "too.many.requests", "slow", {"Retry-After": "40"})
        )
        with pytest.raises(RetryableError) as raised:
            await carry_out(there, request(presenceId="Busy"))
        assert raised.value.retry_after == timedelta(seconds=40)


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        ("presence:read", {}),
        ("presence:write", {}),
        ("scheduling:read", {}),
        ("routing:write", {"skillOverrides": [{"skillId": BILLING, "statusId": "Busy"}]}),
        ("eventstreams:write", {"streamId": STREAM}),
    ],
)
async def test_g5_403_names_the_missing_scope(scope: str, fields: dict[str, Any]) -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing |= {scope} | ({"eventstreams:read"} if "eventstreams" in scope else set())
        try:
            _, result = await carry_out(there, request(**fields))
            assert result.status == "failed"
            said = str(result.error)
        except Forbidden as refusal:
            said = str(refusal.remedy)
    assert scope in said


async def test_who_may_not_ask_for_the_organisation_still_sets_a_presence() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing.add("organization:read")
        _, result = await carry_out(there, request())
    assert (result.status, delivery(result).source) == ("done", "genesys/unknown")


async def test_403_of_the_official_api_names_the_permission() -> None:
    async with desk("platform") as there:
        there.sandbox.guard.missing |= {"presence:presenceDefinition:view"}
        with pytest.raises(Forbidden) as raised:
            await rules(there).plan(request())
    assert "presence:presenceDefinition:view" in str(raised.value.remedy)


@both
async def test_401_renews_the_token_once_and_then_says_what_to_check(dialect: str) -> None:
    async with desk(dialect) as there:
        await rules(there).plan(request())
        there.sandbox.guard.tokens.clear()
        _, result = await carry_out(there, request())
        assert (result.status, there.sandbox.login.issued) == ("done", 2)
        there.sandbox.guard.failures.append(Failure(PRESENCE, times=2, status=401, code="bad.credentials"))
        with pytest.raises(Unauthorised, match="check them"):
            await rules(there).plan(request())


@both
async def test_an_agent_who_is_not_there_and_a_presence_that_is_not(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound):
            await rules(there).plan(request(uid("user", "nobody")))
        with pytest.raises(RefusedError) as raised:
            await carry_out(there, request(presenceId="Lunch"))
        assert sits(there) != "Lunch"
    assert "Lunch" in str(raised.value)
    if dialect == "platform":
        assert "one of Available, Busy, Away" in str(raised.value.remedy)


@both
async def test_the_id_of_a_definition_does_as_well(dialect: str) -> None:
    async with desk(dialect) as there:
        _, result = await carry_out(there, request(presenceId=PRESENCES["Training"]))
        again, _ = await carry_out(there, request(presenceId="Training"))
        assert (sits(there), again.calls) == ("Training", [])
    assert result.after["presenceId"] == "Training"


# The official document, and the guide's audit.


async def test_every_call_is_one_that_the_official_api_knows(shared: Path) -> None:
    official = Official(shared / "genesys" / "publicapi-v2-subset.json")
    async with desk("platform") as there:
        skills = [{"skillId": BILLING, "statusId": "Busy"}, {"skillId": ENGLISH, "statusId": "3"}]
        await carry_out(there, request(customStatusMessage="x", skillOverrides=skills))
        seen = list(there.sandbox.guard.seen)
    for call in seen:
        official.check(call.method, call.template, call.query, call.body)
    assert {
        "PATCH /api/v2/users/{userId}/presences/purecloud",
        "PUT /api/v2/users/{userId}/routingskills/{skillId}",
    } <= {f"{call.method} {call.template}" for call in seen}


@dataclass
class Clockwork:
    """A clock that goes on by a quarter of a second whenever it is read."""

    at: datetime

    def now(self) -> datetime:
        self.at += timedelta(seconds=0.25)
        return self.at


@both
async def test_the_audit_is_the_guides_for_every_end(dialect: str, shared: Path) -> None:
    sample = json.loads((shared / "genesys" / "samples" / "guide5.audit_record.json").read_text())
    async with desk(dialect) as there:
        asked = request(skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}])
        clock = Clockwork(there.clock.now())
        kind = SetPresence(there.jobs, clock.now, ANY_HOUR)
        plan = await kind.plan(asked)
        result = await kind.carry_out(asked, plan, started=False)
        begun = Story("r-1", there.clock.now(), "")
        done = kind.audit(asked, finished(begun, plan, result, 210.04))
        refused = kind.audit(asked, turned_down(begun, None, RefusedError("no"), 3))
        lost = kind.audit(asked, turned_down(begun, plan, ConflictError("no", {}), 3))
    first, second = done["auditLogs"]
    assert first == {name: value for name, value in done.items() if name != "auditLogs"}
    assert first.keys() == second.keys() == sample.keys() == refused.keys() == lost.keys()
    assert (first["action"], first["targetState"], first["latencyMs"], first["success"]) == (
        "presence_update",
        "Meeting",
        210.0,
        True,
    )
    assert (second["action"], second["latencyMs"], second["success"]) == ("skill_override", 250.0, True)
    assert (refused["success"], refused["etag"], lost["success"]) == (False, None, False)
