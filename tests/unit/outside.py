"""A far side that keeps what it was told, and a group of one topic whose handler tells it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable

from processor.event import Event
from processor.eventlog.partitions import partition_of
from processor.routing import Group, Handler, on
from tests.unit.engine import Fact, told
from tests.unit.memorylog import MemoryLog


class Outside:
    """A far side that keeps what it was told and can be held, broken, or down, by subject."""

    def __init__(self) -> None:
        self.got: dict[str, list[int]] = defaultdict(list)
        self.held: dict[str, asyncio.Event] = {}
        self.trouble: dict[str, Exception] = {}
        self.busy = 0
        self.busiest = 0

    async def __call__(self, event: Fact) -> Iterable[Event]:
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        try:
            await asyncio.sleep(0)
            if gate := self.held.get(event.subject):
                await gate.wait()
            if trouble := self.trouble.get(event.subject):
                raise trouble
        finally:
            self.busy -= 1
        self.got[event.subject].append(event.number)
        return [told(event)]

    def group(self, handler: Handler[Fact] | None = None, **more) -> Group:
        return Group("outside", Fact.topic, (on(Fact, handler or self),), **more)

    def total(self) -> int:
        return sum(map(len, self.got.values()))


async def committed(log: MemoryLog) -> int:
    return sum((await log.committed("outside", Fact.topic)).values())


def neighbours(partitions: int = 4) -> tuple[str, str]:
    """Two subjects of one partition."""
    first = "s/0"
    return first, next(
        f"s/{n}" for n in range(1, 99) if partition_of(f"s/{n}", partitions) == partition_of(first, partitions)
    )
