"""A clock that jumps to the next sleeper when nobody has anything left to do: an hour takes as long as its work."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from processor.clients.pace import Time

T = TypeVar("T")
BEGIN = datetime(2026, 3, 9, 12, tzinfo=UTC)


class VirtualTime:
    """For work that waits for nothing but this clock."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self.elapsed + max(seconds, 0.0), self._count, woken))
        await woken

    def time(self) -> Time:
        return Time(lambda: BEGIN + timedelta(seconds=self.elapsed), lambda: self.elapsed, self.sleep)

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Until this work is done."""
        task = asyncio.get_running_loop().create_task(work)
        while not task.done():
            await self._settled()
            if not task.done():
                at, _, woken = heapq.heappop(self._sleepers)
                self.elapsed = max(self.elapsed, at)
                if not woken.done():
                    woken.set_result(None)
        return task.result()

    async def _settled(self) -> None:
        ready: Any = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0)
            if not ready._ready:
                return
