"""A real Kafka for the tests: started by the session itself, or one that exists (`KAFKA_BOOTSTRAP_SERVERS`)."""

from __future__ import annotations

import asyncio
import gc
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from processor.devkafka.cluster import Cluster, throw_away
from processor.errors import ProcessorError

Made = TypeVar("Made")
START_SECONDS = 300
"""The first test that asks for a broker pays for its start, on a busy machine half a minute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "kafka" in item.nodeid.lower():
            item.add_marker(pytest.mark.timeout(START_SECONDS))
            # aiokafka leaves the sockets of brokers that went away to the garbage collector; that is its
            # trait (docs/critiques.md), and it must show in no other test.
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    if "kafka" in item.nodeid.lower():
        gc.collect()


@dataclass(frozen=True)
class Broker:
    """Where Kafka is; `fresh` makes names that no other test uses."""

    bootstrap: str
    brokers: int = 1

    def fresh(self, name: str) -> str:
        return f"{name}-{uuid.uuid4().hex[:10]}"


@dataclass(frozen=True)
class Brokers(Broker):
    """Three nodes of our own that a test may break; what it broke is mended after it."""

    cluster: Cluster | None = None

    async def call(self, act: Callable[..., Made], *arguments: object) -> Made:
        """`await kafka3.call(kafka3.own.kill, 1)`: the cluster's calls block, and clients must live on meanwhile."""
        return await asyncio.to_thread(act, *arguments)

    async def leader(self, topic: str, partition: int = 0) -> int:
        """The node that leads the partition now."""
        async with admin(self) as asked:
            (found,) = [item for item in await asked.describe_topics() if item["topic"] == topic]
            return next(int(part["leader"]) for part in found["partitions"] if part["partition"] == partition)

    async def coordinator(self, group: str, *, transactional: bool = False) -> int:
        """The node that coordinates the group (or the transactional id) now."""
        async with admin(self) as asked:
            return int(await asked.find_coordinator(group, int(transactional)))

    def controller(self) -> int:
        """The node that leads the quorum now."""
        return self.own.controller

    @property
    def own(self) -> Cluster:
        assert self.cluster is not None
        return self.cluster


@asynccontextmanager
async def admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def make_topic(broker: Broker, name: str, partitions: int = 1, **settings: str) -> None:
    """A new topic with a replica on every broker; settings with `_` for `.`; seen by all when this returns."""
    configs = {key.replace("_", "."): value for key, value in settings.items()}
    async with admin(broker) as client:
        topic = NewTopic(name, partitions, broker.brokers, topic_configs=configs)
        answer = await client.create_topics([topic])
        assert [error[1] for error in answer.topic_errors] == [0], answer.topic_errors
        for _ in range(200):
            if any(item["topic"] == name and item["partitions"] for item in await client.describe_topics()):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"nobody knows of {name}")


@contextmanager
def had(cluster: AbstractContextManager[Made]) -> Iterator[Made]:
    """Enter it in a thread of its own (no event loop of a test is touched); not to be had: skip, or fail in CI."""
    with ThreadPoolExecutor(1) as thread:
        try:
            made = thread.submit(cluster.__enter__).result()
        except ProcessorError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(f"a real Kafka is part of CI: {error}")
            pytest.skip(f"no Kafka here: {error}")
        try:
            yield made
        finally:
            thread.submit(cluster.__exit__, None, None, None).result()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for the whole session: take fresh names for topics and groups."""
    existing = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if existing:
        yield Broker(existing)
        return
    with had(throw_away(tmp_path_factory.mktemp("kafka"), 1)) as cluster:
        yield Broker(cluster.bootstrap)


@pytest.fixture(scope="session")
def single_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    with had(throw_away(tmp_path_factory.mktemp("kafka1"), 1)) as cluster:
        yield Brokers(cluster.bootstrap, 1, cluster)


@pytest.fixture
def kafka1(single_node: Brokers) -> Iterator[Brokers]:
    """One broker that a test may break, for the whole product: its topics have fixed names, and are gone after each."""
    yield single_node
    with ThreadPoolExecutor(1) as thread:
        thread.submit(single_node.own.restore).result()
        thread.submit(asyncio.run, _without_topics(single_node)).result()


async def _without_topics(broker: Broker) -> None:
    async with admin(broker) as client:
        while names := [name for name in await client.list_topics() if name.startswith("genesys.")]:
            await client.delete_topics(names)
            await asyncio.sleep(0.1)


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    with had(throw_away(tmp_path_factory.mktemp("kafka3"), 3)) as cluster:
        yield Brokers(cluster.bootstrap, 3, cluster)


@pytest.fixture
def kafka3(three_nodes: Brokers) -> Iterator[Brokers]:
    """Three brokers of our own, all running when the test begins: kill, stop, pause, restart them as you like."""
    yield three_nodes
    with ThreadPoolExecutor(1) as thread:
        thread.submit(three_nodes.own.restore).result()
