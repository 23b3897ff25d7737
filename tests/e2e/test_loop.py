"""The loop as a supervisor meets it: it defends a queue, gives it back, and has a brake."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.names import ADMIN, EMAIL, pool
from tests.e2e.centre import centre, decisions, listed_as_adjusted, on_until, target
from tests.e2e.programs import eventually

pytestmark = pytest.mark.timeout(300)


async def tightened(sandbox):
    async def look():
        return target(sandbox) < 60

    await eventually(look)


def joined(sandbox):
    """Who of the pool is in the queue."""
    members = sandbox.world.members[EMAIL.id]
    return {user for user in pool() if members[user]}


async def changes(product):
    """What was carried out in Genesys."""
    outcomes = [record["value"] for record in await product.topic("outcomes")]
    return [one for one in outcomes if one["kind"].startswith("queue-") and one["status"] == "done"]


async def test_a_queue_is_defended_and_given_back_and_a_restart_forgets_nothing(tmp_path):
    async with centre(tmp_path) as (sandbox, product):
        adjusted = await on_until(sandbox, product, "adjust")
        assert adjusted["seen"]["offered"] > 500
        assert adjusted["baseline"]["serviceLevelSeconds"] == 60
        await tightened(sandbox)
        await product.restart()
        await listed_as_adjusted(product)
        await on_until(sandbox, product, "restore")

        async def back():
            return target(sandbox) == 60 and sandbox.witness.shown()["restores"]

        await eventually(back)
        await product.at_rest()  # members follow the target, and what came of both follows them
        outcomes = [record["value"] for record in await product.topic("outcomes")]
        changes = [one for one in outcomes if one["kind"].startswith("queue-")]
        assert [one["status"] for one in changes] == ["done"] * len(changes)
        assert changes[0]["before"]["serviceLevelSeconds"] == 60
        assert changes[-1]["after"]["serviceLevelSeconds"] == 60
        await product.at_rest()
        told = sandbox.wfm.books["escalations"].events
        assert len(told) == len(await decisions(product)), "people hear of every decision, once"


async def test_the_brake_holds_over_a_restart_until_it_is_released_and_the_baseline_returns(tmp_path):
    async with centre(tmp_path) as (sandbox, product):
        await on_until(sandbox, product, "adjust")
        await tightened(sandbox)
        await product.at_rest()
        before_the_freeze = len(await changes(product))
        done = await product.command("queues", "freeze", "email support", "--reason", "training day")
        assert (done.code, done.out) == (0, f"{EMAIL.id}  freeze requested\n")
        slip = await product.command("queues", "freeze", "emial support")
        assert (slip.code, slip.out) == (3, "")
        assert "did you mean Email Support?" in slip.err

        async def frozen():
            return [one for one in await decisions(product) if one["action"] == "frozen"]

        (decision,) = await eventually(frozen)
        assert "training day" in decision["reason"]
        await product.restart()
        count = len(await decisions(product))
        for _ in range(4):  # the breach lasts, and nothing is done about it
            before = len(await product.topic("volume"))
            await _minutes_pass(sandbox, product, 10, before)
        assert len(await decisions(product)) == count
        assert len(await changes(product)) == before_the_freeze
        (email,) = [queue for queue in (await product.ask("/queues"))["queues"] if queue["queueId"] == EMAIL.id]
        assert email["frozen"]["reason"] == "training day"
        assert "frozen by" in (await product.command("queues", "list")).out
        done = await product.command("queues", "resume", EMAIL.id, "--restore")
        assert done.code == 0

        async def back():
            return target(sandbox) == 60

        await eventually(back)
        actions = [one["action"] for one in await decisions(product)][count:]
        assert actions[:2] == ["restore", "resumed"]


async def _minutes_pass(sandbox, product, minutes, polled):
    sandbox.clock.jump(timedelta(minutes=minutes))
    sandbox.life.step()

    async def heard():
        return len(await product.topic("volume")) > polled

    await eventually(heard)
    await product.at_rest()


async def test_a_queue_that_a_person_changed_is_left_alone_and_the_loops_own_members_leave_in_the_end(tmp_path):
    async with centre(tmp_path) as (sandbox, product):
        by_himself = pool()[0]
        sandbox.routing.settle(EMAIL.id, {by_himself: True}, ADMIN)
        await on_until(sandbox, product, "adjust")
        await tightened(sandbox)
        address = f"{sandbox.genesys_url}/_sandbox/queues/{EMAIL.id}"
        async with product.session.post(address, json={"serviceLevelSeconds": 120}) as answer:
            assert answer.status == 200
        assert (await product.command("reconcile", "--once")).code == 0
        await product.at_rest()
        decision = await on_until(sandbox, product, "stand-back", minutes=7)
        assert decision["standing"] == {}
        await product.at_rest()
        assert target(sandbox) == 120
        (state,) = sandbox.wfm.books["escalations"].state.values()
        assert state["data"]["queueName"] == "Email Support"
        assert "person" in state["data"]["headline"]
        assert joined(sandbox) == set(pool()), "while the breach lasts nobody is taken away"
        await on_until(sandbox, product, "restore")

        async def left():
            return joined(sandbox) == {by_himself}

        await eventually(left)
        assert target(sandbox) == 120, "a person's word"


async def test_observing_tells_and_changes_nothing(tmp_path):
    async with centre(tmp_path, LOOP_MODE="observe") as (sandbox, product):
        decision = await on_until(sandbox, product, "suggest")
        assert decision["standing"] == {}
        await product.at_rest()
        (state,) = sandbox.wfm.books["escalations"].state.values()
        words = state["data"]
        assert words["queueName"] == "Email Support"
        assert words["seen"]["offered"] > words["threshold"]["offeredAbove"]
        assert words["seen"]["serviceLevel"] < words["threshold"]["serviceLevelBelow"]
        assert words["done"] == "nothing was changed"
        assert words["next"]
        assert sandbox.witness.shown()["changes"] == []


@pytest.mark.parametrize("changed", [{"LOOP_MODE": "off"}, {"LOOP_QUEUES": "name:Voice*"}], ids=["off", "not named"])
async def test_what_the_loop_had_changed_is_given_back_by_a_loop_that_no_longer_acts(tmp_path, changed):
    async with centre(tmp_path) as (sandbox, product):
        by_himself = pool()[0]
        sandbox.routing.settle(EMAIL.id, {by_himself: True}, ADMIN)
        await on_until(sandbox, product, "adjust")
        await tightened(sandbox)
        await product.at_rest()
        before = len(await decisions(product))
        await product.restart(**changed)
        told = await on_until(sandbox, product, "suggest")
        assert (told["about"], told["standing"]["email"]["baseline"]["serviceLevelSeconds"]) == ("giving-back", 60)
        assert target(sandbox) < 60, "not in the midst of the breach"
        await on_until(sandbox, product, "restore")

        async def left():
            return target(sandbox) == 60 and joined(sandbox) == {by_himself}

        await eventually(left)
        await product.at_rest()
        made = (await decisions(product))[before:]
        assert [one["action"] for one in made] == ["suggest", "restore"]
        assert [one["kind"] for one in await changes(product)][-1] == "queue-restore"
        (state,) = sandbox.wfm.books["escalations"].state.values()
        assert "restored" in state["data"]["headline"]
        assert "whom the loop had joined" in state["data"]["done"]
        seen = sandbox.witness.shown()
        assert {change["queueId"] for change in seen["changes"]} == {EMAIL.id}
        assert (seen["adjustments"], seen["restores"]) == (len(await changes(product)) - 1, 1)
