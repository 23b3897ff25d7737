"""Decision → Genesys, against the sandbox over real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.adjust_queues import AdjustQueues
from handlers.brake import brakes
from handlers.decide import know
from handlers.escalate import Escalate
from handlers.events import Decision, FreezeRequested, Lookup, Outcome, QueueUpdated, Standing
from handlers.policy import Rule
from processor.clients.wfm import PushEvent
from processor.event import Publishable
from processor.table import Table, last
from sandbox.names import EMAIL, pool
from tests.contract.test_genesys_platform import office
from tests.unit.looptables import EmptyLog

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
SUBJECT = f"queue/{EMAIL.id}"
BASELINE = {"serviceLevelSeconds": 60.0, "memberIds": []}
TIGHT = {"serviceLevelSeconds": 45.0, "memberIds": list(pool())}


def decision(action: str, *, step: int = 1, **more: Any) -> Decision:
    adjusting = action == "adjust"
    standing = Standing(step=step, baseline=BASELINE, target=TIGHT, since=NOON, decision_id="d-1")
    return Decision(
        id=f"d-{action}-{step}",
        time=NOON,
        subject=SUBJECT,
        queue_id=EMAIL.id,
        media_type="email",
        action=action,
        step=step,
        baseline=BASELINE,
        target=TIGHT if adjusting else BASELINE,
        expected=BASELINE if adjusting else TIGHT,
        standing={"email": standing} if adjusting else {},
        **more,
    )


async def adjuster(genesys: Any, latest: Decision | None = None) -> AdjustQueues:
    handler = AdjustQueues(genesys, Table(Decision, fold=last), Table(FreezeRequested, fold=brakes), lambda: NOON)
    await handler.decisions.load(EmptyLog(), 0)
    await handler.freezes.load(EmptyLog(), 0)
    if latest:
        handler.decisions.apply(latest)
    return handler


def outcome_of(outputs: Any) -> Outcome:
    (outcome,) = [output for output in outputs if isinstance(output, Outcome)]
    return outcome


def looks(outputs: Any) -> list[Publishable]:
    return [output for output in outputs if isinstance(output, Lookup) and output.what == "queue"]


async def test_a_step_and_its_way_back_and_a_repeat_of_each() -> None:
    adjust, restore = decision("adjust"), decision("restore")
    async with office() as there:
        world, settle = there.sandbox.world, there.sandbox.routing.settle
        for _ in range(2):
            outputs = await (await adjuster(there.genesys, adjust))(adjust)
            assert outcome_of(outputs).status == "done"
            assert looks(outputs)
            settle(EMAIL.id, dict.fromkeys(pool(), True), "test")
        assert (await there.genesys.queue(EMAIL.id)).service_level_seconds["email"] == 45
        assert all(world.members[EMAIL.id][user] for user in pool())
        for _ in range(2):
            outputs = await (await adjuster(there.genesys, restore))(restore)
            assert outcome_of(outputs).status == "done"
            settle(EMAIL.id, dict.fromkeys(pool(), False), "test")
        assert (await there.genesys.queue(EMAIL.id)).service_level_seconds["email"] == 60
        assert not any(world.members[EMAIL.id].get(user) for user in pool())


async def test_a_person_who_was_faster_wins_and_the_loop_is_told() -> None:
    adjust = decision("adjust")
    async with office() as there:
        there.sandbox.routing.by_a_person(EMAIL.id, "email", 90)
        outputs = await (await adjuster(there.genesys, adjust))(adjust)
        assert (await there.genesys.queue(EMAIL.id)).service_level_seconds["email"] == 90
    outcome = outcome_of(outputs)
    assert outcome.status == "conflict"
    assert outcome.before["serviceLevelSeconds"] == 90
    (told,) = [output for output in outputs or () if isinstance(output, FreezeRequested)]
    assert (told.kind, told.subject) == ("queue-stand-back", SUBJECT)


async def test_a_frozen_queue_and_an_overtaken_decision_change_nothing() -> None:
    adjust = decision("adjust")
    freeze = FreezeRequested(id="r", time=NOON, subject=SUBJECT, kind="queue-freeze", queue_id=EMAIL.id, by="ana")
    async with office() as there:
        frozen = await adjuster(there.genesys, adjust)
        frozen.freezes.apply(freeze)
        overtaken = await adjuster(there.genesys, decision("restore"))
        again = await adjuster(there.genesys, decision("adjust", step=2))
        outcomes = [outcome_of(await handler(adjust)) for handler in (frozen, overtaken, again)]
        late = outcome_of(await (await adjuster(there.genesys, adjust))(decision("restore")))
        assert not [call for call in there.sandbox.guard.seen if call.method in ("PUT", "PATCH")]
    assert {outcome.status for outcome in [*outcomes, late]} == {"refused"}
    assert "ana" in (outcomes[0].error or "")


async def test_a_missing_permission_is_an_outcome_that_names_it_and_people_are_told() -> None:
    adjust = decision("adjust")
    told: list[PushEvent] = []

    class People:
        async def push(self, event: PushEvent) -> None:
            told.append(event)

    async with office() as there:
        there.sandbox.guard.missing.add("routing:queue:edit")
        outcome = outcome_of(await (await adjuster(there.genesys, adjust))(adjust))
    assert outcome.status == "refused"
    assert "routing:queue:edit" in (outcome.error or "")
    names: Table[QueueUpdated, Any] = Table(QueueUpdated, fold=know)
    await names.load(EmptyLog(), 0)
    escalate = Escalate(People(), PushEvent.of, names, Rule())
    await escalate.came_of_it(outcome)
    await escalate.decided(adjust)
    assert b"routing:queue:edit" in told[0].data
    assert b"60 s to 45 s (step 1), 18 members of the backup pool joined" in told[1].data
    assert b"memory" not in told[1].data


@pytest.mark.parametrize("action", ["suggest", "stand-back", "frozen", "resumed"])
async def test_other_decisions_change_nothing(action: str) -> None:
    async with office() as there:
        assert await (await adjuster(there.genesys))(decision(action)) is None
        assert not there.sandbox.guard.seen
