"""A backlog is drained while posts go on: how fast, in order, and what the callers notice of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import load

from onkafka import placing
from onkafka.callers import Callers, calling
from onkafka.clean import CLEAN, Course, fill
from onkafka.product import PARTITIONS, Place, now, row, serving
from processor.app.topics import TOPICS
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection

GOAL = 20_000
POSTS_A_SECOND = 100
QUIET_SECONDS = 10.0


async def backlog(place: Place, records: int) -> list[dict[str, Any]]:
    """Two of them: with the processors as Linux shares them, and with each process where an operator would put it.

    `records` lie in the log when the one who does them starts; a process of its own takes the posts.
    """
    async with (
        KafkaLog.open(Connection(place.bootstrap), TOPICS, PARTITIONS, now) as log,
        serving(place, "bench-receiver", ["receive"], PROCESSOR_WEBHOOK_BASIC=load.USER) as receiver,
    ):
        clean = {p: (await log.bounds(CLEAN, p))[1] for p in range(PARTITIONS)}
        port = urlsplit(receiver.ready["receiver"]).port or 0
        async with calling(port, POSTS_A_SECOND) as callers:
            await fill(log, 0, records)
            rows = await _drained(place, log, callers, f"backlog-kafka of {records:,}")
            expected = records
            if placing.possible():
                await fill(log, records, records)
                with placing.elsewhere((place.broker, receiver.pid), (callers.pid, os.getpid())):
                    name = f"backlog-kafka of {records:,}, placed"
                    rows += await _drained(place, log, callers, name, placing.alone)
                expected += records
            else:
                print("not placed: that takes two processors, and the right to say who goes first (CAP_SYS_NICE)")
        found = await in_order(log, clean)
    if found < expected:
        raise SystemExit(f"of {expected} records only {found} came out")
    return rows


async def _drained(
    place: Place, log: KafkaLog, callers: Callers, name: str, put: Callable[[int], None] | None = None
) -> list[dict[str, Any]]:
    """One that lies there, by one process; `put` says where that one runs."""
    callers.taken()
    await asyncio.sleep(QUIET_SECONDS)
    quiet = callers.taken()
    course = await Course.of(log)
    async with serving(place, "bench-0", ["normalise"]) as worker:
        if put:
            put(worker.pid)
        callers.taken()  # a start takes a whole processor, which is not what is asked here
        await course.follow(log, [worker])
        busy = callers.taken()
    reference = round(quiet[1], 1)
    posts = row(
        f"{name}: posts meanwhile, p99", busy[1], f"ms at {POSTS_A_SECOND}/s", reference, p50Ms=busy[0], p99Ms=busy[1]
    )
    return [course.row(f"{name}, in order", GOAL), posts]


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
