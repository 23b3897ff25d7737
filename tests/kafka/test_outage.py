"""Kafka stopped, killed, hung: with a spool no caller notices, without one he hears 503 in time; both heal by themselves."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from tests.chaos.kafkaproduct import Server, rows
from tests.kafkabroker import Brokers

DEADLINE_SECONDS = 3.0
"""PROCESSOR_ACK_DEADLINE_SECONDS, unless it is set."""
HANGS = aiohttp.ClientTimeout(total=60)


async def post(server: Server, number: int) -> tuple[int, str]:
    """Status and id; of one agent, so that the order can be seen; each server gets events of its own."""
    body = json.dumps(
        {"topicName": "v2.users.u-1.presence", "eventBody": {"n": number, "by": str(server.folder)}, "version": "2"}
    )
    async with aiohttp.ClientSession(timeout=HANGS) as session, session.post(server.url, data=body) as answer:
        told = await answer.json()
        return answer.status, told["ids"][0] if answer.status == 202 else answer.headers.get("Retry-After", "")


async def in_time(server: Server, number: int) -> tuple[int, str]:
    """As `post`, and within the deadline. How slow a busy machine is meanwhile shows what the server answers at once."""
    slowest = 0.0
    clock = asyncio.get_running_loop().time

    async def ask() -> None:
        nonlocal slowest
        while True:
            began = clock()
            await ready(server)
            slowest = max(slowest, clock() - began)
            await asyncio.sleep(0.1)

    asking = asyncio.create_task(ask())
    try:
        began = clock()
        found = await post(server, number)
        took = clock() - began
    finally:
        asking.cancel()
        await asyncio.wait({asking})
    assert took < DEADLINE_SECONDS * 1.05 + 0.5 + 3 * slowest
    return found


async def ready(server: Server) -> bool:
    async with aiohttp.ClientSession() as session, session.get(f"{server.ready['admin']}/readyz") as answer:
        return answer.status == 200


async def until_ready(server: Server, *, wanted: bool = True) -> None:
    async with asyncio.timeout(120):
        while await ready(server) is not wanted:  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_kafka_away_with_and_without_a_spool(tmp_path: Path, kafka1: Brokers) -> None:
    kafka = kafka1.own
    spool = {"PROCESSOR_SPOOL": f"sqlite:///{tmp_path / 'spool.db'}"}
    kept = Server(tmp_path / "kept", kafka.bootstrap, ("--role", "receive"), spool)
    bare = Server(tmp_path / "bare", kafka.bootstrap, ("--role", "receive"))
    acknowledged: dict[str, list[str]] = {"kept": [], "bare": []}
    number = 0
    try:
        await kept.start()
        await bare.start()
        for fault, mend in ((kafka.pause, kafka.resume), (kafka.kill, kafka.start)):
            await asyncio.to_thread(fault, 1)
            for _ in range(4):
                number += 1
                status, told = await in_time(kept, number)
                assert status == 202, "nobody notices"
                acknowledged["kept"].append(told)
                assert await ready(kept)
            status, told = await in_time(bare, number)
            assert status == 503
            assert told, "when to come again"
            await until_ready(bare, wanted=False)
            await asyncio.to_thread(mend, 1)
            await until_ready(bare)
            number += 1
            for name, server in (("kept", kept), ("bare", bare)):
                status, told = await post(server, number)
                assert status == 202
                acknowledged[name].append(told)
        assert await kept.end() == 0, "it leaves when its spool is empty"
        assert await bare.end() == 0
        for late in ("producer-slow-to-leave", "sender-left-behind"):
            assert late not in kept.said + bare.said
    finally:
        await kept.kill()
        await bare.kill()
    found = [row.id for row in await asyncio.to_thread(rows, kafka.bootstrap, ("raw",))]
    first_seen = list(dict.fromkeys(found))
    assert [event for event in first_seen if event in set(acknowledged["kept"])] == acknowledged["kept"], "in order"
    assert set(acknowledged["bare"]) <= set(found)


@pytest.mark.slow
async def test_kafka_may_come_later_than_a_receiver_with_a_spool(tmp_path: Path, kafka1: Brokers) -> None:
    kafka = kafka1.own
    await asyncio.to_thread(kafka.kill, 1)
    spool = {"PROCESSOR_SPOOL": f"sqlite:///{tmp_path / 'spool.db'}"}
    server = Server(tmp_path / "one", kafka.bootstrap, ("--role", "receive"), spool)
    try:
        await server.start()
        assert await ready(server)
        before = [(await post(server, number))[1] for number in range(5)]
        await server.kill()  # and what lies there is not lost by that either
        await server.start()
        status, last = await post(server, 5)
        assert status == 202
        await asyncio.to_thread(kafka.start, 1)
        assert await server.end() == 0
    finally:
        await server.kill()
    found = [row.id for row in await asyncio.to_thread(rows, kafka.bootstrap, ("raw",))]
    assert list(dict.fromkeys(found)) == [*before, last]
