"""The guides' dialect: every call of the protocol `Genesys`, against the sandbox over real HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from processor.clients.api import Forbidden
from processor.clients.genesys import Answer, QueueChange
from processor.clients.genesys.token import GUIDE_FORMS, IN_QUERY
from processor.errors import ConflictError, FarSideDown, PoisonError, RefusedError, RetryableError
from sandbox.genesys.guard import Failure
from sandbox.names import CHAT, EMAIL, ORGANISATION, VOICE
from tests.contract.guide_office import Office, office

QUEUE = f"/api/v2/routing/queues/{EMAIL.id}"


def tighten(to: float = 45, *expected: float, **fields: Any) -> QueueChange:
    return QueueChange(EMAIL.id, "email", to, expected or (60,), tightened=True, **fields)


async def look(there: Office, what: str, subject: str, **details: Any) -> Answer:
    (answer,) = await there.genesys.look(what, subject, there.genesys.now(), None, details)
    return answer


async def test_who_there_is_comes_from_the_named_queues_and_the_lists_that_are_there() -> None:
    async with office() as there:
        assert await there.genesys.organisation_id() == ORGANISATION
        subjects = await there.genesys.subjects()
        world = there.sandbox.world
        assert f"queue/{EMAIL.id}" in subjects
        assert f"queue/{VOICE.id}" not in subjects, "nobody named it, and no guide lists queues"
        assert {one for one in subjects if one.startswith("agent/")} == {f"agent/{u}" for u in world.members[EMAIL.id]}
        assert {one for one in subjects if one.startswith("schedule-group/")} == {
            f"schedule-group/{group}" for group in world.groups
        }
        there.sandbox.guard.failures.append(Failure("/api/v2/schedulegroups", status=404, code="not.found"))
        assert not [one for one in await there.genesys.subjects() if one.startswith("schedule-group/")]


async def test_a_queue_that_is_not_there_has_no_members() -> None:
    async with office(queues=("no-such-queue",)) as there:
        subjects = await there.genesys.subjects()
    assert [one for one in subjects if not one.startswith("schedule-group/")] == ["queue/no-such-queue"]


async def test_each_kind_is_looked_at_where_its_guide_has_it() -> None:
    async with office() as there:
        world, guide = there.sandbox.world, there.sandbox.guide
        agent, campaign = next(iter(world.agents)), next(iter(world.campaigns))
        profile = next(iter(guide.profiles.table))
        assert (await look(there, "queue", f"queue/{EMAIL.id}")).body["queue"]["slaTarget"] == 60
        assert (await look(there, "presence", f"agent/{agent}")).body["userId"] == agent
        shifts = (await look(there, "shifts", f"agent/{agent}")).body
        ends = [shift[edge] for shift in shifts["shifts"] for edge in ("startTime", "endTime")]
        assert (shifts["from"], shifts["to"]) == (min(ends), max(ends))
        assert isinstance((await look(there, "campaign", f"campaign/{campaign}")).body["schedules"], list)
        assert (await look(there, "profile", f"profile/{profile}")).body["id"] == profile


async def test_what_is_gone_says_so() -> None:
    async with office() as there:
        for what, subject in (("queue", "queue/x"), ("presence", "agent/x"), ("profile", "profile/x")):
            assert (await look(there, what, subject)).body == {"deleted": True}


async def test_each_schedule_of_a_group_is_an_answer_and_one_that_is_gone_says_so() -> None:
    async with office() as there:
        (group, schedule), *_ = there.sandbox.guide.schedules.items
        now = there.genesys.now()
        subject = f"schedule-group/{group}"
        answers = await there.genesys.look("schedule-group", subject, now, None, {"scheduleIds": ["seen-before"]})
        there_are = [one for of, one in there.sandbox.guide.schedules.items if of == group]
    bodies = {answer.body["id"]: answer.body for answer in answers}
    assert {answer.what for answer in answers} == {"schedule"}
    assert bodies.keys() == {*there_are, "seen-before"}
    assert bodies[schedule]["scheduleGroupId"] == group
    assert bodies["seen-before"]["deleted"] is True


async def test_what_nobody_knows_is_poison() -> None:
    async with office() as there:
        with pytest.raises(PoisonError):
            await look(there, "weather", f"queue/{EMAIL.id}")
        with pytest.raises(PoisonError):
            await there.genesys.spread("agents-of", "business-unit/b", {})


async def test_volume_is_the_rolling_hour_by_the_guides_body_with_the_target_it_was_measured_by() -> None:
    async with office() as there:
        there.sandbox.clock.jump(timedelta(minutes=40))
        there.sandbox.life.step()
        await there.genesys.organisation_id()  # its answer shows Genesys's clock
        answers = await there.genesys.volume({EMAIL.id: {"email": 999.0}}, [EMAIL.id, "no-such-queue", CHAT.id])
        asked = [call for call in there.sandbox.guard.seen if call.path.endswith("/details/query")]
    assert [answer.subject for answer in answers] == [f"queue/{EMAIL.id}", f"queue/{CHAT.id}"]
    body = answers[0].body
    assert (body["target"], body["queueType"]) == (60, "email")
    assert body["summary"]["total"]["offer.count"] > 100
    assert 0 <= body["summary"]["total"]["sla.percent"] <= 100
    query = asked[0].body
    assert query["entities"] == [{"id": EMAIL.id, "type": "queue"}]
    assert set(query) == {"dateFrom", "dateTo", "entities", "metrics", "interval"}
    assert {"offer.count", "offer.avg.wait.time", "sla.percent"} <= set(query["metrics"])
    start, end = (datetime.fromisoformat(query[name]) for name in ("dateFrom", "dateTo"))
    assert (query["interval"], end - start) == ("1h", timedelta(hours=1))


async def test_a_poll_costs_one_request_a_queue_until_the_target_may_have_moved() -> None:
    async with office() as there:
        counts = there.sandbox.guard.counts
        reads = "GET /api/v2/routing/queues/{queueId} 200"

        async def target() -> tuple[object, int]:
            before = counts[reads]
            (answer,) = await there.genesys.volume({}, [EMAIL.id])
            return answer.body["target"], counts[reads] - before

        assert await target() == (60, 1)
        assert await target() == (60, 0)
        await there.genesys.change_queue(tighten())
        assert await target() == (45, 1), "what we change ourselves is read again at once"
        assert await target() == (45, 0)
        there.sandbox.guide.queues.by_a_person(EMAIL.id, slaTarget=90)
        there.clock.pass_by(360)
        assert await target() == (90, 1)


async def test_an_adjustment_and_its_restore_leave_exactly_what_was_there() -> None:
    async with office() as there:
        room = there.sandbox.guide.queues
        was = room.present(EMAIL.id)
        before, after = await there.genesys.change_queue(tighten())
        assert (before.service_level_seconds, after.service_level_seconds) == ({"email": 60}, {"email": 45})
        rules = room.present(EMAIL.id)["routingRules"]
        assert [(rule["type"], rule["priority"]) for rule in rules] == [("priority", 1), ("default", 2)]
        assert [rule["routingStrategy"] for rule in rules] == [rule["routingStrategy"] for rule in was["routingRules"]]
        baseline = tuple(was["routingRules"])
        await there.genesys.change_queue(QueueChange(EMAIL.id, "email", 60, (45,), rules=baseline))
        now = room.present(EMAIL.id)
        told = ("version", "dateModified", "modifiedBy")
        assert {k: v for k, v in now.items() if k not in told} == {k: v for k, v in was.items() if k not in told}
        assert (there.sandbox.witness.shown()["adjustments"], there.sandbox.witness.shown()["restores"]) == (1, 1)


async def test_a_repeat_writes_nothing() -> None:
    async with office() as there:
        await there.genesys.change_queue(tighten())
        await there.genesys.change_queue(tighten())
        assert there.sandbox.guard.counts["PUT /api/v2/routing/queues/{queueId} 200"] == 1


async def test_a_persons_target_is_left_alone() -> None:
    async with office() as there:
        there.sandbox.guide.queues.by_a_person(EMAIL.id, slaTarget=20)
        with pytest.raises(ConflictError) as caught:
            await there.genesys.change_queue(tighten())
        assert there.sandbox.guide.queues.present(EMAIL.id)["slaTarget"] == 20
    assert "20 s" in str(caught.value)


async def test_rules_that_a_person_wrote_meanwhile_outlast_the_restore() -> None:
    async with office() as there:
        room = there.sandbox.guide.queues
        rules = tuple(room.present(EMAIL.id)["routingRules"])
        await there.genesys.change_queue(tighten())
        own = [{"type": "default", "routingStrategy": {"type": "random", "skills": []}}]
        room.by_a_person(EMAIL.id, routingRules=own)
        await there.genesys.change_queue(QueueChange(EMAIL.id, "email", 60, (45,), rules=rules))
        now = room.present(EMAIL.id)
    assert (now["slaTarget"], now["routingRules"]) == (60, own)


async def test_a_version_conflict_is_met_with_a_fresh_read() -> None:
    async with office() as there:
        conflict = Failure(QUEUE, "PUT", status=409, code="version.conflict")
        there.sandbox.guard.failures.append(conflict)
        _, after = await there.genesys.change_queue(tighten())
        assert after.service_level_seconds == {"email": 45}
        assert there.sandbox.guard.counts["GET /api/v2/routing/queues/{queueId} 200"] >= 2


async def test_a_change_is_done_when_the_edge_shows_it_and_not_before() -> None:
    async with office() as there:
        room = there.sandbox.guide.queues
        room.activation_seconds, room.monotonic = 5, lambda: there.clock.elapsed
        await there.genesys.change_queue(tighten())
        assert (await there.genesys.queue(EMAIL.id)).service_level_seconds == {"email": 45}
        room.activation_seconds = 1e9
        with pytest.raises(RetryableError, match="not active after 10 looks"):
            await there.genesys.change_queue(tighten(30, 45))


async def test_an_adjustment_of_ours_that_is_on_its_way_is_no_persons() -> None:
    """The answer was lost, and for a while the edge shows what was before: the loop must not stand back from itself."""
    async with office() as there:
        room = there.sandbox.guide.queues
        room.activation_seconds, room.monotonic = 5, lambda: there.clock.elapsed
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", drop=True, after=True))
        _, after = await there.genesys.change_queue(tighten())
        assert after.service_level_seconds == {"email": 45}
        assert there.sandbox.guard.counts["PUT /api/v2/routing/queues/{queueId} 409"] == 1


@pytest.mark.parametrize("way", ["join", "leave"])
async def test_members_can_neither_be_joined_nor_taken_out_in_this_dialect(way: str) -> None:
    async with office() as there:
        with pytest.raises(RefusedError, match="no way to join"):
            await there.genesys.change_queue(tighten(**{way: ("somebody",)}))
        assert not [call for call in there.sandbox.guard.seen if call.method == "PUT"]


async def test_either_form_of_asking_for_a_token_will_do() -> None:
    for missing in ("body", "query"):
        async with office() as there:
            there.sandbox.login.forms.discard(missing)
            assert await there.genesys.organisation_id() == ORGANISATION
            assert there.sandbox.login.issued == 1
            assert "routing:queue:write" in (there.auth.scopes or ())
    async with office() as there:
        there.sandbox.login.forms.clear()
        with pytest.raises(FarSideDown):
            await there.genesys.organisation_id()
    async with office(forms=(IN_QUERY,)) as there:
        assert await there.genesys.organisation_id() == ORGANISATION
    assert GUIDE_FORMS[-1] is IN_QUERY


# What the guides' "Common errors" say, provoked.


async def test_401_is_answered_with_one_new_token() -> None:
    async with office() as there:
        await there.genesys.organisation_id()
        there.sandbox.guard.tokens.clear()
        assert (await there.genesys.queue(EMAIL.id)).version == "v-1"
        assert there.sandbox.login.issued == 2


async def test_403_says_which_scope_is_missing() -> None:
    async with office() as there:
        there.sandbox.guard.missing = {"routing:queue:read"}
        with pytest.raises(Forbidden) as caught:
            await there.genesys.queue(EMAIL.id)
        assert "routing:queue:read" in caught.value.remedy
        assert there.auth.scopes is not None
        assert "routing:queue:read" not in there.auth.scopes


async def test_400_names_the_field() -> None:
    async with office() as there:
        with pytest.raises(RefusedError, match="dateFrom"):
            await there.api.request("POST", "/api/v2/analytics/queues/details/query", json={"dateFrom": "soon"})


async def test_429_is_waited_for_as_long_as_the_answer_says() -> None:
    async with office() as there:
        await there.genesys.organisation_id()
        begin = there.clock.elapsed
        busy = Failure(QUEUE, status=429, code="too.many", headers={"Retry-After": "2"})
        there.sandbox.guard.failures.append(busy)
        await there.genesys.queue(EMAIL.id)
        assert there.clock.elapsed - begin >= 2


async def test_answers_tell_what_is_left_of_the_rate_limit_and_we_slow_down_before_it_is_spent() -> None:
    async with office(rate_limit=300) as there:
        reply = await there.api.request("GET", "/api/v2/organizations")
        assert reply.headers["x-ratelimit-remaining"] == "299"
        begin = there.clock.elapsed
        for _ in range(260):
            await there.api.request("GET", "/api/v2/organizations")
        assert there.clock.elapsed - begin > 2
        assert there.sandbox.guard.counts["GET /api/v2/organizations 429"] == 0
