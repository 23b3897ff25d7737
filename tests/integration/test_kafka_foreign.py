"""What other programs write into our topics: any bytes, packed in any way, and none of it wedges a partition."""

from __future__ import annotations

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import everything, logs, take, values
from tests.kafkabroker import Broker


async def test_trap_11_foreign_bytes_pass_and_wedge_nothing(kafka: Broker) -> None:
    async with logs(kafka) as (topic, (log,)):
        foreign = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type="gzip")
        await foreign.start()
        await foreign.send_and_wait(topic, b"\xff", key=b"\xfe", partition=1, headers=[("h", b"\xfd"), ("n", None)])
        await foreign.send_and_wait(topic, b"no key", partition=1)
        await foreign.stop()
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            first, second = await take(member, 2)
        assert (first.message.key, first.message.value) == ("\ufffd", b"\xff")
        assert dict(first.message.headers) == {"h": "\ufffd", "n": ""}
        assert (second.message.key, second.message.value) == ("", b"no key")


@pytest.mark.parametrize("packed", ["gzip", "snappy", "lz4", "zstd"])
async def test_trap_11_what_is_compressed_is_read(kafka: Broker, packed: str) -> None:
    async with logs(kafka) as (topic, (log,)):
        foreign = Producer({"bootstrap.servers": kafka.bootstrap, "compression.type": packed, "linger.ms": 50})
        for number in range(20):
            foreign.produce(topic, str(number).zfill(200), "k")
        assert foreign.flush(20) == 0
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            assert values(await take(member, 20)) == list(range(20))
        assert values(await everything(log, topic)) == list(range(20))
