"""When do we read, commit, stop? One consumer group, from joining to the drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from processor.effects import Effects
from processor.errors import FatalError, RetryableError
from processor.eventlog import EventLog, Message, Record, Subscription
from processor.member import Member, Pause
from processor.pace import Policy
from processor.progress import Progress
from processor.retry import FarSide, Interrupted, Outcome, sleep_unless
from processor.routing import Group
from processor.serial import Serial
from processor.telemetry import Metrics
from processor.ticker import Ticker

PARKED = (Outcome.POISON, Outcome.EXHAUSTED, Outcome.BUG)
"""Counted from 0: an alert on a rise sees the first one too."""
MEASURE_SECONDS = 3.0
"""While a commit is late: a stop must not wait for a log that says nothing at all."""

log = logging.getLogger("processor.consumer")


class Way(Protocol):
    """How a group's records are done: `Serial` (pure) or `Effects`."""

    async def assign(self, partition: int) -> None:
        """The partition is ours."""
        ...

    async def revoke(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """They leave: end what has begun, return the next offsets."""
        ...

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset to finish of each partition that is ours."""
        ...

    @property
    def oldest(self) -> datetime | None:
        """When the oldest unfinished record was appended."""
        ...

    def wait(self) -> timedelta:
        """The longest poll now."""
        ...

    def room(self) -> int:
        """Records that may be polled now; 0 = full."""
        ...

    async def round(self, subscription: Subscription, records: Sequence[Record]) -> None:
        """Take these records; commit and tick as it is due."""
        ...

    async def replay(self, subscription: Subscription, partition: int) -> None:
        """Take what was asked for once more."""
        ...


async def run(
    group: Group,
    log: EventLog,
    stop: asyncio.Event,
    *,
    policy: Policy,
    metrics: Metrics,
    now: Callable[[], datetime],
    progress: Progress | None = None,
    redact: Callable[[str], str] = str,
    pause: Pause = sleep_unless,
    far_side: FarSide | None = None,
) -> None:
    """Consume until `stop` is set, then drain (at most `policy.drain`), commit and leave.

    Raises FatalError when the process must stop: a handler said so, the log refused the
    membership, or bugs passed their limit. `redact` takes secrets out of error texts;
    `progress` is kept up to date for whoever watches; `far_side` is shared by the groups that call
    the same one.
    """
    progress = progress or Progress(group.name, group.topic)
    member = Member(group, log, policy, metrics, now, progress, redact, pause, far_side or FarSide())
    for outcome in PARKED:
        metrics.dead_letters.labels(group.name, outcome.value)
    try:
        async with asyncio.TaskGroup() as tasks:
            await Consumer(member, tasks).run(stop)
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


class Consumer:
    """The loop of one member: poll, hand out, and what falls due between."""

    def __init__(self, member: Member, tasks: asyncio.TaskGroup) -> None:
        self._member = member
        self._tasks = tasks
        self._way: Way = Serial(member, tasks, self._meanwhile) if member.group.pure else Effects(member, tasks)
        self._joined: asyncio.Future[Subscription] = asyncio.get_running_loop().create_future()
        self._ticker = Ticker(
            member.group.ticks,
            tasks,
            self._append,
            partial(member.pause, member.gone),
            member.tables.catch_up_all,
            partitions=member.log.partitions,
            now=member.now,
            metrics=member.metrics,
            redact=member.redact,
        )
        self._replayed = self._measured = member.now() - timedelta(days=1)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; FatalErrors of lanes, commits and ticks come through the task group."""
        member = self._member
        watch = self._tasks.create_task(self._watch(stop))
        try:
            async with member.log.subscribe(
                member.group.topic, member.group.name, self._on_assign, self._on_revoke, pure=member.group.pure
            ) as subscription:
                self._joined.set_result(subscription)
                log.info("joined", extra={"group": member.group.name, "topic": member.group.topic})
                while not stop.is_set():
                    await self._round(subscription)
        except Interrupted:
            pass  # we were told to stop before we had joined
        finally:
            watch.cancel()
            self._joined.cancel()
        log.info("left", extra={"group": member.group.name})

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._member.leave()

    async def _round(self, subscription: Subscription) -> None:
        member, way = self._member, self._way
        try:
            room = way.room()
            records = await subscription.poll(room, way.wait().total_seconds() if room else 0)
            member.progress.beat = member.now()
            await way.round(subscription, records)
            await self._upkeep(subscription)
        except Interrupted:
            return
        except RetryableError as error:
            member.tell_failure("poll", error, 1, {})
            with suppress(Interrupted):
                await member.sleep(member.gone)(1)

    async def _upkeep(self, subscription: Subscription) -> None:
        member, now = self._member, self._member.now()
        if abs(now - self._replayed) >= member.policy.replays_every:
            self._replayed = now
            for partition in list(self._way.positions):
                await self._way.replay(subscription, partition)
        if abs(now - self._measured) >= member.policy.lag_every:
            await self._measure(subscription)

    async def _measure(self, subscription: Subscription) -> None:
        member, self._measured = self._member, self._member.now()
        positions = await subscription.reached(self._way.positions)
        await member.progress.measure(member.log, member.metrics, self._measured, positions, self._way.oldest)

    async def _meanwhile(self) -> None:
        """The log does not take what was judged: that is when somebody must see how far we are behind."""
        if self._joined.done() and not self._joined.cancelled():
            with suppress(RetryableError, TimeoutError):
                async with asyncio.timeout(MEASURE_SECONDS):
                    await self._measure(self._joined.result())

    async def _append(self, partition: int, messages: Sequence[Message]) -> None:
        """What ticks return, by the path of outcomes where there is one."""
        subscription = await asyncio.shield(self._joined)
        if isinstance(self._way, Effects):
            await self._way.append(subscription, partition, messages)
            return
        leaving = self._member.leaving.get(partition) or self._member.gone
        await self._member.insist("append", leaving, lambda: subscription.append(partition, messages))

    async def _on_assign(self, partitions: Sequence[int]) -> None:
        try:
            async with asyncio.TaskGroup() as loading:
                for partition in partitions:
                    loading.create_task(self._way.assign(partition))
        except BaseExceptionGroup as errors:
            raise _first(errors) from None
        for partition in partitions:
            self._ticker.start(partition)

    async def _on_revoke(self, partitions: Sequence[int]) -> Mapping[int, int]:
        for partition in partitions:
            await self._ticker.stop(partition)
        return await self._way.revoke(partitions)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one to tell of: a FatalError before anything else."""
    leaves: list[BaseException] = []
    pending: list[BaseException] = [errors]
    while pending:
        error = pending.pop(0)
        if isinstance(error, BaseExceptionGroup):
            pending.extend(error.exceptions)
        else:
            leaves.append(error)
    return next((leaf for leaf in leaves if isinstance(leaf, FatalError)), leaves[0])
