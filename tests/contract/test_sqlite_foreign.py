"""Files that are not ours, not yet ours, or not ours to write: nothing in them is changed."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from processor.cli import main
from processor.errors import FatalError
from processor.eventlog import Message
from processor.eventlog.sqlite_verify import verify
from tests.contract.filelog import open_log

NOBODY = 65_534


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    file = tmp_path / "accounts.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE accounts (name TEXT)")
        database.commit()
    return file


async def test_another_programs_database_is_refused_as_it_is(foreign, capsys):
    before = foreign.read_bytes()
    assert main(["log", "verify", str(foreign)]) == 1
    assert "a database of another program" in capsys.readouterr().err
    with pytest.raises(FatalError, match="a database of another program"):
        async with open_log(foreign):
            pass
    assert foreign.read_bytes() == before
    assert list(foreign.parent.iterdir()) == [foreign]


async def test_a_newer_versions_copy_is_not_verified_by_an_older_one(tmp_path, capsys):
    async with open_log(tmp_path / "events.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "events.db")) as database:
        database.execute("PRAGMA user_version = 99")
    assert main(["log", "verify", str(tmp_path / "events.db")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "newer version (schema 99" in said.err


@contextmanager
def read_only(file: Path) -> Iterator[None]:
    """Neither it nor its folder can be written to; root, who may write anywhere, is somebody else meanwhile."""
    file.chmod(0o444)
    file.parent.chmod(0o555)
    if root := os.geteuid() == 0:
        os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        if root:
            os.setresuid(0, 0, 0)
        file.parent.chmod(0o700)


async def test_a_copy_is_verified_where_nothing_can_be_written(tmp_path):
    async with open_log(tmp_path / "events.db") as log:
        await log.append([Message("states", "k", b"{}")])
        with TemporaryDirectory() as folder:  # `tmp_path` is beneath a folder that only its owner may enter
            copy = Path(folder, "copy.db")
            await log.backup(copy)
            with read_only(copy):
                assert not os.access(folder, os.W_OK)
                assert verify(copy).records == 1
