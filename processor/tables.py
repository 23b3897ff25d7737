"""All tables of one member of a group: there while their partition is ours, caught up, folded with what we write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from processor.event import Gone, Publishable, Written
from processor.eventlog import EventLog, Message
from processor.eventlog.partitions import partition_of
from processor.routing import Group
from processor.table import Table

Several = tuple[Table[Any, Any], ...]


class Tables:
    """Those that the group owns, follows and watches (`routing.Group` says which are which)."""

    def __init__(self, group: Group, log: EventLog) -> None:
        self._group = group
        self._log = log
        self._owned: dict[str, Several] = {}
        for table in group.owns:
            self._owned[table.topic] = (*self._owned.get(table.topic, ()), table)
        self._takers: dict[object, Several] = {}
        """By kind of event, or topic of a tombstone, once one has come."""
        self._loaded: set[int] = set()
        self._catching_up: dict[int, asyncio.Lock] = {}
        self._watching = asyncio.Lock()

    def begin(self, partition: int) -> Several:
        """It is ours: what must be loaded before `loaded`."""
        self._catching_up[partition] = asyncio.Lock()
        return (*self._group.owns, *self._group.follows)

    def loaded(self, partition: int) -> None:
        """It may be worked on; ticks look at it from now on."""
        self._loaded.add(partition)

    def drop(self, partition: int) -> None:
        """It has left: forget what was known of it."""
        for table in (*self._group.owns, *self._group.follows):
            table.drop(partition)
        self._loaded.discard(partition)
        self._catching_up.pop(partition, None)

    async def reload(self, partition: int) -> None:
        """Own tables again from the log, after they took what will not be appended."""
        for table in self._group.owns:
            await table.load(self._log, partition)

    async def catch_up(self, partition: int) -> None:
        """What others wrote meanwhile; one at a time, since a fold may not see a record twice."""
        if not self._group.follows:
            return
        async with self._catching_up[partition]:
            for table in self._group.follows:
                await table.catch_up(self._log, partition)

    async def catch_up_all(self) -> None:
        """For ticks: what they watch in every partition, and what is followed in ours."""
        for partition in list(self._loaded):
            await self.catch_up(partition)
        async with self._watching:
            for table in self._group.watches:
                for partition in range(self._log.partitions):
                    await (table.catch_up if table.holds(partition) else table.load)(self._log, partition)

    def check(self, messages: Iterable[Message], partition: int) -> None:
        """Raises ValueError for one for an owned table that is not of this partition: others have other owners."""
        for message in messages:
            if message.topic in self._owned and partition_of(message.key, self._log.partitions) != partition:
                raise ValueError(f"{message.key} is not of partition {partition}: use a lookup")

    def apply(self, events: Iterable[Publishable]) -> None:
        """Own tables take own outputs."""
        for event in events if self._owned else ():
            for table in self._taking(event):
                table.apply(event)

    def _taking(self, event: Publishable) -> Sequence[Table[Any, Any]]:
        kind = event.kind if isinstance(event, Written) else event.topic if isinstance(event, Gone) else type(event)
        takers = self._takers.get(kind)
        if takers is None:
            owned = self._owned.get(getattr(event, "topic", ""), ())
            takers = self._takers[kind] = tuple(table for table in owned if table.takes(event))
        return takers
