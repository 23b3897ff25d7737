"""`routing-profile` over real HTTP, in both dialects: what is sent, what comes of it, and each entry of G3's errors."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml

from handlers.configure_profiles import ConfigureProfiles
from handlers.requests.plans import Result, Story
from handlers.requests.profile import ProfileRequest
from handlers.requests.utilization import LOOK_BACK
from handlers.requests.words import InvalidRequest
from processor.clients.api import Api, ApiPolicy, Forbidden, open_session
from processor.clients.genesys.guide.jobs import jobs as guide_jobs
from processor.clients.genesys.platform.jobs import jobs as platform_jobs
from processor.clients.genesys.token import ClientCredentials
from processor.clients.pace import Time
from processor.errors import ConflictError, FarSideDown, RefusedError, RetryableError
from sandbox.genesys.guard import Failure
from sandbox.names import CHAT, EMAIL, PROFILES, SKILLS, WRAP_UP_CODES, agents
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.contract.official import Official
from tests.contract.swagger import Swagger
from tests.unit.farside import Clock

TIER, CODES = PROFILES["Tier 1"], list(WRAP_UP_CODES.values())
ANA, BEN = (agent.id for agent in agents()[:2])
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
NOT_IN_THE_SUBSET = {
    "GET /api/v2/routing/wrapupcodes",
    "GET /api/v2/routing/queues/{queueId}/wrapupcodes",
    "POST /api/v2/routing/queues/{queueId}/wrapupcodes",
    "DELETE /api/v2/routing/queues/{queueId}/wrapupcodes/{codeId}",
}
GUIDE_CHANGE: dict[str, Any] = {
    "profileId": TIER,
    "skillAssignments": [
        {"skill": {"id": SKILLS["English"], "name": "English"}, "utilizationPercent": 90},
        {"skill": {"id": SKILLS["Billing"], "name": "Billing"}, "utilizationPercent": 85},
    ],
    "wrapUpCodes": [{"id": CODES[0], "default": True}, {"id": CODES[1], "default": False}],
    "overflowRoutingTargets": [{"target": {"id": EMAIL.id}, "overflowType": "QUEUE"}],
    "utilizationPercent": 70,
}
PLATFORM_CHANGE: dict[str, Any] = {
    "userIds": [ANA, BEN],
    "queueId": EMAIL.id,
    "skillAssignments": [{"skill": {"id": SKILLS["Billing"]}, "utilizationPercent": 90}],
    "wrapUpCodes": [{"id": CODES[1], "default": False}, {"id": CODES[2], "default": False}],
    "utilizationPercent": 50,
}


@dataclass
class Office:
    rules: ConfigureProfiles
    sandbox: Sandbox
    clock: Clock = field(default_factory=Clock)

    async def make_so(self, **fields: Any) -> Result:
        request = ProfileRequest.read(fields)
        return await self.rules.carry_out(request, await self.rules.plan(request), started=False)

    def sent(self, *methods: str) -> list[tuple[str, str]]:
        return [(call.method, call.path) for call in self.sandbox.guard.seen if call.method in methods]


@asynccontextmanager
async def office(dialect: str, secret: str = "") -> AsyncIterator[Office]:
    options = Options(port=0, wfm_port=0, quiet=True, dialect=dialect, most_on_page=2, rate_limit=100_000)
    async with running(options) as sandbox, open_session() as session:
        login = Api("login", sandbox.genesys_url, session)
        auth = ClientCredentials(login, options.client_id, secret or options.client_secret, monotonic)
        api = Api("genesys", sandbox.genesys_url, session, auth=auth, policy=ApiPolicy(patience=2))
        clock = Clock()
        make = guide_jobs if dialect == "guide" else platform_jobs
        rules = ConfigureProfiles(
            make(api, Time()), lambda: datetime(2026, 3, 9, tzinfo=UTC), clocks=Time(sleep=clock.sleep)
        )
        yield Office(rules, sandbox, clock)


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


async def test_five_conflicts_are_enough() -> None:
    async with office("guide") as there:
        there.sandbox.guide.profiles.interruptions += [{"name": f"N{number}"} for number in range(9)]
        with pytest.raises(ConflictError, match=r"5 attempts"):
            await there.make_so(**GUIDE_CHANGE)
        tried = there.sent("PATCH")
    assert len(tried) == 5


async def test_401_is_renewed_once_and_wrong_credentials_wait() -> None:
    async with office("guide") as there:
        await there.make_so(profileId=TIER, utilizationPercent=60)
        there.sandbox.guard.tokens.clear()
        assert (await there.make_so(profileId=TIER, utilizationPercent=61)).status == "done"
        assert there.sandbox.login.issued == 2
    async with office("guide", secret="wrong") as there:
        with pytest.raises(FarSideDown):
            await there.make_so(profileId=TIER, utilizationPercent=60)


async def test_403_names_the_scope() -> None:
    async with office("guide") as there:
        there.sandbox.guard.missing.add("routing:profile:write")
        with pytest.raises(Forbidden) as raised:
            await there.make_so(profileId=TIER, utilizationPercent=60)
    assert "routing:profile:write" in (raised.value.remedy or "")


async def test_422_for_ids_that_do_not_exist_is_told_before_anything_is_sent() -> None:
    async with office("guide") as there:
        skills = [{"skill": {"id": "nobody"}, "utilizationPercent": 90}]
        codes = [{"id": CODES[0], "default": True}, {"id": "none", "default": False}]
        with pytest.raises(InvalidRequest) as raised:
            await there.make_so(profileId=TIER, skillAssignments=skills, wrapUpCodes=codes)
        patches = there.sent("PATCH")
        there.sandbox.guard.failures.append(Failure("/api/v2/routing/profiles", "PATCH", 1, 422, "unprocessable"))
        with pytest.raises(RefusedError, match="422"):
            await there.make_so(profileId=TIER, utilizationPercent=60)
    places = [problem.place for problem in raised.value.problems]
    assert places == ["skillAssignments[0].skill.id", "wrapUpCodes[1].id"]
    assert not patches


async def test_the_sandbox_itself_says_422_as_the_guide_has_it() -> None:
    async with office("guide") as there:
        profiles = there.rules.jobs.profiles
        (place,) = profiles.places({"profileId": TIER})
        found = await profiles.read(place)
        for wrong in (
            {"wrapUpCodes": [{"id": "none", "default": True}]},
            {"utilizationPercent": 101},
            {"skillAssignments": [{"skill": {"id": SKILLS["English"]}, "utilizationPercent": 1}] * 51},
        ):
            (write,) = profiles.writes(place, found, profiles.aim(place, found, wrong))
            with pytest.raises(RefusedError, match="422"):
                await profiles.send(place, write)


async def test_429_is_waited_out_or_told() -> None:
    async with office("guide") as there:
        limit = Failure("/api/v2/routing/profiles", "PATCH", 1, 429, headers={"Retry-After": "1"})
        there.sandbox.guard.failures.append(limit)
        assert (await there.make_so(profileId=TIER, utilizationPercent=60)).status == "done"
        away = Failure("/api/v2/routing/profiles", "GET", 1, 429, headers={"Retry-After": "40"})
        there.sandbox.guard.failures.append(away)
        with pytest.raises(RetryableError) as raised:
            await there.make_so(profileId=TIER, utilizationPercent=61)
    assert raised.value.retry_after == timedelta(seconds=40)


async def test_no_such_profile_and_no_such_queue() -> None:
    async with office("guide") as there:
        with pytest.raises(RefusedError, match="no routing profile gone"):
            await there.make_so(profileId="gone", utilizationPercent=60)
        with pytest.raises(InvalidRequest, match="queueId: there is no queue gone"):
            await there.make_so(profileId=TIER, queueId="gone")


async def test_the_quota_of_the_licence_refuses() -> None:
    async with office("guide") as there:
        there.sandbox.guide.organisation.max_concurrent_sessions = 10
        with pytest.raises(RefusedError, match="2 skills are more than the licence allows") as raised:
            await there.make_so(**GUIDE_CHANGE)
        patches = there.sent("PATCH")
    assert "at most 1 skills" in (raised.value.remedy or "")
    assert not patches


async def test_a_patch_without_a_name_is_judged_with_the_name_that_is_there() -> None:
    async with office("guide") as there:
        del there.sandbox.guide.profiles.table[TIER]["name"]
        with pytest.raises(InvalidRequest, match="name"):
            await there.make_so(profileId=TIER, utilizationPercent=60)
        assert (await there.make_so(profileId=TIER, utilizationPercent=60, name="Tier 1")).status == "done"


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
        with pytest.raises(ConflictError, match="utilizationPercent"):
            await there.make_so(**back, expected=done.after, undoes="r-1")
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


async def test_the_official_api_does_the_same_for_agents_and_a_queue() -> None:
    async with office("platform") as there:
        done = await there.make_so(**PLATFORM_CHANGE)
        sandbox = there.sandbox
        held = [sandbox.skills.held[user] for user in (ANA, BEN)]
        capacities = sandbox.capacity.own[ANA]["utilization"]
        codes = sandbox.wrap_up_codes.of_queue[EMAIL.id]
    assert held == [{SKILLS["Billing"]: 4.5}] * 2
    assert {medium: said["maximumCapacity"] for medium, said in capacities.items()} == {
        "call": 1,
        "callback": 1,
        "chat": 2,
        "email": 2,
        "message": 2,
    }
    assert capacities["email"]["interruptableMediaTypes"] == ["call", "callback"]
    assert codes == CODES[1:]
    assert done.after["users"][ANA]["maximumCapacities"]["email"] == 2
    assert done.before["users"][BEN]["maximumCapacities"]["email"] == 4
    assert done.facts["utilization"]["isSet"] is False


async def test_every_request_and_answer_of_the_platform_dialect_is_official(shared: Path) -> None:
    official, swagger = Official(shared / "genesys" / "publicapi-v2-subset.json"), Swagger(shared)
    async with office("platform") as there:
        await there.make_so(**PLATFORM_CHANGE)
        calls = list(there.sandbox.guard.seen)
        routes = {(route.method, route.path): route for route in there.sandbox.routes()}
        asked = {f"{call.method} {call.template}" for call in calls}
        assert len(asked) > 8
        for call in calls:
            if f"{call.method} {call.template}" in NOT_IN_THE_SUBSET:
                continue
            official.check(call.method, call.template, call.query, call.body)
            operation = swagger.operation(call.method, call.template)
            assert operation
            if call.method in ("GET", "PUT") and "utilization" in call.template + call.path + "routingskills":
                body = routes[call.method, call.template].work(call)
                assert swagger.wrong_answer(operation, 200, body) == []


async def test_platform_undo_is_exact_and_a_repeat_changes_nothing() -> None:
    async with office("platform") as there:
        sandbox = there.sandbox
        was = (copy.deepcopy(sandbox.skills.held), copy.deepcopy(sandbox.wrap_up_codes.of_queue))
        request = ProfileRequest.read(PLATFORM_CHANGE)
        done = await there.make_so(**PLATFORM_CHANGE)
        writes = len(there.sent("PUT", "POST", "DELETE"))
        await there.make_so(**PLATFORM_CHANGE)
        repeated = [one for one in there.sent("PUT", "POST", "DELETE")[writes:] if "query" not in one[1]]
        back = there.rules.reverse(request, done.before, done.after)
        await there.make_so(**back, expected=done.after, undoes="r-1")
        now = (sandbox.skills.held, sandbox.wrap_up_codes.of_queue)
        capacities = {m: said["maximumCapacity"] for m, said in sandbox.capacity.own[BEN]["utilization"].items()}
    assert repeated == []
    assert now == was
    assert capacities == {"call": 1, "callback": 1, "chat": 4, "email": 4, "message": 4}


async def test_agents_who_differed_before_are_not_undone_by_one_request() -> None:
    async with office("platform") as there:
        there.sandbox.skills.held[BEN] = {SKILLS["Returns"]: 2.0}
        request = ProfileRequest.read(PLATFORM_CHANGE)
        done = await there.make_so(**PLATFORM_CHANGE)
        with pytest.raises(RefusedError, match="different skills") as raised:
            there.rules.reverse(request, done.before, done.after)
    assert "each agent" in (raised.value.remedy or "")


async def test_a_refusal_half_way_says_which_part_stands() -> None:
    async with office("platform") as there:
        path = f"/api/v2/routing/users/{BEN}/utilization"
        there.sandbox.guard.failures.append(Failure(path, "PUT", 1, 400, "invalid.value", "too much"))
        done = await there.make_so(**PLATFORM_CHANGE)
    assert done.status == "failed"
    assert f"utilization of agent {BEN}" in (done.error or "")
    assert f"what stands: wrap-up codes of queue {EMAIL.id}" in (done.error or "")
    assert done.after["users"][ANA]["maximumCapacities"]["email"] == 2


async def test_409_of_the_official_api_is_read_again() -> None:
    async with office("platform") as there:
        path = f"/api/v2/routing/users/{ANA}/utilization"
        message = "Another update took place at the same time. Please try again."
        there.sandbox.guard.failures.append(Failure(path, "PUT", 1, 409, "conflict", message))
        done = await there.make_so(userIds=[ANA], utilizationPercent=50)
    assert (done.status, done.conflict_retries) == ("done", 1)


@pytest.mark.parametrize(
    ("dialect", "fields", "field"),
    [
        ("platform", {"profileId": TIER, "utilizationPercent": 1}, "profileId"),
        ("platform", {"userIds": [ANA], "overflowRoutingTargets": GUIDE_CHANGE["overflowRoutingTargets"]}, "overflow"),
        ("platform", {"userIds": [ANA], "queueId": EMAIL.id, "wrapUpCodes": GUIDE_CHANGE["wrapUpCodes"]}, "default"),
        ("platform", {"userIds": [ANA], "name": "x"}, "name"),
        ("guide", {"userIds": [ANA], "utilizationPercent": 1}, "userIds"),
        ("guide", {"userIds": [ANA], "maximumCapacities": {"email": 1}}, "maximumCapacities"),
    ],
)
async def test_what_a_dialect_lacks_is_refused_with_what_does_the_same(
    dialect: str, fields: dict[str, Any], field: str
) -> None:
    async with office(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await there.make_so(**fields)
        assert not there.sent("PUT", "PATCH", "POST", "DELETE")
    assert any(field in problem.place and problem.remedy for problem in raised.value.problems)


@pytest.mark.parametrize("dialect", ["platform", "guide"])
async def test_the_example_runs_unchanged(dialect: str) -> None:
    fields = yaml.safe_load((EXAMPLES / f"routing-profile.{dialect}.yaml").read_text(encoding="utf-8"))
    assert fields.pop("kind") == "routing-profile"
    async with office(dialect) as there:
        assert (await there.make_so(**fields)).status == "done"


async def test_a_queues_history_in_the_official_api() -> None:
    async with office("platform") as there:
        nobody = await there.rules.jobs.profiles.load("no-such-queue", LOOK_BACK)
        there.sandbox.clock.jump(timedelta(hours=2))
        there.sandbox.life.step()
        load = await there.rules.jobs.profiles.load(CHAT.id, LOOK_BACK)
    assert nobody is None
    assert load
    assert load.handled > 10
    assert load.average_wait_seconds >= 0


async def test_a_queue_that_is_named_for_its_codes_changes_no_capacity() -> None:
    async with office("platform") as there:
        done = await there.make_so(userIds=[ANA], queueId=EMAIL.id, wrapUpCodes=PLATFORM_CHANGE["wrapUpCodes"])
        assert there.sandbox.capacity.own == {}
    assert done.facts["utilization"]["isSet"] is False
