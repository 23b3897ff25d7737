"""Of states a table reads the newest of each key, and is what it would be had it read them all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import orjson
import pytest

from processor import table as table_module
from processor.event import Event
from processor.eventlog import Message, Record, Topic
from processor.eventlog.sqlite import SqliteLog
from processor.table import States, Table
from tests.unit.test_table import HERE, NOON, PARTITIONS, THERE, Counted

Row = tuple[int, int]
"""How many came, and the last number."""

WHOLE, STRANGE, GONE = "whole", "strange", "gone"
UNREAD: list[str] = []


def record(word: str | int, key: str = HERE) -> Message:
    """A number: readable, `strange`: not; `whole` before either: nothing can be told at a glance; `gone`: a tombstone."""
    if word == GONE:
        return Message("counts", key, None)
    whole, _, number = str(word).rpartition(" ")
    headers = {"ce_id": "1", "ce_time": NOON.isoformat(), "ce_type": "counted", "ce_subject": key, "form": whole}
    return Message("counts", key, orjson.dumps({"number": number}), headers)


def glance(_: type[Event], one: Record) -> Counted | None:
    headers = one.message.headers
    return None if headers["form"] == WHOLE else Counted(id="", time=NOON, subject=headers["ce_subject"], number=0)


def read(kind: type[Event], one: Record) -> Event:
    UNREAD.append(orjson.loads(one.message.value or b"")["number"])
    return kind.from_record(one)


def pass_by(row: Row | None, _: Counted) -> Row:
    count, number = row or (0, 0)
    return count + 1, number


def keep(row: Row | None, event: Counted) -> Row:
    return (row or (0, 0))[0], event.number


def counting() -> Table[Counted, Row]:
    UNREAD.clear()
    states = States(glance, pass_by, keep)
    return Table(Counted, fold=lambda row, one: pass_by(keep(row, one), one), read=read, states=states)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    topics = [Topic("counts", compact=True)]
    async with SqliteLog.open(tmp_path / "events.db", topics, PARTITIONS, lambda: NOON) as log:
        yield log


@pytest.mark.parametrize("most", [1, 2, 10_000])
@pytest.mark.parametrize(
    ("words", "row"),
    [
        ([1, 2, 3], (3, 3)),
        ([1, STRANGE, 3], (3, 3)),
        ([1, 2, STRANGE], (2, 2)),
        ([1, STRANGE, 2, STRANGE, STRANGE], (2, 2)),
        ([STRANGE], None),
        ([1, STRANGE, "whole 5"], (3, 5)),
        ([1, "whole 5", STRANGE], (2, 5)),
        ([1, "whole 5", "whole strange"], (2, 5)),
        ([1, "whole strange"], (1, 1)),
        ([1, "whole strange", 2], (2, 2)),
        ([1, GONE], None),
        ([1, STRANGE, GONE], None),
        ([1, GONE, STRANGE], None),
        ([1, GONE, 2, STRANGE], (1, 2)),
        ([1, STRANGE, GONE, 2], (1, 2)),
    ],
    ids=str,
)
async def test_what_is_loaded(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch, most: int, words: Sequence[str | int], row: Row | None
) -> None:
    monkeypatch.setattr(table_module, "MOST_UNREAD", most)
    await log.append([record(word) for word in words] + [record(7, THERE)])
    table = counting()
    for partition in range(PARTITIONS):
        await table.load(log, partition)
    assert table.get(HERE) == row
    assert table.get(THERE) == (1, 7)


async def test_what_was_replaced_is_not_read(log: SqliteLog) -> None:
    await log.append([record(number) for number in range(9)])
    table = counting()
    await table.load(log, 0)
    assert UNREAD == ["8"]


async def test_a_tombstone_is_one_whatever_its_headers_say(log: SqliteLog, caplog: pytest.LogCaptureFixture) -> None:
    await log.append([record(1), record(2)._replace(value=None)])
    table = counting()
    await table.load(log, 0)
    assert table.get(HERE) is None
    assert not caplog.records, "it is not told to be unreadable"


async def test_what_comes_later_is_folded_onto_it(log: SqliteLog) -> None:
    await log.append([record(1), record(2)])
    table = counting()
    await table.load(log, 0)
    await log.append([record(3), record(STRANGE), record(4)])
    assert await table.catch_up(log, 0)
    assert not await table.catch_up(log, 0)
    assert table.get(HERE) == (4, 4)
    table.apply(Counted(id="", time=NOON, subject=HERE, number=5))
    assert table.get(HERE) == (5, 5)
    await table.load(log, 0)
    assert table.get(HERE) == (5, 4), "all five passed by"


async def test_a_record_that_lies_astray_is_not_held(log: SqliteLog) -> None:
    astray = record(1)
    await log.append([record(2), Message("counts", HERE, astray.value, {**astray.headers, "ce_subject": THERE})])
    table = counting()
    await table.load(log, 0)
    assert dict(table.items()) == {HERE: (1, 2)}
