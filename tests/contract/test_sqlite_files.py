"""What the embedded log does when somebody removes, replaces, cuts or spoils its files while it runs."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from processor.errors import FatalError, RetryableError
from processor.eventlog import Message
from processor.eventlog import sqlite_schema as schema
from processor.eventlog import sqlite_writer as writer_module
from processor.eventlog.sqlite import SqliteLog
from processor.eventlog.sqlite_hold import Hold
from processor.eventlog.sqlite_subscription import SqliteSubscription
from processor.eventlog.sqlite_verify import verify
from processor.telemetry import Metrics
from tests.contract.filelog import START, TOPICS, content, no_offsets, nothing, open_log, rows, state

BEFORE, AFTER = ("a", b"before"), ("a", b"after")


def beside(file: Path, what: str) -> Path:
    return file.with_name(f"{file.name}-{what}")


@pytest.fixture
def never_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written lies in the write-ahead file only, as under load."""
    monkeypatch.setattr(writer_module, "QUIET_TURNS", 1 << 30)


def wait_until_copied_down(file: Path, key: str) -> None:
    """Until the database alone holds it: a reader that knows no write-ahead file finds it."""
    while True:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as plain:
            if plain.execute("SELECT count(*) FROM records WHERE key = ?", (key,)).fetchone() == (1,):
                return


async def everything(subscription: SqliteSubscription) -> None:
    while True:
        await subscription.poll(100, 5)


@pytest.mark.usefixtures("never_quiet")
@pytest.mark.parametrize("what", ["wal", "shm"])
async def test_a_file_removed_beside_it_is_noticed_and_nothing_is_lost(file, what):
    async with open_log(file) as log:
        await log.append([state("a", "before")])
        assert await rows(log, "states") == [BEFORE]
        await log.find("e", [("states", 0)], 1)  # every thread has the file open
        beside(file, what).unlink()
        with pytest.raises(RetryableError, match=f"{what} was removed"):
            await log.append([state("a", "refused")])
        await log.append([state("a", "after")])
        assert await rows(log, "states") == [BEFORE, AFTER]
    async with open_log(file) as log:
        assert await rows(log, "states") == [BEFORE, AFTER]


@pytest.mark.usefixtures("never_quiet")
async def test_a_log_that_is_moved_away_refuses_until_it_is_back(file):
    async with open_log(file) as log:
        await log.append([state("a", "before")])
        file.rename(beside(file, "elsewhere"))
        for said in ("removed", "opened"):
            with pytest.raises(RetryableError, match=said):
                await log.append([state("a", "refused")])
        with pytest.raises(RetryableError, match="opened"):
            await log.check()
        assert not file.exists()
        beside(file, "elsewhere").rename(file)
        await log.append([state("a", "after")])
        assert await rows(log, "states") == [BEFORE, AFTER]


async def test_another_file_in_its_place_ends_the_process_and_takes_nothing(file):
    async with open_log(file) as log, log.subscribe("states", "readers", nothing, no_offsets) as subscription:
        await log.append([state("a", "before")])
        await log.backup(beside(file, "copy"))
        assert await subscription.poll(10, 5)
        beside(file, "copy").rename(file)
        for _ in range(2):
            with pytest.raises(RetryableError, match="replaced by another file: stop"):
                await log.append([state("a", "refused")])
        with pytest.raises(FatalError, match="replaced"):
            await subscription.poll(10, 5)


@pytest.mark.usefixtures("never_quiet")
async def test_a_log_that_comes_back_with_less_ends_the_process(file):
    async with open_log(file) as log, log.subscribe("states", "readers", nothing, no_offsets) as subscription:
        await log.append([state("a", "before")])
        assert await subscription.poll(10, 5)
        file.rename(beside(file, "elsewhere"))
        with pytest.raises(RetryableError, match="removed"):
            await log.append([state("a", "refused")])
        beside(file, "wal").unlink(missing_ok=True)
        beside(file, "elsewhere").rename(file)
        for _ in range(2):
            with pytest.raises(RetryableError, match="hold less than was acknowledged"):
                await log.append([state("a", "refused")])
        with pytest.raises(FatalError, match="restart"):
            await subscription.poll(10, 5)
    async with open_log(file) as log:
        await log.append([state("a", "after")])
        assert await rows(log, "states") == [AFTER]


@pytest.mark.usefixtures("never_quiet")
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.999])
async def test_a_cut_write_ahead_file_is_noticed_and_what_is_left_opens(file, share):
    async with open_log(file) as log, log.subscribe("states", "readers", nothing, no_offsets) as subscription:
        for number in range(50):
            await log.append([state(f"k{number}", "x" * 3_000)])
        wal = beside(file, "wal")
        with wal.open("r+b") as cut:
            cut.truncate(int(wal.stat().st_size * share))
        for _ in range(2):
            with pytest.raises(RetryableError, match=r"was cut to .* restart"):
                await log.append([state("a", "refused")])
        with pytest.raises(RetryableError, match="was cut"):
            await log.check()
        with pytest.raises(FatalError, match="was cut"):
            await everything(subscription)
    # What a fresh process would find; in this one the old connection is still open.
    fresh = file.with_name("fresh.db")
    shutil.copy(file, fresh)
    shutil.copy(wal, beside(fresh, "wal"))
    async with open_log(fresh) as log:
        left = [key for key, _ in await rows(log, "states")]
        assert left == [f"k{number}" for number in range(len(left))]
        assert len(left) < 50
        await log.append([state("a", "after")])
        assert (await rows(log, "states"))[-1] == AFTER
    with closing(sqlite3.connect(fresh)) as plain:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_in_a_quiet_moment_everything_is_copied_down_so_that_a_cut_loses_nothing(file):
    async with open_log(file) as log:
        await log.append([state("a", "before")])
        wait_until_copied_down(file, "a")
        with beside(file, "wal").open("r+b") as cut:
            cut.truncate(0)
        await log.append([state("a", "after")])
        assert await rows(log, "states") == [BEFORE, AFTER]
    async with open_log(file) as log:
        assert await rows(log, "states") == [BEFORE, AFTER]


@pytest.mark.usefixtures("never_quiet")
async def test_what_only_the_write_ahead_file_holds_is_verified_where_nothing_can_be_written(file, monkeypatch):
    async with open_log(file) as log:
        await log.append([state("a", "before")])
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert verify(file).records == 1


async def test_it_is_copied_down_once_and_only_when_some_looks_have_found_no_work(file, monkeypatch):
    done, copied, foreign, copy_down = [], asyncio.Event(), Hold.foreign, Hold.copy_down
    loop = asyncio.get_running_loop()

    def look(self):
        done.append("look")
        return foreign(self)

    def copy(self):
        done.append("copy")
        loop.call_soon_threadsafe(copied.set)
        return copy_down(self)

    def now():
        done.append("write")
        return START

    monkeypatch.setattr(writer_module, "WATCH_SECONDS", 0.001)
    monkeypatch.setattr(Hold, "foreign", look)
    monkeypatch.setattr(Hold, "copy_down", copy)
    async with SqliteLog.open(file, TOPICS, 1, now) as log:
        await copied.wait()
        await log.append([state("a", "1")])
        while len(done) < 100:  # noqa: ASYNC110 - a thread tells nobody what it does
            await asyncio.sleep(0)
    after = done[done.index("write") :]
    assert after[: writer_module.QUIET_TURNS + 2] == ["write", *["look"] * writer_module.QUIET_TURNS, "copy"]
    assert after.count("copy") == 1


async def test_a_damaged_file_is_refused_with_what_to_do(file):
    async with open_log(file) as log:
        await log.append([state("a", "x" * 100_000) for _ in range(20)])
    whole = file.read_bytes()
    async with open_log(file) as log:
        damaged = whole[:8192] + b"\xa5" * (len(whole) - 8192)
        file.write_bytes(damaged)
        with pytest.raises(RetryableError, match="damaged"):
            await content(log, "states")
        with pytest.raises(RetryableError, match="damaged"):
            await log.append([state("a", "refused")])
        with pytest.raises(RetryableError, match="damaged"):
            await log.check()


async def test_a_read_only_file_refuses_and_heals(file, monkeypatch):
    connect = sqlite3.connect

    def read_only(address: str, **options):
        return connect(address.replace("mode=rw", "mode=ro"), **options)

    async with open_log(file) as log:
        await log.append([state("a", "before")])
        monkeypatch.setattr(sqlite3, "connect", read_only)
        log._commits._writer._hold.forget(sqlite3.OperationalError("so that it is opened anew"))
        for _ in range(2):
            with pytest.raises(RetryableError, match="check the file's permissions"):
                await log.append([state("a", "refused")])
        monkeypatch.setattr(sqlite3, "connect", connect)
        await log.append([state("a", "after")])
        assert await rows(log, "states") == [BEFORE, AFTER]


async def test_an_older_schema_is_brought_up_to_date_and_a_newer_one_refused(file, monkeypatch):
    async with open_log(file) as log:
        await log.append([state("a", "before")])

        def second(connection: sqlite3.Connection) -> None:
            connection.execute("ALTER TABLE topics ADD COLUMN note TEXT NOT NULL DEFAULT 'made up'")

        numbers = schema.prepare(file, [topic.name for topic in TOPICS], 1, (*schema.STEPS, second))
        assert sorted(numbers) == sorted(topic.name for topic in TOPICS)
        with closing(sqlite3.connect(file)) as plain:
            assert plain.execute("SELECT DISTINCT note FROM topics").fetchall() == [("made up",)]
            assert plain.execute("PRAGMA user_version").fetchone() == (2,)
        with pytest.raises(RetryableError, match="a newer version of this program has taken the file over"):
            await log.append([state("a", "refused")])
    with pytest.raises(FatalError, match=r"newer version \(schema 2, this one knows 1\)"):
        async with open_log(file):
            pass


async def test_who_writes_nothing_hears_too_that_a_newer_version_has_taken_over(file):
    async with open_log(file) as log, log.subscribe("states", "readers", nothing, no_offsets) as subscription:
        schema.prepare(file, [topic.name for topic in TOPICS], 1, (*schema.STEPS, lambda _: None))
        with pytest.raises(FatalError, match="a newer version of this program has taken the file over"):
            await everything(subscription)


async def test_a_step_that_fails_leaves_the_old_schema(file):
    async with open_log(file):
        pass

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE topics ADD COLUMN note TEXT")
        connection.execute("ALTER TABLE no_such_table ADD COLUMN note TEXT")

    with pytest.raises(FatalError, match="no such table"):
        schema.prepare(file, ["things"], 1, (*schema.STEPS, broken))
    async with open_log(file) as log:
        await log.append([state("a", "after")])


async def test_what_it_does_is_measured(file):
    metrics = Metrics.build()
    value = metrics.registry.get_sample_value
    async with SqliteLog.open(file, TOPICS, 1, lambda: START, metrics) as log:
        await log.append([state("a", "1"), state("a", "2")])
        assert value("processor_append_records_total", {"topic": "states"}) == 2
        assert value("processor_append_seconds_count") == 1
        assert (value("processor_append_seconds_sum") or 0) > 0
        assert value("processor_log_pending_bytes") == 0
        assert (value("processor_log_size_bytes", {"file": "database"}) or 0) > 0
        await log.append([Message("things", "a", b"1")])
        assert await log.compact(START + timedelta(days=8)) == 2
        assert [value("processor_log_removed_records_total", {"topic": one.name}) for one in TOPICS] == [1, 1, None]
        file.rename(beside(file, "elsewhere"))
        with pytest.raises(RetryableError):
            await log.append([state("a", "refused")])
        assert value("processor_append_failures_total", {"reason": "Moved"}) == 1
        assert value("processor_log_size_bytes", {"file": "database"}) == 0
        beside(file, "elsewhere").rename(file)
