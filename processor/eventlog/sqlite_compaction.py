"""What the log no longer promises goes: records past their time, and values that a newer one of their key replaced.

It reads in pages and deletes in short transactions, so that appends pass in between. Ended half-way,
it has only removed what could go; the next run finds the rest.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

import orjson

from processor.eventlog import Topic
from processor.eventlog.sqlite_commits import Commits
from processor.eventlog.sqlite_reader import Reader
from processor.eventlog.sqlite_schema import OFFSET_MASK, PARTITION_BITS, first_id
from processor.telemetry import Metrics

logger = logging.getLogger("processor.eventlog")

COMPACTION_LAG = timedelta(hours=25)
"""Senders retry for 24 hours: until then every id must be found again."""

SHARES = (0.75, 0.5, 0.25, 0.1, 0.0)
"""Of their time, when the log is larger than it may be."""

PAGE = 1_000
ENTRIES = """SELECT json_group_array(json_array(id, timestamp, key, value IS NULL))
    FROM (SELECT id, timestamp, key, value FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?)"""
CLEANED = "SELECT cleaned FROM partitions WHERE slot = ?"
DELETE = "DELETE FROM records WHERE id IN (SELECT value FROM json_each(?))"
SET_START = """UPDATE partitions SET start = coalesce(
    (SELECT min(id) & ? FROM records WHERE id >= ? AND id < ?), next) WHERE slot = ?"""
READ = """SELECT count(DISTINCT consumers), count(DISTINCT consumers) FILTER (WHERE slot = ?),
    min(next) FILTER (WHERE slot = ?) FROM offsets WHERE slot >= ? AND slot < ?"""
SET_CLEANED = "UPDATE partitions SET cleaned = ? WHERE slot = ?"

Entry = tuple[int, int, str, int]
"""Row id, timestamp, key, and whether it is a tombstone."""


class Compaction:
    """One run over all topics; two at once would only do the same work twice."""

    def __init__(self, commits: Commits, reader: Reader, metrics: Metrics) -> None:
        self._commits = commits
        self._reader = reader
        self._metrics = metrics

    async def run(self, topics: Sequence[Topic], now: datetime) -> int:
        """How many records went."""
        total = 0
        for topic in topics:
            for partition in range(self._commits.partitions):
                removed = await self._partition(topic, self._commits.slot(topic.name, partition), now)
                if removed:
                    self._metrics.log_removed.labels(topic.name).inc(removed)
                total += removed
        return total

    async def shrink(self, topics: Sequence[Topic], now: datetime, most_bytes: int) -> int:
        """How many records went before their time, since all that is kept takes more than `most_bytes`.

        All topics that keep records for a time give up the same share of it. What a group has not
        read stays, and what is younger than 25 hours.
        """
        total = 0
        for share in SHARES:
            if await self._reader.ask(_used) <= most_bytes:
                return total
            for topic in topics:
                if topic.compact or topic.retention is None:
                    continue
                before = _milliseconds(now - max(COMPACTION_LAG, topic.retention * share))
                for partition in range(self._commits.partitions):
                    slot = self._commits.slot(topic.name, partition)
                    removed = await self._by_age(slot, before, await self._reader.ask(partial(_read, slot=slot)))
                    if removed:
                        self._metrics.log_removed.labels(topic.name).inc(removed)
                    total += removed
        used = await self._reader.ask(_used)
        if used > most_bytes:
            logger.warning("log-over-its-size", extra={"bytes": used, "most": most_bytes})
        return total

    async def _partition(self, topic: Topic, slot: int, now: datetime) -> int:
        if topic.compact:
            return await self._by_key(slot, _milliseconds(now - COMPACTION_LAG))
        if topic.retention is not None:
            return await self._by_age(slot, _milliseconds(now - topic.retention))
        return 0

    async def _by_age(self, slot: int, before: int, until: int | None = None) -> int:
        removed = 0
        while True:
            start, end = self._commits.ends(slot)
            if until is not None:
                end = max(start, min(end, until))
            entries = await self._entries(slot, start, end)
            old = [row for row, timestamp, _, _ in entries if timestamp < before]
            if old:
                await self._commits.write(action=partial(delete, slot=slot, rows=old))
                removed += len(old)
            if len(old) < PAGE:
                return removed

    async def _by_key(self, slot: int, before: int) -> int:
        """Only keys that were written again since the last run are looked for in what is older."""
        cleaned = await self._reader.ask(lambda connection: _one(connection, CLEANED, slot))
        newest: dict[str, int] = {}
        position = cleaned
        while entries := [e for e in await self._entries(slot, position, self._end(slot)) if e[1] < before]:
            newest.update((key, row) for row, _, key, _ in entries)
            position = (entries[-1][0] & OFFSET_MASK) + 1
        if not newest:
            return 0
        removed = await self._replaced(slot, position, newest)
        await self._commits.write(action=partial(_set_cleaned, slot=slot, offset=position))
        return removed

    async def _replaced(self, slot: int, end: int, newest: dict[str, int]) -> int:
        """Ascending, so that a tombstone goes after what it deletes, even when we are ended half-way."""
        removed = 0
        position, _ = self._commits.ends(slot)
        while entries := await self._entries(slot, position, end):
            rows = [
                row
                for row, _, key, tombstone in entries
                if key in newest and (row < newest[key] or (tombstone and row == newest[key]))
            ]
            if rows:
                await self._commits.write(action=partial(delete, slot=slot, rows=rows))
                removed += len(rows)
            position = (entries[-1][0] & OFFSET_MASK) + 1
        return removed

    async def used(self) -> int:
        """Bytes of the file that hold something."""
        return await self._reader.ask(_used)

    def _end(self, slot: int) -> int:
        return self._commits.ends(slot)[1]

    async def _entries(self, slot: int, start: int, end: int) -> Sequence[Entry]:
        base = first_id(slot)

        def call(connection: sqlite3.Connection) -> Sequence[Entry]:
            (answer,) = connection.execute(ENTRIES, (base + start, base + end, PAGE)).fetchone()
            entries: Sequence[Entry] = orjson.loads(answer)
            return entries

        return await self._reader.ask(call)


def _used(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something: the free pages are used again."""
    (pages,), (free,), (size,) = [
        connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "freelist_count", "page_size")
    ]
    return int((pages - free) * size)


def _read(connection: sqlite3.Connection, slot: int) -> int | None:
    """Up to where every group of the topic has read the partition; None when the topic has no group."""
    low = slot >> PARTITION_BITS << PARTITION_BITS
    (groups, here, following) = connection.execute(READ, (slot, slot, low, low + (1 << PARTITION_BITS))).fetchone()
    return None if not groups else following if groups == here else 0


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _one(connection: sqlite3.Connection, query: str, slot: int) -> int:
    (value,) = connection.execute(query, (slot,)).fetchone()
    return int(value)


def delete(connection: sqlite3.Connection, slot: int, rows: Sequence[int]) -> None:
    """Rows of one slot, whose start moves up when they were its first."""
    connection.execute(DELETE, (orjson.dumps(rows).decode(),))
    connection.execute(SET_START, (OFFSET_MASK, first_id(slot), first_id(slot + 1), slot))


def delete_until(connection: sqlite3.Connection, slot: int, offset: int) -> None:
    """Everything of the slot before this offset."""
    low = first_id(slot)
    connection.execute("DELETE FROM records WHERE id >= ? AND id < ?", (low, low + offset))
    connection.execute(SET_START, (OFFSET_MASK, low, first_id(slot + 1), slot))


def _set_cleaned(connection: sqlite3.Connection, slot: int, offset: int) -> None:
    connection.execute(SET_CLEANED, (offset, slot))
