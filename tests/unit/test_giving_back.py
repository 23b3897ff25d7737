"""What the loop has changed it gives back: whatever it may do by then, whatever Genesys says, and never twice."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.adjustments import met
from handlers.events import Lookup, Outcome
from handlers.policy import Mode
from tests.unit.loopworld import POOL, World

NO_LONGER_ACTS = [
    pytest.param({"mode": Mode.OBSERVE}, id="observe"),
    pytest.param({"mode": Mode.OFF}, id="off"),
    pytest.param({"mode": Mode.ACT, "named": False}, id="out of LOOP_QUEUES"),
    pytest.param({"mode": Mode.ACT, "pool": ()}, id="out of loop_pools"),
]
BREACH, CALM = (600, 0.5), (300, 0.99)


async def adjusted() -> World:
    """Two steps up, with the pool in."""
    world = World()
    await world.start(Mode.ACT)
    world.look()
    for _ in range(2):
        await passes(world, 11, BREACH)
    assert world.genesys.targets["email"] == 30.5
    assert world.genesys.members == set(POOL)
    return world


async def passes(world: World, minutes: int, volume: tuple[int, float] | None = None, medium: str = "email") -> None:
    """Time; then volume comes, and what it leads to is done."""
    world.minutes(minutes)
    if volume:
        await world.volume(medium, *volume)
    world.tick()
    await world.work()
    world.tick()
    world.look()


def said(world: World) -> list[str]:
    """Action, and what it is about, of each decision."""
    return [f"{one.action} {one.about}".strip() for one in world.decisions]


@pytest.mark.parametrize("settings", NO_LONGER_ACTS)
async def test_after_recovery_the_baseline_is_back_and_the_helpers_are_out(settings: dict[str, Any]) -> None:
    world = await adjusted()
    await world.start(**settings)
    await passes(world, 3, CALM)
    assert world.genesys.targets["email"] == 30.5, "not at once: it may be in the midst of a breach"
    await passes(world, 6, CALM)
    assert world.genesys.targets == world.genesys.wanted
    assert world.genesys.members == set()
    assert said(world)[-1] == "restore"
    assert [one.status for one in world.topics[Outcome]] == ["done"] * 3
    decided = len(world.decisions)
    for _ in range(5):
        await passes(world, 4, CALM)
    assert len(world.decisions) == decided, "once"


@pytest.mark.parametrize("settings", NO_LONGER_ACTS[:3])
async def test_while_the_breach_lasts_nothing_new_is_changed_and_people_are_told_once_what_waits(
    settings: dict[str, Any],
) -> None:
    world = await adjusted()
    await world.start(**settings)
    writes, decided = len(world.genesys.writes), len(world.decisions)
    for _ in range(30):
        await passes(world, 6, BREACH)
    assert len(world.genesys.writes) == writes
    assert said(world)[decided:].count("suggest giving-back") == 1
    assert world.genesys.members == set(POOL)
    await world.start(Mode.ACT)
    await passes(world, 6, CALM)
    await passes(world, 6, CALM)
    assert world.genesys.targets == world.genesys.wanted


@pytest.mark.parametrize("settings", NO_LONGER_ACTS[:3])
async def test_where_no_volume_comes_nobody_waits_for_a_recovery(settings: dict[str, Any]) -> None:
    world = await adjusted()
    world.minutes(60)
    await world.start(**settings)
    await passes(world, 14)
    assert world.genesys.targets["email"] == 30.5, "the time when nobody listened does not count"
    await passes(world, 2)
    assert world.genesys.targets == world.genesys.wanted
    assert world.genesys.members == set()
    assert "no volume since" in world.decisions[-1].reason


async def test_helpers_left_in_by_a_stand_back_leave_without_volume_too() -> None:
    world = await adjusted()
    world.genesys.targets["email"] = world.genesys.wanted["email"] = 90.25
    world.look()
    await passes(world, 1, BREACH)
    assert said(world)[-1] == "stand-back"
    await world.start(Mode.OFF)
    await passes(world, 16)
    assert world.genesys.members == set()
    assert world.genesys.targets["email"] == 90.25


@pytest.mark.parametrize("settings", NO_LONGER_ACTS[:3])
@pytest.mark.parametrize(("place", "counts_as_there"), [("joined", False), ("before", True)])
async def test_an_adjustment_that_waited_for_genesys_is_not_carried_out_any_more(
    settings: dict[str, Any], place: str, *, counts_as_there: bool
) -> None:
    world = World()
    await world.start(Mode.ACT)
    world.look()
    world.genesys.faults.append(f"{place}:503")
    await passes(world, 11, BREACH)
    await world.start(**settings)
    await passes(world, 1)
    assert (said(world)[-1], bool(world.decisions[-1].standing)) == ("suggest not-done", counts_as_there)
    assert "adjust not done" in world.decisions[-1].reason
    await passes(world, 6, CALM)
    await passes(world, 6, CALM)
    assert world.genesys.writes == []
    assert not world.decisions[-1].standing


async def test_a_queue_that_never_was_ours_is_left_alone() -> None:
    for mode in (Mode.OBSERVE, Mode.OFF):
        world = World()
        world.genesys.members = {POOL[0]}
        await world.start(mode)
        world.look()
        for volume in (BREACH, BREACH, CALM, CALM, CALM):
            await passes(world, 20, volume)
        assert (world.genesys.writes, world.genesys.moves) == ([], [])
        assert not [one for one in world.decisions if one.action != "suggest"]
        assert mode is Mode.OBSERVE or world.decisions == []


async def test_the_brake_gives_back_at_once_also_when_the_loop_is_off() -> None:
    world = await adjusted()
    await world.start(Mode.OFF)
    world.ask("queue-resume", restore=True)
    await passes(world, 0)
    assert world.genesys.targets == world.genesys.wanted
    assert world.genesys.members == set()


async def test_without_anybody_to_carry_it_out_nothing_is_decided_about_what_stands() -> None:
    world = await adjusted()
    await world.start(Mode.OBSERVE, reaches=False)
    decided = len(world.decisions)
    for _ in range(4):
        await passes(world, 4, CALM)
    assert len(world.decisions) == decided
    await passes(world, 16)
    assert said(world)[decided:] == ["suggest silence"]
    await world.start(Mode.OBSERVE)
    for _ in range(3):
        await passes(world, 4, CALM)
    assert world.genesys.targets == world.genesys.wanted


async def test_a_baseline_that_genesys_refuses_is_not_forgotten_and_tried_again_after_an_hour() -> None:
    world = await adjusted()
    await passes(world, 6, CALM)
    world.genesys.faults.append("before:refused")
    await passes(world, 6, CALM)
    assert said(world)[-2:] == ["restore", "suggest refused"]
    assert "403" in world.decisions[-1].reason
    assert world.decisions[-1].standing["email"].baseline["serviceLevelSeconds"] == 60.5
    decided = len(world.decisions)
    for _ in range(9):
        await passes(world, 6, CALM)
    assert len(world.decisions) == decided
    await passes(world, 7, CALM)
    assert world.genesys.targets == world.genesys.wanted


async def test_a_word_about_a_restore_that_a_later_one_has_made_good_is_no_news() -> None:
    world = await adjusted()
    await passes(world, 6, CALM)
    world.minutes(6)
    await world.volume("email", *CALM)
    late = met("queue-refused", world.decisions[-1], "Genesys refused")
    await world.work()
    for volume in (BREACH, BREACH, CALM, CALM):
        await passes(world, 12, volume)
    decided = len(world.decisions)
    world.append([late])
    world.tick()
    assert said(world)[-1] == "restore"
    assert len(world.decisions) == decided


async def test_after_a_refusal_a_person_who_resumes_the_queue_has_it_tried_at_once() -> None:
    world = World()
    await world.start(Mode.ACT)
    world.look()
    world.genesys.faults.append("before:refused")
    await passes(world, 11, BREACH)
    await passes(world, 11, BREACH)
    assert said(world) == ["adjust", "suggest refused"], "not tried again by itself"
    assert world.decisions[-1].standing == {}
    world.ask("queue-resume")
    await passes(world, 1)
    await passes(world, 1, BREACH)
    assert world.genesys.targets["email"] == 45.5


async def test_a_second_step_that_is_refused_leaves_the_first_one_standing() -> None:
    world = World()
    await world.start(Mode.ACT)
    world.look()
    await passes(world, 11, BREACH)
    world.genesys.faults += ["before:503"]
    await passes(world, 11, BREACH)
    world.genesys.faults += ["before:refused"]
    await passes(world, 1)
    stands = world.decisions[-1].standing["email"]
    assert (stands.step, stands.target["serviceLevelSeconds"], stands.through) == (1, 45.5, ())


async def test_a_second_step_that_never_got_through_is_no_persons_change() -> None:
    world = World()
    await world.start(Mode.ACT)
    world.look()
    await passes(world, 11, BREACH)
    world.minutes(11)
    await world.volume("email", *BREACH)
    world.genesys.faults.append("before:503")
    await world.work()
    for _ in range(2):
        world.minutes(6)
        await world.volume("email", *CALM)
    await passes(world, 1)
    assert world.genesys.targets == world.genesys.wanted
    assert "stand-back" not in said(world)


async def test_a_restore_that_hangs_keeps_our_target_from_becoming_anybodys_baseline() -> None:
    world = await adjusted()
    await passes(world, 6, CALM)
    world.minutes(6)
    await world.volume("email", *CALM)
    assert said(world)[-1] == "restore"
    hangs = world.lane
    world.lane = []
    for minute in range(9):
        await passes(world, 6, BREACH)
        assert isinstance(world.topics[Lookup][-1], Lookup), minute
    assert said(world)[-1] == "restore"
    await passes(world, 7, BREACH)
    assert said(world)[-1] == "suggest refused", "after an hour it stands again, with the baseline that a person set"
    assert world.decisions[-1].standing["email"].baseline["serviceLevelSeconds"] == 60.5
    world.lane = [*hangs, *world.lane]
    await passes(world, 12, CALM)
    await passes(world, 6, CALM)
    assert world.genesys.targets == world.genesys.wanted


async def test_a_queue_that_is_gone_is_told_of_once() -> None:
    world = await adjusted()
    world.genesys.gone = True
    world.look()
    for _ in range(8):
        await passes(world, 30)
    assert said(world).count("suggest gone") == 1
    assert "suggest silence" not in said(world)


async def test_a_rule_that_changed_meanwhile_makes_our_own_target_nobody_elses() -> None:
    world = await adjusted()
    await world.start(Mode.ACT, step_seconds=20)
    await passes(world, 11, BREACH)
    assert "stand-back" not in said(world)
    await passes(world, 6, CALM)
    await passes(world, 6, CALM)
    assert world.genesys.targets == world.genesys.wanted
