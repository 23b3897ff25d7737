"""The loop and people: a changed queue is left alone, and whom the loop had joined leaves in the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handlers.adjustments import met
from handlers.events import Decision, PoolUpdated, QueueUpdated, ServiceLevel
from handlers.feedback import Feedback
from handlers.policy import Mode
from tests.unit.looptables import CALM, QUEUE, START, actions, feedback, freeze, hear, of, queue, tick, volume

QUIET = {"offered": 0, "level": None, "target": None}


async def stood_back(mode: Mode = Mode.ACT) -> tuple[Feedback, Decision]:
    """A person has changed the target while the pool was in."""
    loop = await feedback()
    await hear(loop, queue(60), volume(60), queue(45, at=61), volume(62))
    loop.held.apply(PoolUpdated(id="h", time=START, subject=QUEUE, queue_id="q-1", joined=("backup-1",)))
    (decision,) = await hear(loop, queue(90, at=70, by="ana"), volume(75))
    return replace(loop, mode=mode), decision


def both(seconds: float, at: int = 0, by: str | None = None) -> QueueUpdated:
    known = queue(seconds, at, by)
    voice = ServiceLevel(service_level_seconds=20, service_level_percentage=0.8)
    return known.model_copy(update={"media_types": {**known.media_types, "call": voice}})


async def test_a_queue_that_a_person_changed_is_left_alone_until_it_has_recovered() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60), queue(45, at=61), volume(62))
    (decision,) = await hear(loop, queue(90, at=70, by="ana"), volume(75))
    assert decision.action == "stand-back"
    assert "ana" in decision.reason
    assert decision.standing == {}
    assert actions(await hear(loop, volume(90), volume(95))) == []
    assert actions(await hear(loop, volume(100, **CALM), volume(106, **CALM))) == ["resumed"]
    (adjusted,) = await hear(loop, volume(120, target=90))
    assert adjusted.baseline["serviceLevelSeconds"] == 90


async def test_after_a_stand_back_those_whom_the_loop_had_joined_leave_with_the_recovery() -> None:
    loop, decision = await stood_back()
    assert decision.expected["memberIds"] == ["backup-1"], "people are told who is still in"
    assert actions(await hear(loop, volume(90), volume(100, **CALM), volume(106, **CALM))) == ["resumed"]
    (back,) = await hear(loop, volume(107, **CALM))
    assert back.action == "restore"
    assert back.target == back.baseline == {"serviceLevelSeconds": 90.0, "memberIds": []}, "the target stays ana's"
    assert back.expected["memberIds"] == ["backup-1"]
    loop.held.apply(PoolUpdated(id="h2", time=START, subject=QUEUE, queue_id="q-1"))
    assert actions(await hear(loop, queue(90, at=108), volume(109, **CALM), volume(120, **CALM))) == []


async def test_a_restore_that_is_on_its_way_takes_the_members_out_itself() -> None:
    loop = await feedback()
    await hear(loop, both(60), volume(60), both(45, at=61), volume(62, **CALM))
    loop.held.apply(PoolUpdated(id="h", time=START, subject=QUEUE, queue_id="q-1", joined=("backup-1",)))
    assert actions(await hear(loop, of("call", 62, **QUIET), volume(68, **CALM))) == ["restore"]
    assert actions(await hear(loop, of("call", 68, **QUIET), of("call", 76, **QUIET))) == []
    await hear(loop, freeze(77, restore=True))
    assert actions(tick(loop, START)) == ["frozen"]


async def test_nobody_is_taken_out_for_one_medium_while_another_is_in_a_breach_or_left_to_a_person() -> None:
    loop, _ = await stood_back()
    await hear(loop, both(90, at=76, by="ana"))
    calm = [of("call", minute, **QUIET) for minute in (100, 106)]
    assert actions(await hear(loop, volume(100, target=90), *calm)) == [], "email is left to ana"
    await hear(loop, freeze(107, "queue-resume"))
    assert actions(tick(loop, START)) == ["resumed"]
    assert actions(await hear(loop, of("call", 108, **QUIET))) == [], "email is in a breach"


async def test_nobody_is_taken_out_before_every_medium_has_recovered_for_a_while() -> None:
    calls = [of("call", minute, **QUIET) for minute in (90, 96, 101)]
    loop = await feedback()
    await hear(loop, both(60), volume(60), both(45, at=61))
    loop.held.apply(PoolUpdated(id="h", time=START, subject=QUEUE, queue_id="q-1", joined=("backup-1",)))
    assert actions(await hear(loop, volume(100, **CALM), *calls)) == [], "email is adjusted still"
    loop, _ = await stood_back()
    await hear(loop, both(90, at=76, by="ana"))
    assert actions(await hear(loop, volume(100, **CALM), *calls)) == [], "email has only just recovered"
    loop, _ = await stood_back()
    await hear(loop, queue(90, at=76, by="ana"), freeze(90, "queue-resume"))
    assert actions(tick(loop, START)) == ["resumed"]
    assert actions(await hear(loop, volume(100, **CALM))) == [], "one good hour is no recovery"
    assert actions(await hear(loop, volume(106, **CALM))) == ["restore"]


async def test_a_release_that_failed_is_decided_again_but_not_at_once() -> None:
    loop, _ = await stood_back()
    await hear(loop, volume(100, **CALM), volume(106, **CALM), volume(107, **CALM), queue(90, at=108))
    assert actions(await hear(loop, volume(109, **CALM))) == []
    assert actions(await hear(loop, volume(118, **CALM))) == ["restore"]


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.OFF])
async def test_a_loop_that_no_longer_acts_takes_out_whom_it_had_joined(mode: Mode) -> None:
    loop, _ = await stood_back(mode)
    calm = [volume(minute, **CALM) for minute in range(100, 112, 3)]
    assert actions(await hear(loop, *calm)) == ["resumed", "restore"]


async def test_a_freeze_with_restore_after_a_stand_back_takes_out_who_is_still_in() -> None:
    loop, _ = await stood_back()
    await hear(loop, freeze(80, restore=True))
    restore, frozen = tick(loop, START)
    assert (restore.action, frozen.action) == ("restore", "frozen")
    assert restore.expected["memberIds"] == ["backup-1"]
    assert restore.target["serviceLevelSeconds"] == 90
    loop, _ = await stood_back()
    await hear(loop, freeze(80))
    assert actions(tick(loop, START)) == ["frozen"], "who freezes without it leaves everything as it is"


async def test_a_person_who_puts_the_baseline_back_is_seen() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60), queue(45, at=61), volume(62))
    assert actions(await hear(loop, queue(60, at=63, by="ana"), volume(64))) == ["stand-back"]


async def test_our_own_change_on_its_way_is_nobody_elses() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60))
    assert actions(await hear(loop, queue(60, at=59), volume(61), queue(45, at=62), volume(63))) == []


async def test_a_conflict_seen_by_the_adjuster_makes_the_loop_stand_back() -> None:
    loop = await feedback()
    (adjust,) = await hear(loop, queue(60), volume(60))
    await hear(loop, met("queue-stand-back", adjust, "it is another"))
    (decision,) = tick(loop, START)
    assert (decision.action, decision.media_type, decision.standing) == ("stand-back", "email", {})
    assert actions(await hear(loop, volume(90))) == []


async def test_a_conflict_on_one_medium_leaves_what_stands_on_another() -> None:
    loop = await feedback()
    await hear(loop, both(60), volume(60))
    (call,) = await hear(loop, of("call", 71, target=20))
    assert set(call.standing) == {"email", "call"}
    await hear(loop, met("queue-stand-back", call, "it is another"))
    (decision,) = tick(loop, START)
    assert set(decision.standing) == {"email"}


async def test_a_freeze_and_a_conflict_at_the_same_moment_do_not_hide_each_other() -> None:
    for freeze_first in (True, False):
        loop = await feedback()
        (adjust,) = await hear(loop, queue(60), volume(60))
        words = [freeze(1), met("queue-stand-back", adjust, "it is another")]
        await hear(loop, *(words if freeze_first else reversed(words)))
        assert sorted(actions(tick(loop, START))) == ["frozen", "stand-back"]
        assert tick(loop, START) == []
        await hear(loop, freeze(3, "queue-resume"))
        assert actions(tick(loop, START)) == ["resumed"]


async def test_a_conflict_that_a_later_adjustment_has_overtaken_is_no_news() -> None:
    loop = await feedback()
    (adjust,) = await hear(loop, queue(60), volume(60))
    (later,) = await hear(loop, volume(71))
    assert later.action == "adjust"
    await hear(loop, met("queue-stand-back", adjust, "it is another"))
    assert tick(loop, START) == []


async def test_a_foreign_target_is_a_persons_whatever_the_clocks_say() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60))
    assert actions(await hear(loop, queue(90, at=59), volume(61))) == ["stand-back"]


async def test_members_who_serve_two_media_are_taken_out_once_when_a_person_asks_for_it() -> None:
    loop, _ = await stood_back()
    loop.queues.apply(both(90, at=80, by="ana"))
    loop.freezes.apply(freeze(90, restore=True))
    assert actions(tick(loop, START)) == ["restore", "frozen"]
