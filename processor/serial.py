"""Log to log, one record after another: outputs and offsets of a partition are committed together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from processor.audit import OUTCOMES, Chains
from processor.deadletters import error_text
from processor.errors import FatalError, Revoked
from processor.eventlog import Record, Subscription
from processor.flight import Batch, Flight
from processor.member import Done, Member
from processor.replays import Replay
from processor.retry import Interrupted, Outcome, Verdict
from processor.routing import PartitionTick

log = logging.getLogger("processor.consumer")

BREATHER = 50
"""Records after which other tasks of the process have their turn."""


class Serial:
    """The pure way. Tables take outputs at once, so the next record sees them; the commit follows.

    While a round is committed the next one is polled and judged. Whoever reads the log for what this
    group wrote, or appends to it, waits until that has landed.
    """

    def __init__(self, member: Member, tasks: asyncio.TaskGroup, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """`meanwhile` as in `Flight`."""
        self._member = member
        self._flight = Flight(member, tasks, meanwhile)
        self._chains = Chains(member.log, member.group.name)
        self._next: dict[int, int] = {}
        """By partition that is ours: the next offset to judge."""
        self._due: dict[tuple[str, int], datetime] = {}
        self._busy = asyncio.Lock()

    async def assign(self, partition: int) -> None:
        """Tables first, then polling."""
        self._next[partition] = self._flight.positions[partition] = await self._member.take(partition)

    async def revoke(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """Ends what is being done; returns the next offsets."""
        for partition in partitions:
            if leaving := self._member.leaving.get(partition):
                leaving.set()
        offsets = {}
        async with self._busy:
            await self._flight.landed()
            for partition in partitions:
                self._next.pop(partition, None)
                if (offset := self._flight.forget(partition)) is not None:
                    offsets[partition] = offset
                self._member.drop(partition)
            self._due = {key: due for key, due in self._due.items() if key[1] not in partitions}
            self._chains.forget()
        return offsets

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition that is ours: what is before it is committed."""
        return self._flight.positions

    @property
    def oldest(self) -> datetime | None:
        """About when the oldest unfinished record was appended: just after the newest that is finished."""
        lag = self._member.progress.lag
        newest = self._flight.newest
        return min((newest[p] for p in newest if lag.get(p)), default=None)

    def wait(self) -> timedelta:
        """How long a poll may take, so that ticks are on time."""
        idle, now = self._member.policy.idle, self._member.now()
        return max(timedelta(), min([idle, *(due - now for due in self._due.values())]))

    def room(self) -> int:
        """How many records may be polled."""
        return self._member.policy.batch

    async def round(self, subscription: Subscription, records: Sequence[Record]) -> None:
        """Do these records, and the ticks that are due. What was judged is being committed when it returns."""
        async with self._busy:
            parts: dict[int, list[Record]] = {}
            for record in records:
                if record.offset >= self._next.get(record.partition, record.offset + 1):
                    parts.setdefault(record.partition, []).append(record)
            batches = [Batch(partition, self._next[partition], self._next[partition]) for partition in parts]
            for batch in batches:
                await self._work(subscription, batch, parts[batch.partition])
            await self._flight.begin(subscription, batches)
            for partition in list(self._next):
                await self._tick(subscription, partition)

    async def replay(self, subscription: Subscription, partition: int) -> None:
        """Dead letters that were asked for once more, each with what tells that it is done."""
        async with self._busy:
            if partition not in self._next:
                return
            leaving = self._member.leaving[partition]
            for replay in await self._member.replays.news(partition):
                await self._flight.landed()
                record = await self._member.insist("present", leaving, partial(self._member.present, replay))
                batch = Batch(partition, self._next[partition], self._next[partition])
                await self._do([record], batch, replay=replay)
                self._member.count()
                work = partial(subscription.append, partition, batch.messages)
                await self._member.insist("append", leaving, work)

    async def _work(self, subscription: Subscription, batch: Batch, records: Sequence[Record]) -> None:
        member, partition = self._member, batch.partition
        try:
            await member.insist("catch-up", member.leaving[partition], partial(member.tables.catch_up, partition))
            for begin in range(0, len(records), BREATHER):
                await self._do(records[begin : begin + BREATHER], batch, subscription)
                await asyncio.sleep(0)
        except Interrupted:
            return  # what is finished is committed, the rest comes again
        finally:
            self._next[partition] = batch.offset
            member.count()

    async def _do(
        self,
        records: Sequence[Record],
        batch: Batch,
        subscription: Subscription | None = None,
        replay: Replay | None = None,
    ) -> None:
        """One after another; nothing is awaited while handlers are plain functions that succeed."""
        member, partition = self._member, batch.partition
        for record in records:
            verdict = member.decide(record, partition)
            if not isinstance(verdict, Verdict):
                verdict = await verdict
            if verdict.result:
                try:
                    member.tables.apply(verdict.result.events)
                except Exception as error:
                    verdict = await self._undo(verdict, error, batch, subscription)
            messages = member.settle(record, verdict, replay)
            for message in messages:
                if message.topic == OUTCOMES:
                    leaving = member.leaving[partition]
                    messages = await member.insist("seal", leaving, partial(self._chains.seal, messages))
                    break
            batch.messages += messages
            if verdict.result and member.group.observe:
                batch.events += verdict.result.events
            batch.offset, batch.newest = record.offset + 1, record.timestamp

    async def _undo(
        self, verdict: Verdict[Done], error: Exception, batch: Batch, subscription: Subscription | None
    ) -> Verdict[Done]:
        """A fold that fails is a bug; the tables took part of what will not be appended, so they are read again."""
        partition = batch.partition
        await self._flight.landed()
        if subscription:
            await self._flight.commit(subscription, batch)
            if self._flight.positions[partition] != batch.offset:
                raise Interrupted
            batch.begin, batch.tried = batch.offset, False
            batch.messages, batch.events = [], []
        leaving = self._member.leaving[partition]
        await self._member.insist("reload", leaving, partial(self._member.tables.reload, partition))
        return Verdict(Outcome.BUG, verdict.attempts, error=error)

    async def _tick(self, subscription: Subscription, partition: int) -> None:
        for tick in self._member.group.partition_ticks:
            now = self._member.now()
            due = self._due.get((tick.name, partition), now)
            early = now < due <= now + tick.every  # later than that: the clock was set back
            if early or self._member.leaving[partition].is_set():
                continue
            self._due[tick.name, partition] = max(min(due, now) + tick.every, now)
            try:
                await self._do_tick(tick, subscription, partition, now)
            except (Interrupted, Revoked):
                return

    async def _do_tick(self, tick: PartitionTick, subscription: Subscription, partition: int, now: datetime) -> None:
        member = self._member
        leaving = member.leaving[partition]
        await self._flight.landed()  # of what the tables say its outputs come after
        if leaving.is_set():
            raise Interrupted
        await member.insist("catch-up", leaving, partial(member.tables.catch_up, partition))
        try:
            done = member.written(partition, tick.work(partition, now))
        except FatalError:
            raise
        except Exception as error:
            member.metrics.ticks.labels(tick.name, "failed").inc()
            facts = {"tick": tick.name, "partition": partition, "error": error_text(error, member.redact)}
            log.exception("tick-failed", extra=facts)
            return
        member.metrics.ticks.labels(tick.name, "done").inc()
        if done.messages:
            messages = await member.insist("seal", leaving, partial(self._chains.seal, done.messages))
            await member.insist("append", leaving, partial(subscription.append, partition, messages))
            member.tables.apply(done.events)
