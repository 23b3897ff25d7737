"""Dead letters that are replayed in the pure way: through the same path, and told."""

from __future__ import annotations

from processor.deadletters import DEADLETTERS, REPLAYS
from processor.eventlog import Message
from processor.progress import Progress
from processor.replays import list_dead, replay
from tests.unit.adding import Sum, totals
from tests.unit.engine import Fact, Note, fact, put, running, until
from tests.unit.memorylog import MemoryLog


async def test_a_replay_goes_through_the_same_path_and_is_told() -> None:
    log = MemoryLog()
    adder = Sum()
    adder.broken = True
    await put(log, [fact("s/1", 5)])
    async with running(adder.group(), log):
        await until(lambda: len(log.all(DEADLETTERS)) == 1)
        [item] = await list_dead(log)
        assert (item.state, item.replayed) == ("parked", 0)
        assert [i.id for i in await replay(log, None, dry_run=True)] == [item.id]
        assert log.all(REPLAYS) == []

        await replay(log, [item.id])
        assert (await list_dead(log))[0].state == "waiting"
        await until(lambda: len(log.all(DEADLETTERS)) == 2)
        [item] = await list_dead(log)
        assert (item.state, item.replayed) == ("parked", 1)

        adder.broken = False
        await replay(log, None)
        await until(lambda: len(log.all(Note.topic)) == 1)
        [item] = await list_dead(log)
        assert (item.state, item.replayed) == ("done", 2)
        assert await replay(log, None) == [], "done ones are not asked for again"
        assert [(i.state, i.replayed) for i in await replay(log, [item.id])] == [("done", 2)], "unless by name"
        await until(lambda: len(log.all(Note.topic)) == 2)
    assert {r.message.headers["ce_id"] for r in log.all(Note.topic)} == {"s/1:5"}, "the same id: readers see a repeat"
    progress = Progress("sum", Fact.topic)
    async with running(adder.group(), log, progress=progress):
        await until(lambda: len(progress.lag) == 4)  # measured after the replays were looked for
    assert len(log.all(Note.topic)) == 2, "a restart does not replay again"


async def test_replays_of_other_groups_are_left_alone() -> None:
    log = MemoryLog()
    adder = Sum()
    await put(log, [fact("s/1", -1)])
    async with running(adder.group(), log):
        await until(lambda: len(log.all(DEADLETTERS)) == 1)
    [item] = await list_dead(log)
    message = item.ask()
    await log.append([Message(REPLAYS, message.key, message.value, {**message.headers, "dlq_group": "other"})])
    await put(log, [fact("s/1", 1)])
    async with running(adder.group(), log):
        await until(lambda: totals(log).get("s/1") == 1)
    assert len(log.all(DEADLETTERS)) == 1
