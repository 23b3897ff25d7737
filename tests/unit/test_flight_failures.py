"""What goes wrong while a round is on its way: nothing is passed over, no chain breaks, and one that hangs is seen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from processor import flight
from processor.audit import OUTCOMES, verify
from processor.deadletters import DEADLETTERS
from processor.errors import FatalError, RetryableError, Revoked
from processor.eventlog import Record
from processor.progress import Progress
from processor.routing import Group, on
from processor.table import Table
from processor.telemetry import Metrics
from tests.unit.adding import Sum, totals
from tests.unit.engine import NOON, QUICK, Fact, Note, Told, fact, forever, put, running, told, until
from tests.unit.memorylog import MemorySubscription
from tests.unit.slowlog import HOME, ONE_BY_ONE, SUBJECT, SlowLog, Watched, slow_log, turns


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> SlowLog:
    return slow_log(monkeypatch)


def no_nine(_: Note | None, event: Note) -> Note:
    if event.total == 9:
        raise ValueError("cannot fold nine")
    return event


def written(log: SlowLog) -> list[int]:
    return [Note.from_record(record).total for record in log.all(Note.topic)]


@pytest.mark.parametrize("landed", [True, False])
async def test_what_could_not_go_before_a_fold_failed_is_not_passed_over(log: SlowLog, landed: bool) -> None:
    adder = Watched()
    adder.table = Table(Note, fold=no_nine)
    log.fail("commit", RetryableError("disk full"), landed=landed)
    await put(log, [fact(SUBJECT, n) for n in (4, 5, 6)])
    async with running(adder.group(), log):
        await until(lambda: log.begun == [1])  # what came before the fold that fails
        leaving = asyncio.create_task(log.take_away("sum", [HOME]))
        await turns()
        log.gate.set()
        await leaving
        assert written(log) == [4]
        assert log.all(DEADLETTERS) == []
        await log.give_back("sum", [HOME])
        await until(lambda: totals(log).get(SUBJECT) == 10)
    assert written(log) == [4, 10]
    assert len(log.all(DEADLETTERS)) == 1


async def test_a_fold_that_fails_waits_for_the_round_before_and_does_not_count_when_that_may_not_go(
    log: SlowLog,
) -> None:
    adder = Watched()
    adder.table = Table(Note, fold=no_nine)
    log.fail("commit", Revoked("somebody else has it"), landed=False)
    await put(log, [fact(SUBJECT, n) for n in (4, 5, 6)])
    async with running(adder.group(), log, ONE_BY_ONE):
        await until(lambda: adder.judged == [4, 5])
        log.gate.set()
        await until(lambda: not log.failing)
        await log.take_away("sum", [HOME])
        assert (written(log), log.all(DEADLETTERS)) == ([], [])
        await log.give_back("sum", [HOME])
        await until(lambda: totals(log).get(SUBJECT) == 10)
    assert written(log) == [4, 10]


def telling() -> Group:
    def tell(event: Fact) -> list[Told]:
        return [told(event)]

    return Group("tell", Fact.topic, (on(Fact, tell),), pure=True)


@pytest.mark.parametrize("error", [RetryableError("disk full"), Revoked("somebody else has it")])
@pytest.mark.parametrize("landed", [True, False])
async def test_chains_hold_though_links_are_made_while_others_fail(
    log: SlowLog, error: Exception, landed: bool
) -> None:
    facts = [fact(SUBJECT, n) for n in range(6)]
    await put(log, facts)
    log.fail("commit", error, landed=landed)
    async with running(telling(), log, ONE_BY_ONE):
        await until(lambda: log.begun == [1])
        await turns()
        log.gate.set()
        await until(lambda: not log.failing)
        if isinstance(error, Revoked):
            await log.take_away("tell", [HOME])
            await log.give_back("tell", [HOME])
        await until(lambda: len(log.all(OUTCOMES)) == len(facts))
    report = await verify(log)
    assert (report.broken, report.links, report.repeated) == ([], len(facts), 0)


async def test_a_commit_that_hangs_stops_the_beat_though_nothing_more_comes(
    log: SlowLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    polled = 0
    poll = MemorySubscription.poll

    async def at_once(self: MemorySubscription, limit: int, _: float) -> Sequence[Record]:
        nonlocal polled
        polled += 1
        return await poll(self, limit, 0)

    monkeypatch.setattr(MemorySubscription, "poll", at_once)
    time, progress = NOON, Progress("sum", Fact.topic)
    await put(log, [fact(SUBJECT, 1)])
    async with running(Sum().group(), log, progress=progress, now=lambda: time):
        await until(lambda: log.begun == [1])
        await until(lambda: progress.done == 1)
        await turns()
        before, time = polled, NOON + timedelta(minutes=5)
        await turns()
        assert polled == before
        assert not progress.alive(time, timedelta(minutes=1))
        log.gate.set()
        await until(lambda: progress.alive(time, timedelta(minutes=1)))


async def test_a_commit_that_fails_again_and_again_hides_nobody_who_is_behind(
    log: SlowLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flight, "LATE_SECONDS", 0)
    time, metrics, progress = NOON, Metrics.build(), Progress("sum", Fact.topic)

    def seen(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"processor_{name}", {"group": "sum", **labels})

    log._now = lambda: NOON
    await put(log, [fact(SUBJECT, n) for n in (1, 2, 3)])
    never = replace(ONE_BY_ONE, lag_every=timedelta(days=2))
    async with running(Sum().group(), log, never, progress=progress, metrics=metrics, now=lambda: time):
        await until(lambda: seen("lag_records", partition=str(HOME)) == 3)
        time = NOON + timedelta(minutes=6)
        await until(lambda: seen("stuck_seconds") == 360)
        assert seen("lag_seconds") == 360
        log.gate.set()
        await until(lambda: totals(log).get(SUBJECT) == 6)


async def test_what_was_judged_before_a_fatal_record_still_lands(log: SlowLog) -> None:
    class Stops(Sum):
        async def __call__(self, event: Fact) -> list[Note]:
            if event.number == 2:
                raise FatalError("no further")
            return await super().__call__(event)

    await put(log, [fact(SUBJECT, 1), fact(SUBJECT, 2)])
    ending = asyncio.create_task(forever(Stops().group(), log, ONE_BY_ONE))
    await until(lambda: log.begun == [1])
    await turns()
    log.gate.set()
    with pytest.raises(FatalError, match="no further"):
        await ending
    assert written(log) == [1]
    assert (await log.committed("sum", Fact.topic))[HOME] == 1


async def test_a_drain_writes_what_was_judged_and_what_fails_then_comes_again(log: SlowLog) -> None:
    adder = Watched()
    await put(log, [fact(SUBJECT, n) for n in (1, 2, 3)])
    log.fail("commit", RetryableError("disk full"), landed=False)
    async with running(adder.group(), log, ONE_BY_ONE) as stop:
        await until(lambda: adder.judged == [1, 2])
        stop.set()
        await turns()
        log.gate.set()
    assert written(log) == [], "the second goes nowhere without the first"
    async with running(Sum().group(), log, QUICK):
        await until(lambda: totals(log).get(SUBJECT) == 6)
    assert written(log) == [1, 3, 6]
