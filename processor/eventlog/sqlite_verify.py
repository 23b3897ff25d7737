"""Does a log file hold what was written? SQLite notices broken pages; a record's own digest notices changed bytes.

All of the file is read, so this is done when somebody asks for it, not beside the server's work.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from processor.errors import FatalError
from processor.eventlog.sqlite_schema import OFFSET_BITS, OFFSET_MASK, PARTITION_BITS, connect_to_read, reason

DIGEST = "ce_datadigest"
"""The header with the hex SHA-256 of the value."""

MOST_TOLD = 20
RECORDS = "SELECT id, headers, value FROM records ORDER BY id"


@dataclass(slots=True)
class Verified:
    """`damages`: one sentence each, `MOST_TOLD` of a sort at most; `changed` counts all records of the second."""

    records: int = 0
    changed: int = 0
    damages: list[str] = field(default_factory=list)


def verify(path: Path) -> Verified:
    """Read all of it, also beside a running server; change nothing, and leave nothing where nothing was.

    Raises `FatalError` when it is no log that can be opened.
    """
    while (before := _at_rest(path)) is not None:
        try:
            found = _read(path, settled=True)
        except FatalError:
            if _at_rest(path) == before:
                raise
        else:
            if _at_rest(path) == before:
                return found
    return _read(path, settled=False)


def _at_rest(path: Path) -> tuple[int, ...] | None:
    """What a writer would have changed; None when there is a write-ahead file: it may hold more, and be in use."""
    file = path.resolve()  # SQLite too looks beside the file itself, not beside a link to it
    try:
        if file.with_name(f"{file.name}-wal").exists():
            return None
        found = file.stat()
    except OSError as error:
        raise FatalError(reason(path, error)) from error
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _read(path: Path, *, settled: bool) -> Verified:
    found = Verified()
    try:
        with closing(connect_to_read(path, settled=settled)) as connection:
            names = {int(number): str(name) for number, name in connection.execute("SELECT number, name FROM topics")}
            found.damages += _structure(connection)
            _contents(connection, names, found)
    except sqlite3.Error as error:
        raise FatalError(reason(path, error)) from error
    return found


def _structure(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        for (line,) in connection.execute(f"PRAGMA quick_check({MOST_TOLD})"):
            if line != "ok":
                yield f"its structure: {' '.join(str(line).split())}"
    except sqlite3.DatabaseError as error:
        yield f"its structure: {error}"


def _contents(connection: sqlite3.Connection, names: dict[int, str], found: Verified) -> None:
    try:
        for row, headers, value in connection.execute(RECORDS):
            found.records += 1
            if not _whole(headers, value):
                found.changed += 1
                if found.changed <= MOST_TOLD:
                    found.damages.append(f"{_place(names, row)}: not the bytes that were written")
    except sqlite3.DatabaseError as error:
        found.damages.append(f"after {found.records} records nothing more can be read: {error}")


def _whole(headers: bytes, value: bytes | None) -> bool:
    """A record without a digest (a tombstone, another program's) can only be readable."""
    try:
        told = orjson.loads(headers).get(DIGEST)
    except (ValueError, AttributeError):
        return False
    return value is None or not told or hashlib.sha256(value).hexdigest() == told


def _place(names: dict[int, str], row: int) -> str:
    slot = row >> OFFSET_BITS
    topic = names.get(slot >> PARTITION_BITS, "?")
    return f"{topic}-{slot & ((1 << PARTITION_BITS) - 1)}@{row & OFFSET_MASK}"
