"""The topics of a Kafka cluster: made where they are missing, and refused where a setting would break a promise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from processor.errors import FatalError, RetryableError
from processor.eventlog import Topic
from processor.eventlog.kafka_connection import Connection, told
from processor.eventlog.kafka_promises import READ, Finding, Found, Wanted, judge, judge_internal, settings_for

REPLICATION = 3
"""Of topics that we make, where nothing else was said; 1 on a cluster of one broker."""
CALL_SECONDS = 10.0
TOTAL_SECONDS = 30.0
LOOK_SECONDS = 0.1
OVERHEAD_BYTES = 64 * 1024
EXISTS, FEW_BROKERS = 36, 38
REFUSALS = {29, 30, 31}
"""Codes of what we are not permitted to do."""
INTERNAL = ("__consumer_offsets", "__transaction_state")


@dataclass(frozen=True, slots=True)
class Order:
    """Which topics are wanted. `replication` None: 3, or 1 on one broker. `accepted_bytes`: the largest delivery."""

    topics: Sequence[Topic]
    partitions: int
    accepted_bytes: int
    replication: int | None = None

    @property
    def max_bytes(self) -> int:
        """The largest record: a delivery twice over (a dead letter, escaped JSON) and its headers."""
        return 2 * self.accepted_bytes + OVERHEAD_BYTES


async def prepare(connection: Connection, order: Order) -> list[Finding]:
    """Make what is missing, check the rest; return what is worth a warning.

    Raises `FatalError` naming every setting that breaks a promise and its remedy, `RetryableError`
    when the cluster does not answer.
    """
    async with _admin(connection) as admin:
        wanted = await _wanted(admin, order)
        there = await _described(admin)
        missing = [topic for topic in order.topics if topic.name not in there]
        if missing:
            await _make(admin, missing, wanted)
            there = await _seen(admin, order)
        findings = await _judged(admin, connection, order, wanted, there)
    broken = [finding for finding in findings if finding.breaks]
    if broken:
        raise FatalError("Kafka's topics do not hold what we promise:\n  " + "\n  ".join(str(item) for item in broken))
    return findings


async def check(connection: Connection, order: Order) -> list[Finding]:
    """Change nothing; return everything that is not as it should be, missing topics included, worst first."""
    async with _admin(connection) as admin:
        wanted = await _wanted(admin, order)
        there = await _described(admin)
        absent = [
            Finding(topic.name, "the topic", "missing", "nothing can be kept in it", "genesys-processor topics")
            for topic in order.topics
            if topic.name not in there
        ]
        return absent + await _judged(admin, connection, order, wanted, there)


@asynccontextmanager
async def _admin(connection: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    """A refused token shows only as a start that does not end: hence the limit on everything."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=connection.bootstrap,
        client_id="genesys-processor",
        request_timeout_ms=int(CALL_SECONDS * 1000),
        **connection.options,
    )
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            await admin.start()
            yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise RetryableError(f"Kafka at {connection.bootstrap} does not answer: {told(error)}") from error
    finally:
        await admin.close()


async def _wanted(admin: AIOKafkaAdminClient, order: Order) -> Wanted:
    brokers = len((await admin.describe_cluster())["brokers"])
    usual = 1 if brokers == 1 else REPLICATION
    return Wanted(order.partitions, order.replication or usual, order.max_bytes)


async def _described(admin: AIOKafkaAdminClient) -> dict[str, tuple[int, int]]:
    """Partitions and replicas of every topic there is; asking for a missing one by name might make it."""
    return {
        topic["topic"]: (len(topic["partitions"]), min(len(part["replicas"]) for part in topic["partitions"]))
        for topic in await admin.describe_topics()
        if topic["partitions"]
    }


async def _make(admin: AIOKafkaAdminClient, topics: Sequence[Topic], wanted: Wanted) -> None:
    answer = await admin.create_topics(
        [
            NewTopic(topic.name, wanted.partitions, wanted.replication, topic_configs=settings_for(topic, wanted))
            for topic in topics
        ]
    )
    for name, code, *words in answer.topic_errors:
        if code == FEW_BROKERS:
            raise FatalError(
                f"{name} cannot be made: {wanted.replication} replicas need as many brokers. "
                "Wait until all are up, or set KAFKA_REPLICATION"
            )
        if code in REFUSALS:
            raise FatalError(f"{name} cannot be made: permit us to create it, or let somebody make it (docs/kafka.md)")
        if code not in {0, EXISTS}:
            raise RetryableError(
                f"{name} cannot be made: {for_code(code).__name__} {words[0] if words else ''}".rstrip()
            )


async def _seen(admin: AIOKafkaAdminClient, order: Order) -> dict[str, tuple[int, int]]:
    """New topics take some 100 ms until every broker knows of them."""
    while True:
        there = await _described(admin)
        if all(topic.name in there for topic in order.topics):
            return there
        await asyncio.sleep(LOOK_SECONDS)


async def _judged(
    admin: AIOKafkaAdminClient,
    connection: Connection,
    order: Order,
    wanted: Wanted,
    there: Mapping[str, tuple[int, int]],
) -> list[Finding]:
    present = [topic for topic in order.topics if topic.name in there]
    internal = [name for name in INTERNAL if name in there]
    settings = await _settings(admin, [topic.name for topic in present] + internal)
    findings = [
        finding
        for topic in present
        for finding in judge(topic, Found(*there[topic.name], settings.get(topic.name), _reached(connection)), wanted)
    ]
    findings += [
        finding
        for name in internal
        for finding in judge_internal(name, Found(*there[name], settings.get(name), _reached(connection)), wanted)
    ]
    return sorted(findings, key=lambda finding: not finding.breaks)


def _reached(connection: Connection) -> str:
    """A person's tools need what we have as settings in a file of their own."""
    secured = connection.options.get("security_protocol", "PLAINTEXT") != "PLAINTEXT"
    return f"--bootstrap-server {connection.bootstrap}" + (" --command-config client.properties" if secured else "")


async def _settings(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """By topic, as they are in effect; a topic whose settings we may not see is left out."""
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(READ)) for name in names]
    found: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(asked):
        for code, _, __, name, entries in answer.resources:
            if code == 0:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return found
