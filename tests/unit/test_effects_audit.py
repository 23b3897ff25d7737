"""Outcomes: in the log before the commit, chained over restarts, and tampering shows."""

from __future__ import annotations

import orjson

from processor.audit import OUTCOMES, Chains, verify
from processor.errors import RetryableError
from processor.eventlog.partitions import partition_of
from processor.routing import Group, on
from tests.unit.engine import Fact, Told, fact, put, running, told, until
from tests.unit.memorylog import MemoryLog
from tests.unit.outside import Outside, committed, neighbours


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


async def test_outcomes_of_the_pure_way_are_chained_too() -> None:
    log = MemoryLog()

    def decided(event: Fact) -> list[Told]:
        return [told(event)]

    for turn in range(2):
        await put(log, [fact("s/1", turn * 10 + n) for n in range(5)])
        async with running(Group("pure", Fact.topic, (on(Fact, decided),), pure=True), log):
            await until(lambda wanted=5 * (turn + 1): len(log.all(OUTCOMES)) == wanted)
    report = await verify(log)
    assert (report.broken, report.links, report.chains) == ([], 10, 1)


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
    changed = records[2].message._replace(value=orjson.dumps(data | {"status": "refused"}))
    log.tamper(OUTCOMES, records[2], records[2]._replace(message=changed))
    [fault] = (await verify(log)).broken
    assert "the content does not fit its hash" in fault
    log.tamper(OUTCOMES, records[2], None)
    [fault] = (await verify(log)).broken
    assert "does not follow 1" in fault
    log.tamper(OUTCOMES, records[0], None)
    log.tamper(OUTCOMES, records[1], None)
    assert (await verify(log)).broken == [], "what retention took from the front is no fault"
