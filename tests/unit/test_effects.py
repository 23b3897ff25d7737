"""The way with effects: side by side, commits that never pass unfinished work, drains, outcomes, replays."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from processor.audit import OUTCOMES, Chains, verify
from processor.deadletters import DEADLETTERS
from processor.errors import FarSideDown, FatalError, PoisonError, RetryableError
from processor.event import Event
from processor.eventlog.partitions import partition_of
from processor.progress import Progress
from processor.replays import list_dead, replay
from processor.retry import Interrupted
from processor.routing import Group, Tick, on
from processor.table import Table, last
from tests.unit.engine import QUICK, Fact, Note, Told, fact, forever, note, put, running, told, until
from tests.unit.memorylog import MemoryLog


class Outside:
    """A far side that keeps what it was told and can be held, broken, or down, by subject."""

    def __init__(self) -> None:
        self.got: dict[str, list[int]] = defaultdict(list)
        self.held: dict[str, asyncio.Event] = {}
        self.trouble: dict[str, Exception] = {}
        self.busy = 0
        self.busiest = 0

    async def __call__(self, event: Fact) -> Iterable[Event]:
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await asyncio.sleep(0)
            if gate := self.held.get(event.subject):
                await gate.wait()
            if trouble := self.trouble.get(event.subject):
                raise trouble
        finally:
            self.busy -= 1
        self.got[event.subject].append(event.number)
        return [told(event)]

    def group(self, **more) -> Group:
        return Group("outside", Fact.topic, (on(Fact, self),), **more)

    def total(self) -> int:
        return sum(map(len, self.got.values()))


async def committed(log: MemoryLog) -> int:
    return sum((await log.committed("outside", Fact.topic)).values())


def neighbours(partitions: int = 4) -> tuple[str, str]:
    """Two subjects of one partition."""
    first = "s/0"
    return first, next(
        f"s/{n}" for n in range(1, 99) if partition_of(f"s/{n}", partitions) == partition_of(first, partitions)
    )


async def test_in_order_within_a_key_and_side_by_side_across_keys() -> None:
    log, outside = MemoryLog(), Outside()
    await put(log, [fact(f"s/{n % 50}", n) for n in range(1000)])
    async with running(outside.group(), log, replace(QUICK, width=8)):
        await until(lambda: outside.total() == 1000)
    assert all(numbers == sorted(numbers) for numbers in outside.got.values())
    assert outside.busiest == 8
    assert await committed(log) == 1000


@pytest.mark.parametrize("trouble", [RetryableError("503"), FarSideDown("nobody")])
async def test_a_key_that_waits_holds_only_itself_and_the_commit(trouble: Exception) -> None:
    log, outside = MemoryLog(), Outside()
    ill, well = neighbours()
    outside.trouble[ill] = trouble
    await put(log, [fact(well, 0), fact(ill, 1), *(fact(well, n) for n in range(2, 40))])
    async with running(outside.group(), log, replace(QUICK, width=1)):
        await until(lambda: len(outside.got[well]) == 39)
        await until(lambda: bool(log.commits))
        assert await committed(log) == 1, "nothing past the record that is not finished"
        outside.trouble.clear()
        await until(lambda: outside.got[ill] == [1])
    assert await committed(log) == 40


async def test_unfinished_work_comes_again_after_a_stop_and_the_stop_does_not_wait_for_it() -> None:
    log, outside = MemoryLog(), Outside()
    ill, well = neighbours()
    outside.trouble[ill] = RetryableError("503")
    await put(log, [fact(ill, 1), fact(ill, 2), fact(well, 3)])

    async def hours(leaving: asyncio.Event, _: float) -> None:
        await leaving.wait()
        raise Interrupted

    async with running(outside.group(), log, pause=hours):
        await until(lambda: outside.got[well] == [3])
    assert await committed(log) == 0
    outside.trouble.clear()
    async with running(outside.group(), log):
        await until(lambda: outside.got[ill] == [1, 2])
    assert await committed(log) == 3


async def test_a_drain_lets_begun_work_end_and_commits_it() -> None:
    log, outside = MemoryLog(), Outside()
    gate = outside.held["s/0"] = asyncio.Event()
    await put(log, [fact("s/0", 1), fact("s/0", 2)])
    async with running(outside.group(), log) as stop:
        await until(lambda: outside.busy == 1)
        stop.set()
        await asyncio.sleep(0.02)
        gate.set()
    assert outside.got["s/0"] == [1], "what had begun; the next in the lane had not"
    assert await committed(log) == 1
    assert len(log.all(OUTCOMES)) == 1


async def test_a_partition_that_leaves_is_drained_and_comes_again_from_its_commit() -> None:
    log, outside = MemoryLog(), Outside()
    ill, well = neighbours()
    leaving = partition_of(ill, 4)
    other = next(f"o/{n}" for n in range(99) if partition_of(f"o/{n}", 4) != leaving)
    outside.trouble[ill] = RetryableError("503")
    await put(log, [fact(well, 0), fact(ill, 1), fact(well, 2), fact(other, 3)])
    async with running(outside.group(), log):
        await until(lambda: outside.total() == 3)
        await log.take_away("outside", [leaving])
        assert (await log.committed("outside", Fact.topic))[leaving] == 1
        outside.trouble.clear()
        await put(log, [fact(other, 4), fact(well, 5)])
        await until(lambda: outside.got[other] == [3, 4])
        assert outside.got[well] == [0, 2], "not ours any more"
        await log.give_back("outside", [leaving])
        await until(lambda: outside.got[well] == [0, 2, 2, 5])
    assert outside.got[ill] == [1]
    assert await committed(log) == 6


async def test_a_drain_is_bounded() -> None:
    log, outside = MemoryLog(), Outside()
    outside.held["s/0"] = asyncio.Event()
    await put(log, [fact("s/0", 1)])
    async with running(outside.group(), log, replace(QUICK, drain=timedelta(milliseconds=20))):
        await until(lambda: outside.busy == 1)
    assert outside.busy == 0
    assert await committed(log) == 0


async def test_a_partition_too_far_ahead_is_paused_and_goes_on_later() -> None:
    log, outside = MemoryLog(), Outside()
    progress = Progress("outside", Fact.topic)
    ill, well = neighbours()
    outside.trouble[ill] = RetryableError("503")
    await put(log, [fact(ill, 0)])
    policy = replace(QUICK, behind=20, batch=10)
    async with running(outside.group(), log, policy, progress=progress):
        await put(log, [fact(well, n) for n in range(1, 200)])
        await until(lambda: progress.paused == {partition_of(ill, 4)})
        seen = len(outside.got[well])
        assert 20 <= seen <= 40
        outside.trouble.clear()
        await until(lambda: len(outside.got[well]) == 199)
        await until(lambda: not progress.paused)
    assert await committed(log) == 200


async def test_full_lanes_stop_the_polling_not_the_membership() -> None:
    log, outside = MemoryLog(), Outside()
    gate = asyncio.Event()
    for n in range(200):
        outside.held[f"s/{n}"] = gate
    await put(log, [fact(f"s/{n}", n) for n in range(200)])
    progress = Progress("outside", Fact.topic)
    async with running(outside.group(), log, replace(QUICK, load=30, width=200), progress=progress):
        await until(lambda: outside.busy == 30)
        await asyncio.sleep(0.05)
        assert outside.busy == 30
        gate.set()
        await until(lambda: outside.total() == 200)


async def test_outcomes_are_in_the_log_before_the_commit_and_chained_over_restarts() -> None:
    log, outside = MemoryLog(), Outside()
    for turn in range(3):
        await put(log, [fact(f"s/{n}", turn * 100 + n) for n in range(20)])
        if turn == 1:
            log.fail("append", RetryableError("full"), landed=True)
            log.fail("append", RetryableError("full"), landed=False)
        async with running(outside.group(), log):
            wanted = 20 * (turn + 1) + (turn > 0)
            await until(lambda wanted=wanted: len(log.all(OUTCOMES)) == wanted)
    report = await verify(log)
    assert report.broken == []
    assert (report.links, report.chains, report.repeated) == (60, 4, 1)
    assert await committed(log) == 60


async def test_a_chain_that_another_process_continued_meanwhile_is_taken_up_at_its_end() -> None:
    log, outside = MemoryLog(), Outside()
    subject, _ = neighbours()
    partition = partition_of(subject, 4)
    await put(log, [fact(subject, 1)])
    async with running(outside.group(), log):
        await until(lambda: len(log.all(OUTCOMES)) == 1)
        await log.take_away("outside", [partition])
        await log.append(await Chains(log, "outside").seal([told(fact(subject, 2)).to_message()]))
        await put(log, [fact(subject, 3)])
        await log.give_back("outside", [partition])
        await until(lambda: len(log.all(OUTCOMES)) == 3)
    report = await verify(log)
    assert (report.broken, report.links) == ([], 3)


async def test_tampering_with_the_trail_shows() -> None:
    log, outside = MemoryLog(), Outside()
    await put(log, [fact("s/0", n) for n in range(6)])
    async with running(outside.group(), log):
        await until(lambda: outside.total() == 6)
    records = log.all(OUTCOMES)
    data = orjson.loads(records[2].message.value or b"")
    changed = replace(records[2].message, value=orjson.dumps(data | {"status": "refused"}))
    log.tamper(OUTCOMES, records[2], replace(records[2], message=changed))
    [fault] = (await verify(log)).broken
    assert "the content does not fit its hash" in fault
    log.tamper(OUTCOMES, records[2], None)
    [fault] = (await verify(log)).broken
    assert "does not follow 1" in fault
    log.tamper(OUTCOMES, records[0], None)
    log.tamper(OUTCOMES, records[1], None)
    assert (await verify(log)).broken == [], "what retention took from the front is no fault"


async def test_dead_letters_of_effects_are_never_dropped() -> None:
    log, outside = MemoryLog(), Outside()
    outside.trouble["s/0"] = PoisonError("no such agent", "userId")
    log.fail("append", RetryableError("full"))
    log.fail("append", RetryableError("full"))
    log.write("seed", [fact("s/0", 1).to_message()])
    async with running(outside.group(), log):
        await until(lambda: bool(log.commits))
    [item] = await list_dead(log)
    assert (item.id, item.reason, item.field) == (f"outside.test.facts.{partition_of('s/0', 4)}.0", "poison", "userId")
    assert await committed(log) == 1


async def test_a_fatal_error_stops_the_group_and_nothing_past_it_is_committed() -> None:
    log, outside = MemoryLog(), Outside()
    ill, well = neighbours()
    outside.trouble[ill] = FatalError("this log is not ours")
    await put(log, [fact(well, 0), fact(ill, 1), fact(well, 2)])
    with pytest.raises(FatalError, match="not ours"):
        await forever(outside.group(), log)
    assert await committed(log) <= 1


@pytest.mark.parametrize(("states", "expected"), [(True, [2, 2]), (False, [2, 1])])
async def test_a_replayed_state_is_the_present_one_not_the_parked_one(states: bool, expected: list[int]) -> None:
    log, outside = MemoryLog(), Outside()
    outside.trouble["s/0"] = PoisonError("unknown to WFM")
    await put(log, [fact("s/0", 1)])
    async with running(outside.group(states=states), log):
        await until(lambda: len(log.all(DEADLETTERS)) == 1)
        outside.trouble.clear()
        await put(log, [fact("s/0", 2)])
        await until(lambda: outside.got["s/0"] == [2])
        await replay(log, None)
        await until(lambda: len(outside.got["s/0"]) == 2)
        await until(lambda: bool(log.all(OUTCOMES)[1:]))
    assert outside.got["s/0"] == expected
    assert [(i.state, i.replayed) for i in await list_dead(log)] == [("done", 1)]


async def test_tables_are_caught_up_at_the_time_of_the_effect() -> None:
    log = MemoryLog()
    table = Table(Note, fold=last)
    seen: list[int | None] = []
    blocked = asyncio.Event()

    async def look(event: Fact) -> None:
        row = table.get(event.subject)
        seen.append(row.total if row else None)
        if not blocked.is_set():
            blocked.set()
            raise RetryableError("again")

    first = fact("s/1", 1)
    await put(log, [first])

    async def meanwhile(_: asyncio.Event, __: float) -> None:
        await put(log, [note(first, 7)])

    group = Group("look", Fact.topic, (on(Fact, look),), follows=(table,))
    async with running(group, log, pause=meanwhile):
        await until(lambda: len(seen) == 2)
    assert seen == [None, 7]


async def test_ticks_run_at_the_start_and_their_outputs_are_appended_and_chained() -> None:
    log, outside = MemoryLog(), Outside()
    ran = 0

    async def work() -> list[Told]:
        nonlocal ran
        ran += 1
        if ran == 2:
            raise RetryableError("503", timedelta(seconds=5))
        return [told(fact("s/1", ran))]

    async def soon(leaving: asyncio.Event, _: float) -> None:
        await asyncio.sleep(0.001)
        if leaving.is_set():
            raise Interrupted

    tick = Tick("hourly", "state", timedelta(hours=1), work)
    async with running(outside.group(ticks=(tick,)), log, pause=soon):
        await until(lambda: ran >= 4)
    assert len(log.all(OUTCOMES)) >= 2
    assert (await verify(log)).broken == []


async def test_a_fatal_tick_stops_the_group() -> None:
    log, outside = MemoryLog(), Outside()

    async def work() -> None:
        raise FatalError("wrong credentials")

    with pytest.raises(FatalError, match="wrong credentials"):
        await forever(outside.group(ticks=(Tick("hourly", "state", timedelta(hours=1), work),)), log)


async def test_a_tick_sees_every_partition_whoever_owns_it() -> None:
    log, outside = MemoryLog(), Outside()
    table = Table(Note, fold=last)
    subjects = [f"s/{number}" for number in range(12)]
    await put(log, [note(fact(subject, 1), 7) for subject in subjects[:6]])
    seen: list[int] = []

    async def work() -> None:
        seen.append(len(list(table.items())))

    async def soon(leaving: asyncio.Event, _: float) -> None:
        await asyncio.sleep(0.001)
        if leaving.is_set():
            raise Interrupted

    tick = Tick("survey", "state", timedelta(seconds=1), work)
    mine = partition_of("state", 4)
    async with running(outside.group(ticks=(tick,), watches=(table,)), log, pause=soon):
        await until(lambda: bool(seen))
        await log.take_away("outside", [number for number in range(4) if number != mine])
        await put(log, [note(fact(subject, 2), 8) for subject in subjects[6:]])
        await until(lambda: seen[-1] == 12)
    assert seen[0] == 6
