"""Partitions of the embedded log are handed over one by one: who has one works on it while the others load."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from processor.errors import FatalError
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from tests.contract.filelog import no_offsets, nothing, open_log

PARTITIONS = 3
KEYS = {partition_of(key, PARTITIONS): key for key in "abcdefghij"}


class Loading:
    """Tables that are loaded when it is said; `failing`: of which partition they cannot be."""

    def __init__(self, failing: int = -1, partitions: int = PARTITIONS) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.going = [asyncio.Event() for _ in range(partitions)]
        self.failing = failing

    async def __call__(self, partitions: Sequence[int]) -> None:
        self.begun.extend(partitions)
        for partition in partitions:
            await self.going[partition].wait()
            if partition == self.failing:
                raise FatalError("no table")
        self.ended.extend(partitions)


def one_of_each() -> list[Message]:
    return [Message("things", KEYS[partition], b"") for partition in range(PARTITIONS)]


async def test_a_partition_is_polled_while_others_are_loading(file):
    loading = Loading()
    loading.going[0].set()
    async with open_log(file, PARTITIONS) as log:
        await log.append(one_of_each())
        async with log.subscribe("things", "readers", loading, no_offsets) as subscription:
            assert [record.partition for record in await subscription.poll(10, 5)] == [0]
            assert not await subscription.poll(10, 0.01)
            assert (loading.begun, loading.ended) == ([0, 1], [0])
            await log.append(one_of_each())
            assert [record.offset for record in await subscription.poll(10, 5)] == [1]
            loading.going[2].set()
            loading.going[1].set()
            polled = []
            while len(polled) < 4:
                polled += await subscription.poll(10, 5)
            assert sorted((record.partition, record.offset) for record in polled) == [(1, 0), (1, 1), (2, 0), (2, 1)]


async def test_partitions_in_which_records_wait_come_first(file):
    loading = Loading()
    for going in loading.going:
        going.set()
    async with open_log(file, PARTITIONS) as log:
        await log.append([Message("things", KEYS[2], b"")])
        async with log.subscribe("things", "readers", loading, no_offsets) as subscription:
            await subscription.poll(10, 5)
            assert loading.begun == [2, 0, 1]


async def test_what_comes_while_others_are_loading_makes_its_partition_the_next(file):
    loading = Loading(partitions=4)
    key = next(key for key in "abcdefghij" if partition_of(key, 4) == 3)
    loading.going[0].set()
    async with open_log(file, 4) as log, log.subscribe("things", "readers", loading, no_offsets) as subscription:
        assert not await subscription.poll(10, 0.01)
        assert loading.begun == [0, 1]
        await log.append([Message("things", key, b"")])
        for going in loading.going:
            going.set()
        assert [record.partition for record in await subscription.poll(10, 5)] == [3]
        assert loading.begun[:3] == [0, 1, 3]


async def test_what_is_not_handed_over_yet_counts_as_not_done(file):
    """A group that has only begun is not told to have nothing to do."""
    loading = Loading()
    loading.going[1].set()
    async with open_log(file, PARTITIONS) as log:
        await log.append(one_of_each()[1:])
        async with log.subscribe("things", "readers", nothing, no_offsets) as subscription:
            await subscription.commit({2: 1})
        async with log.subscribe("things", "readers", loading, no_offsets) as subscription:
            assert await subscription.reached({1: 1}) == {0: 0, 1: 1, 2: 1}
            loading.going[0].set()
            loading.going[2].set()
            await subscription.poll(10, 5)
            await subscription.poll(10, 0.01)
            assert await subscription.reached({1: 1}) == {1: 1}


async def test_one_that_cannot_be_handed_over_ends_the_polling(file):
    loading = Loading(failing=1)
    loading.going[0].set()
    async with (
        open_log(file, PARTITIONS) as log,
        log.subscribe("things", "readers", loading, no_offsets) as subscription,
    ):
        assert not await subscription.poll(10, 0.01)
        loading.going[1].set()
        for _ in range(2):
            with pytest.raises(FatalError, match="no table"):
                await subscription.poll(10, 5)


async def test_who_leaves_while_others_are_loading_leaves_them_alone(file):
    loading, revoked = Loading(), []
    loading.going[0].set()

    async def on_revoke(partitions):
        revoked.extend(partitions)
        await asyncio.sleep(0)
        return {0: 1}

    async with open_log(file, PARTITIONS) as log:
        await log.append(one_of_each())
        async with log.subscribe("things", "readers", loading, on_revoke) as subscription:
            await subscription.poll(10, 5)
        for going in loading.going:
            going.set()
        await asyncio.sleep(0)
        assert (loading.ended, revoked) == ([0], [0, 1, 2])
        assert await log.committed("readers", "things") == {0: 1}
        async with log.subscribe("things", "readers", nothing, no_offsets) as subscription:
            polled = []
            while len(polled) < 2:
                polled += await subscription.poll(10, 5)
            assert sorted(record.partition for record in polled) == [1, 2]
