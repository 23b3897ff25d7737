"""Effects outside the log: records side by side in lanes, what they return appended before their offset counts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from processor import tenure
from processor.errors import RetryableError
from processor.eventlog import Message, Record, Subscription
from processor.lanes import Lanes
from processor.member import Member
from processor.offsets import Offsets
from processor.outbox import Outbox
from processor.replays import Replay
from processor.retry import Interrupted, Outcome

log = logging.getLogger("processor.consumer")


class Effects:
    """The way with effects. A key that waits holds only itself; a commit never passes unfinished work.

    Between an effect and its commit the process may die: then the effect is done again, and its
    handler's conditions at the far side make that harmless.
    """

    def __init__(self, member: Member, tasks: asyncio.TaskGroup) -> None:
        self._member = member
        self._lanes = Lanes(tasks)
        self._slot = asyncio.Semaphore(member.policy.width)
        self._outbox = Outbox(member.log, member.group.name, self._write)
        self._subscription: Subscription | None = None
        self._offsets: dict[int, Offsets] = {}
        self._committed: dict[int, int] = {}
        self._committed_at = member.now()
        self._uncommitted = 0

    async def assign(self, partition: int) -> None:
        """Tables first, then polling."""
        position = await self._member.take(partition)
        self._offsets[partition] = Offsets(position)
        self._committed[partition] = position

    async def revoke(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """What has begun may end, for a bounded time; the rest is dropped. Returns the next offsets."""
        for partition in partitions:
            if leaving := self._member.leaving.get(partition):
                leaving.set()
        late = await self._lanes.drain(partitions, self._member.policy.drain.total_seconds())
        if late:
            log.warning("drain-timed-out", extra={"group": self._member.group.name, "cut_off": late})
        offsets = {p: self._offsets.pop(p).next for p in partitions if p in self._offsets}
        for partition in partitions:
            self._committed.pop(partition, None)
            self._member.drop(partition)
        await self._outbox.forget()
        return offsets

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset to finish of each partition that is ours."""
        return {partition: offsets.next for partition, offsets in self._offsets.items()}

    @property
    def oldest(self) -> datetime | None:
        """When the oldest unfinished record was appended."""
        return min((o.oldest for o in self._offsets.values() if o.oldest), default=None)

    def wait(self) -> timedelta:
        """How long a poll may take: not past the next commit."""
        policy = self._member.policy
        return policy.commit_every if self._uncommitted or self._lanes.load else policy.idle

    def room(self) -> int:
        """How many records may be polled; 0 = full."""
        policy = self._member.policy
        return max(0, min(policy.batch, (policy.lane_load + 1) // 2, policy.load - self._lanes.load))

    async def round(self, subscription: Subscription, records: Sequence[Record]) -> None:
        """Put these records into their lanes, commit what is finished, pause what is too far ahead."""
        for record in records:
            offsets = self._offsets.get(record.partition)
            if offsets and offsets.begin(record.offset, record.timestamp):
                work = partial(self._one, subscription, record, offsets)
                self._lanes.add(record.partition, record.message.key, work)
        await self._commit(subscription)
        self._pace(subscription)
        if not self.room():
            await self._until_moved()

    async def replay(self, subscription: Subscription, partition: int) -> None:
        """Dead letters that were asked for once more, each behind what its key has in its lane."""
        if partition not in self._offsets:
            return
        for replay in await self._member.replays.news(partition):
            work = partial(self._again, subscription, replay, partition)
            self._lanes.add(partition, replay.record.message.key, work)

    async def append(self, subscription: Subscription, partition: int, messages: Sequence[Message]) -> None:
        """As the owner of the partition; ends when it is in the log."""
        self._subscription = subscription
        leaving = self._member.leaving.get(partition) or self._member.gone
        await self._member.insist("append", leaving, partial(self._outbox.append, partition, messages))

    async def _write(self, partition: int, messages: Sequence[Message]) -> None:
        if self._subscription is None:
            raise Interrupted
        leaving = self._member.leaving.get(partition) or self._member.gone
        await self._member.insist("append", leaving, partial(self._subscription.append, partition, messages))

    async def _one(self, subscription: Subscription, record: Record, offsets: Offsets) -> None:
        await self._do(subscription, record, record.partition, None)
        self._uncommitted += 1
        if offsets.finish(record.offset):
            self._member.progress.moved = self._member.now()

    async def _again(self, subscription: Subscription, replay: Replay, partition: int) -> None:
        leaving = self._member.leaving[partition]
        record = await self._member.insist("present", leaving, partial(self._member.present, replay))
        await self._do(subscription, record, partition, replay)

    async def _do(self, subscription: Subscription, record: Record, partition: int, replay: Replay | None) -> None:
        member = self._member
        begun = member.now()
        tenure.act_while(partial(subscription.holds, partition))
        verdict = await member.attempt(record, partition, self._slot, partial(self.append, subscription))
        messages = member.settle(record, verdict, replay)
        member.count()
        await self.append(subscription, partition, messages)
        if verdict.outcome is Outcome.DONE and verdict.result:
            member.tables.apply(verdict.result.events)
            if member.group.observe and verdict.result.events:
                member.group.observe(member.metrics, verdict.result.events, member.now())
        member.metrics.handler_seconds.labels(member.group.name).observe((member.now() - begun).total_seconds())

    async def _commit(self, subscription: Subscription) -> None:
        policy, now = self._member.policy, self._member.now()
        if not self._uncommitted or (
            self._uncommitted < policy.commit_after and abs(now - self._committed_at) < policy.commit_every
        ):
            return
        self._committed_at = now
        moved = {p: o.next for p, o in self._offsets.items() if o.next > self._committed.get(p, 0)}
        if not moved:
            return
        uncommitted, self._uncommitted = self._uncommitted, 0
        try:
            await subscription.commit(moved)
        except RetryableError as error:
            self._uncommitted += uncommitted  # in the next round again
            self._member.tell_failure("commit", error, 1, {})
            return
        self._committed.update({p: offset for p, offset in moved.items() if p in self._committed})
        self._member.progress.committed = self._member.now()

    def _pace(self, subscription: Subscription) -> None:
        policy, paused = self._member.policy, self._member.progress.paused
        for partition, offsets in self._offsets.items():
            load = self._lanes.load_of(partition)
            if partition not in paused and (offsets.behind >= policy.behind or load >= policy.lane_load):
                paused.add(partition)
                subscription.pause([partition])
                facts = {"group": self._member.group.name, "partition": partition, "next": offsets.next}
                log.warning("partition-paused", extra=facts | {"finished_behind": offsets.behind, "unfinished": load})
            elif partition in paused and offsets.behind < policy.behind // 2 + 1 and load < policy.lane_load // 2 + 1:
                paused.discard(partition)
                subscription.resume([partition])
                log.info("partition-resumed", extra={"group": self._member.group.name, "partition": partition})

    async def _until_moved(self) -> None:
        self._lanes.moved.clear()
        try:
            async with asyncio.timeout(self._member.policy.commit_every.total_seconds()):
                await self._lanes.moved.wait()
        except TimeoutError:
            return
