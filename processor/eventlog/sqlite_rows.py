"""Our messages as rows of the file, and back: what is done for each record, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from processor.errors import FatalError, PoisonError
from processor.eventlog import Message, Record, moment
from processor.eventlog.partitions import partition_of
from processor.eventlog.sqlite_schema import OFFSET_BITS, OFFSET_MASK, slot_of

Row = tuple[int, bytes, Message]
"""Slot, headers as they are stored, and the message: what the writer needs of it."""


def encode(
    messages: Iterable[Message], topics: Mapping[str, int], partitions: int, path: Path
) -> tuple[list[Row], int]:
    """And the bytes in all. `topics`: their numbers.

    Raises `PoisonError` for what cannot be written at all, `FatalError` for a topic that is not ours.
    """
    rows: list[Row] = []
    size = 0
    for message in messages:
        number = topics.get(message.topic)
        if number is None:
            raise FatalError(f"event log {path} was not opened with a topic {message.topic!r}")
        try:
            headers = orjson.dumps(message.headers)
            slot = slot_of(number, partition_of(message.key, partitions))
        except (TypeError, UnicodeEncodeError) as error:
            raise PoisonError(f"this message cannot be written: {error}") from error
        size += len(headers) + len(message.value or b"") + len(message.key)
        rows.append((slot, headers, message))
    return rows, size


def place(rows: Iterable[Row], following: dict[int, int], timestamp: int) -> tuple[list[int], list[object]]:
    """Their ids, and all their columns one after another. `following`: by slot the next offset, which moves."""
    ids: list[int] = []
    values: list[object] = []
    for slot, headers, message in rows:
        offset = following[slot]
        following[slot] = offset + 1
        row = slot << OFFSET_BITS | offset
        ids.append(row)
        values += (row, timestamp, message.key, headers, message.value)
    return ids, values


def records(
    topic: str, partition: int, rows: Iterable[tuple[Sequence[Any], Mapping[str, str]]], data: bytes
) -> Sequence[Record]:
    """Of a page: `rows` are (id, timestamp, key, the value's size) with their headers, `data` all values in a row."""
    found = []
    end = 0
    for (row, timestamp, key, size), headers in rows:
        start, end = end, end + (size or 0)
        value = None if size is None else data[start:end]
        found.append(
            Record(topic, partition, row & OFFSET_MASK, moment(timestamp), Message(topic, key, value, headers))
        )
    return found
