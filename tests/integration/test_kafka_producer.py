"""The supervised producer on a real broker: one test for each way in which aiokafka's own would hang or lose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from processor.errors import PoisonError, RetryableError
from processor.eventlog import Message, Topic
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection
from processor.eventlog.kafka_records import Rows, encode
from processor.eventlog.producer import Limits, Producer
from processor.telemetry import Metrics
from tests.kafkabroker import Broker, Brokers
from tests.kafkalog import create_topics


@asynccontextmanager
async def a_log(
    broker: Broker, limits: Limits | None = None, metrics: Metrics | None = None, **configs: str
) -> AsyncIterator[tuple[KafkaLog, str]]:
    topic = broker.fresh("sent")
    await create_topics(broker.bootstrap, [Topic(topic)], 2, broker.brokers, **configs)
    async with KafkaLog.open(
        Connection(broker.bootstrap), [Topic(topic)], 2, lambda: datetime.now(UTC), metrics=metrics, limits=limits
    ) as log:
        yield log, topic


async def content(log: KafkaLog, topic: str) -> list[str]:
    found = []
    for partition in range(log.partitions):
        start, end = await log.bounds(topic, partition)
        found += [(r.message.value or b"").decode() async for r in log.read(topic, partition, start, end)]
    return found


def value_of(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"processor_{name}_total", labels) or 0


async def test_appends_of_one_moment_are_one_batch_for_each_partition(kafka: Broker) -> None:
    metrics = Metrics.build()
    async with a_log(kafka, metrics=metrics) as (log, topic):
        await asyncio.gather(*(log.append([Message(topic, "k", str(n).encode())]) for n in range(500)))
        assert await content(log, topic) == [str(n) for n in range(500)]
        assert (metrics.registry.get_sample_value("processor_append_seconds_count") or 0) <= 3
        assert value_of(metrics, "append_records", topic=topic) == 500


async def test_a_large_append_is_cut_into_batches_and_keeps_its_order(kafka: Broker) -> None:
    async with a_log(kafka) as (log, topic):
        big = [Message(topic, "k", f"{n:06}".encode() + b"x" * 100_000) for n in range(40)]
        await asyncio.gather(log.append(big), log.append([Message(topic, "k", b"last")]))
        assert [value[:6] for value in await content(log, topic)] == [f"{n:06}" for n in range(40)] + ["last"]


async def test_trap_1_a_send_to_dead_brokers_ends_by_its_deadline_and_so_does_the_stop(kafka3: Brokers) -> None:
    clock = asyncio.get_running_loop().time
    async with a_log(kafka3, Limits(deadline=3)) as (log, topic):
        await log.append([Message(topic, "k", b"before")])
        for node in (1, 2, 3):
            await kafka3.call(kafka3.own.kill, node)
        began = clock()
        with pytest.raises(RetryableError, match="3 s"):
            await log.append([Message(topic, "k", b"during")])
        with pytest.raises(RetryableError):
            await log.check()
        assert clock() - began < 20
        began = clock()
    assert clock() - began < 20


async def test_trap_2_what_was_given_up_may_land_later_and_is_counted(kafka3: Brokers) -> None:
    metrics = Metrics.build()
    async with a_log(kafka3, Limits(deadline=1.5), metrics) as (log, topic):
        await log.append([Message(topic, "k", b"before")])
        for node in (1, 2, 3):
            await kafka3.call(kafka3.own.pause, node)
        sending = asyncio.ensure_future(log.append([Message(topic, "k", b"flying")]))
        await asyncio.sleep(0.5)  # it is with the broker now
        with pytest.raises(RetryableError):
            await log.append([Message(topic, "k", b"behind it")])
        with pytest.raises(RetryableError):
            await sending
        for node in (1, 2, 3):
            await kafka3.call(kafka3.own.resume, node)
        await until_taken(log, topic)
        assert await content(log, topic) == ["before", "flying", "after"], "what had not begun is dropped"
        assert value_of(metrics, "ghost_writes") == 1


async def until_taken(log: KafkaLog, topic: str) -> None:
    while True:
        try:
            return await log.append([Message(topic, "k", b"after")])
        except RetryableError:
            await asyncio.sleep(0.1)


async def test_trap_3_a_message_too_large_for_its_topic_is_refused_before_it_is_sent(kafka: Broker) -> None:
    async with a_log(kafka, **{"max.message.bytes": "2000"}) as (log, topic):
        with pytest.raises(PoisonError, match="2000"):
            await log.append([Message(topic, "k", b"x" * 5_000)])
        await asyncio.gather(*(log.append([Message(topic, "k", b"y" * 900)]) for _ in range(20)))
        assert len(await content(log, topic)) == 20


async def test_trap_3_a_batch_that_the_broker_refuses_costs_the_producer_but_no_other_message(kafka: Broker) -> None:
    metrics = Metrics.build()
    async with a_log(kafka, metrics=metrics, **{"max.message.bytes": "2000"}) as (log, topic):
        log._largest[topic] = 10_000  # as if the topic had been set smaller after we had asked
        await log.append([Message(topic, "k", b"first")])
        sends = [log.append([Message(topic, "k", text)]) for text in (b"small", b"x" * 5_000, b"too")]
        outcomes = await asyncio.gather(*sends, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), PoisonError, type(None)]
        assert await content(log, topic) == ["first", "small", "too"]
        assert value_of(metrics, "producer_rebuilds", reason="MessageSizeTooLargeError") >= 1


async def test_trap_4_a_topic_emptied_meanwhile_takes_the_next_append(kafka: Broker) -> None:
    async with a_log(kafka) as (log, topic):
        await log.append([Message(topic, "k", b"1"), Message(topic, "k", b"2")])
        assert await content(log, topic) == ["1", "2"], "from now on we think to know where it begins"
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        places = [TopicPartition(topic, p) for p in range(2)]
        await admin.delete_records({place: RecordsToDelete(before_offset=-1) for place in places})
        await admin.close()
        await log.append([Message(topic, "k", b"3")])
        assert await content(log, topic) == ["3"], "reading goes on where the partition begins now"


async def test_trap_5_a_sender_that_died_is_replaced_and_its_callers_are_served(kafka: Broker) -> None:
    metrics = Metrics.build()
    async with a_log(kafka, metrics=metrics) as (log, topic):
        await log.append([Message(topic, "k", b"1")])
        client = log._producer._client
        assert client is not None

        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("in the sender")

        client._sender._message_accumulator.drain_by_nodes = broken
        await asyncio.gather(*(log.append([Message(topic, "k", str(n).encode())]) for n in (2, 3, 4)))
        assert await content(log, topic) == ["1", "2", "3", "4"]
        assert sum(s.value for m in metrics.producer_rebuilds.collect() for s in m.samples if "total" in s.name) >= 1


async def test_trap_20_bytes_in_flight_are_bounded(kafka3: Brokers) -> None:
    async with a_log(kafka3, Limits(deadline=2, pending=200_000)) as (log, topic):
        await log.append([Message(topic, "k", b"before")])
        for node in (1, 2, 3):
            await kafka3.call(kafka3.own.pause, node)
        sends = [asyncio.ensure_future(log.append([Message(topic, "k", b"x" * 90_000)])) for _ in range(5)]
        done, _ = await asyncio.wait(sends, timeout=1)
        assert len(done) == 3
        assert all(isinstance(task.exception(), RetryableError) for task in done)
        await asyncio.gather(*sends, return_exceptions=True)


async def test_trap_25_too_few_replicas_in_sync_end_an_append_by_its_deadline(kafka3: Brokers) -> None:
    """aiokafka would send it for ever; readiness says which partition lacks what."""
    async with a_log(kafka3, Limits(deadline=4), **{"min.insync.replicas": "3"}) as (log, topic):
        await log.append([Message(topic, "k", b"before")])
        await kafka3.call(kafka3.own.kill, 3)
        for _ in range(3):  # until it has left the replicas in sync nobody acknowledges either
            with pytest.raises(RetryableError, match="4 s"):
                await log.append([Message(topic, "k", b"during")])
        with pytest.raises(RetryableError, match="not acknowledged"):
            await log.check()
        with pytest.raises(RetryableError, match="2 replicas in sync and needs 3"):
            await log._reader.check(log._fewest, 3)
        await kafka3.call(kafka3.own.start, 3)
        await until_taken(log, topic)
        assert {"before", "after"} <= set(await content(log, topic))


async def test_trap_26_an_error_without_a_name_replaces_the_producer(kafka: Broker) -> None:
    """Codes that aiokafka does not know become UnknownError: the client behind it cannot be trusted any more."""
    async with a_log(kafka) as (log, topic):
        await log.append([Message(topic, "k", b"1")])
        first = log._producer._client
        assert first is not None
        real = first.send_batch

        async def refuse(*_: object, **__: object) -> asyncio.Future[None]:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(KafkaError("code 89"))
            return failed

        first.send_batch = refuse
        await log.append([Message(topic, "k", b"2")])
        assert log._producer._client is not first
        assert real is not None
        assert await content(log, topic) == ["1", "2"]


@asynccontextmanager
async def without_kafka(deadline: float) -> AsyncIterator[Producer]:
    limits = Limits(deadline=deadline)
    producer = Producer(Connection("127.0.0.1:1").producer, lambda: datetime.now(UTC), limits=limits)
    producer._connected.set()  # do not wait for what never comes
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def rows(value: bytes) -> Rows:
    return encode([Message("t", "k", value)], 2, {"t": 1_000_000})


async def test_stop_ends_while_it_cannot_even_connect() -> None:
    async with without_kafka(0.2) as producer:
        with pytest.raises(RetryableError):
            producer.complain(3)


async def test_an_append_that_is_never_sent_ends_by_its_deadline_and_holds_no_room_any_more() -> None:
    async with without_kafka(0.2) as producer:
        sends = [producer.append(rows(b"x")) for _ in range(3)]
        ended = await asyncio.gather(*sends, return_exceptions=True)
        assert {str(error) for error in ended} == {f"Kafka has not taken it within 0.2 s: {producer._trouble}"}
        assert producer._pending.size == 0


async def test_who_is_refused_at_once_comes_again_more_and_more_slowly() -> None:
    """Without the right to write, say: hundreds of connections a second are no way to ask for it."""
    made = []

    async def start() -> None:
        """It connects."""

    async def refuse(*_: object, **__: object) -> asyncio.Future[None]:
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        failed.set_exception(TopicAuthorizationFailedError("t"))
        return failed

    def make() -> AIOKafkaProducer:
        client = Connection("127.0.0.1:1").producer()
        client.start, client.send_batch = start, refuse
        made.append(client)
        return client

    producer = Producer(make, lambda: datetime.now(UTC), limits=Limits(deadline=0.5))
    await producer.start()
    with pytest.raises(RetryableError, match="TopicAuthorizationFailedError"):
        await producer.append(rows(b"x"))
    await producer.stop()
    assert 2 <= len(made) <= 15


async def test_who_gives_up_before_it_is_sent_holds_no_room_any_more() -> None:
    async with without_kafka(0.5) as producer:
        given_up, waits = producer.append(rows(b"x" * 1_000)), producer.append(rows(b"y"))
        given_up.cancel()
        await asyncio.wait([waits])
        assert producer._pending.size == 0


async def test_the_stop_tells_those_who_still_wait_and_refuses_who_comes_later() -> None:
    async with without_kafka(60) as producer:
        waits = producer.append(rows(b"x"))
        producer._limits = Limits(deadline=0.03)  # the stop gives it a third of that
    with pytest.raises(RetryableError, match="stopped"):
        await waits
    with pytest.raises(RetryableError, match="stopped"):
        await producer.append(rows(b"x"))
