"""What every event log promises to a member whose partitions leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from processor.errors import Revoked
from processor.eventlog import Subscription
from processor.eventlog.partitions import partition_of
from tests.contract.filelog import nothing
from tests.contract.test_eventlog import join, take, thing, values


@pytest.mark.parametrize("pure", [True, False])
async def test_what_has_begun_may_still_append_while_its_partition_leaves(open_log, pure):
    members: list[Subscription] = []

    async def on_revoke(partitions: Sequence[int]) -> Mapping[int, int]:
        home = partition_of("a", log.partitions)
        assert all(members[0].holds(partition) for partition in partitions)
        await members[0].append(home, [thing("a", "its end", "results")])
        return {home: 1}

    async with open_log() as log:
        await log.append([thing("a", "1")])
        async with log.subscribe("things", "readers", nothing, on_revoke, pure=pure) as subscription:
            members.append(subscription)
            await take(subscription, 1)
        assert not any(subscription.holds(partition) for partition in range(log.partitions))
        assert await log.committed("readers", "things") == {partition_of("a", log.partitions): 1}
        async with join(log, "results", "results") as results:
            assert values(await take(results, 1)) == ["its end"]


async def test_revoke_waits_for_the_drain_and_commits_what_it_returns(open_log):
    drained = asyncio.Event()
    revoked: list[int] = []

    async def on_revoke(partitions: Sequence[int]) -> Mapping[int, int]:
        revoked.extend(partitions)
        await drained.wait()
        return {partition_of("a", log.partitions): 1}

    @asynccontextmanager
    async def leaving() -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(stay())
            await polled.wait()
            yield
            drained.set()
            await task

    async def stay() -> None:
        async with log.subscribe("things", "readers", nothing, on_revoke) as subscription:
            await take(subscription, 2)
            polled.set()

    polled = asyncio.Event()
    async with open_log() as log:
        await log.append([thing("a", "1"), thing("a", "2")])
        async with leaving():
            assert await log.committed("readers", "things") == {}
        assert sorted(revoked) == list(range(log.partitions))
        async with join(log) as subscription:
            assert values(await take(subscription, 1)) == ["2"]


async def test_who_has_left_is_fenced(open_log):
    async with open_log() as log:
        async with join(log) as subscription:
            pass
        with pytest.raises(Revoked):
            await subscription.append(0, [thing("a", "zombie")])
        with pytest.raises(Revoked):
            await subscription.commit({0: 1}, [thing("a", "zombie")])
        await subscription.commit({0: 1})
        assert await log.committed("readers", "things") == {}
        assert all([await log.bounds("things", n) == (0, 0) for n in range(log.partitions)])
