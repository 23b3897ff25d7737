"""`queue-routing` in both dialects: the difference, the exact call, and what is there afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from handlers.configure_queues import ConfigureQueues
from handlers.requests.kinds import read
from handlers.requests.plans import Story
from handlers.requests.queue import QueueRequest
from handlers.requests.words import InvalidRequest
from processor.app.requests.files import read_files
from processor.clients.api import NotFound
from processor.clients.genesys.guide.jobs import jobs
from processor.errors import ConflictError, RefusedError
from processor.event import instant
from sandbox.guide.queues import construction
from sandbox.names import ADMIN, EMAIL
from tests.contract.jobsdesk import desk
from tests.contract.official import Official
from tests.contract.queuedesk import (
    BILLING,
    BOTH,
    ENGLISH,
    HOOK,
    QUEUE,
    a_person,
    asked,
    deploy,
    plan,
    puts,
    rules_of,
    target,
)
from tests.unit.farside import Clock, api_to, said

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"


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


async def test_what_genesys_shows_and_takes_from_nobody_is_not_sent_back() -> None:
    """A callback's mode may be shown as empty text, and is a 400 when it is sent so; other modes go back as they came."""
    async with desk("platform") as there:
        found = await there.jobs.queues.get(EMAIL.id)
        settings = there.jobs.queues.settings(found, "email")
        sent = {}
        for mode in ("", "AGENT_FIRST", None):
            callback = {"enableAutoAnswer": True} if mode is None else {"enableAutoAnswer": True, "mode": mode}
            body = {**found.body, "mediaSettings": {**found.body["mediaSettings"], "callback": callback}}
            sent[mode] = there.jobs.queues.write(replace(found, body=body), settings).body
    assert (
        sent[""]["mediaSettings"]["callback"] == sent[None]["mediaSettings"]["callback"] == {"enableAutoAnswer": True}
    )
    assert sent["AGENT_FIRST"]["mediaSettings"]["callback"]["mode"] == "AGENT_FIRST"
    assert not {"id", "selfUri", "dateModified", "modifiedBy", "memberCount"} & sent[""].keys()


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
        with pytest.raises(RefusedError, match="the queue had no wrapUpPolicy") as raised:
            rules_of(there).reverse(asked(), {"wrapUpPolicy": None}, {"wrapUpPolicy": "required"})
    assert raised.value.remedy == "set it in Genesys"


async def test_the_guides_construction_is_what_arrives() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.queues.by_a_person(EMAIL.id, wrapUpPolicy="optional")
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


async def test_a_queue_that_has_nothing_yet_gets_the_guides_construction_and_its_targets_must_be_said() -> None:
    answers = {
        f"/base{QUEUE}": {"id": EMAIL.id, "name": "New", "version": "v-1"},
        f"/base{QUEUE}/members": {"entities": [{"memberId": "a", "skills": []}]},
        "/base/api/v2/schedule/agents/a": {"entities": [{"status": "active", "capacity": 2}]},
    }
    async with api_to(lambda call: said(200, answers[call.path])) as (api, _):
        rules = ConfigureQueues(jobs(api, Clock().time()), Clock().now)
        made = await rules.plan(asked())
        with pytest.raises(InvalidRequest) as raised:
            await rules.plan(asked(slaPercent=None))
    constructed = {"routingRules": construction(), "wrapUpPolicy": "required", "queueType": "email"}
    assert made.calls[0].body.items() >= constructed.items()
    assert made.facts["capacityNow"] == 2
    (problem,) = raised.value.problems
    assert (problem.place, "such as 90" in problem.remedy) == ("slaPercent", True)


@BOTH
async def test_no_such_queue(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound, match="there is no queue no-such-queue") as raised:
            await plan(there, queueId="no-such-queue")
    assert [place for place, _ in raised.value.places] == ["queueId"]
    assert raised.value.remedy


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
    assert (told["timestamp"], told["action"]) == (instant(story.at), "QUEUE_ROUTING_UPDATE")
    assert (told["latencyMs"], told["conflictRetries"], refused["latencyMs"]) == (12.5, 0, 0)
    assert "details" not in told
