"""What only the log in one file promises: who may open it, what it says when the disk does not take it, what goes."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.errors import ConflictError, FatalError, RetryableError
from processor.eventlog import Message, Record, Subscription
from processor.eventlog import sqlite_commits as commits_module
from processor.eventlog import sqlite_schema as schema
from processor.eventlog.partitions import partition_of
from tests.contract.filelog import Clock, content, no_offsets, nothing, open_log, rows, state


async def test_the_file_is_for_its_owner_only(file):
    async with open_log(file) as log:
        await log.append([state("a", "1")])
        assert {path.stat().st_mode & 0o077 for path in file.parent.iterdir()} == {0}


async def test_another_partition_count_is_refused_with_the_way_out(file):
    async with open_log(file, partitions=3):
        pass
    with pytest.raises(FatalError, match=r"made with 3 partitions.*PROCESSOR_PARTITIONS=3"):
        async with open_log(file, partitions=4):
            pass


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("PRAGMA user_version = 99", "newer version"),
        ("PRAGMA application_id = 7", "another program"),
    ],
)
async def test_a_file_that_is_not_ours_is_refused_and_left_alone(file, change, said):
    async with open_log(file):
        pass
    with closing(sqlite3.connect(file)) as database:
        database.execute(change)
    with pytest.raises(FatalError, match=said):
        async with open_log(file):
            pass


async def test_a_file_that_is_no_database_is_refused(file):
    file.parent.mkdir()
    file.write_bytes(b"minutes of the meeting\n" * 1000)
    with pytest.raises(FatalError, match="no event log"):
        async with open_log(file):
            pass
    assert file.read_bytes().startswith(b"minutes")


async def test_a_group_is_subscribed_once_in_a_process(file):
    async with open_log(file) as log, log.subscribe("things", "readers", nothing, no_offsets):
        with pytest.raises(FatalError, match=f"held by pid {os.getpid()}"):
            async with log.subscribe("things", "readers", nothing, no_offsets):
                pass


async def test_a_failed_assignment_gives_the_group_back(file):
    async def broken(_: Sequence[int]) -> None:
        raise RetryableError("no table")

    async with open_log(file) as log:
        with pytest.raises(RetryableError, match="no table"):
            async with log.subscribe("things", "readers", broken, no_offsets):
                pass
        async with log.subscribe("things", "readers", nothing, no_offsets):
            pass


async def test_a_lock_that_is_held_is_said_and_forgotten(file, monkeypatch):
    monkeypatch.setattr(schema, "LOCK_WAIT_SECONDS", 0.05)
    async with open_log(file) as log:
        with closing(sqlite3.connect(file, isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(RetryableError, match="another process holds its write lock"):
                await log.append([state("a", "lost")])
            stranger.execute("ROLLBACK")
        await log.append([state("a", "kept")])
        assert await rows(log, "states") == [("a", b"kept")]


async def test_a_file_that_cannot_be_read_is_said_and_forgotten(file):
    async with open_log(file) as log, log.subscribe("things", "readers", nothing, no_offsets) as subscription:
        await log.append([Message("things", "a", b"1")])
        await log.append([Message("things", "a", b"2") for _ in range(1_000)])
        with closing(sqlite3.connect(file)) as stranger:
            stranger.execute("ALTER TABLE records RENAME TO hidden")
            with pytest.raises(RetryableError, match="no such table"):
                await content(log, "things")
            with pytest.raises(RetryableError, match="no such table"):
                await anything(subscription, 1_001)
            with pytest.raises(RetryableError, match="no such table"):
                await log.append([Message("things", "a", b"3")])
            stranger.execute("ALTER TABLE hidden RENAME TO records")
        assert await anything(subscription, 1)
        assert len(await content(log, "things")) == 1_001


async def anything(subscription: Subscription, count: int) -> list[Record]:
    polled: list[Record] = []
    while len(polled) < count:
        polled += await subscription.poll(1_000, 5)
    return polled


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_failure_in_the_middle_of_a_transaction_leaves_nothing_behind(file):
    class Stopped(Clock):
        failing = False

        def __call__(self) -> datetime:
            if self.failing:
                raise OSError("no clock")
            return self.moment

    clock = Stopped()
    async with open_log(file, now=clock) as log:
        clock.failing = True
        with pytest.raises(RetryableError, match="no clock"):
            await log.append([state("a", "lost")])
        clock.failing = False
        await log.append([state("a", "kept")])
        assert await rows(log, "states") == [("a", b"kept")]


async def test_a_disk_that_takes_no_more_refuses_and_heals_by_itself(file):
    async with open_log(file) as log:
        await log.append([state("a", "before")])
        with no_file_grows_beyond(200_000):
            for _ in range(2):
                with pytest.raises(RetryableError, match="disk"):
                    await log.append([state("a", "x" * 400_000)])
        await log.append([state("a", "after")])
        assert await rows(log, "states") == [("a", b"before"), ("a", b"after")]
        assert [record.offset for record in await content(log, "states")] == [0, 1]


async def test_check_fails_when_hardly_any_space_is_left(file, monkeypatch):
    async with open_log(file) as log:
        monkeypatch.setattr(schema, "LEAST_FREE_BYTES", 1 << 62)
        with pytest.raises(RetryableError, match="free some space"):
            await log.check()


async def test_check_writes_when_the_last_write_is_not_recent(file, monkeypatch):
    monkeypatch.setattr(schema, "LOCK_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(commits_module, "CHECKED_FOR_SECONDS", -1)
    async with open_log(file) as log:
        await log.check()
        with closing(sqlite3.connect(file, isolation_level=None)) as stranger:
            assert stranger.execute("SELECT count(*) FROM meta WHERE name = 'checked'").fetchone() == (1,)
            stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(RetryableError, match="write lock"):
                await log.check()


async def test_what_waits_for_the_disk_is_bounded(file, monkeypatch):
    monkeypatch.setattr(commits_module, "MOST_WAITING_BYTES", 1_000)
    async with open_log(file) as log:
        results = await asyncio.gather(*(log.append([state("a", "x" * 400)]) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [type(None)] * 2 + [RetryableError] * 3
        await log.append([state("a", "x" * 2_000)])


async def test_cancelled_appenders_leave_the_others_unharmed(file):
    async with open_log(file) as log:
        gone = asyncio.ensure_future(log.append([state("a", "gone")]))
        stays = asyncio.ensure_future(log.append([state("a", "stays")]))
        await asyncio.sleep(0)
        gone.cancel()
        await stays
        assert ("a", b"stays") in await rows(log, "states")


@pytest.mark.parametrize("count", [1, 63, 64, 65, 127, 128, 512, 513, 1_000, 1_025])
async def test_what_is_appended_at_once_is_there_in_its_order(file, count):
    """Some numbers of rows go in as one statement, others as several."""
    async with open_log(file) as log:
        await log.append([Message("things", f"k{n}", None if n % 7 == 6 else str(n).encode()) for n in range(count)])
        found = await content(log, "things")
        assert [record.offset for record in found] == list(range(count))
        assert [(r.message.key, r.message.value) for r in found] == [
            (f"k{n}", None if n % 7 == 6 else str(n).encode()) for n in range(count)
        ]


@asynccontextmanager
async def of_two_partitions(file, count):
    """A subscription to two partitions, in each of which so many records wait."""
    keys = ["a", next(k for k in "bcdefg" if partition_of(k, 2) != partition_of("a", 2))]
    async with (
        open_log(file, partitions=2) as log,
        log.subscribe("things", "readers", nothing, no_offsets) as subscription,
    ):
        await log.append([Message("things", key, b"") for key in keys for _ in range(count)])
        yield subscription


async def test_partitions_share_a_poll(file):
    async with of_two_partitions(file, 100) as subscription:
        polled = await subscription.poll(10, 1)
        assert sorted(record.partition for record in polled) == [0] * 5 + [1] * 5
        assert len(await subscription.poll(1_000, 1)) == 190


async def test_partitions_take_turns_where_a_poll_has_no_room_for_all(file):
    async with of_two_partitions(file, 10) as subscription:
        await subscription.poll(2, 1)
        assert {(await subscription.poll(1, 1))[0].partition for _ in range(2)} == {0, 1}


async def test_polling_a_backlog_gives_the_loop_its_turns(file):
    async with open_log(file) as log, log.subscribe("things", "readers", nothing, no_offsets) as subscription:
        await log.append([Message("things", "a", b"") for _ in range(200)])
        turn = asyncio.Event()
        asyncio.get_running_loop().call_soon(turn.set)
        await subscription.poll(10, 1)
        assert turn.is_set()


async def test_reading_ahead_is_bounded_in_bytes(file):
    async with open_log(file) as log, log.subscribe("things", "readers", nothing, no_offsets) as subscription:
        for _ in range(20):
            await log.append([Message("things", "a", b"x" * 400_000)])
        assert sum(len(record.message.value or b"") for record in subscription._parts[0].buffer) < 2_000_000
        polled: list[Record] = []
        while len(polled) < 20:
            polled += await subscription.poll(3, 1)
        assert [record.offset for record in polled] == list(range(20))


async def test_a_backup_opens_and_holds_what_was_there(file, tmp_path):
    async with open_log(file) as log:
        await log.append([state("a", "1")])
        await log.backup(tmp_path / "copy.db")
        await log.append([state("a", "2")])
        with pytest.raises(ConflictError, match="exists"):
            await log.backup(tmp_path / "copy.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "sub"]
    async with open_log(tmp_path / "copy.db") as copy:
        assert await rows(copy, "states") == [("a", b"1")]


async def test_a_person_can_read_it_with_the_sqlite_shell(file):
    async with open_log(file) as log:
        await log.append([Message("states", "a", b'{"x":1}', {"ce_id": "1"})])
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT topic, partition, offset, appended, key, headers, value FROM log").fetchall()
    assert found == [("states", 0, 0, "2026-03-01 00:00:00", "a", '{"ce_id":"1"}', '{"x":1}')]


text = st.text(st.characters(exclude_categories=["Cs"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.builds(Message, st.just("kept"), text, st.none() | st.binary(), st.dictionaries(text, text))))
async def test_whatever_is_written_is_read_back(tmp_path_factory, messages):
    async with open_log(tmp_path_factory.mktemp("log") / "events.db") as log:
        await log.append(messages)
        assert [record.message for record in await content(log, "kept")] == messages
