"""The supervised producer: appends of one moment go out together, and a client that has broken is replaced.

aiokafka's idempotent producer waits for ever, cannot take a send back, and after some errors
refuses all that follows; so every caller has a deadline here, bytes are bounded, and the client
is one that may be thrown away. A record whose caller has given up may land later (`ghost_writes`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer, errors
from aiokafka.structs import TopicPartition

from processor.errors import PoisonError, RetryableError
from processor.eventlog.kafka_connection import START_SECONDS, told
from processor.eventlog.kafka_discard import discard
from processor.eventlog.kafka_lane import Flight, Lane, Part, Post
from processor.eventlog.kafka_records import Rows
from processor.telemetry import Metrics

logger = logging.getLogger("processor.eventlog")

TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes."""

    deadline: float = 15.0
    """The longest an append waits; longer than a broker's session and a request together."""
    stuck: float = 30.0
    """A batch that is under way for so long takes its client with it."""
    pending: int = 64 * 1024 * 1024
    longest_pause: float = 2.0
    """Between two attempts to start a client."""


class Producer:
    """One for each process; `append` may be called from anywhere on the loop."""

    def __init__(
        self,
        make: Callable[[], AIOKafkaProducer],
        now: Callable[[], datetime],
        metrics: Metrics | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._make = make
        self._now = now
        self._metrics = metrics
        self._limits = limits or Limits()
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[TopicPartition, Lane] = {}
        self._ready: set[TopicPartition] = set()
        self._client: AIOKafkaProducer | None = None
        self._generation = 0
        self._pending = 0
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._discards: set[asyncio.Task[None]] = set()
        self._trouble = "it does not answer"
        self.acknowledged = 0.0
        """When the last batch was, on the loop's clock."""

    async def start(self) -> None:
        """Connects; where that takes long, it goes on in the background."""
        self._pump = self._loop.create_task(self._run(), name="kafka-producer")
        self._pump.add_done_callback(_complain)
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._connected.wait()

    async def stop(self) -> None:
        """What was taken may still land, for a bounded time; then the client goes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.deadline / 3):
                while self._pending:  # noqa: ASYNC110 - once, at the end
                    await asyncio.sleep(0.01)
        if self._pump:
            self._pump.cancel()
            await asyncio.wait({self._pump})
        self._throw_away("stopped")
        if self._discards:
            await asyncio.wait(self._discards)

    async def abandon(self) -> None:
        """What nobody waits for any more will not be sent: the client goes, the next one takes what is left.

        What a broker had received, but not yet worked on, may still land.
        """
        self._throw_away("abandoned")
        if self._discards:
            await asyncio.wait(set(self._discards))

    async def append(self, rows: Rows) -> None:
        """In the log when it returns. Raises `RetryableError`; some of it may have landed, or may land later."""
        size = sum(row.size for part in rows.values() for row in part)
        if self._pending and self._pending + size > self._limits.pending:
            raise RetryableError(f"Kafka: {self._pending >> 20} MiB wait for it already: {self._trouble}")
        post = Post(self._loop.create_future(), len(rows))
        parts = {place: Part(post, part, sum(row.size for row in part)) for place, part in rows.items()}
        for place, part in parts.items():
            self._lanes.setdefault(place, Lane()).waiting.append(part)
            self._ready.add(place)
            self._pend(part.size)
        self._news.set()
        try:
            async with asyncio.timeout(self._limits.deadline):
                await post.done
        except TimeoutError:
            raise RetryableError(
                f"Kafka has not taken it within {self._limits.deadline:g} s: {self._trouble}"
            ) from None
        finally:
            if post.parts:
                self._give_up(post, parts)

    def complain(self, after: float) -> None:
        """Raise `RetryableError` when a batch has been under way for so many seconds, or there is no client."""
        if self._client is None:
            raise RetryableError(f"Kafka: no connection to append: {self._trouble}")
        if self._oldest() > after:
            raise RetryableError(f"Kafka has not acknowledged for {self._oldest():.0f} s")

    def _oldest(self) -> float:
        now = self._loop.time()
        return now - min((lane.since for lane in self._lanes.values() if lane.flying), default=now)

    def _pend(self, size: int) -> None:
        self._pending += size
        if self._metrics:
            self._metrics.log_pending_bytes.set(self._pending)

    def _give_up(self, post: Post, parts: dict[TopicPartition, Part]) -> None:
        post.given_up = True
        for place, part in parts.items():
            if self._lanes[place].drop(part):
                self._pend(-part.size)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._news.wait()
            self._news.clear()
            client = await self._running()
            generation = self._generation
            for place in list(self._ready):
                if generation != self._generation:
                    break
                self._ready.discard(place)
                lane = self._lanes[place]
                if lane.flying is None and lane.waiting:
                    await self._launch(client, place, lane)
            if self._oldest() > self._limits.stuck:
                self._throw_away("stuck")

    async def _running(self) -> AIOKafkaProducer:
        failures = 0
        while self._client is None:
            client = self._make()
            try:
                async with asyncio.timeout(START_SECONDS):
                    await client.start()
            except (errors.KafkaError, OSError, TimeoutError) as error:
                self._trouble = told(error)
                self._discards.add(task := self._loop.create_task(discard(client)))
                task.add_done_callback(self._discards.discard)
                failures += 1
                await asyncio.sleep(random.uniform(0.05, min(0.1 * 2**failures, self._limits.longest_pause)))
            except asyncio.CancelledError:
                await discard(client)
                raise
            else:
                self._client = client
                self._generation += 1
                self._connected.set()
        return self._client

    async def _launch(self, client: AIOKafkaProducer, place: TopicPartition, lane: Lane) -> None:
        batch = client.create_batch()
        flight = lane.fill(batch, int(self._now().timestamp() * 1000))
        if not flight:
            return
        lane.flying, lane.since = flight, self._loop.time()
        try:
            async with asyncio.timeout(self._limits.deadline):
                sent = await client.send_batch(batch, place.topic, partition=place.partition)
        except (errors.KafkaError, OSError, TimeoutError, AssertionError) as error:
            if lane.flying is flight:  # else it was taken back already, with its client
                self._failed(place, lane, flight, error)
            return
        sent.add_done_callback(partial(self._answered, self._generation, place, lane, flight))

    def _answered(
        self, generation: int, place: TopicPartition, lane: Lane, flight: Flight, sent: asyncio.Future[Any]
    ) -> None:
        error = None if sent.cancelled() else sent.exception()
        late = lane.flying is not flight
        if error is None and not sent.cancelled():
            if not late:
                self._landed(place, lane, flight)
        elif not late and generation == self._generation:
            self._failed(place, lane, flight, error or asyncio.CancelledError())

    def _landed(self, place: TopicPartition, lane: Lane, flight: Flight) -> None:
        began, self.acknowledged = lane.since, self._loop.time()
        lane.flying = None
        ghosts = records = 0
        for part, first, following in flight:
            records += following - first
            ghosts += following - first if part.post.given_up else 0
            if following == len(part.rows):
                self._pend(-part.size)
                part.post.landed()
        if lane.waiting:
            self._ready.add(place)
            self._news.set()
        if ghosts:
            logger.warning("ghost-write", extra={"topic": place.topic, "records": ghosts})
        if self._metrics:
            self._metrics.append_seconds.observe(self.acknowledged - began)
            self._metrics.append_records.labels(place.topic).inc(records)
            if ghosts:
                self._metrics.ghost_writes.inc(ghosts)

    def _failed(self, place: TopicPartition, lane: Lane, flight: Flight, error: BaseException) -> None:
        """Whatever the client says no to, its next sequence number is wrong from now on: it is replaced."""
        self._trouble = told(error)
        lane.flying = None
        if self._metrics:
            self._metrics.append_failures.labels(type(error).__name__).inc()
        if isinstance(error, TOO_LARGE) and len(flight) == 1:
            part = flight[0][0]
            if lane.waiting and lane.waiting[0] is part:
                lane.waiting.popleft()
            self._pend(-part.size)
            part.post.failed(PoisonError(f"the topic {place.topic} does not take {part.size} bytes: {told(error)}"))
        else:
            lane.take_back(flight)
            lane.alone = len(flight) if isinstance(error, TOO_LARGE) else 0
        self._throw_away(type(error).__name__)

    def _throw_away(self, reason: str) -> None:
        """The client and what is under way with it; that goes out again with the next one, unless given up."""
        client, self._client = self._client, None
        self._generation += 1
        for place, lane in self._lanes.items():
            flight, lane.flying = lane.flying, None
            if flight:
                lane.take_back(flight)
            for part in [part for part in lane.waiting if part.post.given_up]:
                lane.waiting.remove(part)
                self._pend(-part.size)
            if lane.waiting:
                self._ready.add(place)
        if client is None:
            return
        if reason != "stopped":
            logger.warning("producer-replaced", extra={"reason": reason, "error": self._trouble})
            if self._metrics:
                self._metrics.producer_rebuilds.labels(reason).inc()
        self._discards.add(task := self._loop.create_task(discard(client)))
        task.add_done_callback(self._discards.discard)
        self._news.set()


def _complain(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception():
        logger.critical("producer-died", exc_info=task.exception())
