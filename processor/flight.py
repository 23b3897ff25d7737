"""Batches on their way into the log: those of one round at a time, while the records of the next are judged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from processor.errors import Revoked
from processor.event import Publishable
from processor.eventlog import Message, Subscription
from processor.member import Member
from processor.retry import Interrupted

LATE_SECONDS = 1.0
"""Who waits for longer than this looks meanwhile how far the group is behind."""

log = logging.getLogger("processor.consumer")


@dataclass(slots=True)
class Batch:
    """What one commit of one partition will hold: all that came of its records from `begin` to before `offset`."""

    partition: int
    begin: int
    offset: int
    messages: list[Message] = field(default_factory=list)
    events: list[Publishable] = field(default_factory=list)
    """Those among the messages that are counted."""
    newest: datetime | None = None
    tried: bool = False


class Flight:
    """The commits of a round. They begin when those of the round before have ended, and nobody has to wait for them.

    A batch that failed goes again as it is, before anything later of its partition: its outputs are
    in the tables already. Whether one that failed landed after all is asked first, so nothing is
    appended twice. One that can go no more takes with it what was judged after it. A FatalError
    passes to the task group, that is, ends the process.
    """

    def __init__(self, member: Member, tasks: asyncio.TaskGroup, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """`meanwhile` is awaited now and then while a commit is late."""
        self._member = member
        self._tasks = tasks
        self._meanwhile = meanwhile
        self._commits: list[asyncio.Task[None]] = []
        self.positions: dict[int, int] = {}
        """By partition that is ours: the next offset after what is committed."""
        self.newest: dict[int, datetime] = {}
        """When the last record was appended that is committed; before the first commit, the last of those in it."""

    def forget(self, partition: int) -> int | None:
        """It leaves, when all has landed; returns its next offset."""
        self.newest.pop(partition, None)
        return self.positions.pop(partition, None)

    async def landed(self) -> None:
        """Returns when nothing is under way: what was judged is in the log, or its partition is leaving."""
        while self._commits:
            _, late = await asyncio.wait(self._commits, timeout=LATE_SECONDS)
            self._commits = list(late)
            if late:
                await self._meanwhile()

    async def begin(self, subscription: Subscription, batches: Sequence[Batch]) -> None:
        """Returns when they are under way: at one time, since for some logs that is one fsync."""
        await self.landed()
        for batch in batches:
            if batch.newest:
                self.newest.setdefault(batch.partition, batch.newest)
        self._commits = [self._tasks.create_task(self.commit(subscription, batch)) for batch in batches]
        await asyncio.sleep(0)  # what comes next may keep the loop busy

    async def commit(self, subscription: Subscription, batch: Batch) -> None:
        """Until it is in the log or the partition leaves."""
        member, partition = self._member, batch.partition
        if batch.begin != self.positions.get(partition) or batch.offset == batch.begin:
            return  # what it follows is not in the log, or there is nothing in it
        leaving = member.leaving[partition]
        try:
            await member.insist("commit", leaving, partial(self._once, subscription, batch))
        except (Interrupted, Revoked) as error:
            log.info("uncommitted", extra={"partition": partition, "reason": type(error).__name__})
            leaving.set()
            return
        self.positions[partition] = batch.offset
        if batch.newest:
            self.newest[partition] = batch.newest
        member.progress.committed = member.progress.moved = member.now()
        if batch.events and member.group.observe:
            member.group.observe(member.metrics, batch.events, member.now())

    async def _once(self, subscription: Subscription, batch: Batch) -> None:
        group = self._member.group
        if batch.tried:
            committed = await self._member.log.committed(group.name, group.topic)
            if committed.get(batch.partition, 0) >= batch.offset:
                return
        batch.tried = True
        await subscription.commit({batch.partition: batch.offset}, batch.messages)
