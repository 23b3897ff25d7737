"""One key leaves the log: every record of it in every topic, and its bytes with it.

In short transactions, as compaction does; ended half-way, the same again finds the rest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path

import orjson

from processor.eventlog import Topic
from processor.eventlog.partitions import partition_of
from processor.eventlog.sqlite_commits import Commits
from processor.eventlog.sqlite_compaction import delete
from processor.eventlog.sqlite_reader import Reader
from processor.eventlog.sqlite_schema import connect, first_id
from processor.eventlog.sqlite_verify import DIGEST

SPAN = 20_000
AT_ONCE = 500
FIND = "SELECT id, value FROM records WHERE id >= ? AND id < ? AND key = ?"
HEADERS = "SELECT headers FROM records WHERE id = ?"
BEHIND = """SELECT offsets.consumers FROM offsets JOIN partitions ON partitions.slot = offsets.slot
    WHERE offsets.slot = ? AND offsets.next < partitions.next"""

Reduce = Callable[[bytes], bytes | None]
"""What stays of a value; None removes the record."""


class Erasure:
    """Of one key."""

    def __init__(self, commits: Commits, reader: Reader, key: str) -> None:
        self._commits = commits
        self._reader = reader
        self._key = key

    def _slot(self, topic: str) -> int:
        return self._commits.slot(topic, partition_of(self._key, self._commits.partitions))

    async def behind(self, topics: Sequence[Topic]) -> Mapping[str, str]:
        """The groups that have not finished with what these topics hold beside this key, and their topics."""
        found = {}
        for topic in topics:
            slot = self._slot(topic.name)
            found.update(dict.fromkeys(await self._reader.ask(partial(_behind, slot=slot)), topic.name))
        return found

    async def run(
        self, topics: Sequence[Topic], reduce: Mapping[str, Reduce], spare: Collection[str]
    ) -> Mapping[str, int]:
        """By topic how many records went, or were reduced. Of the topics in `spare` the newest record stays."""
        return {
            topic.name: await self._topic(topic.name, reduce.get(topic.name), topic.name in spare) for topic in topics
        }

    async def _topic(self, topic: str, reduce: Reduce | None, spare: bool) -> int:  # noqa: FBT001 - internal
        slot = self._slot(topic)
        start, end = self._commits.ends(slot)
        found: list[tuple[int, bytes | None]] = []
        for position in range(start, end, SPAN):
            low, high = first_id(slot) + position, first_id(slot) + min(end, position + SPAN)
            found += await self._reader.ask(partial(_find, low=low, high=high, key=self._key))
        if spare:
            found = found[:-1]
        for first in range(0, len(found), AT_ONCE):
            stays = {row: reduce(value) if reduce and value else None for row, value in found[first : first + AT_ONCE]}
            await self._commits.write(action=partial(_erase, slot=slot, stays=stays))
        return len(found)


def _behind(connection: sqlite3.Connection, slot: int) -> list[str]:
    return [group for (group,) in connection.execute(BEHIND, (slot,)).fetchall()]


def _find(connection: sqlite3.Connection, low: int, high: int, key: str) -> list[tuple[int, bytes | None]]:
    return connection.execute(FIND, (low, high, key)).fetchall()


def _erase(connection: sqlite3.Connection, slot: int, stays: Mapping[int, bytes | None]) -> None:
    """With its bytes: what is freed is overwritten."""
    connection.execute("PRAGMA secure_delete = ON")
    try:
        for row, value in stays.items():
            if value is not None:
                (headers,) = connection.execute(HEADERS, (row,)).fetchone()
                changed = (value, _with_digest(headers, value), row)
                connection.execute("UPDATE records SET value = ?, headers = ? WHERE id = ?", changed)
        delete(connection, slot, [row for row, value in stays.items() if value is None])
    finally:
        connection.execute("PRAGMA secure_delete = OFF")


def _with_digest(headers: bytes, value: bytes) -> bytes:
    """The digest of what stays, where there was one: it is as it was written, not damaged."""
    told = orjson.loads(headers)
    return orjson.dumps({**told, DIGEST: sha256(value).hexdigest()}) if DIGEST in told else headers


def empty_write_ahead(path: Path) -> None:
    """The write-ahead file would show what was erased until it is written over; with readers in the way it stays."""
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
