"""One time limit for many: what `asyncio.timeout` does, with one timer for all instead of one for each post."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType


class _Turn:
    """One piece of work under the limit. Raises TimeoutError where it stood when the time is up."""

    __slots__ = ("_all", "_cancelling", "_task", "ends", "expired", "finished")

    def __init__(self, deadlines: Deadlines) -> None:
        self._all = deadlines
        self.finished = False
        self.expired = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to end")
        self._task = task
        self._cancelling = task.cancelling()
        self.ends = self._all.register(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.finished = True
        if self.expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        """The time is up."""
        self.expired = True
        self._task.cancel()


class _Watched:
    """A future under the limit; `done` hears how it ended: None, its error, or TimeoutError."""

    __slots__ = ("_done", "_future", "ends", "finished")

    def __init__(self, future: asyncio.Future[None], done: Callable[[BaseException | None], None]) -> None:
        self.finished = False
        self.ends = 0.0
        self._future: asyncio.Future[None] | None = future
        self._done: Callable[[BaseException | None], None] | None = done

    def ended(self, future: asyncio.Future[None]) -> None:
        """By itself, or because the time was up."""
        self.finished = True
        done, self._done, self._future = self._done, None, None  # it may lie in the queue, behind one not finished
        if done:
            done(TimeoutError() if future.cancelled() else future.exception())

    def expire(self) -> None:
        """The time is up."""
        if self._future:
            self._future.cancel()


class Deadlines:
    """`async with deadlines.one():` — at most `seconds`, told at most a twentieth of it early.

    All have the same length, so they end in the order in which they began, and one timer at the
    oldest suffices; it runs only while there is work.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._turns: deque[_Turn | _Watched] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def one(self) -> _Turn:
        """The limit around one piece of work."""
        return _Turn(self)

    def watch(self, future: asyncio.Future[None], done: Callable[[BaseException | None], None]) -> None:
        """The limit around a future, without a task that waits for it; past it the future is cancelled."""
        watched = _Watched(future, done)
        watched.ends = self.register(watched)
        future.add_done_callback(watched.ended)

    def register(self, turn: _Turn | _Watched) -> float:
        """Takes it into the queue; when it ends."""
        loop = self._loop
        if loop is None:  # asked once: each time costs a system call
            loop = self._loop = asyncio.get_running_loop()
        turns = self._turns
        while turns and turns[0].finished:
            turns.popleft()
        turns.append(turn)
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look, loop)
        return loop.time() + self._seconds

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        turns, now = self._turns, loop.time()
        soon = now + self._seconds / 20  # nobody is told late, and the next look is no sooner than that
        while turns and (turns[0].finished or turns[0].ends <= soon):
            turn = turns.popleft()
            if not turn.finished:
                turn.expire()
        self._timer = loop.call_later(turns[0].ends - now, self._look, loop) if turns else None
