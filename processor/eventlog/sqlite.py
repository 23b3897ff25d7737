"""The event log in one file: nothing to install, durable, for the processes of one machine.

The server and commands of the CLI may have it open at the same time; a consumer group has one
owner process (`lease.py`). Promises: `tests/contract/test_eventlog.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from datetime import datetime
from functools import partial
from math import inf
from pathlib import Path

from processor.errors import ConflictError, FatalError, RetryableError
from processor.eventlog import EventLog, Found, Message, OnAssign, OnRevoke, Place, Record, Span, Topic
from processor.eventlog.lease import Lease
from processor.eventlog.sqlite_commits import Commits
from processor.eventlog.sqlite_compaction import Compaction, delete_until
from processor.eventlog.sqlite_erasure import Erasure, Reduce, empty_write_ahead
from processor.eventlog.sqlite_finder import look
from processor.eventlog.sqlite_reader import Reader, page
from processor.eventlog.sqlite_schema import PARTITION_BITS, connect, prepare, reason
from processor.eventlog.sqlite_subscription import SqliteSubscription
from processor.telemetry import Metrics

logger = logging.getLogger("processor.eventlog")


class SqliteLog(EventLog):
    """Use `open`."""

    def __init__(
        self, path: Path, topics: Sequence[Topic], commits: Commits, readers: Sequence[Reader], metrics: Metrics
    ) -> None:
        self._path = path
        self._topics = topics
        self._commits = commits
        self._reader, self._finder = readers
        self._metrics = metrics

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        topics: Sequence[Topic],
        partitions: int,
        now: Callable[[], datetime],
        metrics: Metrics | None = None,
    ) -> AsyncIterator[SqliteLog]:
        """Make the file where it is missing; its three threads live as long as the context.

        `now` gives the records' timestamps and is called in the writer's thread. Raises
        `FatalError` when the file is not this log (other partition count, newer schema, damaged).
        """
        numbers = await asyncio.to_thread(prepare, path, [topic.name for topic in topics], partitions)
        metrics = metrics or Metrics.build()
        _measure(path, metrics)
        readers = [Reader(path, asyncio.get_running_loop(), f"eventlog-{name}") for name in ("reader", "finder")]
        commits = Commits(path, numbers, partitions, now, release=partial(_let_go, readers), metrics=metrics)
        for reader in readers:
            reader.start()
        try:
            await commits.start()
            yield cls(path, topics, commits, readers, metrics)
        finally:
            try:
                await commits.stop()
            finally:
                for reader in readers:
                    await asyncio.to_thread(reader.stop)

    @property
    def partitions(self) -> int:
        """How many partitions every topic has."""
        return self._commits.partitions

    def append(self, messages: Sequence[Message]) -> asyncio.Future[None]:
        """All of them or none, on disk when it is done; begun when this returns."""
        if messages:
            return self._commits.begin(messages)
        nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        nothing.set_result(None)
        return nothing

    @asynccontextmanager
    async def subscribe(
        self,
        topic: str,
        group: str,
        on_assign: OnAssign,
        on_revoke: OnRevoke,
        *,
        pure: bool = True,  # noqa: ARG002 - for logs where the difference costs something
    ) -> AsyncIterator[SqliteSubscription]:
        """One partition is assigned before this returns, the others one by one while it is polled already.

        All are revoked at the end of the context. Raises `FatalError` naming the holder when the group
        has one, and whatever `on_assign` raises, be it of a later partition at the next poll.
        """
        everything = range(self.partitions)
        lease = Lease(self._path, group)
        try:
            committed = await self.committed(group, topic)
            subscription = SqliteSubscription(self._commits, self._reader, topic, group, committed)
            try:
                await subscription.begin(on_assign)
                try:
                    yield subscription
                finally:
                    await subscription.end()
                    await self._leave(subscription, await on_revoke(everything), group)
            finally:
                subscription.close()
        finally:
            lease.release()

    async def _leave(self, subscription: SqliteSubscription, offsets: Mapping[int, int], group: str) -> None:
        try:
            await subscription.commit(offsets)
        except RetryableError as error:  # the records come again, which is harmless; what ended us matters more
            logger.warning("offsets-not-committed", extra={"group": group, "reason": str(error)})

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Record]:
        """A page at a time, the next one fetched meanwhile; new records that arrive are not waited for."""
        slot = self._commits.slot(topic, partition)
        kept, following = self._commits.ends(slot)
        end = min(end, following)
        following_page = partial(page, topic=topic, partition=partition, slot=slot, end=end)
        position = max(start, kept)
        ahead = self._reader.begin(partial(following_page, start=position)) if position < end else None
        try:
            while ahead:
                records = await ahead
                position = records[-1].offset + 1 if records else end
                ahead = self._reader.begin(partial(following_page, start=position)) if position < end else None
                for record in records:
                    yield record
        finally:
            if ahead:
                ahead.cancel()

    async def find(
        self,
        event_id: str,
        places: Sequence[Place],
        most: int,
        seconds: float = inf,
        since: datetime | None = None,  # noqa: ARG002 - looking at all of it costs less than finding out where that is
    ) -> Found:
        """By a thread that does nothing else: whatever is read meanwhile, nobody waits for it."""
        slots = {(topic, partition): self._commits.slot(topic, partition) for topic, partition in places}
        spans = [Span.newest(most, place, self._commits.ends(slot)) for place, slot in slots.items()]
        return await self._finder.ask(partial(look, event_id=event_id, spans=spans, slots=slots, seconds=seconds))

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """From memory; what another process appended is known within 50 ms."""
        return self._commits.ends(self._commits.slot(topic, partition))

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """As it is on disk now."""
        low = self._commits.slot(topic, 0)

        def call(connection: sqlite3.Connection) -> dict[int, int]:
            rows = connection.execute(
                "SELECT slot, next FROM offsets WHERE consumers = ? AND slot >= ? AND slot < ?",
                (group, low, low + (1 << PARTITION_BITS)),
            )
            return {slot - low: following for slot, following in rows.fetchall()}

        return await self._reader.ask(call)

    async def check(self) -> None:
        """A real write when the last one is more than a second ago, and a look at the free space.

        Fails for good once a reader has met damage: what is appended may lie well, but the file must be replaced.
        """
        await self._commits.check()
        if damage := self._reader.damage or self._finder.damage:
            raise RetryableError(damage)

    async def compact(self, now: datetime, most_bytes: int = 0) -> int:
        """Remove what the topics no longer promise, in short transactions; how many records that were.

        Freed pages are used again; the file does not shrink. When more than `most_bytes` are still
        in use (0 = no limit), records that are kept for a time go earlier, those of the last 25
        hours and those that a group has not read excepted.
        """
        compaction = Compaction(self._commits, self._reader, self._metrics)
        removed = await compaction.run(self._topics, now)
        return removed + (await compaction.shrink(self._topics, now, most_bytes) if most_bytes else 0)

    async def used(self) -> int:
        """Bytes of the file that hold something."""
        return await Compaction(self._commits, self._reader, self._metrics).used()

    async def remove(self, topic: str, partition: int, end: int) -> None:
        """Remove the partition's records before `end`, all at once: it begins there then."""
        slot = self._commits.slot(topic, partition)
        await self._commits.write(action=partial(delete_until, slot=slot, offset=end))

    async def behind(self, key: str) -> Mapping[str, str]:
        """By group its topic: who has not finished with the partitions in which this key lies."""
        return await Erasure(self._commits, self._reader, key).behind(self._topics)

    async def erase(self, key: str, reduce: Mapping[str, Reduce], spare: Collection[str] = ()) -> Mapping[str, int]:
        """Remove every record of this key, its bytes overwritten; by topic how many that were.

        Of the topics in `reduce` what that returns stays; of those in `spare` the newest record.
        """
        erased = await Erasure(self._commits, self._reader, key).run(self._topics, reduce, spare)
        await asyncio.to_thread(empty_write_ahead, self._path)
        return erased

    def held(self, group: str) -> bool:
        """Whether some process is the group's member now."""
        try:
            Lease(self._path, group).release()
        except FatalError:
            return True
        return False

    async def backup(self, file: Path) -> None:
        """Copy the log as it is at one moment, while it runs.

        Raises `ConflictError` when `file` exists, `RetryableError` when the copy would be damaged.
        """
        await asyncio.to_thread(_copy, self._path, file)


def _let_go(readers: Sequence[Reader]) -> None:
    for reader in readers:
        reader.let_go()


def _measure(path: Path, metrics: Metrics) -> None:
    """The sizes are looked up when somebody asks for the metrics."""
    for name, file in (("database", path), ("write-ahead", path.with_name(f"{path.name}-wal"))):
        metrics.log_size_bytes.labels(name).set_function(partial(_size, file))


def _size(file: Path) -> float:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _copy(path: Path, file: Path) -> None:
    if file.exists():
        raise ConflictError(f"{file} exists already", remedy="name a file that does not exist")
    partial_file = file.with_name(f"{file.name}.partial")
    partial_file.unlink(missing_ok=True)
    try:
        os.close(os.open(partial_file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        with closing(connect(path)) as source, closing(sqlite3.connect(partial_file)) as target:
            source.backup(target)
            ((found,),) = target.execute("PRAGMA quick_check(1)").fetchall()
        if found == "ok":
            partial_file.replace(file)
    except (OSError, sqlite3.Error) as error:
        partial_file.unlink(missing_ok=True)
        raise RetryableError(reason(file, error)) from error
    if found != "ok":
        partial_file.unlink()
        place = " ".join(str(found).split())
        raise RetryableError(f"event log {path}: it is damaged, and a copy would be: keep the last good one ({place})")
