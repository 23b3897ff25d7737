"""When has everything arrived that came from the floor? Not when nothing is on its way: the product goes on asking."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from processor.eventlog import EventLog

STAGES = 5
"""Taken; normalised; brought to far sides, decided, looked up; adjusted, and what was found normalised; brought too."""


@dataclass(slots=True)
class Rest:
    """Looks at the log beside the product: a stage is over when all that lay there as it began is done.

    `groups`: every consumer group and its topic.
    """

    log: EventLog
    groups: Collection[tuple[str, str]]
    over: int = 0
    ends: dict[tuple[str, int], int] = field(default_factory=dict)

    async def look(self, pending: int) -> bool:
        """`pending`: events that nobody has taken yet. Whether the last stage is over."""
        if pending:
            self.over, self.ends = 0, {}
        elif not await self._left():
            self.over, self.ends = self.over + 1, await self._ends()
        return self.over >= STAGES

    async def _left(self) -> bool:
        for group, topic in self.groups:
            done = await self.log.committed(group, topic)
            for partition in range(self.log.partitions):
                end = self.ends.get((topic, partition), 0)
                async for _ in self.log.read(topic, partition, done.get(partition, 0), end):
                    return True
        return False

    async def _ends(self) -> dict[tuple[str, int], int]:
        places = {(topic, partition) for _, topic in self.groups for partition in range(self.log.partitions)}
        return {place: (await self.log.bounds(*place))[1] for place in places}
