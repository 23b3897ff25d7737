"""Where an event is, is found whatever else is being read, and no farther back than was asked for."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.app import operations
from processor.app.operations import Desk
from processor.app.topics import TOPICS
from processor.app.whereabouts import whereabouts
from processor.errors import RetryableError
from processor.eventlog import EventLog, Found, Message, Place, Record, sqlite
from processor.eventlog import sqlite_finder as finder
from processor.eventlog.partitions import partition_of
from processor.eventlog.sqlite import SqliteLog
from processor.settings import load
from processor.telemetry import Metrics

NOW = datetime(2026, 3, 9, tzinfo=UTC)
PARTITIONS = 2
SUBJECT = "agent/1"
HERE = partition_of(SUBJECT, PARTITIONS)


def message(topic: str, event_id: str, cause: str = "", key: str = SUBJECT, value: bytes | None = b"{}") -> Message:
    headers = {"ce_specversion": "1.0", "ce_id": event_id, "ce_type": topic, "ce_subject": key}
    return Message(f"genesys.{topic}", key, value, {**headers, "ce_causationid": cause} if cause else headers)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteLog]:
    async with SqliteLog.open(tmp_path / "events.db", TOPICS, PARTITIONS, lambda: NOW) as log:
        yield log


class Blocked:
    """Holds up one of the log's threads, as a long read would."""

    def __init__(self, reader: object) -> None:
        self._go, self._reached = threading.Event(), threading.Event()
        reader.submit(self._wait, lambda _: None, lambda _: None)  # type: ignore[attr-defined]

    def _wait(self, _: object) -> None:
        self._reached.set()
        self._go.wait(30)

    async def __aenter__(self) -> None:
        await asyncio.to_thread(self._reached.wait, 30)

    async def __aexit__(self, *_: object) -> None:
        self._go.set()


async def test_an_event_is_found_while_the_reader_is_busy(log: SqliteLog) -> None:
    await log.append([message("raw", "e"), message("presence", "e", "e")])
    async with Blocked(log._reader):
        waiting = asyncio.ensure_future(anext(log.read("genesys.raw", HERE, 0, 1)))
        found = await whereabouts(log, "e", None)
        assert not waiting.done()
    assert found["fate"] == "published"
    assert [one["topic"] for one in found["records"]] == ["genesys.presence"]
    assert (await waiting).offset == 0


async def test_a_disk_that_does_not_answer_is_told_in_time(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "ANSWER_SECONDS", 0.01)
    desk = Desk(load({}), log, [], Metrics.build(), lambda: NOW)
    await log.append([message("raw", "e")])
    async with Blocked(log._finder):
        with pytest.raises(RetryableError, match=r"ask again, with \?subject="):
            await desk.event("e", None)
        with pytest.raises(RetryableError, match=r"ask again\."):
            await desk.event("e", SUBJECT)
    monkeypatch.undo()
    assert (await desk.event("e", SUBJECT))["fate"] == "pending"


async def test_what_nobody_waits_for_any_more_is_not_searched(log: SqliteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose callers have gone would hold up the others, and the end of the log."""
    searched: list[str] = []

    def counted(connection: sqlite3.Connection, **words: Any) -> Found:
        searched.append(words["event_id"])
        return finder.look(connection, **words)

    monkeypatch.setattr(sqlite, "look", counted)
    async with Blocked(log._finder):
        gone, wanted = (asyncio.ensure_future(log.find(name, [("genesys.raw", HERE)], 50)) for name in ("gone", "e"))
        await asyncio.sleep(0)
        gone.cancel()
    assert (await wanted).records == []
    assert searched == ["e"]


async def test_when_the_time_is_over_it_says_how_far_it_looked(log: SqliteLog) -> None:
    await log.append([message("raw", "e") for _ in range(3)])
    found = await whereabouts(log, "e", SUBJECT, seconds=0)
    assert found["fate"] == "unknown"
    assert found["searched"]["backTo"] == {f"genesys.raw-{HERE}": "offset 3"}
    assert (await whereabouts(log, "e", SUBJECT))["searched"]["backTo"] == {}


async def test_the_newest_of_every_place_are_looked_at_before_older_ones(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a log in which nothing is found in time, at least what has just come."""
    monkeypatch.setattr(finder, "SLICE", 2)
    looks = iter([0.0] + [1.0] * 3 + [9.0])
    monkeypatch.setattr("processor.eventlog.time", SimpleNamespace(monotonic=lambda: next(looks)))
    for topic in ("raw", "presence", "fates"):
        await log.append([message(topic, f"e-{n}") for n in range(5)])
    places: list[Place] = [(f"genesys.{topic}", HERE) for topic in ("raw", "presence", "fates")]
    found = await log.find("e-4", places, 50, 5.0)
    assert [(one.topic, one.offset) for one in found.records] == [(topic, 4) for topic, _ in places]
    assert found.back_to == dict.fromkeys(places, 3)


IDS = st.sampled_from(
    ["e", "e~1", "e~", "~", 'e"', 'e"~x', "\\", "é", "e\n", "1.0", "presence", "agent/1", "ce_id", "?", ""]
)
WRITTEN = st.builds(
    message,
    st.sampled_from(["raw", "presence"]),
    IDS | st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    IDS,
    st.sampled_from([SUBJECT, "agent/2", "agent/3"]),
    st.sampled_from([b"{}", None, b'{"ce_id":"e"}']),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WRITTEN, max_size=30), IDS | st.just("\ud800"), st.integers(0, 12))
async def test_it_is_what_looking_at_every_record_finds(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Message], event_id: str, most: int
) -> None:
    file = tmp_path_factory.mktemp("log") / "events.db"
    places: list[Place] = [(topic, n) for topic in ("genesys.raw", "genesys.presence") for n in range(PARTITIONS)]
    async with SqliteLog.open(file, TOPICS, PARTITIONS, lambda: NOW) as log:
        await log.append(messages)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(finder, "SLICE", 3)
            patch.setattr("processor.eventlog.FIND_PAGE", 4)
            assert await log.find(event_id, places, most) == await EventLog.find(log, event_id, places, most)
            assert not (await log.find(event_id, places, most, 0)).records
            assert not (await EventLog.find(log, event_id, places, most, 0)).records


async def test_what_is_older_need_not_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where looking costs something, pages that end before then are not read."""
    monkeypatch.setattr("processor.eventlog.FIND_PAGE", 2)
    read: list[int] = []

    class Watched(SqliteLog):
        async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
            read.append(start)
            async for record in super().read(topic, partition, start, end):
                yield record

    async with Watched.open(tmp_path / "events.db", TOPICS, PARTITIONS, lambda: NOW) as log:
        await log.append([message("raw", "e") for _ in range(6)])
        place = ("genesys.raw", HERE)
        assert len((await EventLog.find(log, "e", [place], 50, since=NOW.replace(year=2027))).records) == 2
        assert read == [4]
        assert len((await EventLog.find(log, "e", [place], 50, since=NOW)).records) == 6
