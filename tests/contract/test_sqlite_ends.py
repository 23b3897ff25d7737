"""Where the log in one file ends, and a hold on it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from processor.errors import FatalError, RetryableError, Revoked
from processor.eventlog import Message
from processor.eventlog import sqlite_commits as commits
from processor.eventlog import sqlite_writer as writer_module
from processor.eventlog.sqlite_writer import Writer
from tests.contract.filelog import START, no_offsets, nothing, open_log, state


async def test_nothing_is_kept_for_a_hold_that_has_ended(file):
    async with open_log(file) as log:
        async with log.subscribe("things", "readers", nothing, no_offsets) as subscription:
            pass
        await log.append([Message("things", "a", b"1")])
        assert not subscription._parts[0].buffer


async def test_a_file_that_cannot_be_read_in_time_ends_the_start(file, monkeypatch):
    monkeypatch.setattr(commits, "START_SECONDS", 0.01)
    monkeypatch.setattr(Writer, "_run", lambda _: None)
    with pytest.raises(FatalError, match="could not be read within"):
        async with open_log(file):
            pass


async def test_who_waits_hears_that_his_hold_has_ended(file):
    async with open_log(file) as log:
        async with log.subscribe("things", "readers", nothing, no_offsets) as subscription:
            waiting = asyncio.ensure_future(subscription.poll(10, 3600))
            for _ in range(5):
                await asyncio.sleep(0)
        with pytest.raises(Revoked):
            await asyncio.wait_for(waiting, 10)


async def test_a_hold_of_which_a_part_cannot_be_assigned_ends_for_who_waits_too(file):
    assigned, go_on = [], asyncio.Event()

    async def on_assign(partitions):
        if assigned:
            await go_on.wait()
            raise RetryableError("no table")
        assigned.extend(partitions)

    async with (
        open_log(file, partitions=2) as log,
        log.subscribe("things", "readers", on_assign, no_offsets) as subscription,
    ):
        waiting = asyncio.ensure_future(subscription.poll(10, 3600))
        for _ in range(5):
            await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(RetryableError, match="no table"):
            await asyncio.wait_for(waiting, 10)


async def test_who_met_trouble_opens_the_file_anew_and_keeps_nothing_of_it_open(file):
    broken = False

    def now():
        if broken:
            raise OSError("no clock")
        return START

    def open_files():
        return Counter(os.path.realpath(one) for one in Path("/proc/self/fd").iterdir())

    async with open_log(file, now=now) as log:
        before = await log._reader.ask(lambda connection: connection)
        with pytest.raises(RetryableError):
            await log._reader.ask(lambda connection: connection.execute("no SQL"))
        assert await log._reader.ask(lambda connection: connection) is not before
        await log.append([state("a", "1")])
        known = open_files()
        for _ in range(3):
            broken = True
            with pytest.raises(RetryableError, match="no clock"):
                await log.append([state("a", "2")])
            broken = False
            await log.append([state("a", "3")])
        assert open_files()[f"{file}-shm"] == known[f"{file}-shm"]


@pytest.mark.parametrize(("again_after", "lines"), [(3600.0, 2), (0.0, 4)])
async def test_trouble_that_stays_does_not_fill_the_disk_with_lines(tmp_path, monkeypatch, caplog, again_after, lines):
    monkeypatch.setattr(writer_module, "TOLD_AGAIN_SECONDS", again_after)
    file = tmp_path / "events.db"
    writer = Writer(file, lambda: START, asyncio.get_running_loop(), lambda _: None, lambda: None)
    for _ in range(3):
        writer._watch()
    file.write_bytes(b"something else, and long enough to be read as the head of a database" * 20)
    writer._watch()
    told = [record.reason for record in caplog.records if record.message == "eventlog-unreadable"]
    assert len(told) == lines
    assert "cannot be opened" in told[0]
    assert "no event log" in told[-1]


async def test_when_it_is_closed_none_of_its_threads_goes_on(file):
    reached, go_on = threading.Event(), threading.Event()

    def slow(_):
        reached.set()
        go_on.wait(30)

    def threads():
        return {one.name for one in threading.enumerate() if one.name.startswith("eventlog")}

    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(file))
        log._reader.submit(slow, id, id)
        await asyncio.to_thread(reached.wait)
        closing = asyncio.ensure_future(stack.pop_all().aclose())
        while "eventlog-writer" in threads():  # noqa: ASYNC110 - a thread tells nobody that it ends
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.to_thread(int)
        assert not closing.done()
        go_on.set()
        await closing
    assert not threads()


@pytest.mark.parametrize("partition", [-1, 1])
async def test_a_partition_that_the_log_does_not_have_is_fatal_and_named(file, partition):
    async with open_log(file) as log:
        with pytest.raises(FatalError, match=f"no partition {partition} of a topic 'states'"):
            await log.bounds("states", partition)
