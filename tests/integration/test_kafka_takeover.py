"""Taking a partition over on a real broker: the order of its steps, and what of the time before must not come through."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from itertools import pairwise

import pytest
from aiokafka import AIOKafkaProducer

from processor.errors import Revoked
from processor.eventlog import Message, kafka_seats
from processor.eventlog.kafka_connection import Connection
from processor.eventlog.kafka_records import encode
from processor.eventlog.kafka_transactions import Transactions
from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import PARTITIONS, everything, logs, put, take, values
from tests.kafkabroker import Broker

TWO_AND_THEIR_MARKERS = 4
"""A transaction's end is answered before its marker is in the partition, and until then nobody reads behind it."""


async def test_trap_7_what_a_zombie_commits_right_before_it_is_fenced_is_not_done_again(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka has asked for the committed offsets before it tells of the assignment: too early."""
    async with logs(kafka) as (topic, (log,)):
        group = kafka.fresh("group")
        await log.append([Message(topic, "k", str(n).encode()) for n in range(6)])
        rows = encode([Message(topic, "k", b"")], PARTITIONS, {topic: 1000})
        (place,) = rows
        fence = kafka_seats._all_taken

        async def still_ours() -> None:
            raise Revoked(group)

        zombie = Transactions(Connection(kafka.bootstrap).producer, log._reader, group, place, still_ours=still_ours)
        await zombie.take()

        async def at_the_last_moment(writers: Collection[Transactions]) -> None:
            await zombie.write({}, {place.partition: 4})
            await fence(writers)

        monkeypatch.setattr(kafka_seats, "_all_taken", at_the_last_moment)
        async with log.subscribe(topic, group, nothing, no_offsets) as member:
            assert values(await take(member, 1)) == [4, 5]
            with pytest.raises(Revoked):
                await zombie.write({}, {place.partition: 5})
            assert (await log.committed(group, topic))[place.partition] == 4
        await zombie.close()


async def test_nothing_is_polled_before_what_is_known_is_rebuilt(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processor.eventlog.kafka.JOIN_SECONDS", 0.5)
    rebuilding, rebuilt = asyncio.Event(), asyncio.Event()

    async def rebuild(_: Sequence[int]) -> None:
        rebuilding.set()
        await rebuilt.wait()

    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), rebuild, no_offsets) as member:
            await rebuilding.wait()
            assert not await member.poll(100, 1)
            rebuilt.set()
            assert values(await take(member, 20)) == list(range(20))


async def test_what_was_fetched_before_a_rebalance_is_not_delivered_behind_its_repeat(kafka: Broker) -> None:
    async with logs(kafka, [None, None]) as (topic, (one, two)):
        group = kafka.fresh("group")
        await put(one, topic, 200)
        async with one.subscribe(topic, group, nothing, no_offsets, pure=False) as member:
            while not member._ahead:  # what an impatient caller has asked for is left to the next one
                await member._get(member._consumer, member._seats, 500, 500)
            epoch = member._seats.epoch
            async with two.subscribe(topic, group, nothing, no_offsets, pure=False):
                while member._seats.epoch == epoch or not member._seats.held:  # noqa: ASYNC110 - the group tells nobody
                    await asyncio.sleep(0.05)
                records = await take(member, 1)
                for _ in range(5):
                    records += await member.poll(500, 0.1)
        for number in {record.partition for record in records}:
            offsets = [record.offset for record in records if record.partition == number]
            assert all(after == before + 1 for before, after in pairwise(offsets)), offsets
            assert offsets[0] == 0, "nothing was committed"


async def test_what_was_aborted_is_read_by_nobody(kafka: Broker) -> None:
    async with logs(kafka) as (topic, (log,)):
        other = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=topic)
        await other.start()
        for value, end in ((b"1", other.abort_transaction), (b"2", other.commit_transaction)):
            await other.begin_transaction()
            await other.send_and_wait(topic, value, key=b"k", partition=1)
            await end()
        await other.stop()
        while (await log.bounds(topic, 1))[1] < TWO_AND_THEIR_MARKERS:  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(0.02)
        assert values(await everything(log, topic)) == [2]
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            assert values(await take(member, 1)) == [2]
