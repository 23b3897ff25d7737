"""Our messages as Kafka's records, and back. Reading never fails: what others wrote may be anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.structs import TopicPartition

from processor.errors import FatalError, PoisonError
from processor.eventlog import Message, Record, moment
from processor.eventlog.partitions import partition_of

OVERHEAD = 128
"""More than a batch and a record add to what they hold; each header adds up to 10 bytes."""


class Row(NamedTuple):
    """A message that can be written, and the bytes that it takes of a batch at most. Its batch makes bytes of it."""

    message: Message
    size: int


Rows = dict[TopicPartition, list[Row]]
"""In the given order within a partition."""


def encode(messages: Iterable[Message], partitions: int, largest: Mapping[str, int]) -> Rows:
    """`largest`: by topic, the bytes that its broker takes at once.

    Sizes are checked here, since a batch that the broker refuses makes it refuse all that follow.
    Raises `PoisonError` for what cannot be written at all, `FatalError` for a topic that is not ours.
    """
    rows: Rows = {}
    for message in messages:
        most = largest.get(message.topic)
        if most is None:
            raise FatalError(f"this event log has no topic {message.topic!r}")
        row = _row(message)
        if row.size > most:
            raise PoisonError(f"{row.size} bytes are more than the topic {message.topic} takes ({most})")
        place = TopicPartition(message.topic, partition_of(message.key, partitions))
        rows.setdefault(place, []).append(row)
    return rows


def _row(message: Message) -> Row:
    try:
        size = _bytes(message.key) + len(message.value or b"") + OVERHEAD
        for name, text in message.headers.items():
            size += _bytes(name) + _bytes(text) + 10
    except (AttributeError, TypeError, UnicodeEncodeError) as error:
        raise PoisonError(f"this message cannot be written: {error}") from error
    return Row(message, size)


def _bytes(text: str) -> int:
    """Of its UTF-8. Raises UnicodeEncodeError for half a character, TypeError for what is no text."""
    return len(text) if str.isascii(text) else len(text.encode())


def fill(batch: Any, rows: Sequence[Row], start: int, timestamp: int | None) -> int:
    """Put them into aiokafka's batch from `start` on, as many as it takes; returns the first that it does not.

    Bytes are made one row after another: thousands that lie there at once cost more to make, and to throw away.
    """
    for position in range(start, len(rows)):
        message = rows[position].message
        headers = [(name, text.encode()) for name, text in message.headers.items()]
        if batch.append(timestamp=timestamp, key=message.key.encode(), value=message.value, headers=headers) is None:
            return position
    return len(rows)


def decode(topic: str, partition: int, records: Iterable[Any]) -> Sequence[Record]:
    """A key that is missing is empty, of a header that comes twice the last counts, foreign bytes are replaced."""
    return [
        Record(
            topic,
            partition,
            record.offset,
            moment(max(record.timestamp, 0)),
            Message(topic, _text(record.key), record.value, _texts(record.headers)),
        )
        for record in records
    ]


def _text(value: bytes | None) -> str:
    return (value or b"").decode(errors="replace")


def _texts(headers: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Quickly where all is as we write it; else one by one."""
    try:
        return {name: value.decode() for name, value in headers}
    except (AttributeError, UnicodeDecodeError):
        return {name: _text(value) for name, value in headers}
