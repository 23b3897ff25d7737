"""The way with effects: side by side, in order per key, commits that never pass unfinished work, replays."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from processor.audit import OUTCOMES
from processor.deadletters import DEADLETTERS
from processor.errors import FarSideDown, FatalError, PoisonError, RetryableError
from processor.eventlog.partitions import partition_of
from processor.replays import list_dead, replay
from processor.routing import Group, on
from processor.table import Table, last
from processor.telemetry import Metrics
from tests.unit.engine import QUICK, Fact, Note, fact, forever, note, put, running, until
from tests.unit.memorylog import MemoryLog
from tests.unit.outside import Outside, committed, neighbours


async def test_in_order_within_a_key_and_side_by_side_across_keys() -> None:
    log, outside, metrics = MemoryLog(), Outside(), Metrics.build()
    await put(log, [fact(f"s/{n % 50}", n) for n in range(1000)])
    async with running(outside.group(), log, replace(QUICK, width=8), metrics=metrics):
        await until(lambda: outside.total() == 1000)
    assert all(numbers == sorted(numbers) for numbers in outside.got.values())
    assert outside.busiest == 8
    assert await committed(log) == 1000
    counted = metrics.registry.get_sample_value("processor_records_total", {"group": "outside", "outcome": "done"})
    assert counted == 1000


@pytest.mark.parametrize("trouble", [RetryableError("503"), FarSideDown("nobody")])
async def test_a_key_that_waits_holds_only_itself_and_the_commit(trouble: Exception) -> None:
    log, outside, metrics = MemoryLog(), Outside(), Metrics.build()
    ill, well = neighbours()
    outside.trouble[ill] = trouble
    await put(log, [fact(well, 0), fact(ill, 1), *(fact(well, n) for n in range(2, 40))])
    async with running(outside.group(), log, replace(QUICK, width=1), metrics=metrics):
        await until(lambda: len(outside.got[well]) == 39)
        await until(lambda: bool(log.commits))
        assert await committed(log) == 1, "nothing past the record that is not finished"
        outside.trouble.clear()
        await until(lambda: outside.got[ill] == [1])
    assert await committed(log) == 40
    assert metrics.registry.get_sample_value("processor_waiting_records", {"group": "outside"}) == 0


async def test_a_fatal_error_stops_the_group_and_nothing_past_it_is_committed() -> None:
    log, outside = MemoryLog(), Outside()
    ill, well = neighbours()
    outside.trouble[ill] = FatalError("this log is not ours")
    await put(log, [fact(well, 0), fact(ill, 1), fact(well, 2)])
    with pytest.raises(FatalError, match="not ours"):
        await forever(outside.group(), log)
    assert await committed(log) <= 1


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


async def test_dead_letters_of_effects_are_never_dropped() -> None:
    log, outside, metrics = MemoryLog(), Outside(), Metrics.build()
    counted = partial(metrics.registry.get_sample_value, "processor_dead_letters_total")
    outside.trouble["s/0"] = PoisonError("no such agent", "userId")
    log.fail("append", RetryableError("full"))
    log.fail("append", RetryableError("full"))
    log.write("seed", [fact("s/0", 1).to_message()])
    async with running(outside.group(), log, metrics=metrics):
        await until(lambda: bool(log.commits))
    [item] = await list_dead(log)
    assert (item.id, item.reason, item.field) == (f"outside.test.facts.{partition_of('s/0', 4)}.0", "poison", "userId")
    reasons = [counted({"group": "outside", "reason": reason}) for reason in ("poison", "exhausted", "bug")]
    assert reasons == [1, 0, 0], "an alert on a rise must see where it began"
    ended = {"group": "outside", "outcome": "poison"}
    assert metrics.registry.get_sample_value("processor_records_total", ended) == 1
    assert await committed(log) == 1


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
