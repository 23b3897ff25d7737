"""How the log in one file begins: with how many partitions, and while another process makes the same file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from processor.errors import FatalError
from processor.eventlog import sqlite_schema as schema
from tests.contract.filelog import open_log


class Clock:
    """Goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], Clock]:
    """So many connections end with this code, by the clock that comes back."""

    def refuse(code: int, times: int) -> Clock:
        clock, connect, left = Clock(), schema.connect, [None] * times

        def taken(path: Path) -> sqlite3.Connection:
            if left:
                left.pop()
                error = sqlite3.OperationalError("made up")
                error.sqlite_errorcode = code
                raise error
            return connect(path)

        monkeypatch.setattr(schema, "connect", taken)
        monkeypatch.setattr(schema, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
        return clock

    return refuse


@pytest.mark.parametrize("partitions", [0, 1025])
async def test_more_partitions_than_an_offset_has_room_for_are_refused(file, partitions):
    with pytest.raises(FatalError, match=f"must be between 1 and 1024, not {partitions}"):
        async with open_log(file, partitions=partitions):
            pass
    assert not file.exists()


async def test_a_file_that_is_locked_for_a_moment_is_waited_for(file, refused):
    clock = refused(sqlite3.SQLITE_BUSY, 3)
    async with open_log(file):
        assert 0 < clock.seconds < schema.LOCK_WAIT_SECONDS


@pytest.mark.parametrize(
    ("code", "said", "waited"),
    [
        (sqlite3.SQLITE_BUSY, "holds its write lock", schema.LOCK_WAIT_SECONDS),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened", 0),
    ],
)
async def test_it_is_not_waited_for_longer_nor_where_waiting_is_no_help(file, refused, code, said, waited):
    clock = refused(code, 10_000)
    with pytest.raises(FatalError, match=said):
        async with open_log(file):
            pass
    assert clock.seconds == pytest.approx(waited, abs=0.05)
