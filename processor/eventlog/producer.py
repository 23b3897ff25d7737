"""The supervised producer: appends of one moment go out together, and a client that has broken is replaced.

aiokafka's idempotent producer waits for ever, cannot take a send back, and after some errors
refuses all that follows; so every caller has a deadline here, bytes are bounded, and the client
is one that may be thrown away. A record whose caller has given up may land later (`ghost_writes`).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from math import inf
from typing import Any

from aiokafka import AIOKafkaProducer, errors
from aiokafka.structs import TopicPartition

from processor.errors import PoisonError, RetryableError
from processor.eventlog.kafka_connection import START_SECONDS, told
from processor.eventlog.kafka_discard import discard
from processor.eventlog.kafka_lane import Flight, Lane, Part, Pending, Post
from processor.eventlog.kafka_records import Rows
from processor.telemetry import Metrics

logger = logging.getLogger("processor.eventlog")

TICKS = 20
"""So often within a deadline one timer looks after all who wait."""

SILENT = "it does not answer"
"""What a time-out is put down to, unless there was an error since something landed."""

TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes."""

    deadline: float = 15.0
    """The longest an append waits, give or take a twentieth; longer than a broker's session and a request together."""
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
        moved: Callable[[str], None] | None = None,
    ) -> None:
        """`moved` hears a topic when a batch for it has come to its end, before those who wait for it do."""
        self._make = make
        self._now = now
        self._metrics = metrics
        self._limits = limits or Limits()
        self._moved = moved
        self._loop = asyncio.get_running_loop()
        self._pending = Pending()
        self._lanes: defaultdict[TopicPartition, Lane] = defaultdict(partial(Lane, self._pending))
        self._ready: set[TopicPartition] = set()
        self._client: AIOKafkaProducer | None = None
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._stopped = False
        self._launching: asyncio.Timeout | None = None
        self._discards: set[asyncio.Task[None]] = set()
        self._trouble = SILENT
        self._failures = 0
        """Clients in a row with which nothing has landed."""
        if metrics:
            metrics.log_pending_bytes.set_function(lambda: self._pending.size)

    async def start(self) -> None:
        """Connects; where that takes long, it goes on in the background."""
        self._pump = self._loop.create_task(self._run(), name="kafka-producer")
        self._pump.add_done_callback(_complain)
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._connected.wait()

    async def stop(self) -> None:
        """What was taken may still land, for a bounded time; then the client goes, and who still waits hears it."""
        self._stopped = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.deadline / 3):
                while self._pending.size:  # noqa: ASYNC110 - once, at the end
                    await asyncio.sleep(0.01)
        if self._pump:
            self._pump.cancel()
            await asyncio.wait({self._pump})
        self._throw_away("stopped")
        self._expire(inf, "the producer has stopped")
        if self._discards:
            await asyncio.wait(self._discards)

    async def abandon(self) -> None:
        """What nobody waits for any more will not be sent: the client goes, the next one takes what is left.

        What a broker had received, but not yet worked on, may still land.
        """
        self._throw_away("abandoned")
        if self._discards:
            await asyncio.wait(set(self._discards))

    def append(self, rows: Rows) -> asyncio.Future[None]:
        """In the log when it is done. Fails with `RetryableError`; some of it may have landed, or may land later.

        Cancelled, it is dropped, but for what is under way already.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        post = Post(done, len(rows), self._loop.time() + self._limits.deadline)
        parts = [(place, Part(post, part, sum([row.size for row in part]))) for place, part in rows.items()]
        size = sum([part.size for _, part in parts])
        if self._stopped or (self._pending.size and self._pending.size + size > self._limits.pending):
            done.set_exception(self._full())
            return done
        self._pending.size += size
        for place, part in parts:
            self._lanes[place].waiting.append(part)
            self._ready.add(place)
        self._news.set()
        if self._watch is None:
            self._watch = self._loop.call_later(self._limits.deadline / TICKS, self._tick)
        return done

    def complain(self, after: float) -> None:
        """Raise `RetryableError` when a batch has been under way for so many seconds, or there is no client."""
        if self._client is None:
            raise RetryableError(f"Kafka: no connection to append: {self._trouble}")
        if self._oldest() > after:
            raise RetryableError(f"Kafka has not acknowledged for {self._oldest():.0f} s")

    def _full(self) -> RetryableError:
        if self._stopped:
            return RetryableError("Kafka: the producer has stopped")
        return RetryableError(f"Kafka: {self._pending.size >> 20} MiB wait for it already: {self._trouble}")

    def _oldest(self) -> float:
        now = self._loop.time()
        return now - min((lane.since for lane in self._lanes.values() if lane.flying), default=now)

    def _tick(self) -> None:
        """One clock for all who wait. It runs while anything does."""
        self._expire(self._loop.time(), f"Kafka has not taken it within {self._limits.deadline:g} s: {self._trouble}")
        if self._oldest() > self._limits.stuck:
            self._throw_away("stuck")
        waits = self._pending.size and not self._stopped
        self._watch = self._loop.call_later(self._limits.deadline / TICKS, self._tick) if waits else None

    def _expire(self, now: float, reason: str) -> None:
        for lane in self._lanes.values():
            lane.expire(now, partial(RetryableError, reason))
            lane.sweep()

    async def _run(self) -> None:
        while True:
            await self._launch(await self._running())
            await self._news.wait()
            self._news.clear()

    async def _running(self) -> AIOKafkaProducer:
        """Who is refused at once, without a right for example, comes again more and more slowly."""
        while self._client is None:
            if self._failures > 1:
                await asyncio.sleep(
                    random.uniform(0.05, min(0.1 * 2 ** min(self._failures, 10), self._limits.longest_pause))
                )
            client = self._make()
            try:
                async with asyncio.timeout(START_SECONDS):
                    await client.start()
            except (errors.KafkaError, OSError, TimeoutError) as error:
                self._trouble = told(error)
                self._discards.add(task := self._loop.create_task(discard(client)))
                task.add_done_callback(self._discards.discard)
                self._failures += 1
            except asyncio.CancelledError:
                await discard(client)
                raise
            else:
                self._client = client
                self._connected.set()
        return self._client

    async def _launch(self, client: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(self._limits.deadline) as limit:
                self._launching = limit
                try:
                    await self._send(client)
                finally:
                    self._launching = None
        except (errors.KafkaError, OSError, TimeoutError, AssertionError) as error:
            if self._uses(client):
                self._broken(error)

    def _uses(self, client: AIOKafkaProducer) -> bool:
        return self._client is client

    async def _send(self, client: AIOKafkaProducer) -> None:
        """One batch for each partition that has something and nothing under way."""
        timestamp = int(self._now().timestamp() * 1000)
        while self._ready and self._uses(client):
            place = self._ready.pop()
            lane = self._lanes[place]
            if lane.flying is None and (flight := lane.fill(batch := client.create_batch(), timestamp)):
                lane.flying, lane.since = flight, self._loop.time()
                sent = await client.send_batch(batch, place.topic, partition=place.partition)
                sent.add_done_callback(partial(self._answered, place, lane, flight))

    def _answered(self, place: TopicPartition, lane: Lane, flight: Flight, sent: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if self._moved:
            self._moved(place.topic)
        if lane.flying is not flight:
            return  # it was taken back, with its client
        if error is None:
            self._landed(place, lane, flight)
            return
        too_large = isinstance(error, TOO_LARGE)
        if too_large and len(flight) == 1:
            size = flight[0][0].size
            lane.refuse(flight, PoisonError(f"the topic {place.topic} does not take {size} bytes: {told(error)}"))
        lane.alone = len(flight) if too_large else 0
        self._broken(error)

    def _landed(self, place: TopicPartition, lane: Lane, flight: Flight) -> None:
        records, ghosts = lane.landed(flight)
        self._trouble, self._failures = SILENT, 0
        if lane.waiting:
            self._ready.add(place)
            self._news.set()
        if ghosts:
            logger.warning("ghost-write", extra={"topic": place.topic, "records": ghosts})
        if self._metrics:
            self._metrics.append_seconds.observe(self._loop.time() - lane.since)
            self._metrics.append_records.labels(place.topic).inc(records)
            if ghosts:
                self._metrics.ghost_writes.inc(ghosts)

    def _broken(self, error: BaseException) -> None:
        """Whatever the client says no to, its next sequence number is wrong from now on: it is replaced."""
        self._trouble = told(error)
        self._failures += 1
        if self._metrics:
            self._metrics.append_failures.labels(type(error).__name__).inc()
        self._throw_away(type(error).__name__)

    def _throw_away(self, reason: str) -> None:
        """The client and what is under way with it; that goes out again with the next one, unless given up."""
        client, self._client = self._client, None
        for place, lane in self._lanes.items():
            lane.take_back()
            lane.sweep()
            if lane.waiting:
                self._ready.add(place)
        if client is None:
            return
        if self._launching and not self._launching.expired():  # it waits for an answer that this client never gets
            self._launching.reschedule(self._loop.time())
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
