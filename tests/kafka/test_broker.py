"""The real broker of the tests: it takes records, and its nodes can be broken and come back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.kafkabroker import Broker, Brokers, make_topic


async def send(broker: Broker, topic: str, value: bytes) -> None:
    """An idempotent producer repeats until the record is in, over an election or a lost leader."""
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap, enable_idempotence=True, request_timeout_ms=3000)
    await producer.start()
    try:
        async with asyncio.timeout(90):
            await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def first(broker: Broker, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_what_is_sent_is_read(kafka: Broker) -> None:
    topic = kafka.fresh("sent")
    await make_topic(kafka, topic)
    await send(kafka, topic, b"hello")
    assert await first(kafka, topic, 1) == [b"hello"]


async def test_a_record_outlives_the_kill_of_its_leader(kafka3: Brokers) -> None:
    topic = kafka3.fresh("outlives")
    await make_topic(kafka3, topic)
    await send(kafka3, topic, b"before")
    led = await kafka3.leader(topic)
    await kafka3.call(kafka3.own.kill, led)
    assert kafka3.own.running == tuple(node for node in (1, 2, 3) if node != led)
    await send(kafka3, topic, b"during")
    assert await kafka3.leader(topic) != led
    await kafka3.call(kafka3.own.start, led)
    assert await first(kafka3, topic, 2) == [b"before", b"during"]


async def test_the_cluster_lives_on_while_its_controller_hangs(kafka3: Brokers) -> None:
    topic = kafka3.fresh("hangs")
    await make_topic(kafka3, topic)
    hung = kafka3.own.controller
    assert await kafka3.coordinator("any") in kafka3.own.nodes
    assert hung in kafka3.own.nodes
    kafka3.own.pause(hung)
    others = replace(kafka3, bootstrap=",".join(seat.address for seat in kafka3.own.plan.seats if seat.number != hung))
    await send(others, topic, b"while it hangs")
    kafka3.own.resume(hung)
    assert await first(kafka3, topic, 1) == [b"while it hangs"]
