"""Whether a Kafka cluster is ready for use: not only listening, but taking records and serving groups."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from processor.errors import RetryableError

PROBE = "processor.ready"
"""A topic of ours for the probe; one small record at each start."""
PAUSE_SECONDS = 0.1
CALL_MS = 5000


async def until_ready(bootstrap: str, brokers: int, seconds: float) -> None:
    """Return when `brokers` brokers take an acks=all record and a group coordinator is there.

    For clusters without a password only. Raises `RetryableError` with the last reason after `seconds`.
    """
    reason: BaseException | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await _probe(bootstrap, brokers)
                except (KafkaError, OSError, _NotYet) as error:
                    reason = error
                await asyncio.sleep(PAUSE_SECONDS)
    raise RetryableError(f"Kafka at {bootstrap} is not ready after {seconds:.0f} s: {reason!r}")


class _NotYet(Exception):
    """Nothing is wrong, something is still missing."""


async def _probe(bootstrap: str, brokers: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=CALL_MS)
    try:
        await admin.start()
        known = len((await admin.describe_cluster())["brokers"])
        if known < brokers:
            raise _NotYet(f"{known} of {brokers} brokers are known")
        answer = await admin.create_topics([NewTopic(PROBE, 1, brokers)])
        codes = [error[1] for error in answer.topic_errors]
        if not set(codes) <= {0, 36}:
            raise _NotYet(f"the probe's topic is refused with error {codes}")
        await admin.find_coordinator(PROBE)
    finally:
        await admin.close()
    await _send(bootstrap)


async def _send(bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", request_timeout_ms=CALL_MS)
    try:
        await producer.start()
        await producer.send_and_wait(PROBE, b"ready")
    finally:
        await producer.stop()
