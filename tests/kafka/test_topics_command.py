"""The command `topics` on Kafka, as a person runs it: makes them, says that they are right, names what is not."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processor.app.topics import TOPICS
from processor.cli import main
from tests.kafkabroker import Broker
from tests.kafkasecurity import Secured


async def begin(broker: Broker) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        names = {topic.name for topic in TOPICS}
        if present := names & set(await admin.list_topics()):
            await admin.delete_topics(sorted(present))
        settings = {"cleanup.policy": "delete", "min.compaction.lag.ms": "1000"}
        while True:
            answer = await admin.create_topics([NewTopic("genesys.queues", 12, 1, topic_configs=settings)])
            if answer.topic_errors[0][1] == 0:  # the deletion of a moment ago may still be on its way
                return
    finally:
        await admin.close()


def test_made_checked_and_refused(
    kafka_secured: Secured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a broker of our own in any case: it removes the product's topics."""
    broker = Broker(kafka_secured.unsecured)
    for name, value in {
        "LOG": f"kafka://{kafka_secured.scram}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_USERNAME": kafka_secured.user,
        "KAFKA_PASSWORD": kafka_secured.password,
        "KAFKA_CA_FILE": str(kafka_secured.ca_file),
    }.items():
        monkeypatch.setenv(f"PROCESSOR_{name}", value)
    asyncio.run(begin(broker))
    assert main(["topics", "--check"]) == 1
    said = capsys.readouterr().out
    assert "genesys.raw: the topic is missing" in said
    assert "BREAKS  genesys.queues: cleanup.policy is delete" in said
    assert main(["topics"]) == 1
    said = capsys.readouterr().err
    assert f"--bootstrap-server {kafka_secured.scram} --command-config client.properties --alter" in said
    assert "--entity-name genesys.queues --add-config cleanup.policy=compact" in said
    asyncio.run(remove(broker, "genesys.queues"))
    assert main(["topics"]) == 0
    assert main(["topics", "--check"]) == 0
    assert "NOT" not in capsys.readouterr().out


async def remove(broker: Broker, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name])
        while name in await admin.list_topics():
            pass
    finally:
        await admin.close()
