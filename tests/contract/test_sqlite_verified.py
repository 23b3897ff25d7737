"""`log verify` leaves a folder as it was, and believes nothing that it read while somebody wrote."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from processor.errors import FatalError
from processor.eventlog import sqlite_verify
from processor.eventlog.sqlite_schema import connect
from processor.eventlog.sqlite_verify import verify
from tests.contract.filelog import open_log, state

ONE_MORE = "INSERT INTO records SELECT max(id) + 1, 0, 'b', CAST('{}' AS BLOB), NULL FROM records"


@pytest.fixture
async def copy(tmp_path: Path) -> Path:
    async with open_log(tmp_path / "events.db") as log:
        await log.append([state("a", "before")])
        (tmp_path / "copies").mkdir()
        await log.backup(tmp_path / "copies" / "copy.db")
    return tmp_path / "copies" / "copy.db"


def contents(folder: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.is_file()}


def meanwhile(monkeypatch: pytest.MonkeyPatch, happens) -> None:
    """`happens` while the first record is read."""
    whole, left = sqlite_verify._whole, [happens]

    def look(headers: bytes, value: bytes | None) -> bool:
        if left:
            left.pop()()
        return whole(headers, value)

    monkeypatch.setattr(sqlite_verify, "_whole", look)


@pytest.mark.parametrize("name", ["copies/copy.db", "events.db"])
async def test_nothing_is_left_beside_a_copy_nor_beside_the_log_of_a_server_that_is_down(copy, name):
    file = copy.parent.parent / name
    before = contents(file.parent)
    assert verify(file).records == 1
    assert contents(file.parent) == before == {file.name: file.read_bytes()}


async def test_a_server_that_starts_on_it_meanwhile_is_read_with_what_it_wrote(copy, monkeypatch):
    servers = []

    def start() -> None:
        servers.append(connect(copy))
        servers[0].execute(ONE_MORE)

    meanwhile(monkeypatch, start)
    assert verify(copy).records == 2
    assert {one.name for one in copy.parent.iterdir()} == {"copy.db", "copy.db-wal", "copy.db-shm"}
    servers[0].close()
    assert {one.name for one in copy.parent.iterdir()} == {"copy.db"}


async def test_of_one_that_started_and_ended_meanwhile_nothing_is_missed_and_nothing_left(copy, monkeypatch):
    def start_and_end() -> None:
        with closing(connect(copy)) as server:
            server.execute(ONE_MORE)

    meanwhile(monkeypatch, start_and_end)
    assert verify(copy).records == 2
    assert {one.name for one in copy.parent.iterdir()} == {"copy.db"}


async def test_through_a_link_the_write_ahead_file_of_the_running_log_is_read_too(tmp_path):
    async with open_log(tmp_path / "events.db") as log:
        await log.append([state("a", "before")])
        (tmp_path / "links").mkdir()
        link = tmp_path / "links" / "log.db"
        link.symlink_to(tmp_path / "events.db")
        with closing(connect(tmp_path / "events.db")) as another:
            another.execute(ONE_MORE)
            assert verify(link).records == 2
    assert [one.name for one in link.parent.iterdir()] == ["log.db"]


def test_a_file_that_is_gone_is_said_to_be_gone(tmp_path):
    with pytest.raises(FatalError, match="No such file"):
        verify(tmp_path / "gone.db")
