"""Our own log through every way to log in: appends, a group, transactions; and the wrong password told without showing it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from processor.errors import ProcessorError
from processor.eventlog import Message, Topic
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection, connection
from processor.eventlog.kafka_topics import Order, prepare
from tests.contract.filelog import no_offsets, nothing
from tests.kafkasecurity import Secured

IN, OUT = "through-the-door", "through-the-door.out"
TOPICS = [Topic(IN), Topic(OUT)]
PARTITIONS = 2


def plain(secured: Secured, password: str | None = None) -> Connection:
    user = {"username": secured.user, "password": password or secured.password}
    return connection(secured.plain, protocol="SASL_PLAINTEXT", mechanism="PLAIN", **user)


def scram(secured: Secured, password: str | None = None) -> Connection:
    user = {"username": secured.user, "password": password or secured.password, "ca_file": secured.ca_file}
    return connection(secured.scram, protocol="SASL_SSL", mechanism="SCRAM-SHA-512", **user)


def tls(secured: Secured) -> Connection:
    return connection(secured.tls, protocol="SSL", ca_file=secured.ca_file)


def mutual(secured: Secured) -> Connection:
    pair = {"cert_file": secured.cert_file, "key_file": secured.key_file}
    return connection(secured.mtls, protocol="SSL", ca_file=secured.ca_file, **pair)


def token(secured: Secured) -> Connection:
    file = secured.folder / "log-token"
    file.write_text(secured.token(), encoding="utf-8")
    return connection(secured.oauth, protocol="SASL_PLAINTEXT", mechanism="OAUTHBEARER", token_file=file)


@pytest.mark.parametrize("door", [plain, scram, tls, mutual, token])
async def test_kafka_the_whole_log_through_each_door(
    kafka_secured: Secured, door: Callable[[Secured], Connection]
) -> None:
    where = door(kafka_secured)
    await prepare(where, Order(TOPICS, PARTITIONS, 1024))
    group = f"group-{door.__name__}"
    async with (
        asyncio.timeout(50),
        KafkaLog.open(where, TOPICS, PARTITIONS, lambda: datetime.now(UTC)) as log,
        log.subscribe(IN, group, nothing, no_offsets) as member,
    ):
        await log.check()
        await log.append([Message(IN, "k", door.__name__.encode())])
        records: list[Any] = []
        while not any(record.message.value == door.__name__.encode() for record in records):
            records += await member.poll(100, 0.2)
        mine = records[-1]
        await member.commit({mine.partition: mine.offset + 1}, [Message(OUT, "k", door.__name__.encode())])
        first, end = await log.bounds(OUT, mine.partition)
        assert door.__name__.encode() in [r.message.value async for r in log.read(OUT, mine.partition, first, end)]


@pytest.mark.parametrize("door", [plain, scram])
async def test_kafka_a_wrong_password_is_an_error_that_does_not_show_it(
    kafka_secured: Secured, door: Callable[[Secured, str], Connection]
) -> None:
    async with asyncio.timeout(50):
        with pytest.raises(ProcessorError) as refused:
            async with KafkaLog.open(
                door(kafka_secured, "wr0ng-secret"), TOPICS, PARTITIONS, lambda: datetime.now(UTC)
            ):
                pass
    assert "wr0ng-secret" not in str(refused.value)
    assert "Kafka" in str(refused.value)
