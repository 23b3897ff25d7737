"""Many records: side by side across keys, in order within one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from processor.errors import Revoked
from processor.retry import Interrupted

Work = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Lane:
    """The records of one key, oldest first; its task ends when nothing is left."""

    waiting: deque[Work] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class Lanes:
    """A lane for each key that has work. A lane that waits holds only itself.

    How many lanes *act* at once is the work's own matter (a semaphore round the attempt, given
    back during waits); how many records lie here is bounded by who adds them (`load`).
    Work that raises Interrupted or Revoked ends its lane and leaves the rest undone; any other
    error passes to the task group, that is, ends the process.
    """

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._lanes: dict[tuple[int, str], Lane] = {}
        self._load: dict[int, int] = {}
        self.moved = asyncio.Event()
        """Set whenever a record leaves its lane; whoever waits for room clears it."""

    @property
    def load(self) -> int:
        """Records in all lanes, those being worked on included."""
        return sum(self._load.values())

    def load_of(self, partition: int) -> int:
        """Records of this partition in lanes."""
        return self._load.get(partition, 0)

    def add(self, partition: int, key: str, work: Work) -> None:
        """Behind the others of its key."""
        self._load[partition] = self._load.get(partition, 0) + 1
        lane = self._lanes.get((partition, key))
        if lane is None:
            lane = self._lanes[partition, key] = Lane()
            lane.waiting.append(work)
            lane.task = self._tasks.create_task(self._run(partition, key, lane))
        else:
            lane.waiting.append(work)

    async def _run(self, partition: int, key: str, lane: Lane) -> None:
        try:
            while lane.waiting:
                await lane.waiting[0]()
                lane.waiting.popleft()
                self._load[partition] -= 1
                self.moved.set()
        except (Interrupted, Revoked):
            pass  # what is left here stays uncommitted and comes again, to us or to another
        finally:
            self._load[partition] -= len(lane.waiting)
            lane.waiting.clear()
            if self._lanes.get((partition, key)) is lane:
                del self._lanes[partition, key]
            self.moved.set()

    async def drain(self, partitions: Iterable[int], timeout: float) -> int:
        """What has begun may end within `timeout` seconds, the rest is dropped; returns how many were cut off."""
        leaving = set(partitions)
        tasks = []
        for (partition, _), lane in self._lanes.items():
            if partition in leaving and lane.task:
                while len(lane.waiting) > 1:  # the first is being worked on
                    lane.waiting.pop()
                    self._load[partition] -= 1
                tasks.append(lane.task)
        if not tasks:
            return 0
        _, late = await asyncio.wait(tasks, timeout=timeout)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        return len(late)
