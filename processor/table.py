"""What a topic says so far, per key: rebuilt from the log when a partition is assigned.

There is no other store. A key's rows live in the partition with the same number as the
records that ask for them, so the owner of a partition holds all it needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, NamedTuple, TypeVar

from processor.breathing import each, with_breaks
from processor.event import Event, Gone, Written
from processor.eventlog import EventLog, Record
from processor.eventlog.partitions import partition_of

E = TypeVar("E", bound=Event | Written)
V = TypeVar("V")

log = logging.getLogger("processor.table")

A_FEW = 16
"""Offsets that are read to look at one record."""
MOST_UNREAD = 10_000
"""Records of states that are held until it is known whether a newer one replaces them."""


class States(NamedTuple, Generic[E, V]):
    """How records that are the whole state of their key are loaded: all pass by, only the newest is read.

    `pass_by` and `keep` together do what the table's fold does. A key whose newest record cannot be read is folded
    one record after the other.
    """

    glance: Callable[[type[Event], Record], E | None]
    """What is told of a record without reading it; None for one that must be read."""
    pass_by: Callable[[V | None, E], V]
    keep: Callable[[V | None, E], V]


@dataclass(slots=True)
class Newest:
    """Of each key the newest record, `unread` so far; and the keys whose newest could not be read."""

    unread: dict[str, Record] = field(default_factory=dict)
    missed: set[str] = field(default_factory=set)

    def forget(self, subject: str | None) -> None:
        """A newer record of this one was taken at once."""
        if subject is not None:
            self.unread.pop(subject, None)
            self.missed.discard(subject)


class Table(Generic[E, V]):
    """The fold of a topic's events by subject. `fold` returns None to forget the key."""

    def __init__(
        self,
        *events: type[Event],
        fold: Callable[[V | None, E], V | None],
        read: Callable[[type[Event], Record], Any] | None = None,
        since: timedelta | None = None,
        states: States[E, V] | None = None,
    ) -> None:
        """`events` are of one topic; records of other types are passed over.

        `read`: what of a record is folded, where that is not the event itself. Raises ValueError,
        KeyError or TypeError for what cannot be read.

        `since`: of each partition only what was appended this long before its newest record is
        loaded, for folds that forget what is older anyway.

        `states`: where only the newest record of a key matters as a whole.
        """
        self.topic = events[0].topic
        self._types = {event.type: event for event in events}
        self._fold = fold
        self._read = read
        self._since = since
        self._states = states
        self._rows: dict[int, dict[str, V]] = {}
        self._position: dict[int, int] = {}
        self._partitions = 1
        self.event_log: EventLog | None = None
        """What it was loaded from last."""

    async def load(self, event_log: EventLog, partition: int) -> None:
        """Fold everything the partition holds now, forgetting what was known of it."""
        self._partitions = event_log.partitions
        self._rows[partition] = {}
        self.event_log = event_log
        self._position[partition] = await self._begin(event_log, partition) if self._since else 0
        if self._states:
            await self._load_states(event_log, partition, self._states)
        await self.catch_up(event_log, partition)

    async def _load_states(self, event_log: EventLog, partition: int, states: States[E, V]) -> None:
        start, end = await event_log.bounds(self.topic, partition)
        start = max(start, self._position[partition])
        newest = Newest()
        async for record in with_breaks(event_log.read(self.topic, partition, start, end)):
            self._pass_by(record, newest, states)
            if len(newest.unread) >= MOST_UNREAD:
                await self._keep(newest, states)
        await self._keep(newest, states)
        for subject in newest.missed:
            self._put(subject, None)
        if newest.missed:
            async for record in with_breaks(event_log.read(self.topic, partition, start, end)):
                message = record.message
                if (message.key if message.value is None else message.headers.get("ce_subject")) in newest.missed:
                    self._take(record)
        self._position[partition] = end

    def _pass_by(self, record: Record, newest: Newest, states: States[E, V]) -> None:
        """Of a record that a newer one may replace."""
        kind = self._types.get(record.message.headers.get("ce_type", ""))
        seen = states.glance(kind, record) if kind and record.message.value is not None else None
        if seen is None:
            newest.forget(self._take(record))
        elif self._is_here(seen.subject, record):
            rows = self._rows[record.partition]
            rows[seen.subject] = states.pass_by(rows.get(seen.subject), seen)
            newest.unread[seen.subject] = record

    async def _keep(self, newest: Newest, states: States[E, V]) -> None:
        """Read the newest of each key, and note the keys whose newest cannot be read."""
        async for record in with_breaks(each(newest.unread.values())):
            event = self._event(self._types[record.message.headers["ce_type"]], record)
            if event is None:
                newest.missed.add(record.message.headers["ce_subject"])
            else:
                newest.missed.discard(event.subject)
                self._put(event.subject, states.keep(self.get(event.subject), event))
        newest.unread.clear()

    async def _begin(self, event_log: EventLog, partition: int) -> int:
        """The first offset that is young enough for this table."""
        return await self.first_since(event_log, partition, None)

    async def first_since(self, event_log: EventLog, partition: int, oldest: datetime | None) -> int:
        """The first offset that is not older, found by halves: records of a partition are in the order of time.

        None: as old as this table wants it. Never behind the newest record.
        """
        start, end = await event_log.bounds(self.topic, partition)
        newest = None
        if start == end:
            return start
        async for record in event_log.read(self.topic, partition, max(start, end - A_FEW), end):
            newest = record
        if newest is None:
            return start
        oldest = oldest or newest.timestamp - (self._since or timedelta())
        low, high = start, newest.offset
        while low < high:
            middle = (low + high) // 2
            record = await self._first(event_log, partition, middle, high) or newest
            if record.timestamp < oldest:
                low = record.offset + 1
            else:
                high = middle
        return min(low, newest.offset)

    async def _first(self, event_log: EventLog, partition: int, start: int, end: int) -> Record | None:
        """The first record from `start`: mostly the one there, but offsets may be taken by what is no record."""
        for until in (min(start + A_FEW, end), end):
            async for record in event_log.read(self.topic, partition, start, until):
                return record
        return None

    async def catch_up(self, event_log: EventLog, partition: int) -> bool:
        """Fold what was appended since; cheap when nothing was. True when something was."""
        start, end = await event_log.bounds(self.topic, partition)
        position = max(start, self._position[partition])
        if position >= end:
            return False
        async for record in with_breaks(event_log.read(self.topic, partition, position, end)):
            self._take(record)
            self._position[partition] = record.offset + 1
        self._position[partition] = end
        return True

    def _take(self, record: Record) -> str | None:
        """The subject whose row it has changed."""
        event_type = self._types.get(record.message.headers.get("ce_type", ""))
        if record.message.value is None:
            self._rows[record.partition].pop(record.message.key, None)
            return record.message.key
        if event_type and (event := self._event(event_type, record)) and self._is_here(event.subject, record):
            self.apply(event)
            return str(event.subject)
        return None

    def _is_here(self, subject: str, record: Record) -> bool:
        """Another program's partitioner may have put it here; its rows are not held then."""
        if self.home(subject) == record.partition:
            return True
        log.warning("record-astray", extra={"record": f"{record.topic}-{record.partition}@{record.offset}"})
        return False

    def _event(self, kind: type[Event], record: Record) -> Any:
        """None, and a warning, for what another program wrote wrongly: it must not keep a whole partition from us."""
        try:
            return self._read(kind, record) if self._read else kind.from_record(record)
        except (ValueError, KeyError, TypeError) as error:
            place = f"{record.topic}-{record.partition}@{record.offset}"
            log.warning("unreadable-record", extra={"record": place, "error": str(error)[:200]})
            return None

    def takes(self, event: object) -> bool:
        """Whether `apply` would fold it."""
        if isinstance(event, Gone):
            return event.topic == self.topic
        return getattr(event, "type", None) in self._types

    def apply(self, event: E | Gone) -> None:
        """Fold one event: the owner does it with its own outputs, before they are in the log."""
        self._put(event.subject, None if isinstance(event, Gone) else self._fold(self.get(event.subject), event))

    def _put(self, subject: str, value: V | None) -> None:
        rows = self._rows[partition_of(subject, self._partitions)]
        if value is None:
            rows.pop(subject, None)
        else:
            rows[subject] = value

    def holds(self, partition: int) -> bool:
        """Whether it is loaded."""
        return partition in self._position

    def drop(self, partition: int) -> None:
        """Forget a partition that has left."""
        self._rows.pop(partition, None)
        self._position.pop(partition, None)

    def home(self, subject: str) -> int:
        """The partition that a subject's records belong to, known once any partition was loaded."""
        return partition_of(subject, self._partitions)

    def get(self, subject: str) -> V | None:
        """The row of this subject. Raises KeyError when its partition is not held here."""
        return self._rows[partition_of(subject, self._partitions)].get(subject)

    def items(self, partition: int | None = None) -> Iterator[tuple[str, V]]:
        """All rows of a partition, or of all partitions held."""
        for number, rows in list(self._rows.items()):
            if partition is None or number == partition:
                yield from list(rows.items())


def last(_: E | None, event: E) -> E | None:
    """The fold that keeps the last event of each subject."""
    return event
