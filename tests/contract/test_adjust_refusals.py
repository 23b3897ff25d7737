"""What the adjuster may not or cannot do, against the sandbox over real HTTP: what is said, and what counts as there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from handlers.adjust_queues import AdjustQueues
from handlers.events import Decision, FreezeRequested, Outcome, PoolUpdated, QueueUpdated, Standing
from handlers.policy import Mode, Selection
from processor.event import Publishable
from sandbox.genesys.guard import Failure
from sandbox.names import EMAIL, pool
from tests.contract.test_adjust_queues import (
    NOON,
    SUBJECT,
    TIGHT,
    adjuster,
    carried_out,
    decision,
    looks,
    members,
    outcome_of,
)
from tests.contract.test_genesys_platform import Office, office

QUEUE = f"/api/v2/routing/queues/{EMAIL.id}"


def word(outputs: Sequence[Publishable]) -> FreezeRequested:
    """What the loop is told."""
    (told,) = [output for output in outputs if isinstance(output, FreezeRequested)]
    return told


def kept(handler: AdjustQueues) -> dict[str, Standing]:
    """What of the loop's targets is in Genesys, as the log has it."""
    held = handler.pools.get(SUBJECT)
    return dict(held.standing) if held else {}


async def target(there: Office) -> float:
    return (await there.genesys.queue(EMAIL.id)).service_level_seconds["email"]


async def carried(there: Office, adjust: Decision, **may: Any) -> AdjustQueues:
    """The handler of a queue that is adjusted."""
    handler = await adjuster(there.genesys, adjust)
    assert outcome_of(await carried_out(handler, adjust)).status == "done"
    there.sandbox.routing.settle(EMAIL.id, dict.fromkeys(pool(), True), "test")
    later = await adjuster(there.genesys, decision("restore"), handler.pools.get(SUBJECT), **may)
    assert set(kept(later)) == {"email"}
    return later


async def test_what_genesys_does_not_permit_is_an_outcome_that_names_it_and_nothing_of_it_counts_as_there() -> None:
    adjust = decision("adjust", trace="the same")
    async with office() as there:
        there.sandbox.guard.missing.add("routing:queue:edit")
        handler = await adjuster(there.genesys, adjust)
        outputs = await carried_out(handler, adjust)
        assert await target(there) == 60
    assert outcome_of(outputs).status == "refused"
    assert "routing:queue:edit" in (outcome_of(outputs).error or "")
    assert (word(outputs).kind, word(outputs).media_type) == ("queue-refused", "email")
    assert word(outputs).reason.startswith("Genesys refused to adjust")
    assert "routing:queue:edit" in word(outputs).reason
    assert {outcome_of(outputs).trace, word(outputs).trace} == {"the same"}
    assert kept(handler) == {}


async def test_a_pool_that_may_not_join_leaves_a_target_that_is_ours_and_the_outcome_says_so() -> None:
    adjust = decision("adjust")
    async with office() as there:
        there.sandbox.guard.failures.append(Failure(f"{QUEUE}/members", "PATCH", status=403, code="forbidden"))
        handler = await adjuster(there.genesys, adjust)
        outputs = await carried_out(handler, adjust)
        assert await target(there) == 45
        assert not any(members(there).values())
    outcome = outcome_of(outputs)
    assert (outcome.status, outcome.before["serviceLevelSeconds"], outcome.after["serviceLevelSeconds"]) == (
        "refused",
        60,
        45,
    )
    assert "though the target is set" in word(outputs).reason
    assert kept(handler)["email"].target["serviceLevelSeconds"] == 45
    assert looks(outputs)


async def test_a_baseline_that_genesys_does_not_take_is_still_to_be_given_back() -> None:
    async with office() as there:
        handler = await carried(there, decision("adjust"))
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", status=400, code="bad.request"))
        outputs = await carried_out(handler, decision("restore"))
        assert await target(there) == 45
        assert outcome_of(outputs).status == "refused"
        assert word(outputs).restore
        assert word(outputs).reason.startswith("Genesys refused to restore")
        assert kept(handler)["email"].baseline["serviceLevelSeconds"] == 60
        assert all(members(there).values()), "they help as long as the queue is not restored"
        assert outcome_of(await carried_out(handler, decision("restore"))).status == "done"
        assert kept(handler) == {}


@pytest.mark.parametrize(
    ("may", "said"),
    [
        ({"mode": Mode.OBSERVE}, "LOOP_MODE=observe"),
        ({"mode": Mode.OFF}, "LOOP_MODE=off"),
        ({"selection": Selection.parse(["name:Sales*"])}, "LOOP_QUEUES"),
    ],
)
async def test_settings_that_changed_meanwhile_stop_an_adjustment_and_never_a_restore(
    may: dict[str, Any], said: str
) -> None:
    adjust = decision("adjust")
    known = QueueUpdated(id="q", time=NOON, subject=SUBJECT, queue_id=EMAIL.id, name=EMAIL.name)
    async with office() as there:
        stopped = await adjuster(there.genesys, adjust, **may)
        stopped.queues.apply(known)
        outputs = await carried_out(stopped, adjust)
        assert await target(there) == 60
        assert outcome_of(outputs).status == "refused"
        assert said in (outcome_of(outputs).error or "")
        assert word(outputs).kind == "queue-not-done"
        handler = await carried(there, adjust, **may)
        handler.queues.apply(known)
        assert outcome_of(await carried_out(handler, decision("restore"))).status == "done"
        assert await target(there) == 60


async def test_a_freeze_holds_a_restore_that_was_on_its_way_unless_it_asked_for_one() -> None:
    freeze = FreezeRequested(id="r", time=NOON, subject=SUBJECT, kind="queue-freeze", queue_id=EMAIL.id, by="ana")
    async with office() as there:
        handler = await carried(there, decision("adjust"))
        handler.freezes.apply(freeze)
        outputs = await carried_out(handler, decision("restore"))
        assert await target(there) == 45
        assert (outcome_of(outputs).status, word(outputs).kind) == ("refused", "queue-not-done")
        assert set(kept(handler)) == {"email"}
        handler.freezes.apply(freeze.model_copy(update={"restore": True}))
        assert outcome_of(await carried_out(handler, decision("restore"))).status == "done"
        assert await target(there) == 60


async def test_what_was_overtaken_is_no_news_and_a_stand_back_makes_the_target_a_persons() -> None:
    adjust = decision("adjust")
    async with office() as there:
        handler = await carried(there, adjust)
        (refused,) = await carried_out(handler, adjust)
        assert isinstance(refused, Outcome)
        assert "overtaken" in (refused.error or "")
        (left,) = await carried_out(handler, decision("stand-back"))
        assert isinstance(left, PoolUpdated)
        assert kept(handler) == {}
        assert sorted(left.joined) == sorted(pool()), "who they are is not forgotten"


async def test_a_step_that_was_skipped_is_no_persons_change() -> None:
    """The second step was overtaken by the restore before it was carried out: the first one's target is there."""
    async with office() as there:
        handler = await carried(there, decision("adjust"))
        second = {**TIGHT, "serviceLevelSeconds": 30.0}
        restore = decision("restore").model_copy(update={"expected": second})
        assert outcome_of(await carried_out(handler, restore)).status == "done"
        assert await target(there) == 60
