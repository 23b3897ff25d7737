"""The embedded log's file: its tables, how a connection to it is opened, and what its errors mean to a person.

A record's row id is its place: topic number, partition and offset in one integer, so that the records of a
partition lie side by side, a page of them is one short scan, and nothing needs an index.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from processor.errors import FatalError, RetryableError
from processor.eventlog.sqlite_guard import Trouble

APPLICATION_ID = 0x47454E50
PARTITION_BITS = 10
OFFSET_BITS = 40
OFFSET_MASK = (1 << OFFSET_BITS) - 1
LOCK_WAIT_SECONDS = 2.0
LEAST_FREE_BYTES = 8 * 1024 * 1024

PRAGMAS = """
PRAGMA page_size = 4096;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 1000;
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -16000;
PRAGMA temp_store = MEMORY;
"""

FIRST_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS topics (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS partitions (slot INTEGER PRIMARY KEY, start INTEGER NOT NULL DEFAULT 0,
    next INTEGER NOT NULL DEFAULT 0, cleaned INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, key TEXT NOT NULL,
    headers BLOB NOT NULL, value BLOB);
CREATE TABLE IF NOT EXISTS offsets (consumers TEXT, slot INTEGER, next INTEGER NOT NULL,
    PRIMARY KEY (consumers, slot)) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS log AS SELECT topics.name AS topic,
    (id >> 40) & 1023 AS partition, id & 1099511627775 AS offset,
    datetime(timestamp / 1000.0, 'unixepoch') AS appended, key, CAST(headers AS TEXT) AS headers,
    CAST(value AS TEXT) AS value
    FROM records JOIN topics ON topics.number = id >> 50
"""
"""`cleaned`: up to where compaction has looked. The view is for a person with the sqlite3 shell."""

Step = Callable[[sqlite3.Connection], None]


def _make_tables(connection: sqlite3.Connection) -> None:
    for statement in FIRST_TABLES.split(";\n"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


STEPS: tuple[Step, ...] = (_make_tables,)
"""The n-th makes schema n of schema n - 1. Never change one that was released: add one. All that a file lacks run in
one transaction, before anything else is done with it, so that a kill leaves the old schema or the new."""

SCHEMA_VERSION = len(STEPS)

_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space, the log goes on by itself",
    sqlite3.SQLITE_BUSY: "another process holds its write lock: end what keeps it, or wait",
    sqlite3.SQLITE_LOCKED: "another process holds its write lock: end what keeps it, or wait",
    sqlite3.SQLITE_READONLY: "it cannot be written: check the file's permissions and whether the disk is read-only",
    sqlite3.SQLITE_PERM: "it cannot be written: check the file's permissions",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that its folder exists and can be written",
    sqlite3.SQLITE_IOERR: "the disk reports an error: check the disk and its free space",
    sqlite3.SQLITE_CORRUPT: "the file is damaged: stop, keep a copy, and put a backup in its place",
    sqlite3.SQLITE_NOTADB: "the file is no event log: name another file in PROCESSOR_LOG",
}


def slot_of(topic_number: int, partition: int) -> int:
    """Topic and partition in one integer."""
    return topic_number << PARTITION_BITS | partition


def first_id(slot: int) -> int:
    """The row id of offset 0; that of offset n is n more."""
    return slot << OFFSET_BITS


def reason(path: Path, error: Exception) -> str:
    """What happened to the file, and what a person can do about it."""
    if isinstance(error, Trouble):
        return f"event log {path}: {error}"
    if isinstance(error, OSError):
        return f"event log {path}: {error.strerror or error}"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return f"event log {path}: {_REASONS.get(code, 'it did not take the request')} ({error})"


def is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault: no repeat will mend it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def connect(path: Path) -> sqlite3.Connection:
    """A connection for one thread at a time, in autocommit; makes no file.

    Raises sqlite3.Error, and `FatalError` before it changes anything in another program's file.
    """
    connection = _open(path, "mode=rw")
    try:
        _check_ours(connection, path)
        connection.executescript(PRAGMAS)
    except (sqlite3.Error, FatalError):
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, *, settled: bool) -> sqlite3.Connection:
    """The same to read only. Raises sqlite3.Error, `FatalError` like `prepare`.

    `settled`: nobody writes it, so nothing is put beside it, and it can lie where nothing can be written.
    """
    connection = _open(path, "mode=ro&immutable=1" if settled else "mode=ro")
    try:
        _check_ours(connection, path)
        _check_version(connection, path, len(STEPS))
    except (sqlite3.Error, FatalError):
        connection.close()
        raise
    return connection


def _open(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(address, timeout=LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=True)


def free_space(path: Path) -> None:
    """Raise `RetryableError` when the disk is as good as full: a small write might still find room in the WAL."""
    try:
        disk = os.statvfs(path.parent)
    except OSError as error:
        raise RetryableError(reason(path, error)) from error
    left = disk.f_bavail * disk.f_frsize
    if left < LEAST_FREE_BYTES:
        raise RetryableError(f"event log {path}: only {left // 1024} KiB are left on its disk: free some space")


def prepare(path: Path, topics: Sequence[str], partitions: int, steps: Sequence[Step] = STEPS) -> Mapping[str, int]:
    """Make the file, or check that it is ours and bring its schema up to date; returns the number of each topic.

    Raises `FatalError` when it is not: other partition count, newer schema, no log at all.
    """
    if not 0 < partitions <= 1 << PARTITION_BITS:
        raise FatalError(f"PROCESSOR_PARTITIONS must be between 1 and {1 << PARTITION_BITS}, not {partitions}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = _connect_patiently(path)
    except (OSError, sqlite3.Error) as error:
        raise FatalError(reason(path, error)) from error
    try:
        connection.execute("BEGIN IMMEDIATE")
        _migrate(connection, path, steps)
        _check_partitions(connection, path, partitions)
        numbers = _number_topics(connection, topics, partitions)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise FatalError(reason(path, error)) from error
    finally:
        connection.close()
    return numbers


def _connect_patiently(path: Path) -> sqlite3.Connection:
    """Turning a new file to WAL needs it alone, and sqlite's own waiting does not cover that step."""
    patience = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            return connect(path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.02)


def _migrate(connection: sqlite3.Connection, path: Path, steps: Sequence[Step]) -> None:
    version = _check_version(connection, path, len(steps))
    for step in steps[version:]:
        step(connection)
    if version < len(steps):
        connection.execute(f"PRAGMA user_version = {len(steps)}")


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and tables:
        raise FatalError(f"{path} is a database of another program: name another file in PROCESSOR_LOG")


def _check_version(connection: sqlite3.Connection, path: Path, known: int) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > known:
        raise FatalError(
            f"event log {path} was written by a newer version (schema {version}, this one knows {known}): "
            "run that version, or name another file in PROCESSOR_LOG"
        )
    return int(version)


def _check_partitions(connection: sqlite3.Connection, path: Path, partitions: int) -> None:
    connection.execute("INSERT INTO meta VALUES ('partitions', ?) ON CONFLICT DO NOTHING", (partitions,))
    (found,) = connection.execute("SELECT value FROM meta WHERE name = 'partitions'").fetchone()
    if found != partitions:
        raise FatalError(
            f"event log {path} was made with {found} partitions, the settings say {partitions}: "
            f"set PROCESSOR_PARTITIONS={found}, or name a new file in PROCESSOR_LOG"
        )


def _number_topics(connection: sqlite3.Connection, topics: Sequence[str], partitions: int) -> Mapping[str, int]:
    connection.executemany("INSERT INTO topics (name) VALUES (?) ON CONFLICT DO NOTHING", [(name,) for name in topics])
    known: dict[str, int] = dict(connection.execute("SELECT name, number FROM topics"))
    connection.executemany(
        "INSERT INTO partitions (slot) VALUES (?) ON CONFLICT DO NOTHING",
        [(slot_of(known[name], partition),) for name in topics for partition in range(partitions)],
    )
    return {name: known[name] for name in topics}
