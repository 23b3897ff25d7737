"""Periodic work: run by whoever owns the partition its key falls on, so by one process."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from processor.deadletters import error_text
from processor.errors import FatalError, RetryableError, Revoked
from processor.event import Publishable
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from processor.retry import Interrupted, Sleep
from processor.routing import Tick
from processor.telemetry import Metrics

log = logging.getLogger("processor.ticker")

Append = Callable[[int, Sequence[Message]], Awaitable[None]]
"""As the owner of a partition; ends when it is in the log."""

AT_ONCE = 500
FIRST_BACK_OFF = timedelta(seconds=1)
LONGEST_BACK_OFF = timedelta(minutes=1)


class Ticker:
    """The ticks of one group. Each runs at once when its partition comes, then `every` from start to start.

    A tick that fails is tried again with back-off (at most a minute, never less than the far
    side asked for); what it would have returned is lost, so ticks write states. A FatalError
    passes to the task group, that is, ends the process.
    """

    def __init__(
        self,
        ticks: Sequence[Tick],
        tasks: asyncio.TaskGroup,
        append: Append,
        sleep: Sleep,
        catch_up: Callable[[], Awaitable[None]],
        *,
        partitions: int,
        now: Callable[[], datetime],
        metrics: Metrics,
        redact: Callable[[str], str],
    ) -> None:
        """`sleep` is cut short by Interrupted when the process leaves; `catch_up` brings what ticks read up to date."""
        self._ticks = ticks
        self._tasks = tasks
        self._append = append
        self._sleep = sleep
        self._catch_up = catch_up
        self._partitions = partitions
        self._now = now
        self._metrics = metrics
        self._redact = redact
        self._running: dict[int, list[asyncio.Task[None]]] = {}

    def start(self, partition: int) -> None:
        """The partition is ours: begin what belongs to it."""
        mine = [tick for tick in self._ticks if partition_of(tick.key, self._partitions) == partition]
        self._running[partition] = [self._tasks.create_task(self._run(tick, partition)) for tick in mine]

    async def stop(self, partition: int) -> None:
        """Returns when none of its ticks runs any more; one in the middle is cancelled."""
        running = self._running.pop(partition, [])
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    async def _run(self, tick: Tick, partition: int) -> None:
        failures = 0
        try:
            while True:
                started = self._now()
                error = await self._once(tick, partition)
                failures = failures + 1 if error else 0
                took = max(self._now() - started, timedelta())  # a clock set back meanwhile makes no rest longer
                wait = back_off(failures, error) if error else tick.every - took
                await self._sleep(max(wait.total_seconds(), 0))
        except (Interrupted, Revoked):
            return

    async def _once(self, tick: Tick, partition: int) -> Exception | None:
        try:
            await self._catch_up()
            work = tick.work()
            if isinstance(work, AsyncGenerator):
                async with aclosing(work) as steps:
                    async for batch in steps:
                        await self._publish(partition, batch)
            else:
                await self._publish(partition, await work or ())
        except (FatalError, Interrupted, Revoked):
            raise
        except Exception as error:
            self._metrics.ticks.labels(tick.name, "failed").inc()
            unexpected = not isinstance(error, RetryableError)
            facts = {"tick": tick.name, "error": error_text(error, self._redact)}
            log.log(logging.ERROR if unexpected else logging.WARNING, "tick-failed", extra=facts, exc_info=unexpected)
            return error
        self._metrics.ticks.labels(tick.name, "done").inc()
        return None

    async def _publish(self, partition: int, events: Iterable[Publishable]) -> None:
        messages = [event.to_message() for event in events]
        for start in range(0, len(messages), AT_ONCE):
            await self._append(partition, messages[start : start + AT_ONCE])


def back_off(failures: int, error: Exception) -> timedelta:
    """Half to the whole of a bound that doubles; a tick is never hurried."""
    bound = min(FIRST_BACK_OFF * 2 ** min(failures - 1, 10), LONGEST_BACK_OFF)
    asked: timedelta = getattr(error, "retry_after", None) or timedelta()
    drawn: timedelta = bound * random.uniform(0.5, 1)
    return max(drawn, asked)
