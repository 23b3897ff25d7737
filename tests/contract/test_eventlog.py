"""What every event log promises. Each test is named after its promise."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

import pytest

from processor.errors import FatalError, PoisonError
from processor.eventlog import EventLog, Message, Record, Subscription
from processor.eventlog.partitions import partition_of
from tests.contract.filelog import no_offsets, nothing


def join(log: EventLog, group: str = "readers", topic: str = "things") -> AbstractAsyncContextManager[Subscription]:
    return log.subscribe(topic, group, nothing, no_offsets)


def thing(key: str, value: str, topic: str = "things") -> Message:
    return Message(topic, key, value.encode())


def values(records: Sequence[Record]) -> list[str]:
    return [(record.message.value or b"").decode() for record in records]


async def take(subscription: Subscription, count: int, limit: int = 100) -> list[Record]:
    records: list[Record] = []
    async with asyncio.timeout(20):
        while len(records) < count:
            records += await subscription.poll(limit, 1)
    return records


async def rest(subscription: Subscription) -> Sequence[Record]:
    return await subscription.poll(100, 0.15)


def after(records: Sequence[Record]) -> dict[int, int]:
    return {record.partition: record.offset + 1 for record in records}


async def test_appended_is_polled_as_it_was(open_log):
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    sent = [
        Message("things", "agent/1", bytes(range(256)), {"ce_id": "ä", "empty": "", "quote": '"\\\n\x00'}),
        Message("things", "agent/ü\x00'", b""),
        Message("things", "gone", None, {"ce_id": "2"}),
    ]
    async with open_log() as log:
        async with join(log) as subscription:
            await log.append(sent)
            polled = await take(subscription, 3)
        async with join(log, "later") as subscription:
            read_back = await take(subscription, 3)
    assert sorted((r.message for r in polled), key=sent.index) == sent
    assert sorted(read_back, key=lambda r: (r.partition, r.offset)) == sorted(
        polled, key=lambda r: (r.partition, r.offset)
    )
    for record in polled:
        assert record.partition == partition_of(record.message.key, log.partitions)
        assert before <= record.timestamp <= datetime.now(UTC)


async def test_order_per_key_is_the_order_of_the_appends(open_log):
    async with open_log() as log, join(log) as subscription:
        await asyncio.gather(
            *(log.append([thing(f"k{n % 7}", f"{n}"), thing(f"k{n % 7}", f"{n}+")]) for n in range(200))
        )
        seen: dict[str, list[str]] = defaultdict(list)
        for record in await take(subscription, 400, limit=37):
            seen[record.message.key] += values([record])
    for number in range(7):
        assert seen[f"k{number}"] == [f"{n}{plus}" for n in range(number, 200, 7) for plus in ("", "+")]


async def test_offsets_count_from_nought_without_gaps(open_log):
    async with open_log() as log:
        await asyncio.gather(*(log.append([thing(f"k{n}", "x")]) for n in range(50)))
        for partition in range(log.partitions):
            start, end = await log.bounds("things", partition)
            records = [r async for r in log.read("things", partition, start, end)]
            assert [r.offset for r in records] == list(range(end))


async def test_resumes_at_commit_also_after_reopening(open_log):
    async with open_log() as log:
        async with join(log) as subscription:
            await log.append([thing("a", "1"), thing("a", "2")])
            await take(subscription, 2)
            await subscription.commit({partition_of("a", log.partitions): 1})
        async with join(log) as subscription:
            assert values(await take(subscription, 1)) == ["2"]
    async with open_log() as log, join(log) as subscription:
        assert values(await take(subscription, 1)) == ["2"]


async def test_uncommitted_comes_again_and_once_per_assignment(open_log):
    async with open_log() as log:
        await log.append([thing("a", "1")])
        for _ in range(2):
            async with join(log) as subscription:
                assert values(await take(subscription, 1)) == ["1"]
                assert not await rest(subscription)


async def test_groups_are_independent(open_log):
    async with open_log() as log, join(log, "one") as one, join(log, "two") as two:
        await log.append([thing("a", "1")])
        await one.commit(after(await take(one, 1)))
        assert values(await take(two, 1)) == ["1"]
        assert await log.committed("one", "things") == {partition_of("a", log.partitions): 1}
        assert await log.committed("two", "things") == {}


async def test_full_keeps_membership_and_gets_nothing(open_log):
    async with open_log() as log, join(log) as subscription:
        await log.append([thing("a", "1")])
        assert not await subscription.poll(0, 0.01)
        assert values(await take(subscription, 1)) == ["1"]


async def test_no_more_than_the_limit_is_delivered(open_log):
    async with open_log() as log, join(log) as subscription:
        await log.append([thing(f"k{n}", f"{n}") for n in range(30)])
        assert len(await take(subscription, 1, limit=7)) <= 7


async def test_paused_partitions_wait_and_the_others_go_on(open_log):
    async with open_log() as log, join(log) as subscription:
        held = partition_of("a", log.partitions)
        other = next(k for k in "bcdefgh" if partition_of(k, log.partitions) != held)
        subscription.pause([held])
        await log.append([thing("a", "held"), thing(other, "passes")])
        assert values(await take(subscription, 1)) == ["passes"]
        assert not await rest(subscription)
        subscription.resume([held])
        assert values(await take(subscription, 1)) == ["held"]


async def test_every_partition_is_assigned_before_its_records_are_delivered(open_log):
    assigned: list[int] = []

    async def on_assign(partitions: Sequence[int]) -> None:
        await asyncio.sleep(0)
        assigned.extend(partitions)

    async with open_log() as log:
        await log.append([thing(f"k{n}", f"{n}") for n in range(30)])
        async with log.subscribe("things", "readers", on_assign, no_offsets) as subscription:
            polled = 0
            while polled < 30:
                records = await subscription.poll(10, 1)
                assert {record.partition for record in records} <= set(assigned)
                polled += len(records)
            assert len(assigned) == len(set(assigned))


async def test_commit_brings_offsets_and_messages_together(open_log):
    async with open_log() as log, join(log) as subscription:
        await log.append([thing("a", "1")])
        offsets = after(await take(subscription, 1))
        await subscription.commit(offsets, [thing("a", "done", "results")])
        assert await log.committed("readers", "things") == offsets
        async with join(log, "results", "results") as results:
            assert values(await take(results, 1)) == ["done"]


async def test_commit_with_a_message_that_cannot_be_written_commits_nothing(open_log):
    async with open_log() as log, join(log) as subscription:
        await log.append([thing("a", "1")])
        offsets = after(await take(subscription, 1))
        with pytest.raises(PoisonError):
            await subscription.commit(offsets, [thing("a", "done", "results"), thing("\ud800", "no key", "results")])
        assert await log.committed("readers", "things") == {}
        async with join(log, "results", "results") as results:
            assert not await rest(results)


async def test_offsets_never_move_back(open_log):
    async with open_log() as log, join(log) as subscription:
        await log.append([thing("a", "1"), thing("a", "2")])
        await subscription.commit({0: 7})
        await subscription.commit({0: 5})
        assert (await log.committed("readers", "things"))[0] == 7
    async with open_log() as reopened:
        assert (await reopened.committed("readers", "things"))[0] == 7


async def test_the_owner_appends(open_log):
    async with open_log() as log, join(log) as subscription:
        await subscription.append(partition_of("a", log.partitions), [thing("a", "mine", "results")])
        async with join(log, "results", "results") as results:
            assert values(await take(results, 1)) == ["mine"]


async def test_what_another_member_appends_is_polled_between_our_own(open_log):
    async with open_log() as log, open_log() as other, join(log) as subscription:
        for number in range(5):
            await log.append([thing("a", f"{number} ours")])
            await other.append([thing("a", f"{number} theirs")])
        expected = [f"{number} {whose}" for number in range(5) for whose in ("ours", "theirs")]
        assert values(await take(subscription, 10)) == expected


async def test_waiting_poll_wakes_for_another_members_append(open_log):
    async with open_log() as log, open_log() as other, join(log) as subscription, asyncio.TaskGroup() as group:
        waiting = group.create_task(subscription.poll(10, 20))
        await asyncio.sleep(0)
        await other.append([thing("a", "1")])
        assert values(await waiting) == ["1"]


async def test_read_keeps_to_its_range_and_pages_on(open_log):
    async with open_log() as log:
        await log.append([thing("a", str(n)) for n in range(1_500)])
        partition = partition_of("a", log.partitions)
        assert await log.bounds("things", partition) == (0, 1_500)
        assert values([r async for r in log.read("things", partition, 3, 1_203)]) == [str(n) for n in range(3, 1_203)]
        assert values([r async for r in log.read("things", partition, 1_498, 9_999)]) == ["1498", "1499"]


async def test_a_backlog_is_delivered_whole_beside_new_records(open_log):
    async with open_log() as log:
        await log.append([thing(f"k{n % 50}", str(n)) for n in range(4_000)])
        async with join(log) as subscription:
            records = await take(subscription, 2_000)
            await log.append([thing(f"k{n % 50}", str(n)) for n in range(4_000, 5_000)])
            records += await take(subscription, 5_000 - len(records))
    seen: dict[int, list[int]] = defaultdict(list)
    for record in records:
        seen[record.partition].append(record.offset)
    assert sorted(int(v) for v in values(records)) == list(range(5_000))
    assert all(offsets == list(range(len(offsets))) for offsets in seen.values())


async def test_a_topic_that_the_log_does_not_have_is_fatal_and_named(open_log):
    async with open_log() as log:
        with pytest.raises(FatalError, match="nowhere"):
            await log.append([thing("a", "1"), thing("a", "1", "nowhere")])
        with pytest.raises(FatalError, match="nowhere"):
            await log.bounds("nowhere", 0)
        with pytest.raises(FatalError, match="nowhere"):
            async with join(log, topic="nowhere"):
                pass


async def test_check_passes_on_a_healthy_log(open_log):
    async with open_log() as log:
        await log.check()
        await log.append([])
