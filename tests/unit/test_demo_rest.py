"""The demo is judged when everything from the floor has arrived: not before, and not much later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from processor.demo.rest import STAGES, Rest
from processor.eventlog import Message
from tests.unit.memorylog import MemoryLog

RAW, CLEAN = "genesys.raw", "genesys.presence"
GROUPS = {("normalise", RAW), ("sync", CLEAN)}


class Product:
    """Two stages, moved by hand: what lies in raw becomes a clean record, and that is brought to a far side."""

    def __init__(self, log: MemoryLog) -> None:
        self.log = log
        self.ends = {topic: 0 for _, topic in GROUPS}

    async def arrives(self, topic: str, subject: str) -> None:
        await self.log.append([Message(topic, subject, b"{}", {})])

    async def does(self, topic: str) -> None:
        """All that lies there."""
        group = next(group for group, of in GROUPS if of == topic)
        records = self.log.all(topic)
        subscription, *_ = self.log.members[group]
        if topic == RAW:
            for record in records[self.ends[RAW] :]:
                await self.arrives(CLEAN, record.message.key)
        self.ends[topic] = len(records)
        await subscription.commit({record.partition: record.offset + 1 for record in records})


@asynccontextmanager
async def product() -> AsyncIterator[tuple[Product, Rest]]:
    log = MemoryLog()

    async def nothing(_: object) -> dict[int, int]:
        return {}

    async with log.subscribe(RAW, "normalise", nothing, nothing), log.subscribe(CLEAN, "sync", nothing, nothing):
        yield Product(log), Rest(log, GROUPS)


async def test_polls_that_never_end_keep_nobody_waiting():
    async with product() as (running, rest):
        for stage in range(STAGES):
            await running.does(RAW)
            await running.does(CLEAN)
            await running.arrives(RAW, "queue/q")  # at every look something is on its way
            assert await rest.look(0) == (stage == STAGES - 1)


@pytest.mark.parametrize("after", range(STAGES - 2))
async def test_what_still_lies_where_it_lay_is_waited_for_and_so_is_what_comes_of_it(after):
    async with product() as (running, rest):
        for _ in range(after):
            await rest.look(0)
        await running.arrives(RAW, "agent/a")
        for topic in (RAW, CLEAN):
            for _ in range(STAGES * 2):
                assert not await rest.look(0), f"it lies in {topic}"
            await running.does(topic)
        left = range(after + 2, STAGES)
        assert [await rest.look(0) for _ in left] == [False] * (len(left) - 1) + [True]


async def test_what_nobody_has_taken_yet_has_all_stages_before_it():
    async with product() as (_, rest):
        for _ in range(STAGES - 1):
            await rest.look(0)
        assert not await rest.look(1)
        assert [await rest.look(0) for _ in range(STAGES)] == [False] * (STAGES - 1) + [True]
