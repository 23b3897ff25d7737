"""The one thread that writes: whatever waits at a moment goes into one transaction, one fsync, for all.

Every statement gives up the interpreter's lock and must win it back from a busy event loop, so a
batch is a handful of statements, however many records it holds.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

import orjson

from processor.errors import RetryableError
from processor.eventlog.sqlite_guard import Lost, Trouble
from processor.eventlog.sqlite_hold import Ends, Hold, ends
from processor.eventlog.sqlite_rows import Row, place
from processor.eventlog.sqlite_schema import reason

logger = logging.getLogger("processor.eventlog")

WATCH_SECONDS = 0.05
QUIET_TURNS = 5
"""After so many looks without work the write-ahead file is copied down: what lies in one file only is soon nothing."""

TOLD_AGAIN_SECONDS = 60.0
"""Trouble that stays: it is met at each look, and its lines must not fill a disk."""

MOST_IN_A_BATCH = 2_000
ROWS_IN_A_STATEMENT = (512, 256, 128, 64)
"""What is left after these is one more."""
SET_NEXT = """INSERT INTO partitions (slot, next) SELECT CAST(key AS INTEGER), value FROM json_each(?) WHERE true
    ON CONFLICT DO UPDATE SET next = excluded.next"""
SET_OFFSETS = """INSERT INTO offsets (consumers, slot, next)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
    ON CONFLICT DO UPDATE SET next = max(next, excluded.next)"""


@dataclass(slots=True)
class Work:
    """What must happen in one transaction; `done` is resolved on the loop when it is on disk."""

    done: asyncio.Future[None]
    rows: Sequence[Row] = ()
    offsets: Sequence[tuple[str, int, int]] = ()
    action: Callable[[sqlite3.Connection], None] | None = None
    size: int = 0


@dataclass(slots=True)
class Batch:
    """What became of some works: their rows' ids in order, and all ends when others wrote too."""

    works: Sequence[Work]
    timestamp: int = 0
    ids: list[int] = field(default_factory=list)
    next: Mapping[int, int] = field(default_factory=dict)
    """By slot that got rows: the offset after them."""
    ends: Ends | None = None
    seconds: float = 0
    error: RetryableError | None = None
    cause: str = ""
    """The error in one word, for the metric."""
    lost: bool = False
    """Nothing will ever be taken again: the process must start anew."""


class Writer:
    """Give it works with `put`; it answers with `report`, called on the loop, in the order of the commits."""

    def __init__(
        self,
        path: Path,
        now: Callable[[], datetime],
        loop: asyncio.AbstractEventLoop,
        report: Callable[[Batch], None],
        release: Callable[[], None],
    ) -> None:
        """`release` closes the other connections of this process; called in the writer's thread."""
        self._path = path
        self._now = now
        self._loop = loop
        self._report = report
        self._hold = Hold(path, release)
        self._queue: queue.SimpleQueue[list[Work] | None] = queue.SimpleQueue()
        self._quiet = 0
        self._dirty = True
        self._told = ("", 0.0)
        """The trouble that the log was told of last, and when by `time.monotonic`."""
        self._thread = threading.Thread(target=self._run, name="eventlog-writer", daemon=True)

    def start(self) -> None:
        """The first report brings all ends."""
        self._thread.start()

    def put(self, works: list[Work]) -> None:
        """From the loop; never waits."""
        self._queue.put(works)

    def stop(self) -> None:
        """Write what was put so far, then end; blocks until it has."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        self._watch()
        going = True
        while going:
            try:
                works = self._queue.get(timeout=WATCH_SECONDS)
            except queue.Empty:
                self._watch()
                continue
            going, batch = self._collect(works)
            if batch:
                self._tell(self._write(batch))
        self._hold.close()

    def _collect(self, works: list[Work] | None) -> tuple[bool, list[Work]]:
        """All that waits now: an fsync costs the same for one and for many."""
        if works is None:
            return False, []
        batch = list(works)
        with suppress(queue.Empty):
            while len(batch) < MOST_IN_A_BATCH:
                more = self._queue.get_nowait()
                if more is None:
                    return False, batch
                batch += more
        return True, batch

    def _write(self, works: list[Work]) -> Batch:
        batch = Batch(works)
        began = time.perf_counter()
        self._quiet, self._dirty = 0, True
        try:
            connection = self._hold.begin()
            batch.ends = self._hold.foreign()
            following = dict(self._hold.next)
            self._insert(connection, batch, following)
            connection.execute("COMMIT")
            self._hold.next = following
        except Exception as error:
            if not isinstance(error, sqlite3.Error | OSError | Trouble):
                logger.exception("eventlog-writer")
            batch.ids.clear()
            batch.ends = None
            self._fail(batch, error)
        batch.seconds = time.perf_counter() - began
        return batch

    def _fail(self, batch: Batch, error: Exception) -> None:
        batch.error = RetryableError(reason(self._path, error))
        batch.cause = getattr(error, "sqlite_errorname", type(error).__name__)
        batch.lost = isinstance(error, Lost)
        self._hold.forget(error)

    def _insert(self, connection: sqlite3.Connection, batch: Batch, following: dict[int, int]) -> None:
        batch.timestamp = int(self._now().timestamp() * 1000)
        rows = [row for work in batch.works for row in work.rows]
        batch.ids, values = place(rows, following, batch.timestamp)
        _insert_rows(connection, values)
        if rows:
            batch.next = {slot: following[slot] for slot, _, _ in rows}
            connection.execute(SET_NEXT, (_json({str(slot): end for slot, end in batch.next.items()}),))
        offsets = [entry for work in batch.works for entry in work.offsets]
        if offsets:
            connection.execute(SET_OFFSETS, (_json(offsets),))
        actions = [work.action for work in batch.works if work.action]
        for action in actions:
            action(connection)
        if actions:
            batch.ends = ends(connection)

    def _watch(self) -> None:
        batch = Batch(())
        try:
            batch.ends = self._hold.foreign()
            self._quiet += 1
            if self._dirty and self._quiet >= QUIET_TURNS:
                self._dirty = not self._hold.copy_down()
        except (sqlite3.Error, OSError, Trouble) as error:
            self._fail(batch, error)
            batch.ends = None
            self._complain(str(batch.error))
        if batch.ends is not None or batch.lost:
            self._tell(batch)

    def _complain(self, trouble: str) -> None:
        told, at = self._told
        if trouble != told or time.monotonic() - at >= TOLD_AGAIN_SECONDS:
            self._told = (trouble, time.monotonic())
            logger.warning("eventlog-unreadable", extra={"reason": trouble})

    def _tell(self, batch: Batch) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._report, batch)


def _insert_rows(connection: sqlite3.Connection, values: list[object]) -> None:
    start, left = 0, len(values) // 5
    for most in ROWS_IN_A_STATEMENT:
        while left >= most:
            connection.execute(_insert_of(most), values[start : start + most * 5])
            start, left = start + most * 5, left - most
    if left:
        connection.execute(_insert_of(left), values[start:] if start else values)


@cache
def _insert_of(rows: int) -> str:
    """The same text for the same number: the connection keeps what it has prepared."""
    places = ", ".join(["(?,?,?,?,?)"] * rows)
    return f"INSERT INTO records (id, timestamp, key, headers, value) VALUES {places}"  # noqa: S608 - question marks only


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
