"""`--workers`: several receivers on one port, one admin for all, and none of them missed for long."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.chaos.kafkaproduct import Server, rows
from tests.kafkabroker import Brokers

POST = {"topicName": "v2.users.u-1.presence", "eventBody": {"id": "p"}, "version": "2"}


async def posted(url: str, count: int) -> set[str]:
    """Each on a connection of its own, so that the kernel spreads them; the ids that were acknowledged."""
    found: set[str] = set()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        for number in range(count):
            body = json.dumps({"n": number, **POST})
            while True:
                try:
                    async with session.post(url, data=body, headers={"Connection": "close"}) as answer:
                        if answer.status == 202:
                            found.update((await answer.json())["ids"])
                            break
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.05)
    return found


async def metrics(server: Server) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{server.ready['admin']}/metrics") as answer:
        return await answer.text()


def acknowledged(text: str) -> float:
    found = re.search(r'^processor_posts_total\{status="202"\} (\S+)$', text, re.MULTILINE)
    return float(found.group(1)) if found else 0


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


async def until(what: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not what():  # noqa: ASYNC110 - other processes decide when
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_workers_share_a_port_and_one_that_dies_comes_back(tmp_path: Path, kafka1: Brokers) -> None:
    server = Server(tmp_path / "one", kafka1.bootstrap, ("--role", "receive", "--workers", "2"))
    try:
        await server.start()
        assert server.process is not None
        first, second = children(server.process.pid)
        ids = await posted(server.url, 40)
        assert acknowledged(await metrics(server)) == 40

        os.kill(first, signal.SIGKILL)
        ids |= await posted(server.url, 40)
        parent = server.process.pid
        await until(lambda: len(children(parent)) == 2 and second in children(parent))
        assert acknowledged(await metrics(server)) == 80, "what the dead one had counted stays counted"
        workers = children(server.process.pid)
        assert await server.end() == 0
        assert not alive(workers)
    finally:
        await server.kill()
    assert ids == {row.id for row in await asyncio.to_thread(rows, kafka1.bootstrap, ("raw",))}
    assert "Traceback" not in server.said


@pytest.mark.slow
async def test_what_a_worker_left_in_its_spool_is_sent_by_another(tmp_path: Path, kafka1: Brokers) -> None:
    """Three receivers that had to keep events are killed; two are started, and all of it is in Kafka in the end."""
    spool = {"PROCESSOR_SPOOL": f"sqlite:///{tmp_path / 'spool.db'}"}
    server = Server(tmp_path / "one", kafka1.bootstrap, ("--role", "receive", "--workers", "3"), spool)
    try:
        await server.start()
        await kafka1.call(kafka1.own.kill, 1)
        ids = await posted(server.url, 60)
        assert server.process is not None
        workers = children(server.process.pid)
        os.kill(server.process.pid, signal.SIGSTOP)  # it shall not start others
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        await server.kill()
        await until(lambda: not alive(workers))
        assert (tmp_path / "spool-3.db").exists()
        await kafka1.call(kafka1.own.start, 1)
        server = Server(tmp_path / "two", kafka1.bootstrap, ("--role", "receive", "--workers", "2"), spool)
        await server.start()
        await until(lambda: not (tmp_path / "spool-3.db").exists())
        assert await server.end() == 0, "their own spools are empty then"
    finally:
        await server.kill()
    assert ids == {row.id for row in await asyncio.to_thread(rows, kafka1.bootstrap, ("raw",))}


@pytest.mark.slow
async def test_workers_leave_when_whoever_started_them_is_killed(tmp_path: Path, kafka1: Brokers) -> None:
    server = Server(tmp_path / "one", kafka1.bootstrap, ("--role", "receive", "--workers", "2"))
    try:
        await server.start()
        assert server.process is not None
        workers = children(server.process.pid)
        assert len(workers) == 2
    finally:
        await server.kill()
    await until(lambda: not alive(workers))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--workers", "2"), "needs LOG=kafka"),
        (("--workers", "0"), "at least 1"),
    ],
)
async def test_workers_that_cannot_be(tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    server = Server(tmp_path, "unused", words, {"PROCESSOR_LOG": f"sqlite:///{tmp_path}/events.db"})
    await server.spawn()
    assert server.process is not None
    assert await server.process.wait() == 2
    assert why in server.said
