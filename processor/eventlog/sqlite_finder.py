"""Where are the records of an event? Searched in sqlite, by a thread of its own: whatever else is read meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

import orjson

from processor.eventlog import Found, Message, Place, Record, Span, in_turn, is_of, moment
from processor.eventlog.sqlite_schema import OFFSET_MASK, first_id

SLICE = 5_000
"""Offsets between two looks at the clock."""

FIND = """SELECT id, timestamp, key, headers, value FROM records
    WHERE id >= ? AND id < ? AND instr(headers, ?)
    AND (instr(headers, ?) OR instr(headers, ?) OR instr(headers, ?)) ORDER BY id"""
"""The first look sorts out nearly all; the others are at the headers that count."""


def look(
    connection: sqlite3.Connection, *, event_id: str, spans: Sequence[Span], slots: Mapping[Place, int], seconds: float
) -> Found:
    """The newest slice of each place in turn, until all are done or the time is over."""
    words = _words(event_id)
    for span in in_turn(spans, seconds):
        begin, base = max(span.stop, span.end - SLICE), first_id(slots[span.place])
        rows = connection.execute(FIND, (base + begin, base + span.end, *words)).fetchall()
        span.found[:0] = [record for record in _records(rows, span.place) if is_of(record, event_id)]
        span.end = begin
    return Found.within(spans)


def _words(event_id: str) -> tuple[bytes, ...]:
    """As they stand in the headers' JSON: of any of them, then of each one that counts."""
    told = orjson.dumps(event_id.encode(errors="replace").decode())[:-1]  # half a character is in no header
    return b":" + told, b'"ce_id":' + told + b'"', b'"ce_id":' + told + b"~", b'"ce_causationid":' + told + b'"'


def _records(rows: Sequence[tuple[int, int, str, bytes, bytes | None]], place: Place) -> list[Record]:
    topic, partition = place
    return [
        Record(
            topic,
            partition,
            row & OFFSET_MASK,
            moment(timestamp),
            Message(topic, key, value, orjson.loads(headers)),
        )
        for row, timestamp, key, headers, value in rows
    ]
