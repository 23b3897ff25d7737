"""While a round is on its way into the log the next one is judged: what that must not change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from processor.deadletters import DEADLETTERS
from processor.errors import FatalError, RetryableError, Revoked
from processor.eventlog.partitions import partition_of
from processor.replays import replay
from processor.routing import Group, PartitionTick, on
from processor.table import Table
from processor.telemetry import Metrics
from tests.unit.adding import Sum, totals
from tests.unit.engine import NOON, Fact, Note, fact, forever, note, put, running, until
from tests.unit.slowlog import HOME, ONE_BY_ONE, SUBJECT, SlowLog, Watched, slow_log, turns


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> SlowLog:
    return slow_log(monkeypatch)


async def test_the_next_round_is_judged_meanwhile_and_no_more_than_one_is_on_its_way(log: SlowLog) -> None:
    adder = Watched()
    await put(log, [fact(SUBJECT, n) for n in (1, 2, 3, 4)])
    async with running(adder.group(), log, ONE_BY_ONE):
        await until(lambda: adder.judged == [1, 2])
        await turns()
        assert (adder.judged, log.begun, log.all(Note.topic)) == ([1, 2], [1], [])
        log.gate.set()
        await until(lambda: totals(log).get(SUBJECT) == 10)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [1, 3, 6, 10]


async def test_a_commit_begins_though_nothing_more_comes(log: SlowLog) -> None:
    log.gate.set()
    async with running(Sum().group(), log):
        await put(log, [fact(SUBJECT, 5)])
        await until(lambda: totals(log).get(SUBJECT) == 5)


@pytest.mark.parametrize("landed", [True, False])
async def test_what_failed_goes_again_before_what_was_judged_after_it(log: SlowLog, landed: bool) -> None:
    adder = Watched()
    for _ in range(2):
        log.fail("commit", RetryableError("disk full"), landed=landed)
    await put(log, [fact(SUBJECT, n) for n in (1, 2, 3)])
    async with running(adder.group(), log, ONE_BY_ONE):
        await until(lambda: adder.judged == [1, 2])
        log.gate.set()
        await until(lambda: totals(log).get(SUBJECT) == 6)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [1, 3, 6]
    assert [offsets[HOME] for offsets, messages in log.commits if messages] == [1, 2, 3]


async def test_what_was_judged_after_a_batch_that_may_not_go_is_not_written(log: SlowLog) -> None:
    adder = Watched()
    log.fail("commit", Revoked("somebody else has it"), landed=False)
    await put(log, [fact(SUBJECT, n) for n in (1, 2, 3)])
    async with running(adder.group(), log, ONE_BY_ONE):
        await until(lambda: adder.judged == [1, 2])
        log.gate.set()
        await until(lambda: not log.failing)
        await turns()
        assert adder.judged == [1, 2], "nothing more is judged for nobody"
        await log.take_away("sum", [HOME])
        assert log.all(Note.topic) == []
        await log.give_back("sum", [HOME])
        await until(lambda: totals(log).get(SUBJECT) == 6)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [1, 3, 6]


async def test_a_partition_leaves_when_its_commits_have_ended(log: SlowLog) -> None:
    adder = Watched()
    await put(log, [fact(SUBJECT, n) for n in (1, 2, 3)])
    async with running(adder.group(), log, ONE_BY_ONE):
        await until(lambda: adder.judged == [1, 2])
        leaving = asyncio.create_task(log.take_away("sum", [HOME]))
        await turns()
        assert not leaving.done()
        log.gate.set()
        await leaving
        written = [Note.from_record(record).total for record in log.all(Note.topic)]
        assert written == [1, 3], "what was judged"
        assert (await log.committed("sum", Fact.topic)).get(HOME) == 2
        await log.give_back("sum", [HOME])
        await until(lambda: totals(log).get(SUBJECT) == 6)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [1, 3, 6]


async def test_a_partition_waits_for_its_last_commit_though_nothing_more_is_judged(log: SlowLog) -> None:
    await put(log, [fact(SUBJECT, 1)])
    async with running(Sum().group(), log):
        await until(lambda: log.begun == [1])
        leaving = asyncio.create_task(log.take_away("sum", [HOME]))
        await turns()
        assert not leaving.done()
        log.gate.set()
        await leaving
        assert (await log.committed("sum", Fact.topic)).get(HOME) == len(log.all(Note.topic)) == 1


async def test_tables_are_read_again_only_when_what_came_before_is_in_the_log(log: SlowLog) -> None:
    def fold(before: Note | None, event: Note) -> Note:
        if event.total == 9:
            raise ValueError("cannot fold nine")
        return event

    adder = Watched()
    adder.table = Table(Note, fold=fold)
    await put(log, [fact(SUBJECT, n) for n in (4, 5, 6)])
    async with running(adder.group(), log, ONE_BY_ONE):
        await until(lambda: adder.judged == [4, 5])
        await turns()
        assert adder.judged == [4, 5]
        log.gate.set()
        await until(lambda: totals(log).get(SUBJECT) == 10)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [4, 10]
    assert [record.message.headers["dlq_reason"] for record in log.all(DEADLETTERS)] == ["bug"]


async def test_a_fold_that_fails_in_a_partition_that_leaves_is_not_counted(log: SlowLog) -> None:
    def fold(before: Note | None, event: Note) -> Note:
        if event.total == 9:
            raise ValueError("cannot fold nine")
        return event

    log.gate.set()
    adder, metrics = Watched(), Metrics.build()
    adder.table = Table(Note, fold=fold)
    log.fail("commit", Revoked("somebody else has it"), landed=False)
    await put(log, [fact(SUBJECT, n) for n in (4, 5, 6)])
    async with running(adder.group(), log, metrics=metrics):
        await until(lambda: not log.failing)
        await log.take_away("sum", [HOME])
        assert log.all(DEADLETTERS) == []
        await log.give_back("sum", [HOME])
        await until(lambda: totals(log).get(SUBJECT) == 10)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [4, 10]
    assert len(log.all(DEADLETTERS)) == 1
    counted = metrics.registry.get_sample_value("processor_dead_letters_total", {"group": "sum", "reason": "bug"})
    assert counted == 1


async def test_a_tick_comes_after_what_was_judged_before_it(log: SlowLog) -> None:
    adder, time = Watched(), NOON

    def work(partition: int, now: datetime) -> list[Note]:
        rows = list(adder.table.items(partition))
        return [row.model_copy(update={"id": now.isoformat(), "total": row.total + 100}) for _, row in rows]

    group = adder.group(partition_ticks=(PartitionTick("more", timedelta(seconds=1), work),))
    async with running(group, log, ONE_BY_ONE, now=lambda: time):
        await put(log, [fact(SUBJECT, 1)])
        await until(lambda: log.begun == [1])
        time += timedelta(seconds=1)
        await turns()
        assert log.all(Note.topic) == []
        log.gate.set()
        await until(lambda: totals(log).get(SUBJECT) == 101)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [1, 101]


async def test_a_replay_comes_after_what_was_judged_before_it(log: SlowLog) -> None:
    time = NOON

    class Late(Watched):
        async def __call__(self, event: Fact) -> list[Note]:
            nonlocal time
            time += timedelta(minutes=1)  # replays are looked for when this round has begun its commits
            return await super().__call__(event)

    adder = Late()
    adder.broken = True
    log.gate.set()
    await put(log, [fact(SUBJECT, 5)])
    policy = replace(ONE_BY_ONE, replays_every=timedelta(minutes=1), lag_every=timedelta(minutes=1))
    async with running(adder.group(), log, policy, now=lambda: time):
        await until(lambda: len(log.all(DEADLETTERS)) == 1)
        log.gate.clear()
        adder.broken = False
        await replay(log, None)
        await put(log, [fact(SUBJECT, 1)])
        await until(lambda: log.begun == [1, 1])
        await turns()
        assert log.all(Note.topic) == []
        log.gate.set()
        await until(lambda: totals(log).get(SUBJECT) == 6)
    assert [Note.from_record(record).total for record in log.all(Note.topic)] == [1, 6]


async def test_a_commit_that_must_not_be_tried_again_ends_the_process(log: SlowLog) -> None:
    log.gate.set()
    log.fail("commit", FatalError("the log is another's"), landed=False)
    await put(log, [fact(SUBJECT, 1), fact(SUBJECT, 2)])
    with pytest.raises(FatalError, match="the log is another's"):
        await forever(Sum().group(), log, ONE_BY_ONE)
    assert log.all(Note.topic) == []


async def test_when_the_process_leaves_nothing_stays_on_its_way(log: SlowLog) -> None:
    before = asyncio.all_tasks()
    await put(log, [fact(SUBJECT, 1)])
    async with running(Sum().group(), log) as stop:
        await until(lambda: log.begun == [1])
        stop.set()
        log.gate.set()
    assert totals(log) == {SUBJECT: 1}
    assert asyncio.all_tasks() == before


async def test_partitions_do_not_wait_for_one_another_within_a_round(log: SlowLog) -> None:
    subjects = [f"s/{n}" for n in range(12)]

    def at_once(event: Fact) -> list[Note]:
        return [note(event, event.number)]

    await put(log, [fact(subject, 1) for subject in subjects])
    async with running(Group("plain", Fact.topic, (on(Fact, at_once),), pure=True), log):
        await until(lambda: len(log.begun) == len({partition_of(subject, 4) for subject in subjects}))
        log.gate.set()
        await until(lambda: len(log.all(Note.topic)) == len(subjects))
