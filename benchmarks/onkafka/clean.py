"""Raw to clean through Kafka's transactions: one process, then two.

Processes join at different moments and end at different ones, so what counts is the middle of the
work: from the first tenth to nine tenths of it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import load

from handlers.normalise.envelopes import envelopes
from onkafka.product import PARTITIONS, Place, Running, now, row, serving
from processor.app.topics import TOPICS
from processor.event import RAW, Delivery, instant
from processor.eventlog import Message
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection

AGENTS = 500
AT_ONCE = 2_000
DRAIN_SECONDS = 400
GOAL = 25_000
CLEAN = "genesys.presence"


def delivered(first: int, count: int) -> list[Message]:
    """Presences of 500 agents, a millisecond after each other, as the receiver appends them."""
    began = now() - timedelta(hours=12)
    messages: list[Message] = []
    for number in range(first, first + count):
        body = load.BODY.replace("%ID%", f"n-{number:034d}").replace("%AGENT%", f"{number % AGENTS:04d}")
        body = body.replace("2026-03-09T13:00:03.918Z", instant(began + timedelta(milliseconds=number)))
        messages += [e.to_message() for e in envelopes(Delivery("genesys/unknown", {}, body.encode(), now(), ""))]
    return messages


async def fill(log: KafkaLog, first: int, count: int) -> None:
    """Into the raw topic."""
    for start in range(first, first + count, AT_ONCE):
        await log.append(delivered(start, min(AT_ONCE, first + count - start)))


@dataclass
class Course:
    """How far each partition is, over time, and what it had cost by then."""

    before: dict[int, int]
    ends: dict[int, int]
    seen: list[tuple[float, float, int, float]] = field(default_factory=list)
    """Moment, processor seconds, records done, most MB of a process; of the middle only."""

    @classmethod
    async def of(cls, log: KafkaLog) -> Course:
        """From here."""
        committed = await log.committed("normalise", RAW)
        ends = {p: (await log.bounds(RAW, p))[1] for p in range(PARTITIONS)}
        return cls({p: committed.get(p, 0) for p in ends}, ends)

    @property
    def whole(self) -> int:
        """What lay there at the beginning."""
        return sum(self.ends.values()) - sum(self.before.values())

    async def follow(self, log: KafkaLog, running: list[Running]) -> None:
        """Until all is done."""
        async with asyncio.timeout(DRAIN_SECONDS):
            while True:
                committed = await log.committed("normalise", RAW)
                at = {p: committed.get(p, 0) for p in self.ends}
                done = sum(at.values()) - sum(self.before.values())
                if self.whole * 0.1 <= done <= self.whole * 0.9:
                    cpu, rss = sum(one.cpu for one in running), max(one.rss for one in running)
                    self.seen.append((time.perf_counter(), cpu, done, rss))
                if all(at[p] >= self.ends[p] for p in at):
                    return
                await asyncio.sleep(0.05)

    def row(self, name: str, reference: float) -> dict[str, Any]:
        """The rate in between."""
        if len(self.seen) < 2:
            raise SystemExit(f"{name}: too few events to measure; ask for more with --events")
        (began, cost, first, early), (ended, cost_then, last, late) = self.seen[0], self.seen[-1]
        per_event = (cost_then - cost) / max(1, last - first) * 1e6
        rate = (last - first) / (ended - began)
        return row(name, rate, "events/s", reference, cpuUs=per_event, rssMb=late, grownMb=late - early)


async def raw_to_clean(place: Place, events: int) -> list[dict[str, Any]]:
    """One process; then two, as many events each."""
    rows: list[dict[str, Any]] = []
    async with KafkaLog.open(Connection(place.bootstrap), TOPICS, PARTITIONS, now) as log:
        for processes in (1, 2):
            count = events * processes
            await fill(log, 0 if processes == 1 else events, count)
            course = await Course.of(log)
            async with AsyncExitStack() as stack:
                starts = [
                    stack.enter_async_context(serving(place, f"bench-{n}", ["normalise"])) for n in range(processes)
                ]
                running = [await start for start in starts]
                await course.follow(log, running)
            reference = rows[0]["value"] if rows else GOAL
            rows.append(course.row(f"normalise-kafka-{processes}-process{'es' if rows else ''}", reference))
    return rows
