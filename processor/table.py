"""What a topic says so far, per key: rebuilt from the log when a partition is assigned.

There is no other store. A key's rows live in the partition with the same number as the
records that ask for them, so the owner of a partition holds all it needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from processor.event import Event
from processor.eventlog import EventLog, Record
from processor.eventlog.partitions import partition_of

E = TypeVar("E", bound=Event)
V = TypeVar("V")

log = logging.getLogger("processor.table")


class Table(Generic[E, V]):
    """The fold of a topic's events by subject. `fold` returns None to forget the key."""

    def __init__(self, *events: type[E], fold: Callable[[V | None, E], V | None]) -> None:
        """`events` are of one topic; records of other types are passed over."""
        self.topic = events[0].topic
        self._types = {event.type: event for event in events}
        self._fold = fold
        self._rows: dict[int, dict[str, V]] = {}
        self._position: dict[int, int] = {}
        self._partitions = 1

    async def load(self, event_log: EventLog, partition: int) -> None:
        """Fold everything the partition holds now, forgetting what was known of it."""
        self._partitions = event_log.partitions
        self._rows[partition] = {}
        self._position[partition] = 0
        await self.catch_up(event_log, partition)

    async def catch_up(self, event_log: EventLog, partition: int) -> bool:
        """Fold what was appended since; cheap when nothing was. True when something was."""
        start, end = await event_log.bounds(self.topic, partition)
        position = max(start, self._position[partition])
        if position >= end:
            return False
        async for record in event_log.read(self.topic, partition, position, end):
            self._take(record)
            self._position[partition] = record.offset + 1
        self._position[partition] = end
        return True

    def _take(self, record: Record) -> None:
        event_type = self._types.get(record.message.headers.get("ce_type", ""))
        if record.message.value is None:
            self._rows[record.partition].pop(record.message.key, None)
        elif event_type is not None and (event := _read(event_type, record)):
            self.apply(event)

    def takes(self, event: object) -> bool:
        """Whether `apply` would fold it."""
        return isinstance(event, Event) and self._types.get(event.type) is type(event)

    def apply(self, event: E) -> None:
        """Fold one event: the owner does it with its own outputs, before they are in the log."""
        rows = self._rows[partition_of(event.subject, self._partitions)]
        value = self._fold(rows.get(event.subject), event)
        if value is None:
            rows.pop(event.subject, None)
        else:
            rows[event.subject] = value

    def drop(self, partition: int) -> None:
        """Forget a partition that has left."""
        self._rows.pop(partition, None)
        self._position.pop(partition, None)

    def get(self, subject: str) -> V | None:
        """The row of this subject. Raises KeyError when its partition is not held here."""
        return self._rows[partition_of(subject, self._partitions)].get(subject)

    def items(self, partition: int | None = None) -> Iterator[tuple[str, V]]:
        """All rows of a partition, or of all partitions held."""
        for number, rows in list(self._rows.items()):
            if partition is None or number == partition:
                yield from list(rows.items())


def _read(event_type: type[E], record: Record) -> E | None:
    """None, and a warning, for what another program wrote wrongly: it must not keep a whole partition from us."""
    try:
        return event_type.from_record(record)
    except (ValueError, KeyError, TypeError) as error:
        place = f"{record.topic}-{record.partition}@{record.offset}"
        log.warning("unreadable-record", extra={"record": place, "error": str(error)[:200]})
        return None


def last(_: E | None, event: E) -> E | None:
    """The fold that keeps the last event of each subject."""
    return event
