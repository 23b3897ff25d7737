"""The loop's mind: breaches, steps, recovery, freezes, silence."""

from __future__ import annotations

from datetime import timedelta

import orjson

from handlers import FarSides, Policy, loop
from handlers.events import Lookup
from handlers.policy import Mode, Rule
from tests.unit.looptables import CALM, QUEUE, START, actions, feedback, freeze, hear, queue, tick, volume


async def test_a_breach_tightens_the_target_and_joins_the_pool() -> None:
    loop = await feedback()
    (decision,) = await hear(loop, queue(60), volume(60))
    assert decision.action == "adjust"
    assert decision.target == {"serviceLevelSeconds": 45.0, "memberIds": ["backup-1"]}
    assert decision.baseline == {"serviceLevelSeconds": 60.0, "memberIds": []}
    assert decision.standing["email"].step == 1


async def test_a_decision_says_in_its_data_what_caused_it() -> None:
    loop = await feedback()
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    (decision,) = await hear(loop, queue(60), volume(60).model_copy(update={"cause": "raw-1", "trace": trace}))
    assert decision.to_message().headers["traceparent"] == trace
    assert orjson.loads(decision.data())["cause"] == decision.to_message().headers["ce_causationid"] == "raw-1"
    asked = freeze(1)
    await hear(loop, asked)
    (frozen,) = tick(loop, START)
    assert orjson.loads(frozen.data())["cause"] == frozen.to_message().headers["ce_causationid"] == asked.id


async def test_nothing_is_changed_before_the_queue_is_known() -> None:
    loop = await feedback()
    loop.windows.apply(volume(60))
    (look,) = await loop(volume(60)) or ()
    assert isinstance(look, Lookup)
    assert (look.what, look.subject) == ("queue", QUEUE)


async def test_a_repeated_or_late_record_does_not_step_twice() -> None:
    loop = await feedback()
    assert actions(await hear(loop, queue(60), volume(60), volume(60), volume(59), volume(61))) == ["adjust"]


async def test_steps_wait_for_the_cooldown_and_stop_at_the_floor_which_people_are_told_once_an_hour() -> None:
    loop = await feedback()
    breach = [volume(minute) for minute in range(60, 130, 2)]
    decided = await hear(loop, queue(60), *breach)
    assert actions(decided) == ["adjust", "adjust", "suggest"]
    assert [d.target.get("serviceLevelSeconds") for d in decided[:2]] == [45, 30]
    assert decided[1].time - decided[0].time >= timedelta(minutes=10)
    assert "floor" in decided[2].reason


async def test_a_further_step_needs_an_hour_that_ended_after_the_last_one() -> None:
    loop = await feedback()
    waiting = volume(71, offered=None, level=None, span=0)
    assert actions(await hear(loop, queue(60), volume(60), waiting)) == ["adjust"]
    assert actions(await hear(loop, volume(72))) == ["adjust"]


async def test_a_target_at_or_below_the_floor_is_never_raised() -> None:
    loop = await feedback(pool=())
    assert actions(await hear(loop, queue(20), volume(60, target=20))) == ["suggest"]
    loop = await feedback()
    (decision,) = await hear(loop, queue(20), volume(60, target=20))
    assert decision.target == {"serviceLevelSeconds": 20.0, "memberIds": ["backup-1"]}


async def test_the_cap_on_changes_holds_and_people_are_told() -> None:
    loop = await feedback(rule=Rule(changes_per_hour=2, cooldown=timedelta(minutes=5)))
    decided = await hear(loop, queue(600), *[volume(minute, target=600) for minute in range(60, 90)])
    assert actions(decided) == ["adjust", "adjust", "suggest"]
    assert "spent" in decided[-1].reason


async def test_recovery_must_last_then_the_baseline_goes_back() -> None:
    loop = await feedback()
    (adjusted,) = await hear(loop, queue(60), volume(60))
    assert actions(await hear(loop, queue(45, at=61), volume(62, level=0.95), volume(64, level=0.95))) == []
    (restored,) = await hear(loop, volume(66, level=0.95), volume(68, level=0.95))
    assert restored.action == "restore"
    assert restored.target == adjusted.baseline
    assert restored.expected == adjusted.target
    assert restored.standing == {}


async def test_a_relapse_starts_the_wait_for_recovery_anew() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60))
    relapse = [volume(62, level=0.95), volume(66, level=0.87), volume(69, level=0.95), volume(72, level=0.95)]
    assert actions(await hear(loop, *relapse)) == []
    assert actions(await hear(loop, volume(75, level=0.95))) == ["restore"]


async def test_after_a_restore_the_old_target_is_not_taken_for_a_new_baseline() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60), queue(45, at=61), volume(62, **CALM), volume(68, **CALM))
    loop.windows.apply(volume(80))
    (look,) = await loop(volume(80)) or ()
    assert isinstance(look, Lookup)
    (again,) = await hear(loop, queue(60, at=81), volume(82))
    assert again.baseline["serviceLevelSeconds"] == 60


async def test_observing_suggests_and_changes_nothing() -> None:
    loop = await feedback(Mode.OBSERVE)
    decided = await hear(loop, queue(60), *[volume(minute) for minute in range(60, 100)])
    assert actions(decided) == ["suggest"]
    assert decided[0].target["serviceLevelSeconds"] == 45
    assert decided[0].standing == {}
    assert await hear(await feedback(Mode.OFF), queue(60), volume(60)) == []


async def test_a_freeze_stops_the_loop_and_says_who_and_when() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60), freeze(1))
    (frozen,) = tick(loop, START)
    assert frozen.action == "frozen"
    assert "ana" in frozen.reason
    assert frozen.standing["email"].step == 1
    assert tick(loop, START) == []
    assert await hear(loop, volume(90)) == []
    await hear(loop, freeze(2, "queue-resume"))
    assert actions(tick(loop, START)) == ["resumed"]
    assert actions(await hear(loop, volume(91))) == ["adjust"]


async def test_a_freeze_with_restore_puts_the_baseline_back_first() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60), freeze(1, restore=True))
    restore, frozen = tick(loop, START)
    assert actions([restore, frozen]) == ["restore", "frozen"]
    assert restore.target["serviceLevelSeconds"] == 60
    assert frozen.standing == {}


async def test_silence_of_an_adjusted_queue_is_told_once() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60))
    heard = START + timedelta(minutes=60)
    assert tick(loop, heard + timedelta(minutes=14)) == []
    (told,) = tick(loop, heard + timedelta(minutes=16))
    assert "no volume" in told.reason
    assert told.standing["email"].step == 1
    assert tick(loop, heard + timedelta(minutes=17)) == []


async def test_who_only_says_what_waits_is_silent_about_what_came() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60), volume(75, offered=None, level=None, span=0))
    (told,) = tick(loop, START + timedelta(minutes=76))
    assert (told.action, told.about) == ("suggest", "silence")


async def test_a_restart_forgets_nothing() -> None:
    loop = await feedback()
    await hear(loop, queue(60), volume(60), freeze(1))
    (frozen,) = tick(loop, START)
    reborn = await feedback()
    reborn.decisions.apply(frozen)  # the last record of the queue is all that is needed
    assert await hear(reborn, queue(45, at=61), volume(90)) == []
    assert tick(reborn, START + timedelta(minutes=61)) == []


async def test_an_older_record_that_comes_late_does_not_turn_the_decisions_clock_back() -> None:
    loop = await feedback()
    (first,) = await hear(loop, queue(60), volume(60))
    late = volume(75).model_copy(update={"time": START})
    (second,) = await hear(loop, queue(90, at=70), late)
    assert (second.action, second.time) == ("stand-back", first.time)


async def test_an_adjusted_queue_to_which_nothing_comes_any_more_is_restored() -> None:
    loop = await feedback()
    silence = [volume(minute, offered=0, level=None) for minute in (61, 66)]
    assert actions(await hear(loop, queue(60), volume(60), *silence)) == ["adjust", "restore"]


def test_the_brake_is_looked_at_every_half_second() -> None:
    (group,) = loop(Policy(timedelta(weeks=8), mode=Mode.OBSERVE), FarSides(), lambda: START)
    (brake,) = group.partition_ticks
    assert brake.every == timedelta(seconds=0.5)
