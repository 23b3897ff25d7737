"""Topics on a real broker: made as promised, found right again, and refused by name where they are not."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from processor.errors import FatalError, RetryableError
from processor.eventlog import Topic
from processor.eventlog.kafka_connection import Connection, connection
from processor.eventlog.kafka_topics import Order, check, prepare
from tests.kafkabroker import Broker, Brokers
from tests.kafkasecurity import Secured


def order(broker: Broker, partitions: int = 3) -> Order:
    kept = Topic(broker.fresh("kept"), retention=timedelta(days=7))
    return Order([kept, Topic(broker.fresh("states"), compact=True), Topic(broker.fresh("all"))], partitions, 1024)


async def make(broker: Broker, name: str, partitions: int = 3, replication: int = 1, **settings: str) -> None:
    configs = {key.replace("_", "."): value for key, value in settings.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        answer = await admin.create_topics([NewTopic(name, partitions, replication, topic_configs=configs)])
        assert [error[1] for error in answer.topic_errors] == [0]
    finally:
        await admin.close()


async def test_topics_that_we_made_are_right(kafka: Broker) -> None:
    wanted, where = order(kafka), connection(kafka.bootstrap)
    assert {finding.found for finding in await check(where, wanted)} == {"missing"}
    assert await prepare(where, wanted) == []
    assert await prepare(where, wanted) == []
    assert await check(where, wanted) == []


async def test_each_setting_that_breaks_a_promise_is_named_with_its_remedy(kafka: Broker) -> None:
    wanted, where = order(kafka), connection(kafka.bootstrap)
    kept, states, _ = (topic.name for topic in wanted.topics)
    await make(kafka, kept, cleanup_policy="compact", unclean_leader_election_enable="true", max_message_bytes="2000")
    await make(kafka, states, cleanup_policy="delete")
    with pytest.raises(FatalError) as refused:
        await prepare(where, wanted)
    words = str(refused.value)
    for name, setting in (
        (kept, "cleanup.policy=delete"),
        (kept, "unclean.leader.election.enable=false"),
        (kept, "max.message.bytes=67584"),
        (states, "cleanup.policy=compact"),
        (states, "min.compaction.lag.ms=90000000"),
    ):
        command = f"kafka-configs.sh --bootstrap-server {kafka.bootstrap} --alter --entity-type topics"
        assert f"{command} --entity-name {name} --add-config {setting}" in words
    assert [finding.setting for finding in await check(where, wanted) if finding.topic == kept and finding.breaks]


async def test_another_number_of_partitions_is_refused(kafka: Broker) -> None:
    wanted, where = order(kafka), connection(kafka.bootstrap)
    await make(kafka, wanted.topics[2].name, partitions=5)
    with pytest.raises(FatalError, match="PARTITIONS to 5"):
        await prepare(where, wanted)


async def test_on_three_brokers_topics_have_three_replicas_and_two_must_have_each_record(kafka3: Brokers) -> None:
    wanted, where = order(kafka3), connection(kafka3.bootstrap)
    weak = wanted.topics[0].name
    await make(kafka3, weak, replication=3, min_insync_replicas="1")
    with pytest.raises(FatalError, match=r"min\.insync\.replicas=2") as refused:
        await prepare(where, wanted)
    assert weak in str(refused.value)
    others = Order(wanted.topics[1:], 3, 1024)
    assert await prepare(where, others) == []
    single = Order([Topic(kafka3.fresh("single"))], 3, 1024, replication=1)
    await prepare(where, single)
    with pytest.raises(FatalError, match="KAFKA_REPLICATION=1"):
        await prepare(where, Order(single.topics, 3, 1024))


async def test_what_kafka_keeps_for_itself_is_looked_at_too(kafka3: Brokers) -> None:
    """The end of a transaction, or a group's position, must not be told as kept while only one broker has it."""
    name, setting = "__transaction_state", "min.insync.replicas"
    wanted, where = order(kafka3), connection(kafka3.bootstrap)
    await prepare(where, wanted)
    producer = where.producer(kafka3.fresh("anybody"))  # the first one makes the topic
    await producer.start()
    await producer.stop()
    await until_noted(where, wanted, name, [])
    await asyncio.to_thread(alter, kafka3, name, ConfigEntry(setting, "1", incremental_operation=AlterConfigOpType.SET))
    await until_noted(where, wanted, name, [setting])
    assert await prepare(where, wanted), "a warning, and no more"
    await asyncio.to_thread(alter, kafka3, name, ConfigEntry(setting, "2", incremental_operation=AlterConfigOpType.SET))
    await until_noted(where, wanted, name, [])


async def until_noted(where: Connection, wanted: Order, name: str, settings: list[str]) -> None:
    """A broker knows of a change some milliseconds after it was made."""
    async with asyncio.timeout(60):
        while [found.setting for found in await check(where, wanted) if found.topic == name] != settings:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.1)


def alter(broker: Broker, topic: str, entry: ConfigEntry) -> None:
    """As Kafka's own tools do it: aiokafka can only set all settings at once."""
    client = AdminClient({"bootstrap.servers": broker.bootstrap})
    for done in client.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]
    ).values():
        done.result(20)


async def test_too_many_replicas_for_the_brokers_there_are(kafka: Broker) -> None:
    wanted = Order([Topic(kafka.fresh("many"))], 3, 1024, replication=3)
    with pytest.raises(FatalError, match="KAFKA_REPLICATION"):
        await prepare(connection(kafka.bootstrap), wanted)


async def test_a_cluster_that_is_not_there_is_waited_for_by_the_caller() -> None:
    with pytest.raises(RetryableError, match="does not answer"):
        await check(connection("127.0.0.1:9"), Order([Topic("any")], 3, 1024))


async def test_every_way_to_log_in(kafka_secured: Secured) -> None:
    token = kafka_secured.folder / "token"
    token.write_text(kafka_secured.token(), encoding="utf-8")
    user = {"username": kafka_secured.user, "password": kafka_secured.password}
    ca = {"ca_file": kafka_secured.ca_file}
    pair = {"cert_file": kafka_secured.cert_file, "key_file": kafka_secured.key_file}
    wanted = Order([Topic("logged-in")], 3, 1024)
    for where in (
        connection(kafka_secured.plain, protocol="SASL_PLAINTEXT", mechanism="PLAIN", **user),
        connection(kafka_secured.scram, protocol="SASL_SSL", mechanism="SCRAM-SHA-512", **user, **ca),
        connection(kafka_secured.tls, protocol="SSL", **ca),
        connection(kafka_secured.mtls, protocol="SSL", **ca, **pair),
        connection(kafka_secured.oauth, protocol="SASL_PLAINTEXT", mechanism="OAUTHBEARER", token_file=token),
    ):
        assert isinstance(where, Connection)
        assert await prepare(where, wanted) == []
