"""What changes seldom is asked for seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

V = TypeVar("V")
MOST = 100_000


class Cache(Generic[V]):
    """Keeps what a load brought for a while; what failed is not kept. One load a key at a time."""

    def __init__(self, keep: timedelta, monotonic: Callable[[], float]) -> None:
        self._keep = keep.total_seconds()
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, V]] = {}
        self._loading: dict[str, asyncio.Lock] = {}

    async def get(self, key: str, load: Callable[[str], Awaitable[V]], *, fresh: bool = False) -> V:
        """The kept value, or a loaded one when there is none, it is old, or `fresh` is wanted."""
        if fresh:
            self._kept.pop(key, None)
        async with self._loading.setdefault(key, asyncio.Lock()):
            until, value = self._kept.get(key, (0.0, None))
            if value is not None and self._monotonic() < until:
                return value
            loaded = await load(key)
            if len(self._kept) >= MOST:
                self._kept.clear()
                self._loading.clear()
            self._kept[key] = (self._monotonic() + self._keep, loaded)
            return loaded
