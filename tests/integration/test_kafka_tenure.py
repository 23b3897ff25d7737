"""What a member of a group with effects may still do outside when others come for its partitions, on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import pytest
from aiokafka.errors import RequestTimedOutError

from processor import tenure
from processor.errors import RetryableError
from processor.eventlog import Message, kafka_connection, kafka_seats
from tests.contract.filelog import no_offsets, nothing
from tests.integration.test_kafka_consumer import PARTITIONS, after, everything, logs, put, take
from tests.integration.test_kafka_slow_call import PATIENT, SUBJECTS, Telling, members
from tests.kafkabroker import Broker, admin
from tests.unit.engine import fact, running
from tests.unit.engine import put as put_facts
from tests.unit.outside import Outside

SESSION_MS = 6_000
"""The shortest that a broker takes."""


@pytest.fixture
def short_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_connection, "SESSION_MS", SESSION_MS)
    monkeypatch.setattr(kafka_seats, "SESSION_MS", SESSION_MS)


@contextmanager
def cut_off(member: Any) -> Iterator[None]:
    """Its way to Kafka: no answer, and no error before it is mended."""
    client, mended = member._consumer._client, asyncio.Event()

    async def unheard(*_: Any, **__: Any) -> Any:
        await mended.wait()
        raise RequestTimedOutError

    client.send, answered = unheard, client.send
    try:
        yield
    finally:
        client.send = answered
        mended.set()


@pytest.mark.slow
@pytest.mark.usefixtures("short_session")
async def test_trap_8_who_was_cut_off_acts_no_more_before_others_have_its_partitions(kafka: Broker) -> None:
    still_acting: list[bool] = []

    async with logs(kafka, [None, None]) as (topic, (one, two)):
        group = kafka.fresh("group")
        await put(one, topic, 20)
        async with one.subscribe(topic, group, nothing, no_offsets, pure=False) as first:
            await take(first, 20)
            for _ in range(3 * SESSION_MS // 1000):  # longer than one proof lasts
                await first.poll(100, 0.5)
                await first.reached({})
                assert all(first.holds(number) for number in range(PARTITIONS))

            async def taken_over(_: Sequence[int]) -> None:
                still_acting.extend(first.holds(number) for number in range(PARTITIONS))

            with cut_off(first):
                async with two.subscribe(topic, group, taken_over, no_offsets, pure=False) as second:
                    while not any(second.holds(number) for number in range(PARTITIONS)):
                        await first.reached({})
                        await asyncio.sleep(0.05)
                    assert still_acting == [False] * PARTITIONS
                    with pytest.raises(RetryableError, match="may have lost"):
                        await first.append(0, [Message(f"{topic}.out", "k", b"of the past")])
        assert await everything(two, f"{topic}.out") == []


@pytest.mark.slow
@pytest.mark.usefixtures("short_session")
async def test_what_kafka_takes_of_somebody_who_is_no_member_any_more_proves_nothing(kafka: Broker) -> None:
    """A group without members takes commits of anybody."""
    draining, drained = asyncio.Event(), asyncio.Event()

    async def drain(_: Sequence[int]) -> Mapping[int, int]:
        draining.set()
        await drained.wait()
        return {}

    async with logs(kafka, ["one"]) as (topic, (log,)):
        group = kafka.fresh("group")
        await put(log, topic, 20)
        async with log.subscribe(topic, group, nothing, drain, pure=False) as member:
            records = await take(member, 20)
            with cut_off(member):
                while await members_of(kafka, group):  # noqa: ASYNC110 - the broker tells nobody
                    await asyncio.sleep(0.1)
            await draining.wait()
            await member.commit(after(records))
            assert await log.committed(group, topic) == after(records)
            assert not any(member.holds(number) for number in range(PARTITIONS))
            drained.set()


async def members_of(kafka: Broker, group: str) -> int:
    async with admin(kafka) as asked:
        (answer,) = await asked.describe_consumer_groups([group])
        (found,) = answer.groups
        return len(found[5])


class Gate(asyncio.Event):
    """A slow far side; when it is open, who waited asks, as clients do before each request."""

    asked = 0

    async def wait(self) -> Literal[True]:
        await super().wait()
        self.asked += 1
        tenure.check()
        return True


async def apart(one: Telling, two: Telling, condition: Callable[[], bool]) -> None:
    """Until it holds no partition is both's."""
    while not condition():
        assert not [number for number in range(PARTITIONS) if one.holds(number) and two.holds(number)]
        await asyncio.sleep(0.001)


@asynccontextmanager
async def twins(kafka: Broker) -> AsyncIterator[tuple[Telling, Telling, Outside, Gate]]:
    """Two of one name; the first is busy with all that there is, at a slow far side, until its gate is open."""
    outside, gate = Outside(), Gate()
    outside.held = dict.fromkeys(SUBJECTS, gate)
    async with members(kafka, 2, "twin") as (one, two):
        await put_facts(one, [fact(subject, 1) for subject in SUBJECTS])
        async with running(outside.group(), one, PATIENT):
            await apart(one, two, lambda: outside.busy == len(SUBJECTS))
            yield one, two, outside, gate


@pytest.mark.slow
@pytest.mark.usefixtures("short_session")
async def test_trap_8_who_was_cut_off_does_nothing_outside_that_another_of_its_name_has_done(kafka: Broker) -> None:
    second = Outside()
    async with twins(kafka) as (one, two, first, end):
        with cut_off(one.member):
            await put_facts(two, [fact(subject, 2) for subject in SUBJECTS])
            async with running(second.group(), two, PATIENT):
                await apart(one, two, lambda: second.total() == 2 * len(SUBJECTS))
                end.set()
                await apart(one, two, lambda: end.asked >= len(SUBJECTS))
        await apart(one, two, one.leaving.is_set)
    assert first.total() == 0
    assert all(second.got[subject] == [1, 2] for subject in SUBJECTS)


async def test_trap_8_two_of_one_name_share_the_partitions_and_do_nothing_twice(kafka: Broker) -> None:
    second = Outside()
    async with twins(kafka) as (one, two, first, end), running(second.group(), two, PATIENT):
        await apart(one, two, one.leaving.is_set)
        end.set()
        await put_facts(one, [fact(subject, 2) for subject in SUBJECTS])
        await apart(one, two, lambda: first.total() + second.total() == 2 * len(SUBJECTS))
    assert all(first.got[subject] + second.got[subject] == [1, 2] for subject in SUBJECTS)


async def test_who_stops_leaves_at_once_where_effects_go_outside(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_connection, "SESSION_MS", 1_000_000)
    monkeypatch.setattr(kafka_connection, "REBALANCE_MS", 1_000_000)
    async with logs(kafka, ["one", "two"]) as (topic, (one, two)):
        group = kafka.fresh("group")
        await put(one, topic, 20)
        async with one.subscribe(topic, group, nothing, no_offsets, pure=False) as first:
            await take(first, 20)
        async with two.subscribe(topic, group, nothing, no_offsets, pure=False) as second, asyncio.timeout(60):
            await take(second, 20)
