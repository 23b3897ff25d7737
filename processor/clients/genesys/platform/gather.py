"""Many who ask the same question about different things share one request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from processor.errors import RefusedError, RetryableError

V = TypeVar("V")


class Gather(Generic[V]):
    """Collects keys for a moment, then fetches them together, at most `most` at once.

    There is no task behind it: the first who asks waits `moment` seconds and fetches for all.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]],
        *,
        sleep: Callable[[float], Awaitable[None]],
        most: int = 100,
        moment: float = 0.02,
    ) -> None:
        self._fetch = fetch
        self._sleep = sleep
        self._most = most
        self._moment = moment
        self._waiting: dict[str, asyncio.Future[V | None]] = {}

    async def get(self, key: str) -> V | None:
        """What the fetch has for the key, None when nothing. Its error is that of all who shared it."""
        batch = self._waiting
        leads = not batch
        if key not in batch:
            batch[key] = asyncio.get_running_loop().create_future()
        future = batch[key]
        if len(batch) >= self._most:
            self._waiting = {}  # full: the next who asks leads another
        if leads:
            await self._lead(batch)
        return await asyncio.shield(future)  # one who is cancelled takes no answer from the others

    async def _lead(self, batch: dict[str, asyncio.Future[V | None]]) -> None:
        try:
            try:
                await self._sleep(self._moment)
            finally:
                if self._waiting is batch:
                    self._waiting = {}
            await self._answer(batch)
        except asyncio.CancelledError:
            _fail(batch, RetryableError("who asked for all was stopped; ask again"))
            raise

    async def _answer(self, batch: Mapping[str, asyncio.Future[V | None]]) -> None:
        try:
            found = await self._fetch(list(batch))
        except RefusedError as error:
            if len(batch) == 1:
                _fail(batch, error)
                return
            for key, future in batch.items():  # one of them is at fault, and only that one shall bear it
                await self._answer({key: future})
        except Exception as error:
            _fail(batch, error)
        else:
            for key, future in batch.items():
                future.set_result(found.get(key))


def _fail(batch: Mapping[str, asyncio.Future[V | None]], error: Exception) -> None:
    for future in batch.values():
        if not future.done():
            future.set_exception(error)
            future.exception()  # taken note of: whoever waited may have been cancelled meanwhile
