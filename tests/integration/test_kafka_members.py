"""Members of a group on a real broker while nodes are killed, and while two of them have one name."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from processor.errors import RetryableError
from processor.eventlog import Message
from processor.eventlog.kafka import KafkaLog
from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import after, everything, logs, put, values
from tests.kafkabroker import Broker, Brokers


async def work(log: KafkaLog, topic: str, group: str, stop: asyncio.Event, *, pure: bool) -> None:
    async with log.subscribe(topic, group, nothing, no_offsets, pure=pure) as member:
        while not stop.is_set():
            try:
                records = await member.poll(5, 0.2)
                for number in {r.partition for r in records}:
                    mine = [r for r in records if r.partition == number]
                    outputs = [Message(f"{topic}.out", r.message.key, r.message.value) for r in mine]
                    await member.commit(after(mine), outputs if pure else ())
            except RetryableError:
                await asyncio.sleep(0.05)


def alarm(caplog: pytest.LogCaptureFixture) -> bool:
    """Somebody is told, and told what to look at."""
    told = [record for record in caplog.records if record.name == "processor.eventlog"]
    return any(r.levelname == "ERROR" and "KAFKA_MEMBER_ID" in getattr(r, "hint", "") for r in told)


@pytest.mark.slow
async def test_trap_17_two_processes_of_one_member_name_double_nothing(
    kafka: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """Each takes the group from the other; what is committed with its outputs is there once."""
    async with logs(kafka, ["twin", "twin"]) as (topic, both):
        group = kafka.fresh("group")
        await put(both[0], topic, 200)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for log in both:
                tasks.create_task(work(log, topic, group, stop, pure=True))
            while len(await everything(both[0], f"{topic}.out")) < 200:  # noqa: ASYNC110 - the log tells nobody
                await asyncio.sleep(0.2)
            count = 200
            while not alarm(caplog):  # each has a chance to double something meanwhile
                await put(both[0], topic, 20, count)
                count += 20
                await asyncio.sleep(0.2)
            while len(await everything(both[0], f"{topic}.out")) < count:  # noqa: ASYNC110 - the same
                await asyncio.sleep(0.2)
            stop.set()
        assert values(await everything(both[0], f"{topic}.out")) == list(range(count))


async def test_trap_13_consumption_goes_on_when_leader_coordinator_and_controller_were_killed(kafka3: Brokers) -> None:
    """Consumed, written and committed meanwhile, each once; the kill of one node may be that of all three."""
    async with logs(kafka3) as (topic, (log,)):
        group = kafka3.fresh("group")
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work(log, topic, group, stop, pure=True))
            count, killed = 0, set()
            for role in (kafka3.leader(topic), kafka3.coordinator(group), asyncio.to_thread(kafka3.controller)):
                node = await role
                if node not in killed:
                    killed.add(node)
                    await kafka3.call(kafka3.own.kill, node)
                    count = await put_at_last(log, topic, count)
                    await kafka3.call(kafka3.own.restore)
                count = await put_at_last(log, topic, count)
            await until_there(log, topic, count)
            stop.set()
        landed = values(await everything(log, f"{topic}.out"))
        assert set(landed) == set(range(count))
        assert Counter(landed) == Counter(values(await everything(log, topic))), "each as often as it is in the topic"


async def put_at_last(log: KafkaLog, topic: str, start: int) -> int:
    """20 more, sent again until they are taken; where the next ones begin."""
    while True:
        try:
            await put(log, topic, 20, start)
        except RetryableError:
            await asyncio.sleep(0.1)
        else:
            return start + 20


async def until_there(log: KafkaLog, topic: str, count: int) -> None:
    while set(values(await everything(log, f"{topic}.out"))) != set(range(count)):  # noqa: ASYNC110 - the log tells nobody
        await asyncio.sleep(0.2)
