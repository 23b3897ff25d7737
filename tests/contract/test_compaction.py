"""What the embedded log lets go of, and what it keeps while it does."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

from processor.eventlog import Message
from processor.eventlog import sqlite_compaction as compaction_module
from processor.eventlog.sqlite import SqliteLog
from tests.contract.filelog import Clock, content, no_offsets, nothing, open_log, rows, state


@asynccontextmanager
async def clocked(file: Path) -> AsyncIterator[tuple[SqliteLog, Clock]]:
    clock = Clock()
    async with open_log(file, now=clock) as log:
        yield log, clock


async def test_records_past_their_time_go_and_offsets_go_on(file):
    async with clocked(file) as (log, clock):
        await log.append([Message("things", "a", b"old") for _ in range(2_500)])
        clock.moment += timedelta(days=6)
        await log.append([Message("things", "a", b"new")])
        assert await log.compact(clock.moment) == 0
        assert await log.compact(clock.moment + timedelta(days=2)) == 2_500
        assert await rows(log, "things") == [("a", b"new")]
        assert await log.bounds("things", 0) == (2_500, 2_501)
        assert await log.compact(clock.moment + timedelta(days=9)) == 1
        assert await log.bounds("things", 0) == (2_501, 2_501)
    async with open_log(file) as log:
        await log.append([Message("things", "a", b"next")])
        assert [record.offset for record in await content(log, "things")] == [2_501]


async def test_a_subscription_that_is_behind_goes_on_at_what_is_kept(file):
    async with clocked(file) as (log, clock):
        await log.append([Message("things", "a", b"old")])
        await log.compact(clock.moment + timedelta(days=8))
        async with log.subscribe("things", "readers", nothing, no_offsets) as subscription:
            await log.append([Message("things", "a", b"new")])
            assert [r.message.value for r in await subscription.poll(10, 5)] == [b"new"]


async def test_an_emptied_stretch_is_passed_over(file):
    async with clocked(file) as (log, clock):
        await log.append([state("a", "1"), state("a", None)])
        await log.compact(clock.moment + timedelta(hours=26))
        async with log.subscribe("states", "readers", nothing, no_offsets) as subscription:
            assert not await subscription.poll(10, 0.1)
            assert subscription._parts[0].position == 2
            await log.append([state("a", "2")])
            assert [r.offset for r in await subscription.poll(10, 5)] == [2]


async def test_the_last_value_of_each_key_stays(file):
    async with clocked(file) as (log, clock):
        for number in range(3):
            await log.append([state("a", f"{number}"), state("b", f"{number}")])
        await log.append([state("c", "0")])
        clock.moment += timedelta(hours=26)
        assert await log.compact(clock.moment) == 4
        assert await rows(log, "states") == [("a", b"2"), ("b", b"2"), ("c", b"0")]
        await log.append([state("a", "3")])
        assert await log.compact(clock.moment + timedelta(hours=26)) == 1
        assert await rows(log, "states") == [("b", b"2"), ("c", b"0"), ("a", b"3")]


async def test_what_was_looked_at_is_not_looked_at_again(file):
    async with clocked(file) as (log, clock):
        await log.append([state("a", "0"), state("a", "1")])
        clock.moment += timedelta(hours=26)
        assert await log.compact(clock.moment) == 1
        with closing(sqlite3.connect(file)) as plain:
            assert plain.execute("SELECT max(cleaned) FROM partitions").fetchone() == (2,)


async def test_nothing_younger_than_the_senders_retries_is_touched(file):
    async with clocked(file) as (log, clock):
        await log.append([state("a", "1")])
        clock.moment += timedelta(hours=24)
        await log.append([state("a", "2"), state("a", "3")])
        assert await log.compact(clock.moment + timedelta(hours=24)) == 0
        assert await log.compact(clock.moment + timedelta(hours=26)) == 2


async def test_a_tombstone_goes_with_what_it_deleted(file):
    async with clocked(file) as (log, clock):
        await log.append([state("a", "1"), state("b", "1"), state("a", None)])
        assert await log.compact(clock.moment + timedelta(hours=26)) == 2
        assert await rows(log, "states") == [("b", b"1")]
        assert (await log.bounds("states", 0))[1] == 3


async def test_topics_without_a_term_keep_everything(file):
    async with clocked(file) as (log, clock):
        await log.append([Message("kept", "a", b"1"), Message("kept", "a", b"2")])
        assert await log.compact(clock.moment + timedelta(days=999)) == 0


async def test_appends_pass_while_it_runs(file):
    async with clocked(file) as (log, clock):
        await log.append([state(f"k{n % 5}", "x") for n in range(5_000)])
        clock.moment += timedelta(hours=26)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(log.compact(clock.moment))
            for _ in range(10):
                await log.append([state("new", "y")])
        assert running.result() == 4_995
        assert len(await rows(log, "states")) == 15


async def used(log: SqliteLog) -> int:
    return await log._reader.ask(compaction_module._used)


async def test_a_log_that_is_too_large_gives_up_its_oldest_records_early(file):
    async with clocked(file) as (log, clock):
        for _ in range(6):
            await log.append([Message("things", "a", b"x" * 10_000) for _ in range(20)])
            await log.append([Message("kept", "a", b"x" * 10_000) for _ in range(2)])
            clock.moment += timedelta(days=1)
        full = await used(log)
        assert await log.compact(clock.moment, full) == 0
        assert await log.compact(clock.moment, full * 6 // 10) == 60
        assert await used(log) <= full * 6 // 10
        assert len(await rows(log, "kept")) == 12
        assert await log.compact(clock.moment, 1) == 40
        assert len(await rows(log, "things")) == 20  # those of the last 25 hours


async def test_what_a_group_has_not_read_is_not_given_up(file):
    async with clocked(file) as (log, clock), log.subscribe("things", "readers", nothing, no_offsets) as subscription:
        await log.append([Message("things", "a", b"x" * 10_000) for _ in range(20)])
        clock.moment += timedelta(days=3)
        await subscription.commit({0: 5})
        assert await log.compact(clock.moment, 1) == 5
        await subscription.commit({0: 20})
        assert await log.compact(clock.moment, 1) == 15


async def test_freed_space_is_used_again(file):
    async with clocked(file) as (log, clock):
        for _ in range(3):
            await log.append([Message("things", "a", b"x" * 10_000) for _ in range(50)])
            clock.moment += timedelta(days=4)
        await log.compact(clock.moment)
        before = (await log._reader.ask(lambda connection: connection.execute("PRAGMA page_count").fetchone()))[0]
        for _ in range(10):
            clock.moment += timedelta(days=4)
            await log.append([Message("things", "a", b"x" * 10_000) for _ in range(50)])
            await log.compact(clock.moment)
        after = (await log._reader.ask(lambda connection: connection.execute("PRAGMA page_count").fetchone()))[0]
        assert after <= before * 1.1
