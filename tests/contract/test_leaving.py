"""What every event log promises to a member whose partitions leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

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
