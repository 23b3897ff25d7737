"""Straight to Kafka, while it takes what comes within a moment; what it does not take goes another way.

No task for each append: a receiver makes thousands of them a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from processor.deadline import Deadlines
from processor.errors import RetryableError
from processor.eventlog import Message
from processor.spool_forward import Upstream

Otherwise = Callable[[Sequence[Message], str], asyncio.Future[None]]
"""Takes what Kafka has not, and the reason."""


class Direct:
    """All appends that are on their way to Kafka, each for `seconds` at most."""

    def __init__(self, upstream: Upstream, seconds: float, otherwise: Otherwise) -> None:
        self._upstream = upstream
        self._seconds = seconds
        self._deadlines = Deadlines(seconds)
        self._otherwise = otherwise
        self._under_way: dict[asyncio.Future[None], None] = {}

    @property
    def busy(self) -> bool:
        """Something is on its way."""
        return bool(self._under_way)

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """In Kafka when it is done, or wherever `otherwise` brings it; cancelled, it goes nowhere."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent = asyncio.ensure_future(self._upstream.append(messages))
        self._under_way[sent] = None
        self._deadlines.watch(sent, partial(self._over, sent, answer, messages))
        answer.add_done_callback(lambda _: sent.cancel())
        return answer

    def end(self) -> None:
        """Nobody waits for Kafka any longer; in the order in which they came they go the other way."""
        for sent in self._under_way:
            sent.cancel()

    def _over(
        self,
        sent: asyncio.Future[None],
        answer: asyncio.Future[None],
        messages: Sequence[Message],
        error: BaseException | None,
    ) -> None:
        del self._under_way[sent]
        if answer.done():
            return  # who asked has given up
        if error is None:
            answer.set_result(None)
        elif isinstance(error, RetryableError | TimeoutError):
            late = f"Kafka has not taken it within {self._seconds:g} s"
            other = self._otherwise(messages, late if isinstance(error, TimeoutError) else str(error))
            other.add_done_callback(partial(_tell, answer))
            answer.add_done_callback(lambda _: other.cancel())
        else:
            answer.set_exception(error)


def _tell(answer: asyncio.Future[None], other: asyncio.Future[None]) -> None:
    error = asyncio.CancelledError() if other.cancelled() else other.exception()
    if answer.done():
        return
    if error is None:
        answer.set_result(None)
    elif other.cancelled():
        answer.cancel()
    else:
        answer.set_exception(error)
