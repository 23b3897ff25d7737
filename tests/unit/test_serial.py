"""The pure way: outputs and offsets together, tables that see their own outputs, dead letters in the same commit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from processor.deadletters import DEADLETTERS, LimitPolicy
from processor.errors import FatalError, PoisonError, RetryableError
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from processor.member import Member
from processor.pace import Policy
from processor.progress import Progress
from processor.replays import list_dead
from processor.routing import Group, PartitionTick, on
from processor.serial import Serial
from processor.table import Table, last
from processor.telemetry import Metrics
from tests.unit.adding import EXPECTED, FACTS, Sum, totals
from tests.unit.engine import NOON, QUICK, Fact, Note, fact, forever, note, nothing, put, running, until
from tests.unit.memorylog import MemoryLog


async def test_each_once_and_in_order_over_restarts() -> None:
    log = MemoryLog()
    for part in (FACTS[:30], FACTS[30:31], FACTS[31:]):
        await put(log, part)
        done = len(log.all(Note.topic)) + len(part)
        async with running(Sum().group(), log):
            await until(lambda done=done: len(log.all(Note.topic)) >= done)
    assert totals(log) == EXPECTED
    assert len(log.all(Note.topic)) == 100
    assert sum((await log.committed("sum", Fact.topic)).values()) == 100


@pytest.mark.parametrize("landed", [True, False])
async def test_a_commit_that_failed_is_made_good_once(landed: bool) -> None:
    log = MemoryLog()
    await put(log, FACTS)
    for _ in range(3):
        log.fail("commit", RetryableError("disk full"), landed=landed)
    async with running(Sum().group(), log):
        await until(lambda: len(log.all(Note.topic)) >= 100)
    assert totals(log) == EXPECTED
    assert len(log.all(Note.topic)) == 100


async def test_outputs_and_offsets_are_one_commit() -> None:
    log = MemoryLog()
    await put(log, FACTS)
    async with running(Sum().group(), log):
        await until(lambda: len(log.all(Note.topic)) == 100)
    for offsets, messages in log.commits:
        assert len(offsets) == 1 or not messages, "a partition at a time, so that Kafka can do it too"
    assert sum(len(messages) for _, messages in log.commits) == 100


async def test_a_handler_may_be_a_plain_function_and_each_record_is_counted_once() -> None:
    log, metrics = MemoryLog(), Metrics.build()
    await put(log, [fact("s/1", -1), *FACTS])

    def at_once(event: Fact) -> list[Note]:
        if event.number < 0:
            raise PoisonError("no such number", "number")
        return [note(event, event.number)]

    async with running(Group("plain", Fact.topic, (on(Fact, at_once),), pure=True), log, metrics=metrics):
        await until(lambda: len(log.all(Note.topic)) == 100)
    assert [r.message.headers["dlq_reason"] for r in log.all(DEADLETTERS)] == ["poison"]
    counted = metrics.registry.get_sample_value("processor_records_total", {"group": "plain", "outcome": "done"})
    assert counted == 100


async def test_poison_and_bugs_are_parked_in_the_same_commit_and_others_go_on() -> None:
    log = MemoryLog()
    bad = Message(Fact.topic, "s/1", b'{"number": "many"}', fact("s/1", 0, "odd").to_message().headers)
    await log.append([bad])
    await put(log, [fact("s/1", 5), fact("s/1", -1), fact("s/1", -2), fact("s/1", 6)])
    async with running(Sum().group(), log):
        await until(lambda: totals(log).get("s/1") == 11)
    parked = {item.reason: item for item in await list_dead(log)}
    letters = [r.message for r in log.all(DEADLETTERS)]
    assert [m.headers["dlq_reason"] for m in letters] == ["poison", "poison", "bug"]
    assert letters[0].headers["dlq_field"] == "number"
    assert letters[0].value == bad.value
    assert letters[0].headers.items() >= bad.headers.items()
    assert parked["bug"].attempts == 3
    assert {topic for _, ms in log.commits for topic in [m.topic for m in ms]} == {DEADLETTERS, Note.topic}


async def test_too_many_bugs_stop_the_process_and_park_nothing_more() -> None:
    log = MemoryLog()
    adder = Sum()
    adder.broken = True
    await put(log, [fact("s/1", n) for n in range(30)])
    policy = Policy(idle=QUICK.idle, limit=LimitPolicy(in_a_row=4), batch=1)
    with pytest.raises(FatalError, match="group sum: 5 records in a row failed by a bug; the last: KeyError: 'bug'"):
        await forever(adder.group(), log, policy)
    assert len(log.all(DEADLETTERS)) == 4
    assert sum((await log.committed("sum", Fact.topic)).values()) == 4


async def test_a_fold_that_fails_leaves_no_trace_in_the_tables() -> None:
    log = MemoryLog()

    def fold(before: Note | None, event: Note) -> Note:
        if event.total == 9:
            raise ValueError("cannot fold nine")
        return event

    adder = Sum()
    adder.table = Table(Note, fold=fold)
    await put(log, [fact("s/1", 4), fact("s/1", 5), fact("s/1", 6)])
    async with running(adder.group(), log):
        await until(lambda: totals(log).get("s/1") == 10)
    assert [r.message.headers["dlq_reason"] for r in log.all(DEADLETTERS)] == ["bug"]
    assert [Note.from_record(r).total for r in log.all(Note.topic)] == [4, 10], "what came before it is appended once"


async def test_tables_forget_what_a_failed_fold_took_before_it() -> None:
    log = MemoryLog()

    def fold(before: Note | None, event: Note) -> Note:
        if event.total == 9:
            raise ValueError("cannot fold nine")
        return event

    table = Table(Note, fold=fold)
    seen: list[int | None] = []

    async def twice(event: Fact) -> list[Note]:
        row = table.get(event.subject)
        seen.append(row.total if row else None)
        return [note(event, event.number), note(event, event.number + 1)]

    await put(log, [fact("s/1", 1), fact("s/1", 8), fact("s/1", 4)])
    async with running(Group("twice", Fact.topic, (on(Fact, twice),), pure=True, owns=(table,)), log):
        await until(lambda: totals(log).get("s/1") == 5)
    assert seen == [None, 2, 2], "8 was folded, but is not in the log"


async def test_an_output_of_another_partition_is_a_bug() -> None:
    log = MemoryLog()
    adder = Sum()

    async def astray(event: Fact) -> list[Note]:
        return [note(event, 1).model_copy(update={"subject": f"s/{n}"}) for n in range(20)]

    group = Group("sum", Fact.topic, (on(Fact, astray),), pure=True, owns=(adder.table,))
    await put(log, [fact("s/1", 1)])
    async with running(group, log):
        await until(lambda: len(log.all(DEADLETTERS)) == 1)
    assert "use a lookup" in log.all(DEADLETTERS)[0].message.headers["dlq_error"]
    assert log.all(Note.topic) == []


async def test_followed_tables_are_caught_up_before_each_batch() -> None:
    log = MemoryLog()
    followed = Table(Note, fold=last)
    seen: list[int | None] = []

    async def look(event: Fact) -> None:
        row = followed.get(event.subject)
        seen.append(row.total if row else None)

    group = Group("look", Fact.topic, (on(Fact, look),), pure=True, follows=(followed,))
    async with running(group, log):
        for total in range(5):
            first = fact("s/1", total)
            await put(log, [note(first, total), first])
            await until(lambda total=total: len(seen) == total + 1)
    assert seen == [0, 1, 2, 3, 4]


async def test_partition_ticks_run_when_due_for_each_partition_and_their_outputs_are_applied() -> None:
    log = MemoryLog()
    adder = Sum()
    time = NOON
    ran: list[int] = []

    def work(partition: int, now: datetime) -> list[Note]:
        ran.append(partition)
        if len(ran) == 1:
            raise RuntimeError("a tick's own trouble stops nothing")
        if now == NOON:
            return []
        rows = list(adder.table.items(partition))
        return [row.model_copy(update={"id": now.isoformat(), "total": row.total + 1}) for _, row in rows]

    await put(log, [note(fact("s/1", 5), 5)])
    group = adder.group(partition_ticks=(PartitionTick("more", timedelta(seconds=1), work),))
    async with running(group, log, now=lambda: time):
        await until(lambda: sorted(ran) == [0, 1, 2, 3])  # at the start, then when it is due
        for total in (6, 7, 8):
            time += timedelta(seconds=1)
            await until(lambda total=total: totals(log)["s/1"] == total)
    assert len(ran) == 16


async def test_no_poll_outlasts_the_next_tick_and_a_clock_that_is_set_back_hurries_none() -> None:
    log, time = MemoryLog(), NOON
    ran: list[int] = []

    def work(partition: int, _: datetime) -> list[Note]:
        ran.append(partition)
        return []

    group = Sum().group(partition_ticks=(PartitionTick("more", timedelta(seconds=0.3), work),))
    member = Member(group, log, Policy(), Metrics.build(), lambda: time, Progress(group.name, group.topic))

    async def take(partitions: Iterable[int]) -> None:
        for partition in partitions:
            await serial.assign(partition)

    async with asyncio.TaskGroup() as tasks:
        serial = Serial(member, tasks, nothing)
        async with log.subscribe(group.topic, group.name, take, serial.revoke) as subscription:
            await serial.round(subscription, ())
            assert serial.wait() == timedelta(seconds=0.3)
            time += timedelta(seconds=0.2)
            assert serial.wait() == timedelta(seconds=0.1)
            time += timedelta(seconds=0.2)
            assert serial.wait() == timedelta(0)
            ran.clear()
            time -= timedelta(hours=1)  # the clock is set back: once now, then as ever
            for _ in range(3):
                await serial.round(subscription, ())
            assert sorted(ran) == [0, 1, 2, 3]
            assert serial.wait() == timedelta(seconds=0.3)


async def test_partitions_that_leave_and_come_back_lose_and_double_nothing() -> None:
    log = MemoryLog()
    adder = Sum()
    async with running(adder.group(), log, replace(QUICK, batch=5)):
        for number, part in enumerate(FACTS):
            await put(log, [part])
            if number % 10 == 3:
                await log.take_away("sum", [0, 1])
                with pytest.raises(KeyError):
                    next(adder.table.get(f"s/{n}") for n in range(7) if partition_of(f"s/{n}", 4) < 2)
            if number % 10 == 7:
                await log.give_back("sum", [0, 1])
        await until(lambda: len(log.all(Note.topic)) >= 100)
    assert totals(log) == EXPECTED
    assert len(log.all(Note.topic)) == 100


async def test_progress_tells_lag_and_life() -> None:
    log = MemoryLog()
    progress = Progress("sum", Fact.topic)
    await put(log, FACTS)
    async with running(Sum().group(), log, progress=progress):
        await until(lambda: progress.done == 100 and not any(progress.lag.values()) and len(progress.lag) == 4)
    assert progress.beat
    assert progress.committed
    assert progress.alive(progress.beat + timedelta(seconds=30), timedelta(seconds=60))
    assert not progress.alive(progress.beat + timedelta(seconds=90), timedelta(seconds=60))


async def test_what_was_committed_is_observed_once_though_commits_and_folds_fail() -> None:
    log, seen = MemoryLog(), []
    await put(log, [*FACTS[:50], fact("s/x", -1), fact("s/x", -2), *FACTS[50:]])
    log.fail("commit", RetryableError("disk full"), landed=True)
    log.fail("commit", RetryableError("disk full"), landed=False)
    async with running(Sum().group(observe=lambda _, events, now: seen.extend(events)), log):
        await until(lambda: len(log.all(Note.topic)) >= 100 and len(seen) >= 100)
    assert sorted(event.id for event in seen) == sorted(f.id for f in FACTS)
