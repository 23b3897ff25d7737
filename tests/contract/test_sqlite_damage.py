"""A file whose bytes changed on the disk: what notices it, and what is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from processor.cli import main
from processor.errors import FatalError, RetryableError
from processor.eventlog import Message
from processor.eventlog.sqlite_verify import verify
from tests.contract.filelog import open_log

LETTERS = [f"k{number}" for number in range(400)]


def record(key: str) -> Message:
    value = (sha256(key.encode()).hexdigest() * 16).encode()
    return Message("states", key, value, {"ce_datadigest": sha256(value).hexdigest()})


@pytest.fixture
async def filled(tmp_path: Path) -> Path:
    file = tmp_path / "events.db"
    async with open_log(file) as log:
        await log.append([record(key) for key in LETTERS])
    return file


def flip(file: Path, page: int, at: int, count: int) -> None:
    with closing(sqlite3.connect(file)) as database:
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as disk:
        disk.seek((page - 1) * size + at)
        found = disk.read(count)
        disk.seek((page - 1) * size + at)
        disk.write(bytes(byte ^ 0xFF for byte in found))


def root(file: Path, table: str) -> int:
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [table]).fetchone()[0])


def leaf(file: Path) -> int:
    """A page full of records: the last of the file is one."""
    with closing(sqlite3.connect(file)) as database:
        return int(database.execute("PRAGMA page_count").fetchone()[0]) - 1


async def read_all(log) -> int:
    count = 0
    for partition in range(log.partitions):
        start, end = await log.bounds("states", partition)
        count += len([one async for one in log.read("states", partition, start, end)])
    return count


async def test_a_whole_file_is_verified_and_its_copy_too(filled, tmp_path):
    async with open_log(filled) as log:
        await log.append([Message("states", "k1", None), Message("states", "k2", b"without a digest")])
        await log.backup(tmp_path / "copy.db")
    for file in (filled, tmp_path / "copy.db"):
        found = verify(file)
        assert (found.records, found.changed, found.damages) == (len(LETTERS) + 2, 0, [])


@pytest.mark.parametrize("table", ["partitions", "sqlite_schema"])
async def test_damage_where_the_log_keeps_its_ends_stops_it_at_the_start(filled, table):
    page, at = (1, 100) if table == "sqlite_schema" else (root(filled, table), 0)
    flip(filled, page, at, 12)
    with pytest.raises(FatalError, match="damaged: stop, keep a copy, and put a backup"):
        async with open_log(filled):
            pass


async def search(log) -> None:
    await log.find("e", [("states", partition) for partition in range(log.partitions)], len(LETTERS))


@pytest.mark.parametrize("meet", [read_all, search])
async def test_damage_among_the_records_is_met_by_who_reads_them_and_from_then_on_the_log_is_not_ready(filled, meet):
    flip(filled, leaf(filled), 0, 12)
    async with open_log(filled) as log:
        await log.check()
        with pytest.raises(RetryableError, match="damaged"):
            await meet(log)
        with pytest.raises(RetryableError, match="damaged: stop, keep a copy, and put a backup"):
            await log.check()


async def test_a_damaged_log_makes_no_copy_that_looks_like_a_good_one(filled, tmp_path):
    flip(filled, leaf(filled), 0, 12)
    async with open_log(filled) as log:
        with pytest.raises(RetryableError, match="keep the last good one"):
            await log.backup(tmp_path / "copy.db")
    assert not list(tmp_path.glob("copy.db*"))


async def test_changed_bytes_that_sqlite_takes_as_they_are_are_found_by_the_records_digests(filled, capsys):
    place = leaf(filled)
    flip(filled, place, 4_000, 1)
    async with open_log(filled) as log:
        assert await read_all(log) == len(LETTERS)
        await log.check()
    assert main(["log", "verify", str(filled)]) == 1
    told, summary = capsys.readouterr().out.splitlines()
    assert told.startswith("states-0@")
    assert told.endswith(": not the bytes that were written")
    assert summary.endswith("400 records read, 1 of them changed")


async def test_broken_pages_are_told_and_how_far_it_could_be_read(filled, capsys):
    flip(filled, leaf(filled), 0, 12)
    assert main(["log", "verify", str(filled)]) == 1
    structure, contents, _ = capsys.readouterr().out.splitlines()
    assert structure.startswith("its structure: ")
    assert "records nothing more can be read" in contents


def test_what_is_no_log_is_said_to_be_none(tmp_path, capsys):
    (tmp_path / "other.db").write_text("something else" * 100)
    assert main(["log", "verify", str(tmp_path / "other.db")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "no event log" in said.err
