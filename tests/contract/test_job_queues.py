from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from handlers.configure_queues import ConfigureQueues
from handlers.events import Outcome
from handlers.reports.queues import report
from handlers.requests.kinds import read
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.queue import QueueRequest
from handlers.requests.words import InvalidRequest
from processor.app.requestfiles import read_files
from processor.clients.api import Forbidden, NotFound, Rejected
from processor.clients.genesys.jobs.queues import POLLS
from processor.errors import ConflictError, FarSideDown, RefusedError, RetryableError, UnknownEnd
from sandbox.genesys.guard import Failure
from sandbox.guide.queues import construction
from sandbox.names import ADMIN, EMAIL, SKILLS, VOICE
from sandbox.roster import WORK, Part, Shift
from tests.contract.jobsdesk import Desk, desk
from tests.contract.official import Official
from tests.unit.farside import far_side, said

BOTH = pytest.mark.parametrize("dialect", ["platform", "guide"])
BILLING, ENGLISH = SKILLS["Billing"], SKILLS["English"]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
QUEUE = f"/api/v2/routing/queues/{EMAIL.id}"
TIGHTER: dict[str, Any] = {"queueId": EMAIL.id, "slaPercent": 90, "slaTarget": 45}
HOOK = "https://gateway.example/sync"


def asked(**fields: Any) -> QueueRequest:
    request = read("queue-routing", {**TIGHTER, **fields})
    assert isinstance(request, QueueRequest)
    return request


def rules_of(there: Desk) -> ConfigureQueues:
    if there.dialect == "guide":
        there.sandbox.guide.queues.monotonic = lambda: there.clock.elapsed
    return ConfigureQueues(there.jobs, there.clock.now, there.clock.time())


async def plan(there: Desk, **fields: Any) -> Plan:
    return await rules_of(there).plan(asked(**fields))


async def deploy(there: Desk, *, started: bool = False, **fields: Any) -> Result:
    rules, request = rules_of(there), asked(**fields)
    return await rules.carry_out(request, await rules.plan(request), started=started)


def target(there: Desk) -> tuple[float, float]:
    level = there.sandbox.world.queues[EMAIL.id]["mediaSettings"]["email"]["serviceLevel"]
    return level["percentage"], level["durationMs"] / 1000


def puts(there: Desk) -> list[Any]:
    return [call for call in there.sandbox.guard.seen if call.method == "PUT"]


def a_person(there: Desk, seconds: int) -> None:
    there.sandbox.routing.by_a_person(EMAIL.id, "email", seconds)


@BOTH
async def test_a_plan_shows_the_difference_the_staffing_and_the_exact_call_and_writes_nothing(dialect: str) -> None:
    async with desk(dialect, most_on_page=2) as there:
        found = await plan(there, skillIds=[BILLING])
        assert puts(there) == []
    assert (found.before["slaTarget"], found.after["slaTarget"]) == (60, 45)
    assert (found.before["slaPercent"], found.after["slaPercent"]) == (85, 90)
    (call,) = found.calls
    assert (call.method, call.path) == ("PUT", QUEUE)
    kinds = {one["type"] for one in found.facts["constraints"]}
    assert kinds == {"skill_mismatch", "no_active_shift"}
    members = there.sandbox.world.members[EMAIL.id]  # in pages of two, to the end; only the official API says who is in
    assert found.facts["members"] == (sum(members.values()) if dialect == "platform" else len(members))
    assert 0 < found.facts["ableNow"] == found.facts["capacityNow"] < 25


@BOTH
async def test_what_is_sent_is_what_was_shown_and_a_repeat_sends_nothing(dialect: str) -> None:
    async with desk(dialect) as there:
        shown = await plan(there)
        done = await deploy(there)
        sent = puts(there)
        again = await deploy(there)
        assert puts(there) == sent
        assert target(there) == (0.9, 45)
    assert [call.body for call in sent] == [call.body for call in shown.calls]
    assert (done.status, done.before["slaTarget"], done.after["slaTarget"]) == ("done", 60, 45)
    assert done.facts["activation"]["state"] == "active"
    assert done.look == ("queue",)
    assert (again.status, again.before) == ("done", again.after)
    assert "activation" not in again.facts


@BOTH
async def test_everything_that_was_not_asked_for_stays_as_it_is(dialect: str) -> None:
    async with desk(dialect) as there:
        before = orjson.loads(orjson.dumps(there.sandbox.world.queues[EMAIL.id]))
        await deploy(there)
        after = there.sandbox.world.queues[EMAIL.id]
    told = {"dateModified", "modifiedBy"}
    before["mediaSettings"]["email"]["serviceLevel"] = {"percentage": 0.9, "durationMs": 45000}
    if dialect == "guide":
        before |= {"routingRules": construction(), "wrapUpPolicy": "required"}  # kept there once they were written
    assert {name: value for name, value in after.items() if name not in told} == {
        name: value for name, value in before.items() if name not in told
    }


@BOTH
async def test_undoing_brings_back_what_was_there_but_not_over_a_persons_hand(dialect: str) -> None:
    async with desk(dialect) as there:
        rules = rules_of(there)
        done = await deploy(there, wrapUpPolicy="optional", skillIds=None)
        back = {**rules.reverse(asked(), done.before, done.after), "expected": done.after, "undoes": "r1"}
        undo = read("queue-routing", back)
        assert isinstance(undo, QueueRequest)
        a_person(there, 120)
        with pytest.raises(ConflictError, match="slaTarget is 120, not 45") as raised:
            await rules.plan(undo)
        a_person(there, 45)
        undone = await rules.carry_out(undo, await rules.plan(undo), started=False)
        repeated = await rules.plan(undo)
        assert target(there) == (0.85, 60)
    assert isinstance(raised.value.found, dict)
    assert raised.value.found["slaTarget"] == 120
    assert ADMIN in str(raised.value)
    assert undone.after == done.before
    assert repeated.calls == []


@BOTH
async def test_nothing_changed_cannot_be_taken_back(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(RefusedError, match="nothing was changed"):
            rules_of(there).reverse(asked(), {"slaTarget": 60}, {"slaTarget": 60})


@BOTH
async def test_a_queue_without_members_is_refused(dialect: str) -> None:
    async with desk(dialect) as there:
        there.sandbox.world.members[EMAIL.id].clear()
        with pytest.raises(RefusedError, match="no members"):
            await plan(there)


@BOTH
async def test_skills_that_do_not_exist_are_told_with_their_places(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await plan(there, skillIds=[ENGLISH, "skill-id-1"])
        assert puts(there) == []
    assert [problem.place for problem in raised.value.problems] == ["skillIds[1]"]


@BOTH
async def test_constraints_block_when_they_are_to(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(RefusedError, match=r"skill_mismatch .*no_active_shift") as raised:
            await plan(there, skillIds=[BILLING], onConstraint="refuse")
        assert puts(there) == []
    assert raised.value.remedy


async def test_members_have_what_it_takes_one_by_one() -> None:
    found = {}
    for dialect in ("platform", "guide"):
        async with desk(dialect, most_on_page=3) as there:
            rules_of(there)
            members = there.sandbox.world.members[EMAIL.id]
            joined = {user for user, is_in in members.items() if is_in}
            found[dialect] = {
                (one["type"], one["agentId"])
                for one in (await plan(there, skillIds=[BILLING])).facts["constraints"]
                if one["agentId"] in joined
            }
            agents = there.sandbox.world.agents
            lacking = {user for user in joined if "billing" not in agents[user].skills}
            off = {user for user in joined if agents[user].crew.name != "Day Mail"}
    assert found["platform"] == found["guide"]
    assert {user for kind, user in found["guide"] if kind == "skill_mismatch"} == lacking
    assert {user for kind, user in found["guide"] if kind == "no_active_shift"} == off


async def test_an_agent_on_a_shift_without_capacity_guide() -> None:
    async with desk("guide") as there:
        user = next(iter(there.sandbox.world.members[EMAIL.id]))
        there.sandbox.guide.queues.capacity[user] = 0
        facts = (await plan(there)).facts
    assert {"type": "zero_capacity", "agentId": user, "capacity": 0} in facts["constraints"]


async def test_an_agent_whose_shift_is_all_time_off_has_no_capacity_platform() -> None:
    async with desk("platform") as there:
        world = there.sandbox.world
        agent = world.agents[next(iter(world.members[EMAIL.id]))]
        roster = world.roster
        shift = roster.shift(agent, roster.day(world.now()))
        assert shift is not None
        off = tuple(Part(part.start, part.minutes, "5") for part in shift.parts if part.code in (WORK, "1", "2"))
        roster._edited[shift.id] = Shift(shift.id, off, edited=True)
        facts = (await plan(there)).facts
    assert {"type": "zero_capacity", "agentId": agent.id, "capacity": 0} in facts["constraints"]


@BOTH
async def test_no_such_queue(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound):
            await plan(there, queueId="no-such-queue")


async def test_the_guides_construction_is_what_arrives() -> None:
    async with desk("guide") as there:
        done = await deploy(there, skillIds=[ENGLISH])
        (call,) = puts(there)
        present = there.sandbox.guide.queues.present(EMAIL.id)
    assert done.status == "done"
    assert call.body["routingRules"] == construction((ENGLISH,)) == present["routingRules"]
    told = {name: call.body[name] for name in ("slaPercent", "slaTarget", "wrapUpPolicy", "queueType", "members")}
    assert told == {
        "slaPercent": 90,
        "slaTarget": 45,
        "wrapUpPolicy": "required",
        "queueType": "email",
        "members": [],
    }
    assert not {"id", "modifiedBy", "dateModified"} & call.body.keys()


async def test_activation_is_waited_for_with_the_guides_pauses() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.queues.activation_seconds = 7
        done = await deploy(there)
        waits = there.clock.slept
    assert done.status == "done"
    assert done.facts["activation"]["polls"] in (4, 5)
    assert all(2 <= wait <= 3 for wait in waits)
    assert len(set(waits)) > 1


async def test_an_activation_that_does_not_come_is_a_failure_that_says_what_stands() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.queues.activation_seconds = math.inf
        done = await deploy(there, webhookUrl=HOOK)
        assert target(there) == (0.9, 45)
        assert len(there.sandbox.guide.webhooks.kept) == 1
    assert (done.status, done.facts["activation"]["state"], done.facts["activation"]["polls"]) == (
        "failed",
        "timeout",
        POLLS,
    )
    assert "not active" in (done.error or "")
    assert len(there.clock.slept) == POLLS - 1


async def test_a_queue_that_is_deleted_while_its_change_is_on_its_way_is_another_end() -> None:
    async with desk("guide") as there:
        rules, world = rules_of(there), there.sandbox.world
        there.sandbox.guide.queues.activation_seconds = 60
        sleep = there.clock.sleep

        async def deleted_meanwhile(seconds: float) -> None:
            world.queues.pop(EMAIL.id, None)
            await sleep(seconds)

        there.clock.sleep = deleted_meanwhile  # type: ignore[method-assign]
        there.jobs.queues._clocks = there.clock.time()  # type: ignore[attr-defined]
        request = asked(webhookUrl=HOOK)
        done = await rules.carry_out(request, await rules.plan(request), started=False)
        assert there.sandbox.guide.webhooks.kept == {}
    assert (done.status, done.facts["activation"]["state"]) == ("failed", "gone")
    assert "deleted" in (done.error or "")


@BOTH
async def test_somebody_who_writes_before_it_is_active_is_seen(dialect: str) -> None:
    async with desk(dialect) as there:
        send = there.jobs.queues.send

        async def overtaken(write: Any) -> Any:
            taken = await send(write)
            a_person(there, 300)
            if there.dialect == "guide":
                there.sandbox.guide.queues.activation_seconds = 0
                there.sandbox.guide.queues._former.clear()
            return taken

        there.jobs.queues.send = overtaken  # type: ignore[method-assign]
        done = await deploy(there)
    assert (done.status, done.facts["activation"]["state"]) == ("failed", "overtaken")


async def test_a_version_that_is_no_longer_present_is_met_with_a_fresh_read_and_a_merge() -> None:
    async with desk("guide") as there:
        queues = there.sandbox.guide.queues
        get = there.jobs.queues.get
        hands = iter(range(3))

        async def read_then_overtaken(queue_id: str) -> Any:
            found = await get(queue_id)
            if next(hands, None) == 1:
                queues.by_a_person(EMAIL.id, wrapUpPolicy="optional")
            return found

        there.jobs.queues.get = read_then_overtaken  # type: ignore[method-assign]
        done = await deploy(there)
        present = queues.present(EMAIL.id)
        assert there.sandbox.guard.counts["PUT /api/v2/routing/queues/{queueId} 409"] == 1
    assert (done.status, done.conflict_retries) == ("done", 1)
    assert (present["slaTarget"], present["wrapUpPolicy"]) == (45, "optional")
    assert done.before["wrapUpPolicy"] == "optional"


@BOTH
async def test_conflicts_without_end_are_told(dialect: str) -> None:
    async with desk(dialect) as there:
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", times=9, status=409, code="request.conflict"))
        with pytest.raises(ConflictError, match="4 attempts"):
            await deploy(there)
        assert target(there) == (0.85, 60)


@BOTH
async def test_a_write_whose_answer_was_lost_is_not_a_second_change(dialect: str) -> None:
    async with desk(dialect) as there:
        there.sandbox.guide.queues.activation_seconds = 0
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", drop=True, after=True))
        done = await deploy(there)
        assert target(there) == (0.9, 45)
    assert (done.status, done.before["slaTarget"], done.after["slaTarget"]) == ("done", 60, 45)


async def test_the_webhook_is_made_once_whatever_happens() -> None:
    async with desk("guide") as there:
        other = there.jobs.queues.register(VOICE.id, HOOK)
        others = await there.jobs.queues.registered(other)  # the same address, for another queue
        first = await plan(there, webhookUrl=HOOK)
        done = await deploy(there, webhookUrl=HOOK)
        kept = dict(there.sandbox.guide.webhooks.kept)
        second = await plan(there, webhookUrl=HOOK)
        again = await deploy(there, webhookUrl=HOOK, started=True)
        assert there.sandbox.guide.webhooks.kept == kept
    del kept[others]
    (made,) = kept.values()
    assert first.creates
    assert not second.creates
    assert first.calls[-1].body.items() <= made.items()
    assert made["eventFilters"] == [{"type": "routingQueueUpdated", "entityFilters": [{"id": EMAIL.id}]}]
    assert made["headers"]["X-Genesys-Event"] == "routing-sync"
    assert done.facts["webhookId"] == again.facts["webhookId"] == made["id"]


async def test_whoever_the_request_named_is_called_with_the_next_change_of_that_queue_only() -> None:
    called = asyncio.Event()

    def gateway(_: Any) -> Any:
        called.set()
        return said(202)

    async with desk("guide") as there, far_side(gateway) as far:
        done = await deploy(there, webhookUrl=f"{far.url}/sync")
        there.sandbox.routing.by_a_person(VOICE.id, "call", 33)
        a_person(there, 75)
        await asyncio.wait_for(called.wait(), 10)
    (asked_,) = far.asked
    assert done.status == "done"
    assert (asked_.path, asked_.headers["x-genesys-event"]) == ("/sync", "routing-sync")
    assert b'"slaTarget": 75' in asked_.body or b'"slaTarget":75' in asked_.body
    assert EMAIL.id.encode() in asked_.body


async def test_a_webhook_that_may_be_there_and_cannot_be_searched_for_is_for_a_person() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.webhooks.listing = False
        with pytest.raises(UnknownEnd):
            await deploy(there, webhookUrl=HOOK, started=True)
        assert there.sandbox.guide.webhooks.kept == {}
        done = await deploy(there, webhookUrl=HOOK)
        assert list(there.sandbox.guide.webhooks.kept) == [done.facts["webhookId"]]


async def test_a_webhook_that_is_refused_leaves_the_queue_changed_and_says_so() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.failures.append(Failure("/api/v2/webhooks", "POST", status=400, message="no room"))
        done = await deploy(there, webhookUrl=HOOK)
        assert target(there) == (0.9, 45)
    assert done.status == "failed"
    assert "the queue is changed, the webhook is not made" in (done.error or "")


@pytest.mark.parametrize(
    ("dialect", "fields", "place"),
    [
        ("platform", {"routingRules": construction()}, "routingRules"),
        ("guide", {"routingRules": [{"operator": "ANY", "waitSeconds": 5}]}, "routingRules"),
        ("guide", {"wrapUpPolicy": "MANDATORY_TIMEOUT"}, "wrapUpPolicy"),
        ("platform", {"slaPercent": None, "slaTarget": None, "skillIds": [BILLING]}, "skillIds"),
    ],
)
async def test_words_of_the_other_dialect_are_refused_with_what_does_the_same(
    dialect: str, fields: dict[str, Any], place: str
) -> None:
    async with desk(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await plan(there, **fields)
        assert list(there.sandbox.guard.seen) == []
    (problem,) = raised.value.problems
    assert problem.place == place
    assert problem.remedy


async def test_the_official_api_has_no_webhooks_and_says_what_does_the_same() -> None:
    async with desk("platform") as there:
        with pytest.raises(RefusedError) as raised:
            await plan(there, webhookUrl=HOOK)
    assert "register" in (raised.value.remedy or "")


async def test_the_official_api_takes_preferred_agents_other_media_and_wrap_up() -> None:
    preferred = [{"operator": "MEETS_THRESHOLD", "threshold": 80, "waitSeconds": 10.0}, {"operator": "ANY"}]
    async with desk("platform") as there:
        done = await deploy(there, queueType="voice", routingRules=preferred, wrapUpPolicy="required")
        queue = there.sandbox.world.queues[EMAIL.id]
        again = await plan(there, queueType="voice", wrapUpPolicy="required")
        with pytest.raises(RefusedError, match="no service level for chat"):
            await plan(there, queueType="chat")
    assert done.after["wrapUpPolicy"] == "MANDATORY"
    assert queue["acwSettings"] == {"wrapupPrompt": "MANDATORY", "timeoutMs": 30000}
    assert queue["routingRules"] == preferred
    assert queue["mediaSettings"]["call"]["serviceLevel"] == {"percentage": 0.9, "durationMs": 45000}
    assert queue["mediaSettings"]["email"]["serviceLevel"]["durationMs"] == 60000
    assert again.calls == []


@BOTH
async def test_the_example_runs_as_it_stands(dialect: str) -> None:
    (request,) = read_files([EXAMPLES / f"queue-routing.{dialect}.yaml"])
    assert isinstance(request, QueueRequest)
    async with desk(dialect) as there:
        rules = rules_of(there)
        done = await rules.carry_out(request, await rules.plan(request), started=False)
        assert target(there) == (0.9, 45)
        assert (await rules.plan(request)).calls == []
    assert done.status == "done"


@BOTH
async def test_the_report_has_the_guides_words_and_does_without_an_audit_log(dialect: str) -> None:
    async with desk(dialect) as there:
        a_person(there, 70)
        now = there.sandbox.world.now() + timedelta(seconds=1)
        ended = Outcome(
            id="o1", time=now, subject=f"queue/{EMAIL.id}", request_id="r1", kind="queue-routing", status="done"
        )
        told = await report(there.jobs.queues, EMAIL.id, [ended], now=now, days=7)
        there.sandbox.guard.missing = {"audits:audit:view", "auditlogs:read"}
        without = await report(there.jobs.queues, EMAIL.id, [], now=now, days=7)
        with pytest.raises(NotFound):
            await report(there.jobs.queues, "no-such-queue", [], now=now, days=7)
    names = ["offer.count", "offer.avg.wait.time", "offer.avg.handle.time", "sla.percent", "abandon.count"]
    assert [told["performance"][name] is not None for name in names] == [True] * 5
    assert told["settings"]["slaTarget"] == 70
    assert len(told["auditTrail"]) == 1
    assert told["requests"][0]["requestId"] == "r1"
    assert without["auditTrail"] == []
    assert "grant the permission" in without["auditTrailMissing"]


@BOTH
async def test_how_it_did_and_who_changed_it_to_the_last_page(dialect: str) -> None:
    async with desk(dialect, most_on_page=2) as there:
        for seconds in (70, 80, 90, 100, 110):
            a_person(there, seconds)
        now = there.sandbox.world.now() + timedelta(seconds=1)
        entries = await there.jobs.queues.audits(EMAIL.id, now - timedelta(days=7), now)
        did = await there.jobs.queues.efficiency(EMAIL.id, now - timedelta(days=7), now)
        nothing = await there.jobs.queues.efficiency(VOICE.id, now - timedelta(days=9), now - timedelta(days=8))
    assert len(entries) == 5
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    assert "110000" in entries[0].changes[0]
    assert did.offered > 0
    assert 0 <= (did.sla_percent or 0) <= 100
    assert did.average_wait_seconds is not None
    assert (nothing.offered, nothing.sla_percent) == (0, None)


async def test_every_request_is_one_that_the_official_api_knows(shared: Path) -> None:
    official = Official(shared / "genesys" / "publicapi-v2-subset.json")
    async with desk("platform", most_on_page=2) as there:
        await deploy(there, skillIds=[BILLING], wrapUpPolicy="required")
        now = there.sandbox.world.now()
        await there.jobs.queues.audits(EMAIL.id, now - timedelta(days=30), now)
        await there.jobs.queues.efficiency(EMAIL.id, now - timedelta(days=7), now)
        calls = list(there.sandbox.guard.seen)
    templates = {call.template for call in calls}
    assert {
        "/api/v2/users/{userId}/routingskills",
        "/api/v2/routing/skills",
        "/api/v2/audits/query/realtime",
    } <= templates
    for call in calls:
        official.check(call.method, call.template, call.query, call.body)


# The guide's own list of errors.


async def test_401_a_token_that_ended_is_renewed_and_a_wrong_secret_waits_for_a_person() -> None:
    async with desk("guide") as there:
        await plan(there)
        there.sandbox.guard.tokens.clear()
        await deploy(there)
        assert there.sandbox.login.issued == 2
        object.__setattr__(there.sandbox.options, "client_secret", "changed")
        there.sandbox.guard.tokens.clear()
        with pytest.raises(FarSideDown, match="client"):
            await plan(there, slaTarget=30)


async def test_403_names_the_scope_that_is_missing() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing = {"routing:queue:write"}
        with pytest.raises(Forbidden) as raised:
            await deploy(there)
    assert "routing:queue:write" in (raised.value.remedy or "")


async def test_400_the_far_sides_words_are_passed_on() -> None:
    async with desk("guide") as there:
        with pytest.raises(Rejected, match="queueType cannot be changed"):
            await deploy(there, queueType="voice")
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", status=422, message="slaTarget: must be at least 10"))
        with pytest.raises(Rejected, match="slaTarget: must be at least 10"):
            await deploy(there)


async def test_429_during_polling_is_waited_out_as_long_as_asked() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.queues.activation_seconds = 1
        send = there.jobs.queues.send

        async def then_too_many(write: Any) -> Any:
            taken = await send(write)
            there.sandbox.guard.failures.append(Failure(QUEUE, "GET", status=429, headers={"Retry-After": "4"}))
            return taken

        there.jobs.queues.send = then_too_many  # type: ignore[method-assign]
        done = await deploy(there)
        assert there.clock.elapsed >= 4
        there.sandbox.guard.failures.append(Failure(QUEUE, "GET", status=429, headers={"Retry-After": "90"}))
        with pytest.raises(RetryableError) as raised:
            await plan(there)
    assert done.status == "done"
    assert raised.value.retry_after == timedelta(seconds=90)


async def test_the_audit_has_the_words_of_genesyss_own_log() -> None:
    async with desk("guide") as there:
        rules = rules_of(there)
        done = await deploy(there, webhookUrl=HOOK)
        story = Story("r1", there.clock.now(), "done", 12.5, 0, None, done.before, done.after, done.facts)
        told = rules.audit(asked(), story)
        refused = rules.audit(asked(), Story("r2", there.clock.now(), "refused", error="no"))
        with pytest.raises(ConflictError):
            await plan(there, slaTarget=20, expected={"slaTarget": 60})
    assert (told["entityType"], told["entityId"], told["status"]) == ("RoutingQueue", EMAIL.id, "success")
    assert told["activation"]["state"] == "active"
    assert told["webhookId"]
    assert told["constraints"]
    assert (refused["status"], refused["details"], refused["constraints"]) == ("failure", "no", [])
