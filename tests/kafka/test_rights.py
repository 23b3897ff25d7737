"""The rights that Strimzi is asked to give our user are all that the product needs, on a broker that gives no others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from processor.errors import FatalError, PoisonError
from processor.eventlog import Message, Topic
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection, connection
from processor.eventlog.kafka_topics import Order, check, prepare
from tests.contract.filelog import no_offsets, nothing
from tests.kafkasecurity import LIMITED, LIMITED_PASSWORD, Secured

USER = Path(__file__).parents[2] / "k8s" / "overlays" / "production" / "user.yaml"
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,
}
TOPICS = [Topic("genesys.rights"), Topic("genesys.rights.states", compact=True)]
ORDER = Order(TOPICS, 2, 1024)


def bindings() -> Iterator[AclBinding]:
    """As Strimzi's operator makes them."""
    for acl in yaml.safe_load(USER.read_text(encoding="utf-8"))["spec"]["authorization"]["acls"]:
        of: dict[str, Any] = acl["resource"]
        pattern = ResourcePatternType.PREFIXED if of.get("patternType") == "prefix" else ResourcePatternType.LITERAL
        for word in acl["operations"]:
            operation = AclOperation[{"DescribeConfigs": "DESCRIBE_CONFIGS"}.get(word, _spelled(word))]
            name = of.get("name", "kafka-cluster")
            permitted = AclPermissionType.ALLOW
            yield AclBinding(KINDS[of["type"]], name, pattern, f"User:{LIMITED}", "*", operation, permitted)


def _spelled(word: str) -> str:
    """IdempotentWrite: IDEMPOTENT_WRITE."""
    return "".join(f"_{letter}" if letter.isupper() else letter for letter in word).lstrip("_").upper()


def limited(secured: Secured) -> Connection:
    user = {"username": LIMITED, "password": LIMITED_PASSWORD}
    return connection(secured.plain, protocol="SASL_PLAINTEXT", mechanism="PLAIN", **user)


def permit(secured: Secured, rights: list[AclBinding]) -> None:
    """These from now on, and no others."""
    admin = AdminClient({"bootstrap.servers": secured.unsecured})
    about = (ResourceType.ANY, None, ResourcePatternType.ANY, f"User:{LIMITED}", None, AclOperation.ANY)
    his = AclBindingFilter(*about, AclPermissionType.ANY)
    for gone in admin.delete_acls([his]).values():
        gone.result(timeout=20)
    for made in admin.create_acls(rights).values():
        made.result(timeout=20)
    while set(admin.describe_acls(his).result(timeout=20)) != set(rights):
        pass  # the broker has written them down and will know them in a moment


@pytest.fixture
def where(kafka_secured: Secured) -> Connection:
    """As the product's user, who has these rights and no others."""
    permit(kafka_secured, list(bindings()))
    return limited(kafka_secured)


async def test_kafka_the_whole_log_with_the_rights_of_the_manifest(kafka_secured: Secured, where: Connection) -> None:
    await prepare(connection(kafka_secured.unsecured), ORDER)
    assert await check(where, ORDER) == [], "its settings are seen too"
    async with (
        asyncio.timeout(60),
        KafkaLog.open(where, TOPICS, 2, lambda: datetime.now(UTC)) as log,
        log.subscribe(TOPICS[0].name, "rights-pure", nothing, no_offsets) as pure,
        log.subscribe(TOPICS[0].name, "rights-effects", nothing, no_offsets, pure=False) as effects,
    ):
        await log.check()
        await log.append([Message(TOPICS[0].name, "k", b"1")])
        for member, outputs in ((pure, [Message(TOPICS[1].name, "k", b"2")]), (effects, [])):
            records: list[Any] = []
            while not records:
                records += await member.poll(10, 0.2)
            await member.commit({records[-1].partition: records[-1].offset + 1}, outputs)
        assert await log.committed("rights-pure", TOPICS[0].name) == await log.committed(
            "rights-effects", TOPICS[0].name
        )
        bounds = await log.bounds(TOPICS[1].name, records[-1].partition)
        assert [r.message.value async for r in log.read(TOPICS[1].name, records[-1].partition, *bounds)] == [b"2"]


async def test_kafka_whose_settings_it_may_not_see_it_uses_and_says_that_nobody_checks_them(
    kafka_secured: Secured,
) -> None:
    topic = Topic("genesys.unseen")
    order = Order([topic], 2, 1024)
    await prepare(connection(kafka_secured.unsecured), order)
    permit(kafka_secured, [one for one in bindings() if one.operation is not AclOperation.DESCRIBE_CONFIGS])
    where = limited(kafka_secured)
    assert [finding.setting for finding in await prepare(where, order)] == ["settings"]
    async with (
        asyncio.timeout(60),
        KafkaLog.open(where, [topic], 2, lambda: datetime.now(UTC)) as log,
        log.subscribe(topic.name, "rights-unseen", nothing, no_offsets) as member,
    ):
        await log.check()
        sent = [
            Message(topic.name, "k", b"1"),
            Message(topic.name, "k", b"x" * 200_000),
            Message(topic.name, "k", b"2"),
        ]
        ends = await asyncio.gather(*(log.append([one]) for one in sent), return_exceptions=True)
        assert [type(end) for end in ends] == [type(None), PoisonError, type(None)], "its broker says what is too large"
        records: list[Any] = []
        while len(records) < 2:
            records += await member.poll(10, 0.2)
        assert [record.message.value for record in records] == [b"1", b"2"]


async def test_kafka_what_it_may_not_make_it_asks_somebody_to_make(where: Connection) -> None:
    with pytest.raises(FatalError, match="somebody make it"):
        await prepare(where, Order([Topic("genesys.rights.missing")], 2, 1024))
