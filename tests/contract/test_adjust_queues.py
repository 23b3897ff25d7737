"""Decision → Genesys, against the sandbox over real HTTP."""

from __future__ import annotations

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.adjust_queues import AdjustQueues
from handlers.brake import brakes
from handlers.events import Decision, FreezeRequested, Lookup, Outcome, PoolUpdated, QueueUpdated, Standing
from processor.app.errands.backtesting import Blank
from processor.event import Publishable
from processor.table import Table, last
from sandbox.genesys import routing
from sandbox.names import EMAIL, pool
from tests.contract.test_genesys_platform import Office, office

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
SUBJECT = f"queue/{EMAIL.id}"
BASELINE = {"serviceLevelSeconds": 60.0, "memberIds": []}
TIGHT = {"serviceLevelSeconds": 45.0, "memberIds": list(pool())}


@pytest.fixture(autouse=True)
def _members_come_and_go_when_a_test_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "SETTLES", 3600)


def decision(action: str, *, step: int = 1, **more: Any) -> Decision:
    adjusting = action == "adjust"
    standing = Standing(step=step, baseline=BASELINE, target=TIGHT, since=NOON, decision_id=f"d-adjust-{step}")
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


async def adjuster(
    genesys: Any, latest: Decision | None = None, pool: PoolUpdated | None = None, **may: Any
) -> AdjustQueues:
    tables = Table(Decision, fold=last), Table(FreezeRequested, fold=brakes), Table(PoolUpdated, fold=last)
    queues = Table(QueueUpdated, fold=last)
    handler = AdjustQueues(genesys, *tables, queues, lambda: NOON, **may)
    for table in (*tables, queues):
        await table.load(Blank(), 0)
    if latest:
        handler.decisions.apply(latest)
    if pool:
        handler.pools.apply(pool)
    return handler


async def carried_out(handler: AdjustQueues, decision: Decision) -> list[Publishable]:
    """All that it wrote, in order; its own tables see it as they would in the log."""
    outputs: list[Publishable] = []
    async for batch in handler(decision):
        for output in batch:
            outputs.append(output)
            if isinstance(output, PoolUpdated):
                handler.pools.apply(output)
    return outputs


def outcome_of(outputs: Any) -> Outcome:
    (outcome,) = [output for output in outputs if isinstance(output, Outcome)]
    return outcome


def looks(outputs: Any) -> list[Publishable]:
    return [output for output in outputs if isinstance(output, Lookup) and output.what == "queue"]


async def test_a_step_and_its_way_back_and_a_repeat_of_each() -> None:
    adjust, restore = decision("adjust"), decision("restore")
    async with office() as there:
        world, settle = there.sandbox.world, there.sandbox.routing.settle
        handler = await adjuster(there.genesys, adjust)
        for _ in range(2):
            outputs = await carried_out(handler, adjust)
            assert outcome_of(outputs).status == "done"
            assert looks(outputs)
            settle(EMAIL.id, dict.fromkeys(pool(), True), "test")
        assert (await there.genesys.queue(EMAIL.id)).service_level_seconds["email"] == 45
        assert all(world.members[EMAIL.id][user] for user in pool())
        handler.decisions.apply(restore)
        for _ in range(2):
            outputs = await carried_out(handler, restore)
            assert outcome_of(outputs).status == "done"
            settle(EMAIL.id, dict.fromkeys(pool(), False), "test")
        assert (await there.genesys.queue(EMAIL.id)).service_level_seconds["email"] == 60
        assert left(there) == sorted(pool())


async def adjusted(there: Office, adjust: Decision) -> tuple[AdjustQueues, list[Publishable]]:
    """With the floor settled: members come and go some time after the answer."""
    handler = await adjuster(there.genesys, adjust)
    outputs = await carried_out(handler, adjust)
    there.sandbox.routing.settle(EMAIL.id, dict.fromkeys(pool(), True), "test")
    return handler, outputs


def members(there: Office) -> dict[str, bool]:
    return {user: there.sandbox.world.members[EMAIL.id][user] for user in pool()}


def left(there: Office) -> list[str]:
    """Whom Genesys was asked to take out."""
    calls = [call for call in there.sandbox.guard.seen if call.method == "PATCH" and call.path.endswith("/members")]
    return sorted(one["id"] for call in calls for one in call.body if not one["joined"])


async def test_who_was_in_before_stays_in_and_who_we_joined_goes() -> None:
    adjust, restore = decision("adjust"), decision("restore")
    by_himself, *ours = pool()
    async with office() as there:
        there.sandbox.routing.settle(EMAIL.id, {by_himself: True}, "a supervisor")
        handler, outputs = await adjusted(there, adjust)
        assert isinstance(outputs[0], PoolUpdated), "it is in the log before anybody is joined"
        assert outcome_of(outputs).audit["joined"] == sorted(ours)
        handler.decisions.apply(restore)
        outputs = await carried_out(handler, restore)
        assert left(there) == outcome_of(outputs).audit["left"] == sorted(ours)
        assert await carried_out(handler, restore)
        assert left(there) == sorted(ours), "a repeat takes nobody out again"
    held = handler.pools.get(SUBJECT)
    assert held is not None
    assert held.joined == ()


@pytest.mark.parametrize("effect", [False, True], ids=["before the effect", "after the effect"])
async def test_a_crash_does_not_make_our_members_anybody_elses(*, effect: bool) -> None:
    adjust, restore = decision("adjust"), decision("restore")
    async with office() as there:
        first = await adjuster(there.genesys, adjust)
        async with aclosing(first(adjust)) as steps:
            (told,) = await anext(steps)
            if effect:
                await anext(steps)  # carried out; what it says of it never reaches the log
        assert isinstance(told, PoolUpdated)
        there.sandbox.routing.settle(EMAIL.id, dict.fromkeys(pool(), effect), "test")
        second = await adjuster(there.genesys, adjust, told)
        outputs = await carried_out(second, adjust)
        assert not [output for output in outputs if isinstance(output, PoolUpdated)], "nothing new is ours"
        assert outcome_of(outputs).audit["joined"] == sorted(pool())
        there.sandbox.routing.settle(EMAIL.id, dict.fromkeys(pool(), True), "test")
        second.decisions.apply(restore)
        await carried_out(second, restore)
        assert left(there) == sorted(pool())


async def test_a_larger_pool_adds_to_those_who_are_ours_already() -> None:
    adjust = decision("adjust")
    first, *others = pool()
    already = PoolUpdated(id="p", time=NOON, subject=SUBJECT, queue_id=EMAIL.id, joined=(first,))
    async with office() as there:
        there.sandbox.routing.settle(EMAIL.id, {first: True}, "the loop")
        told, *_ = await carried_out(await adjuster(there.genesys, adjust, already), adjust)
    assert isinstance(told, PoolUpdated)
    assert sorted(told.joined) == sorted([first, *others])


async def test_members_whom_another_medium_needs_stay_until_that_recovers() -> None:
    adjust, restore = decision("adjust"), decision("restore")
    async with office() as there:
        handler, _ = await adjusted(there, adjust)
        voice = Standing(step=1, baseline=BASELINE, target=TIGHT, since=NOON, decision_id="d-2")
        handler.decisions.apply(restore.model_copy(update={"standing": {"call": voice}}))
        assert outcome_of(await carried_out(handler, restore)).status == "done"
        assert left(there) == []
    held = handler.pools.get(SUBJECT)
    assert held is not None
    assert sorted(held.joined) == sorted(pool())


async def test_a_conflict_joins_nobody_and_remembers_so() -> None:
    adjust = decision("adjust")
    async with office() as there:
        there.sandbox.routing.by_a_person(EMAIL.id, "email", 90)
        handler = await adjuster(there.genesys, adjust)
        await carried_out(handler, adjust)
        assert not any(members(there).values())
    held = handler.pools.get(SUBJECT)
    assert held is not None
    assert held.joined == ()


async def test_a_person_who_was_faster_wins_and_the_loop_is_told() -> None:
    adjust = decision("adjust")
    async with office() as there:
        there.sandbox.routing.by_a_person(EMAIL.id, "email", 90)
        outputs = await carried_out(await adjuster(there.genesys, adjust), adjust)
        assert (await there.genesys.queue(EMAIL.id)).service_level_seconds["email"] == 90
    outcome = outcome_of(outputs)
    assert outcome.status == "conflict"
    assert outcome.before["serviceLevelSeconds"] == 90
    (told,) = [output for output in outputs if isinstance(output, FreezeRequested)]
    assert (told.kind, told.subject) == ("queue-stand-back", SUBJECT)


async def test_a_frozen_queue_and_an_overtaken_decision_change_nothing() -> None:
    adjust = decision("adjust")
    freeze = FreezeRequested(id="r", time=NOON, subject=SUBJECT, kind="queue-freeze", queue_id=EMAIL.id, by="ana")
    async with office() as there:
        frozen = await adjuster(there.genesys, adjust)
        frozen.freezes.apply(freeze)
        overtaken = await adjuster(there.genesys, decision("restore"))
        again = await adjuster(there.genesys, decision("adjust", step=2))
        outcomes = [outcome_of(await carried_out(handler, adjust)) for handler in (frozen, overtaken, again)]
        late = outcome_of(await carried_out(await adjuster(there.genesys, adjust), decision("restore")))
        assert not [call for call in there.sandbox.guard.seen if call.method in ("PUT", "PATCH")]
    assert {outcome.status for outcome in [*outcomes, late]} == {"refused"}
    assert "ana" in (outcomes[0].error or "")


@pytest.mark.parametrize("action", ["suggest", "stand-back", "frozen", "resumed"])
async def test_other_decisions_change_nothing(action: str) -> None:
    async with office() as there:
        assert await carried_out(await adjuster(there.genesys), decision(action)) == []
        assert not there.sandbox.guard.seen
