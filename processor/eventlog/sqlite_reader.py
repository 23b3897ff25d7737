"""A thread that reads: pages of records, so that the event loop never waits for the disk.

A page comes out of sqlite as one row. Row by row, the interpreter's lock would change hands for
each record; beside a busy event loop that is some hundred records a second instead of many thousand.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import orjson

from processor.errors import RetryableError
from processor.eventlog import Record
from processor.eventlog.sqlite_rows import records
from processor.eventlog.sqlite_schema import connect, first_id, is_damage, reason

T = TypeVar("T")

PAGE_RECORDS = 500
CLOSE_SECONDS = 5
PAGE_BYTES = 1024 * 1024
SIZES = """SELECT json_group_array(json_array(id, length(headers) + coalesce(length(value), 0)))
    FROM (SELECT id, headers, value FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)"""
PAGE = """SELECT json_group_array(json_array(id, timestamp, key, length(value))),
    CAST('[' || group_concat(CAST(headers AS TEXT)) || ']' AS BLOB),
    CAST(group_concat(CAST(coalesce(value, x'') AS TEXT), '') AS BLOB)
    FROM records WHERE id BETWEEN ? AND ?"""


class Reader:
    """Runs what it is given one after the other, each with its connection, and answers on the loop."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop, name: str = "eventlog-reader") -> None:
        self._path = path
        self._loop = loop
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self.damage = ""
        """What was last met that no repeat will mend."""
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Before the first `submit`."""
        self._thread.start()

    def stop(self) -> None:
        """Do what was submitted so far, then end; blocks until it has."""
        self._queue.put(None)
        self._thread.join()

    def submit(
        self,
        call: Callable[[sqlite3.Connection], T],
        done: Callable[[T], None],
        failed: Callable[[RetryableError], None],
    ) -> None:
        """`call` in the thread, then one of the two on the loop."""

        def task() -> None:
            try:
                answer = call(self._open())
            except Exception as error:
                self._close()
                told = RetryableError(reason(self._path, error))
                if is_damage(error):
                    self.damage = str(told)
                self._tell(failed, told)
            else:
                self._tell(done, answer)

        self._queue.put(task)

    def let_go(self) -> None:
        """From another thread: close the connection; returns when that is done. The next call opens it anew."""
        closed = threading.Event()

        def task() -> None:
            self._close()
            closed.set()

        self._queue.put(task)
        closed.wait(CLOSE_SECONDS)

    async def ask(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """`submit` for those who wait. Raises `RetryableError`."""
        return await self.begin(call)

    def begin(self, call: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """`submit` for those who will wait. Whoever no longer does cancels it: unless it is begun, it is not done."""
        future: asyncio.Future[T] = self._loop.create_future()

        def wanted(connection: sqlite3.Connection) -> T | None:
            return None if future.cancelled() else call(connection)

        def done(answer: Any) -> None:
            if not future.done():
                future.set_result(answer)

        def failed(error: RetryableError) -> None:
            if not future.done():
                future.set_exception(error)

        self.submit(wanted, done, failed)
        return future

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            task()
        self._close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _tell(self, callback: Callable[[Any], None], answer: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, answer)


def page(
    connection: sqlite3.Connection, *, topic: str, partition: int, slot: int, start: int, end: int
) -> Sequence[Record]:
    """The first records with start <= offset < end: as many as a page holds, at least one if there is one."""
    base = first_id(slot)
    (sizes,) = connection.execute(SIZES, (base + start, base + end, PAGE_RECORDS)).fetchone()
    room = PAGE_BYTES
    final = -1
    for row, size in orjson.loads(sizes):
        if final >= 0 and size > room:
            break
        room -= size
        final = row
    if final < 0:
        return ()
    rows, headers, data = connection.execute(PAGE, (base + start, final)).fetchone()
    return records(topic, partition, zip(orjson.loads(rows), orjson.loads(headers), strict=True), data or b"")
