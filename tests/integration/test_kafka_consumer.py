"""Members of a group on a real broker: one test for each way in which a rebalance or a zombie would hurt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import pytest
from aiokafka.errors import IllegalOperation

from processor.errors import RetryableError, Revoked
from processor.eventlog import Message, Record, Topic
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection
from processor.eventlog.partitions import partition_of
from tests.contract.filelog import no_offsets, nothing
from tests.kafkabroker import Broker
from tests.kafkalog import create_topics

PARTITIONS = 4


@asynccontextmanager
async def logs(
    broker: Broker, members: Sequence[str | None] = (None,), settings: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[str, list[KafkaLog]]]:
    """A topic and a log object for each member, as if each were a process."""
    topic = broker.fresh("things")
    topics = [Topic(topic), Topic(f"{topic}.out")]
    await create_topics(broker.bootstrap, topics, PARTITIONS, broker.brokers, **settings or {})
    async with asyncio.timeout(150), AsyncExitStack() as stack:
        yield (
            topic,
            [
                await stack.enter_async_context(
                    KafkaLog.open(Connection(broker.bootstrap, member), topics, PARTITIONS, lambda: datetime.now(UTC))
                )
                for member in members
            ],
        )


async def put(log: KafkaLog, topic: str, count: int, start: int = 0) -> None:
    await log.append([Message(topic, f"k{n % 20}", str(n).encode()) for n in range(start, start + count)])


async def take(subscription, count: int) -> list[Record]:
    records: list[Record] = []
    while len(records) < count:
        records += await subscription.poll(500, 0.2)
    return records


def after(records: Sequence[Record]) -> dict[int, int]:
    return {record.partition: record.offset + 1 for record in records}


def values(records: Sequence[Record]) -> list[int]:
    return sorted(int(record.message.value or b"") for record in records)


async def everything(log: KafkaLog, topic: str) -> list[Record]:
    return [r for p in range(PARTITIONS) async for r in log.read(topic, p, *await log.bounds(topic, p))]


async def test_trap_7_a_zombie_cannot_commit_after_its_partition_was_taken_over(kafka: Broker) -> None:
    async with logs(kafka, [None, None]) as (topic, (one, two)):
        group = kafka.fresh("group")
        await put(one, topic, 20)
        async with one.subscribe(topic, group, nothing, no_offsets) as zombie:
            records = await take(zombie, 20)
            number = records[0].partition
            seat = zombie._seats.held[number]
            rival = zombie._seats._writer(number)  # as another owner would
            await rival.take()
            outputs = [Message(f"{topic}.out", records[0].message.key, b"zombie")]
            with pytest.raises(Revoked):
                await zombie.commit({number: records[-1].offset + 1}, outputs)
            with pytest.raises(Revoked):
                await zombie.append(number, outputs)
            await rival.close()
            assert seat.writer.fenced
            assert await everything(two, f"{topic}.out") == []
            assert await two.committed(group, topic) == {}


async def test_trap_7_a_fenced_member_that_is_still_a_member_takes_over_again(kafka: Broker) -> None:
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            records = await take(member, 20)
            rival = member._seats._writer(records[0].partition)
            await rival.take()
            with pytest.raises(Revoked):
                await member.append(records[0].partition, [Message(f"{topic}.out", "k", b"x")])
            await rival.close()
            assert values(await take(member, 20)) == list(range(20)), "nothing was committed, all comes again"


async def test_a_transaction_of_unknown_end_is_looked_up_and_not_written_twice(kafka: Broker) -> None:
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        group = kafka.fresh("group")
        async with log.subscribe(topic, group, nothing, no_offsets) as member:
            records = [r for r in await take(member, 20) if r.partition == 0]
            outputs = [Message(f"{topic}.out", r.message.key, r.message.value) for r in records]
            writer = member._seats.held[0].writer
            commit = writer._client.commit_transaction

            async def lost_answer() -> None:
                await commit()
                raise TimeoutError

            writer._client.commit_transaction = lost_answer
            with pytest.raises(RetryableError):
                await member.commit(after(records), outputs)
            await member.commit(after(records), outputs)
            assert len(await everything(log, f"{topic}.out")) == len(outputs)
            assert await log.committed(group, topic) == after(records)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("commit_transaction", TimeoutError()),
        ("send_batch", IllegalOperation("an earlier batch has failed meanwhile")),
    ],
)
async def test_a_transaction_that_failed_before_its_end_leaves_nothing_and_is_written_again(
    kafka: Broker, step: str, error: Exception
) -> None:
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            records = [r for r in await take(member, 20) if r.partition == 0]
            outputs = [Message(f"{topic}.out", r.message.key, r.message.value) for r in records]
            writer = member._seats.held[0].writer

            async def never(*_: object, **__: object) -> None:
                raise error

            setattr(writer._client, step, never)
            with pytest.raises(RetryableError):
                await member.commit(after(records), outputs)
            assert await everything(log, f"{topic}.out") == []
            await member.commit(after(records), outputs)
            assert len(await everything(log, f"{topic}.out")) == len(outputs)


async def test_trap_8_and_9_a_second_member_gets_a_partition_only_when_the_first_has_drained(kafka: Broker) -> None:
    draining, drained = asyncio.Event(), asyncio.Event()
    offsets: dict[int, int] = {}

    async def on_revoke(_: Sequence[int]) -> Mapping[int, int]:
        draining.set()
        await drained.wait()
        return offsets

    async with logs(kafka, [None, None]) as (topic, (one, two)):
        group = kafka.fresh("group")
        await put(one, topic, 40)
        async with one.subscribe(topic, group, nothing, on_revoke, pure=False) as first:
            records = await take(first, 40)
            offsets.update(after(records))
            joining = asyncio.create_task(one_poll(two, topic, group, one))
            while not draining.is_set():
                await first.poll(10, 0.1)
            done, _ = await asyncio.wait({joining}, timeout=1)
            assert not done, "it waits for the drain"
            drained.set()
            while not joining.done():
                await first.poll(0, 0.1)
            assert joining.result() == {100}, "only what came later, since all else was committed"


async def one_poll(log: KafkaLog, topic: str, group: str, other: KafkaLog) -> set[int]:
    async with log.subscribe(topic, group, nothing, no_offsets, pure=False) as second:
        await other.append([Message(topic, f"k{n}", b"100") for n in range(20)])
        return set(values(await take(second, 1)))


async def test_trap_9_what_a_revoke_raises_is_told_by_the_next_poll(kafka: Broker) -> None:
    async def on_revoke(_: Sequence[int]) -> Mapping[int, int]:
        raise ZeroDivisionError

    async with logs(kafka, [None, None]) as (topic, (one, two)):
        group = kafka.fresh("group")
        with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the poll raises it at some time
            async with one.subscribe(topic, group, nothing, on_revoke) as first:
                joining = asyncio.create_task(joined(two, topic, group))
                try:
                    while True:
                        await first.poll(10, 0.1)
                finally:
                    first._seats._begun = []
                    joining.cancel()


async def joined(log: KafkaLog, topic: str, group: str) -> None:
    async with log.subscribe(topic, group, nothing, no_offsets):
        await asyncio.sleep(0)


async def test_trap_10_a_commit_for_partitions_that_have_left_is_ignored(kafka: Broker) -> None:
    async with logs(kafka, [None, None]) as (topic, (one, two)):
        group = kafka.fresh("group")
        await put(one, topic, 40)
        async with one.subscribe(topic, group, nothing, no_offsets, pure=False) as first:
            records = await take(first, 40)
            async with two.subscribe(topic, group, nothing, no_offsets, pure=False):
                while len(first._seats.held) != PARTITIONS // 2:
                    await first.poll(10, 0.1)
                left = set(range(PARTITIONS)) - first._seats.held.keys()
                await first.commit(after(records))
                assert set(await two.committed(group, topic)) == set(range(PARTITIONS)) - left
                with pytest.raises(Revoked):
                    await first.append(left.pop(), [Message(f"{topic}.out", "k", b"")])


async def test_trap_12_the_clients_settings_are_not_aiokafkas_defaults() -> None:
    connection = Connection("127.0.0.1:1", "member")
    consumer, producer = connection.consumer("group", named=True), connection.producer()
    assert consumer._auto_offset_reset == "earliest"
    assert consumer._enable_auto_commit is False
    assert consumer._isolation_level == "read_committed"
    assert consumer._group_instance_id == "member"
    assert connection.consumer("group", named=False)._group_instance_id is None
    assert consumer._rebalance_timeout_ms > 10_000
    assert (producer._sender._acks, producer._message_accumulator._linger_time) == (-1, 0)
    assert producer._txn_manager is not None
    await consumer.stop()
    await producer.stop()


async def test_trap_12_a_new_group_begins_at_the_beginning_and_commits_nothing_by_itself(kafka: Broker) -> None:
    async with logs(kafka) as (topic, (log,)):
        await put(log, topic, 20)
        group = kafka.fresh("group")
        for _ in range(2):  # aiokafka would have committed at the end
            async with log.subscribe(topic, group, nothing, no_offsets) as member:
                assert values(await take(member, 20)) == list(range(20))
            assert await log.committed(group, topic) == {}


async def test_each_consumer_remembers_its_own_partitions() -> None:
    """aiokafka's sticky assignor keeps them in its class, where those of another group would take their place."""
    one, two = (Connection("127.0.0.1:1").consumer("group", named=True) for _ in range(2))
    (sticky,), (other,) = one._partition_assignment_strategy, two._partition_assignment_strategy
    sticky.member_assignment = ["mine"]
    assert other.member_assignment is None
    await one.stop()
    await two.stop()


async def test_lag_ends_at_nought_behind_the_marks_of_transactions(kafka: Broker) -> None:
    async with logs(kafka) as (topic, (log,)):
        await log.append([Message(topic, "k", b"1")])
        number = partition_of("k", PARTITIONS)
        async with (
            log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as first,
            log.subscribe(f"{topic}.out", kafka.fresh("group"), nothing, no_offsets, pure=False) as second,
        ):
            (record,) = await take(first, 1)
            await first.commit(after([record]), [Message(f"{topic}.out", "k", b"2")])
            (out,) = await take(second, 1)
            while (await second.reached(after([out])))[number] != (await log.bounds(f"{topic}.out", number))[1]:
                assert not await second.poll(10, 0.1)
            assert (await log.bounds(f"{topic}.out", number))[1] == 2, "one record and one mark"


async def test_what_we_have_committed_is_read_at_once(kafka: Broker) -> None:
    """A broker shows a transaction some milliseconds after it has said that it is committed; tables cannot wait."""
    async with logs(kafka) as (topic, (log,)):
        out = f"{topic}.out"
        async with log.subscribe(topic, kafka.fresh("group"), nothing, no_offsets) as member:
            for number in range(1, 30):
                await member.append(0, [Message(out, f"k{n}", b"1") for n in range(20)])
                assert len(await everything(log, out)) == 20 * number


async def test_a_static_member_is_back_at_once_with_its_partitions(kafka: Broker) -> None:
    async with logs(kafka, ["pod-0"]) as (topic, (log,)):
        group = kafka.fresh("group")
        await put(log, topic, 20)
        for _ in range(3):
            async with log.subscribe(topic, group, nothing, no_offsets) as member:
                assert len(await take(member, 20)) == 20
