"""The partitions that a member holds: taken over in an order that fences the former owner, given back drained.

aiokafka makes an assignment live before it tells us, and stops its heartbeat while it tells us;
so the partitions are paused at once and taken over in a task of our own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, errors
from aiokafka.structs import TopicPartition

from processor.errors import RetryableError, Revoked
from processor.eventlog import OnAssign, OnRevoke
from processor.eventlog.kafka_connection import REBALANCE_MS, SESSION_MS, Connection, told
from processor.eventlog.kafka_reader import Reader
from processor.eventlog.kafka_tenure import Tenure
from processor.eventlog.kafka_transactions import Transactions
from processor.eventlog.kafka_watchdog import Watchdog

logger = logging.getLogger("processor.eventlog")

RELEASE_SECONDS = REBALANCE_MS / 1000 * 2 / 3
"""Giving back must end before the group stops waiting for us."""
COMMIT_SECONDS = RELEASE_SECONDS / 2
RETRY_SECONDS = 0.5


@dataclass(slots=True, eq=False)
class Seat:
    """One partition that is ours. `delivered`: the next offset after the last record that was handed out."""

    place: TopicPartition
    consumer: AIOKafkaConsumer
    committed: int
    delivered: int
    writer: Transactions | None
    paused: bool = False

    def pause(self) -> None:
        """Fetch nothing of it."""
        self.paused = True
        with suppress(errors.IllegalStateError):
            self.consumer.pause(self.place)

    def resume(self) -> None:
        """Fetch it again."""
        self.paused = False
        with suppress(errors.IllegalStateError):
            self.consumer.resume(self.place)


class Seats:
    """Those of one consumer; a new consumer gets new ones."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        connection: Connection,
        reader: Reader,
        *,
        topic: str,
        group: str,
        pure: bool,
        on_assign: OnAssign,
        on_revoke: OnRevoke,
        tell: Callable[[BaseException | None], None],
    ) -> None:
        """`tell` is called with None after each taking over, with the error when one has failed for good."""
        self._consumer = consumer
        self._connection = connection
        self._reader = reader
        self._topic = topic
        self._group = group
        self._pure = pure
        self._on_assign = on_assign
        self._on_revoke = on_revoke
        self._tell = tell
        self._taking: asyncio.Task[None] | None = None
        self._begun: list[int] = []
        self._turn = asyncio.Lock()
        self._committing = asyncio.Lock()
        self._over = False
        self._watchdog = Watchdog(asyncio.get_running_loop().time)
        self.tenure = Tenure(self._prove, SESSION_MS / 1000, self._generation)
        self.held: dict[int, Seat] = {}
        """Those that may be polled."""
        self.epoch = 0
        """Counts assignments: what was fetched under another is dropped."""

    def place(self, number: int) -> TopicPartition:
        """Kafka's word for it."""
        return TopicPartition(self._topic, number)

    def assigned(self, places: Sequence[TopicPartition]) -> None:
        """Called by the group's coordination: returns at once."""
        self.epoch += 1
        if self._over:
            return
        self._consumer.pause(*places)
        numbers = sorted(place.partition for place in places if place.partition < self._reader.partitions)
        if len(numbers) < len(places):
            facts = {"group": self._group, "topic": self._topic, "partitions": self._reader.partitions}
            logger.error("partitions-added", extra=facts | {"what": "what lies in those behind is not read"})
        self._taking = asyncio.get_running_loop().create_task(self._take_all(numbers), name=f"take-{self._group}")

    async def revoked(self) -> None:
        """Called by the group's coordination, which waits; never raises."""
        try:
            await self.release()
        except Exception as error:
            logger.exception("release-failed", extra={"group": self._group})
            self._tell(error)

    async def close(self) -> None:
        """`release`, for good: a consumer that is slow to leave gets nothing more."""
        self._over = True
        await self.release()

    async def release(self) -> None:
        """Drain, commit what is finished, let go. Raises what `on_revoke` raises."""
        async with self._turn:
            self.epoch += 1
            await self._stop_taking()
            await self.tenure.end()
            begun, self._begun = self._begun, []
            try:
                if begun:
                    async with asyncio.timeout(RELEASE_SECONDS):
                        await self._commit_last(await self._on_revoke(begun))
            except TimeoutError:
                logger.exception("release-timed-out", extra={"group": self._group, "partitions": begun})
            finally:
                seats, self.held = self.held, {}
                await asyncio.gather(*(seat.writer.close() for seat in seats.values() if seat.writer))

    async def _stop_taking(self) -> None:
        if self._taking and not self._taking.done():
            self._taking.cancel()
            await asyncio.wait({self._taking})

    async def _commit_last(self, offsets: Mapping[int, int]) -> None:
        try:
            await self.commit(offsets)
        except RetryableError as error:  # the records come again, which is harmless
            logger.warning("offsets-not-committed", extra={"group": self._group, "reason": str(error)})

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Offsets alone, by membership. Those that are not ours, or would go back, are left out."""
        moved = {n: o for n, o in offsets.items() if (seat := self.held.get(n)) and o > seat.committed}
        if moved:
            await self._commit(lambda: {self.place(number): offset for number, offset in moved.items()})
            self.note(moved)

    async def positions(self) -> Mapping[int, int]:
        """How far each partition has been fetched, marks of transactions included."""
        found = {}
        for number in list(self.held):
            with suppress(errors.KafkaError, TimeoutError):
                async with asyncio.timeout(1):
                    found[number] = await self._consumer.position(self.place(number))
        return {number: position for number, position in found.items() if number in self.held}

    async def stalled(self, positions: Mapping[int, int]) -> Sequence[int]:
        """Partitions that are not paused, have something to read, and have not moved for a minute."""
        running = {number: p for number, p in positions.items() if not self.held[number].paused}
        ends = {number: (await self._reader.bounds(self._topic, number))[1] for number in running}
        return self._watchdog.stalled(running, ends)

    def note(self, offsets: Mapping[int, int]) -> None:
        """These are committed now."""
        for number, offset in offsets.items():
            if seat := self.held.get(number):
                seat.committed = max(seat.committed, offset)

    def _generation(self) -> int:
        """Of the group, as its coordinator has told it to us; none is below 1."""
        return int(self._consumer._coordinator.generation)  # noqa: SLF001 - it is told nowhere else

    async def _prove(self) -> None:
        """That we are a member: by committing once more what is committed."""
        await self._commit(self._committed_last)

    def _committed_last(self) -> Mapping[TopicPartition, int]:
        """Of one partition; none while we give back: who leaves proves nothing more."""
        if not self.held or self._turn.locked():
            return {}
        seat = max(self.held.values(), key=lambda seat: seat.committed)
        return {seat.place: seat.committed}

    async def _commit(self, offsets: Callable[[], Mapping[TopicPartition, int]]) -> None:
        """One after the other: `offsets` is asked when it is our turn, or one of them would go back."""
        try:
            async with asyncio.timeout(COMMIT_SECONDS), self._committing:
                if moved := offsets():
                    with self.tenure.proof():
                        await self._consumer.commit(moved)
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise RetryableError(f"Kafka: offsets of {self._group} not committed: {told(error)}") from error

    async def _take_all(self, numbers: Sequence[int]) -> None:
        """Until it succeeds or the partitions leave again."""
        while True:
            try:
                await self._take(numbers)
            except RetryableError as error:
                logger.warning("taking-over", extra={"group": self._group, "reason": str(error)})
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:
                self._tell(error)
                return
            else:
                self._tell(None)
                return

    async def _take(self, numbers: Sequence[int]) -> None:
        """Fence, then ask where we are, then read on: in another order a zombie's last commit would be missed.

        A group with effects has nobody to fence; it proves to be a member, so that it may act.
        """
        writers = {number: self._writer(number) for number in numbers} if self._pure else {}
        try:
            await _all_taken(writers.values())
            committed = await self._reader.committed(self._group, self._topic)
            self._reader.forget()
            seats = {}
            for number in numbers:
                known = await self._reached(number, committed.get(number, 0))
                start = max((await self._reader.bounds(self._topic, number))[0], known)
                self._consumer.seek(self.place(number), start)
                seats[number] = Seat(self.place(number), self._consumer, known, start, writers.get(number))
            if numbers and not self._pure:
                first_seat = seats[numbers[0]]
                await self._commit(lambda: {first_seat.place: first_seat.delivered})
                first_seat.committed = first_seat.delivered
            self._begun = list(numbers)
            await self._on_assign(numbers)
        except BaseException:
            await asyncio.gather(*(writer.close() for writer in writers.values()))
            raise
        self.held = seats
        self._consumer.resume(*map(self.place, numbers))
        logger.info("assigned", extra={"group": self._group, "topic": self._topic, "partitions": list(numbers)})

    async def _reached(self, number: int, committed: int) -> int:
        """How far we are. Where the partition ends before that, it is another one than we had read: from its beginning.

        Kafka is told, since whoever asks for our offsets would pass over all that comes up to there.
        """
        first, end = await self._reader.bounds(self._topic, number)
        if committed <= end or await self._reader.reaches(self._topic, number, committed):
            return committed
        facts = {"group": self._group, "topic": self._topic, "partition": number, "committed": committed, "end": end}
        logger.error("topic-cut", extra=facts | {"what": "it was made anew, or cut: it is read from its beginning"})
        await self._commit(lambda: {self.place(number): first})
        return first

    def _writer(self, number: int) -> Transactions:
        return Transactions(
            self._connection.producer,
            self._reader,
            self._group,
            self.place(number),
            still_ours=self._still_ours(number),
        )

    def _still_ours(self, number: int) -> Callable[[], Awaitable[None]]:
        """A commit of what is committed already: it passes only for a member of the present generation."""

        async def ask() -> None:
            seat = self.held.get(number)
            if seat is None:
                raise Revoked(f"{self._group} no longer holds partition {number} of {self._topic}")
            committed = await self._reader.committed(self._group, self._topic)
            if committed.get(number, 0) > seat.committed:
                # either our own transaction of unknown end, or another owner's: the writer finds out which
                seat.committed = committed[number]
            await self._commit(lambda: {self.place(number): committed.get(number, seat.committed)})

        return ask


async def _all_taken(writers: Collection[Transactions]) -> None:
    """One that goes on alone after another has failed would fence whoever has the partition by then."""
    taking = [asyncio.get_running_loop().create_task(writer.take()) for writer in writers]
    try:
        await asyncio.gather(*taking)
    finally:
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)
