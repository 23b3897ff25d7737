"""A backlog is drained while posts go on: how fast, in order, and what the callers notice of it."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import load

from onkafka.clean import CLEAN, Course, fill
from onkafka.product import PARTITIONS, Place, now, row, serving
from processor.app.topics import TOPICS
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection

GOAL = 20_000
POSTS_A_SECOND = 100
QUIET_SECONDS = 10.0
POST_SECONDS = 30


@dataclass
class Posts:
    """So many a second, whether the last are answered or not, as far more senders than one do it."""

    url: str
    latencies: list[float] = field(default_factory=list)
    count: int = 0

    async def go_on(self, stop: asyncio.Event) -> None:
        """Until told; then those under way end."""
        user, _, password = load.USER.partition(":")
        async with (
            aiohttp.ClientSession(
                auth=aiohttp.BasicAuth(user, password),
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=POST_SECONDS),
            ) as session,
            asyncio.TaskGroup() as tasks,
        ):
            due = time.perf_counter()
            while not stop.is_set():
                tasks.create_task(self._post(session))
                due += 1 / POSTS_A_SECOND
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def _post(self, session: aiohttp.ClientSession) -> None:
        self.count += 1
        body = load.BODY.replace("%ID%", f"live-{time.time_ns():031d}").replace("%AGENT%", f"9{self.count % 100:03d}")
        began = time.perf_counter()
        headers = {"Content-Type": "application/json"}
        async with session.post(self.url, data=body.encode(), headers=headers) as answer:
            await answer.read()
            if answer.status != 202:
                raise SystemExit(f"a post was answered {answer.status} during the backlog")
        self.latencies.append((time.perf_counter() - began) * 1000)

    def taken(self) -> tuple[float, float]:
        """p50 and p99 of what was answered since the last call."""
        found, self.latencies = self.latencies, []
        cuts = statistics.quantiles(found, n=100)
        return cuts[49], cuts[98]


async def backlog(place: Place, records: int) -> list[dict[str, Any]]:
    """`records` lie in the log when the one who does them starts; a process of its own takes the posts."""
    credentials = {"PROCESSOR_WEBHOOK_BASIC": load.USER}
    async with (
        KafkaLog.open(Connection(place.bootstrap), TOPICS, PARTITIONS, now) as log,
        serving(place, "bench-receiver", ["receive"], **credentials) as receiver,
    ):
        clean = {p: (await log.bounds(CLEAN, p))[1] for p in range(PARTITIONS)}
        await fill(log, 0, records)
        posts, stop = Posts(receiver.ready["receiver"] + "/webhooks/genesys"), asyncio.Event()
        going = asyncio.create_task(posts.go_on(stop))
        try:
            await asyncio.sleep(QUIET_SECONDS)
            quiet = posts.taken()
            course = await Course.of(log)
            async with serving(place, "bench-0", ["normalise"]) as worker:
                posts.taken()  # a start takes a whole processor, which is not what is asked here
                await course.follow(log, [worker])
                busy = posts.taken()
        finally:
            stop.set()
            await going
        found = await in_order(log, clean)
    return _rows(course, quiet, busy, found, records)


def _rows(
    course: Course, quiet: tuple[float, float], busy: tuple[float, float], found: int, records: int
) -> list[dict[str, Any]]:
    if found < records:
        raise SystemExit(f"of {records} records only {found} came out")
    name = f"backlog-kafka of {records:,}"
    return [
        course.row(f"{name}, in order", GOAL),
        row(
            f"{name}: posts meanwhile, p99",
            busy[1],
            f"ms at {POSTS_A_SECOND}/s",
            round(quiet[1], 1),
            p50Ms=busy[0],
            p99Ms=busy[1],
        ),
    ]


async def in_order(log: KafkaLog, clean: dict[int, int]) -> int:
    """How many of the backlog are in the clean topic. Raises SystemExit when one is twice there or overtaken."""
    found = 0
    for partition, start in clean.items():
        last: dict[str, int] = {}
        _, end = await log.bounds(CLEAN, partition)
        async for record in log.read(CLEAN, partition, start, end):
            cause = record.message.headers["ce_causationid"]
            if not cause.startswith("n-"):
                continue
            number = int(cause[2:])
            if number <= last.get(record.message.key, -1):
                raise SystemExit(f"{record.message.key}: {number} came after {last[record.message.key]}")
            last[record.message.key] = number
            found += 1
    return found
