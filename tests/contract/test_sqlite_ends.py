"""Where the log in one file ends, and a hold on it."""

from __future__ import annotations

import pytest

from processor.errors import FatalError
from processor.eventlog import Message
from processor.eventlog import sqlite_commits as commits
from processor.eventlog.sqlite_writer import Writer
from tests.contract.filelog import no_offsets, nothing, open_log


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


@pytest.mark.parametrize("partition", [-1, 1])
async def test_a_partition_that_the_log_does_not_have_is_fatal_and_named(file, partition):
    async with open_log(file) as log:
        with pytest.raises(FatalError, match=f"no partition {partition} of a topic 'states'"):
            await log.bounds("states", partition)
