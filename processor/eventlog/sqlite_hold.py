"""The writer's connection: opened anew after every trouble, and never onto less than was acknowledged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import orjson

from processor.eventlog.sqlite_guard import Guard, Lost, Moved, Truncated, never_close
from processor.eventlog.sqlite_schema import SCHEMA_VERSION, connect

Ends = Mapping[int, tuple[int, int]]
"""By slot: the first offset still kept, and the next one."""


class Hold:
    """For the writer's thread alone. `release` closes this process's other connections and returns when it has."""

    def __init__(self, path: Path, release: Callable[[], None]) -> None:
        self._path = path
        self._release = release
        self._connection: sqlite3.Connection | None = None
        self._guard: Guard | None = None
        self._seen = -1
        self._lost: Lost | None = None
        self.next: dict[int, int] = {}
        """By slot: the offset that the next record gets."""

    def open(self) -> sqlite3.Connection:
        """Raises sqlite3.Error or OSError; Lost for good, once records were lost."""
        if self._lost is not None:
            raise self._lost
        if self._connection is None:
            self._connection = connect(self._path)
            self._connection.execute("SELECT count(*) FROM meta").fetchone()
            self._guard = Guard(self._path)
            self._seen = -1
        return self._connection

    def begin(self) -> sqlite3.Connection:
        """Open, in a write transaction, and in order. Raises Moved and Lost too."""
        connection = self.open()
        connection.execute("BEGIN IMMEDIATE")
        if self._guard is not None:
            self._guard.check()
        return connection

    def foreign(self) -> Ends | None:
        """All ends, when another process has written since we last looked. Raises Lost."""
        connection = self.open()
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._seen:
            return None
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        if schema > SCHEMA_VERSION:
            raise Lost("a newer version of this program has taken the file over: run that version")
        found = ends(connection)
        gone = [slot for slot, following in self.next.items() if found.get(slot, (0, 0))[1] < following]
        if gone:
            raise Lost(
                f"{len(gone)} of its partitions hold less than was acknowledged, as if an older copy had been put in "
                "its place: restart to go on with what is there"
            )
        self._seen = version
        self.next = {slot: following for slot, (_, following) in found.items()}
        return found

    def copy_down(self) -> bool:
        """What only the write-ahead file holds into the database; False when readers were in the way."""
        self.begin().execute("ROLLBACK")
        _, frames, copied = self.open().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return bool(frames == copied)

    def forget(self, error: Exception) -> None:
        """After any error: the next `open` looks at the file again."""
        connection, self._connection = self._connection, None
        if isinstance(error, Lost):
            self._lost = error
        if connection is not None and isinstance(error, Truncated):
            never_close(connection)
        elif connection is not None:
            with suppress(sqlite3.Error):
                connection.close()
        if isinstance(error, Moved):  # the last to close copies down what the file at hand still holds
            self._release()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def close(self) -> None:
        """At the end."""
        if self._connection is not None:
            self._connection.close()


def ends(connection: sqlite3.Connection) -> Ends:
    """As they are on disk now."""
    (answer,) = connection.execute("SELECT json_group_array(json_array(slot, start, next)) FROM partitions").fetchone()
    return {slot: (start, following) for slot, start, following in orjson.loads(answer)}
