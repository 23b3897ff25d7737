"""A consumer group's hold on one topic of Kafka: polls, commits, and a consumer that is replaced when it breaks."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, errors
from aiokafka.structs import TopicPartition

from processor.errors import RetryableError, Revoked
from processor.eventlog import Message, Record
from processor.eventlog.kafka_ahead import Ahead
from processor.eventlog.kafka_connection import START_SECONDS, told
from processor.eventlog.kafka_discard import leave
from processor.eventlog.kafka_listener import Listener
from processor.eventlog.kafka_records import Rows, decode
from processor.eventlog.kafka_seats import Seat, Seats
from processor.eventlog.kafka_unrest import ONE_NAME
from processor.eventlog.producer import Producer

logger = logging.getLogger("processor.eventlog")

LONGEST_FETCH_MS = 500
LONGEST_PAUSE = 5.0
TAKE_AGAIN_SECONDS = 1.0
NOTHING = 2**31 - 1
"""A partition that no topic has: to ask for it is a sign of life that fetches nothing."""


class KafkaSubscription:
    """Use `KafkaLog.subscribe`."""

    def __init__(
        self,
        topic: str,
        group: str,
        *,
        make: Callable[[], AIOKafkaConsumer],
        seats: Callable[[AIOKafkaConsumer, Callable[[BaseException | None], None]], Seats],
        producer: Producer,
        encode: Callable[[Sequence[Message]], Rows],
        pure: bool,
        rebalanced: Callable[[], None],
    ) -> None:
        self._topic = topic
        self._group = group
        self._make = make
        self._make_seats = seats
        self._producer = producer
        self._encode = encode
        self._pure = pure
        self._rebalanced = rebalanced
        self._consumer: AIOKafkaConsumer | None = None
        self._seats: Seats | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._ahead = Ahead()
        self._failure: BaseException | None = None
        self._broken = asyncio.Event()
        self._joined = asyncio.Event()
        self._closed = False
        self._supervisor: asyncio.Task[None] | None = None

    async def join(self, seconds: float) -> None:
        """Returns when the first partitions are taken over, or after `seconds`: then they come later.

        Raises what `on_assign` raises.
        """
        self._supervisor = asyncio.get_running_loop().create_task(self._run(), name=f"consumer-{self._group}")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._joined.wait()
        self._complain()

    async def close(self) -> None:
        """Drain, commit, leave; what has begun may still append. Raises what `on_revoke` raises."""
        if self._supervisor:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        await self._end_fetch()
        try:
            if self._seats:
                await self._seats.close()
        finally:
            self._closed = True
            consumer, self._seats, self._consumer = self._consumer, None, None
            if consumer:
                await leave(consumer)

    async def poll(self, limit: int, timeout: float) -> Sequence[Record]:
        """As the protocol says. Raises what a taking over raised for good, `Revoked` after the end."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout
        if not limit:
            await self._sign_of_life()
            await asyncio.sleep(timeout)
            self._complain()
            return ()
        while True:
            self._complain()
            taken = self._take(limit)
            if taken or clock() > deadline:
                return taken
            await self._fetch(limit, max(0.0, deadline - clock()))
            if clock() >= deadline:
                self._complain()
                return self._take(limit)

    def pause(self, partitions: Sequence[int]) -> None:
        """The client throws away what it has fetched of them, and fetches it again after `resume`."""
        for seat in self._own(partitions):
            seat.pause()

    def resume(self, partitions: Sequence[int]) -> None:
        """Deliver them again."""
        for seat in self._own(partitions):
            seat.resume()

    def holds(self, partition: int) -> bool:
        """A pure group's writes are fenced; of others Kafka must have said so lately."""
        return partition in self._held() and self._seats is not None and (self._pure or self._seats.tenure.valid)

    async def append(self, partition: int, messages: Sequence[Message]) -> None:
        """Of a pure group by the partition's own transactions, of others by the process's producer."""
        seat = self._held().get(partition)
        if seat is None:
            raise self._revoked(f"partition {partition} of {self._topic}")
        rows = self._encode(messages)
        if seat.writer and rows:
            await self._write(partition, rows, {})
        elif rows and not self.holds(partition):
            raise RetryableError(f"Kafka: {self._group} may have lost partition {partition} of {self._topic}")
        elif rows:
            await self._producer.append(rows)

    async def commit(self, offsets: Mapping[int, int], messages: Sequence[Message] = ()) -> None:
        """In one transaction of the first partition named; offsets of a group with effects by its membership."""
        held = self._held()
        rows = self._encode(messages)
        if rows and (not offsets or any(number not in held for number in offsets)):
            raise self._revoked(self._topic)
        if not self._pure:
            if rows:
                raise ValueError(f"{self._group} was not joined as a pure group: it commits no messages")
            if self._seats:
                await self._seats.commit(offsets)
            return
        moved = {n: o for n, o in offsets.items() if n in held and o > held[n].committed}
        if rows or moved:
            await self._write(next(iter(moved or offsets)), rows, moved)

    async def reached(self, positions: Mapping[int, int]) -> Mapping[int, int]:
        """Past what holds no record: the marks that transactions leave are offsets too. Asked often, so it watches."""
        found = dict(positions)
        seats = self._seats
        if seats and not self._closed:
            if not self._pure:
                seats.tenure.keep()
            delivered = {number: seat.delivered for number, seat in seats.held.items()}
            fetched = await seats.positions()
            if any(position < delivered.get(number, 0) for number, position in fetched.items()):
                self._gone_back()
            waiting = self._ahead.numbers
            for number, position in positions.items():
                if number in fetched and number not in waiting and seats.held[number].delivered == position:
                    found[number] = max(position, fetched[number])
            if not waiting and (stalled := await seats.stalled(fetched)):
                logger.error("consumer-stalled", extra={"group": self._group, "partitions": stalled})
                self._broken.set()
        return found

    async def _write(self, number: int, rows: Rows, offsets: Mapping[int, int]) -> None:
        seats = self._seats
        seat = self._held().get(number)
        if seats is None or seat is None or seat.writer is None:
            raise self._revoked(f"partition {number} of {self._topic}")
        try:
            await seat.writer.write(rows, offsets)
        except Revoked:
            self._fenced(number)
            raise
        seats.note(offsets)

    def _fenced(self, number: int) -> None:
        """Somebody took it, or the broker ended our transaction: only joining anew tells who is right."""
        hint = f"if this comes again and again, {ONE_NAME}"
        logger.error("fenced", extra={"group": self._group, "partition": number, "hint": hint})
        self._broken.set()

    def _gone_back(self) -> None:
        """The client, by itself: the topic no longer reaches to where it was. Who joins anew finds out how far."""
        self._broken.set()

    def _held(self) -> Mapping[int, Seat]:
        return {} if self._seats is None or self._closed else self._seats.held

    def _own(self, partitions: Sequence[int]) -> list[Seat]:
        held = self._held()
        return [held[number] for number in partitions if number in held]

    def _revoked(self, what: str) -> Revoked:
        return Revoked(f"{self._group} no longer holds {what}")

    def _complain(self) -> None:
        if self._closed:
            raise self._revoked(self._topic)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _told(self, error: BaseException | None) -> None:
        self._failure = error or self._failure
        self._joined.set()

    def _take(self, limit: int) -> list[Record]:
        return self._ahead.take(limit, self._seats) if self._seats and not self._closed else []

    async def _fetch(self, limit: int, seconds: float) -> None:
        """Wait for records; an impatient caller leaves the request to the next one."""
        if self._consumer is None or self._seats is None:
            await asyncio.sleep(min(seconds, 0.05))
            return
        if self._fetching is None:
            wait = max(1, min(LONGEST_FETCH_MS, int(seconds * 1000)))
            self._fetching = asyncio.get_running_loop().create_task(self._get(self._consumer, self._seats, wait, limit))
        await asyncio.wait({self._fetching}, timeout=seconds)
        if self._fetching and self._fetching.done():
            task, self._fetching = self._fetching, None
            try:
                task.result()
            except (errors.KafkaError, OSError) as error:
                logger.warning("consumer-broken", extra={"group": self._group, "error": told(error)})
                self._broken.set()
                raise RetryableError(f"Kafka: {self._group} cannot poll {self._topic}: {told(error)}") from error

    async def _get(self, consumer: AIOKafkaConsumer, seats: Seats, wait: int, limit: int) -> None:
        epoch = seats.epoch
        found = await consumer.getmany(timeout_ms=wait, max_records=limit)
        for place, records in found.items():
            seat = seats.held.get(place.partition)
            if seat and records and seats.epoch == epoch and records[0].offset < seat.delivered:
                self._gone_back()
            elif seat:
                self._ahead.add(seats.epoch, place.partition, decode(self._topic, place.partition, records))

    async def _sign_of_life(self) -> None:
        """While it is said to be full: membership ends where nobody polls."""
        if self._consumer and self._held():
            with suppress(errors.KafkaError, TimeoutError):
                async with asyncio.timeout(LONGEST_FETCH_MS / 1000):
                    await self._consumer.getmany(TopicPartition(self._topic, NOTHING), timeout_ms=0)

    async def _end_fetch(self) -> None:
        task, self._fetching = self._fetching, None
        if task:
            task.cancel()
            await asyncio.wait({task})
        self._ahead.clear()

    async def _run(self) -> None:
        try:
            await self._consume()
        except Exception as error:
            self._told(error)  # the next poll raises it

    async def _consume(self) -> None:
        """A consumer for as long as it works, then another."""
        failures = 0
        while True:
            self._broken.clear()
            consumer = self._make()
            try:
                async with asyncio.timeout(START_SECONDS):
                    await consumer.start()
            except (errors.KafkaError, OSError, TimeoutError) as error:
                logger.warning("no-consumer", extra={"group": self._group, "error": told(error)})
                await leave(consumer)
                failures += 1
                await asyncio.sleep(random.uniform(0.05, min(0.1 * 2**failures, LONGEST_PAUSE)))
                continue
            except asyncio.CancelledError:
                await leave(consumer)
                raise
            failures = 0
            self._seats = seats = self._make_seats(consumer, self._told)
            self._consumer = consumer
            consumer.subscribe([self._topic], listener=Listener(seats, self._rebalanced))
            await self._broken.wait()
            await self._end_fetch()
            self._consumer = None
            await seats.revoked()
            await leave(consumer)
            await asyncio.sleep(random.uniform(0, TAKE_AGAIN_SECONDS))
