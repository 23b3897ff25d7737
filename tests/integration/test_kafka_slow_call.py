"""A partition moves, or its process ends, while a far side takes its time: on a real broker, with the engine as it runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from processor.audit import OUTCOMES
from processor.eventlog import OnAssign, OnRevoke, Topic
from tests.kafkabroker import Broker, Brokers
from tests.kafkalog import Inside, Names, create_topics, opened
from tests.unit.engine import QUICK, Fact, fact, put, running, until
from tests.unit.outside import Outside

PARTITIONS = 4
TOPICS = (Topic(Fact.topic), Topic(OUTCOMES), Topic("genesys.replays"), Topic("genesys.deadletters"))
PATIENT = replace(QUICK, drain=timedelta(seconds=30))
SUBJECTS = [f"s/{number}" for number in range(12)]


class Telling(Inside):
    """Says when partitions begin to leave, and which it holds."""

    leaving: asyncio.Event
    member: Any = None

    def holds(self, partition: int) -> bool:
        return self.member is not None and self.member.holds(partition)

    @asynccontextmanager
    async def subscribe(
        self, topic: str, group: str, on_assign: OnAssign, on_revoke: OnRevoke, *, pure: bool = True
    ) -> AsyncIterator[Any]:
        async def told(partitions: Sequence[int]) -> Mapping[int, int]:
            self.leaving.set()
            return await on_revoke(partitions)

        async with super().subscribe(topic, group, on_assign, told, pure=pure) as subscription:
            self.member = subscription.subscription
            yield subscription


@asynccontextmanager
async def members(broker: Broker, count: int, name: str | None = None) -> AsyncIterator[list[Telling]]:
    """One log, as if each had a process of its own; all under one name."""
    names = Names()
    topics = [replace(topic, name=names.outside(topic.name)) for topic in TOPICS]
    await create_topics(broker.bootstrap, topics, PARTITIONS, broker.brokers)
    async with asyncio.timeout(150), AsyncExitStack() as stack:
        found = []
        for _ in range(count):
            log = await stack.enter_async_context(opened(broker.bootstrap, topics, PARTITIONS, names, name))
            telling = Telling(log.log, names)
            telling.leaving = asyncio.Event()
            found.append(telling)
        yield found


async def outcomes(log: Inside) -> Counter[str]:
    bounds = [await log.bounds(OUTCOMES, number) for number in range(PARTITIONS)]
    return Counter(
        [r.message.headers["ce_id"] for n, span in enumerate(bounds) async for r in log.read(OUTCOMES, n, *span)]
    )


def all_slow() -> tuple[Outside, asyncio.Event]:
    outside, end = Outside(), asyncio.Event()
    outside.held = dict.fromkeys(SUBJECTS, end)
    return outside, end


async def test_kafka_a_rebalance_waits_for_slow_calls_and_nothing_of_them_is_done_again(kafka3: Brokers) -> None:
    async with members(kafka3, 2) as (one, two):
        first, end = all_slow()
        second = Outside()
        await put(one, [fact(subject, 1) for subject in SUBJECTS])
        async with running(first.group(), one, PATIENT):
            await until(lambda: first.busy == len(SUBJECTS))
            async with running(second.group(), two, PATIENT):
                await one.leaving.wait()
                assert second.total() == 0
                end.set()
                await put(one, [fact(subject, 2) for subject in SUBJECTS])
                await until(lambda: first.total() + second.total() == 2 * len(SUBJECTS))
        assert all(first.got[subject][0] == 1 for subject in SUBJECTS)
        assert all(first.got[subject] + second.got[subject] == [1, 2] for subject in SUBJECTS)
        assert set((await outcomes(one)).values()) == {1}
        assert sum((await outcomes(one)).values()) == 2 * len(SUBJECTS)


async def test_kafka_a_stop_waits_for_slow_calls_and_what_came_of_them_is_kept(kafka: Broker) -> None:
    async with members(kafka, 1) as (log,):
        first, end = all_slow()
        await put(log, [fact(subject, 1) for subject in SUBJECTS])
        async with running(first.group(), log, PATIENT) as stop:
            await until(lambda: first.busy == len(SUBJECTS))
            stop.set()
            await log.leaving.wait()
            end.set()
        assert first.total() == len(SUBJECTS)
        assert sum((await outcomes(log)).values()) == len(SUBJECTS)
        second = Outside()
        async with running(second.group(), log, PATIENT):
            await put(log, [fact(subject, 2) for subject in SUBJECTS])
            await until(lambda: second.total() >= len(SUBJECTS))
        assert all(second.got[subject] == [2] for subject in SUBJECTS), "what was done is committed"
