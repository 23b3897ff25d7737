"""Several processes on Kafka, under load, through faults: judged by what was told and what librdkafka reads.

`make test` runs a short course on one broker; `make chaos` runs CHAOS_ROUNDS rounds on three, pauses
that outlast a session among them, and writes what it saw to CHAOS_REPORT. CHAOS_SEED chooses another course.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from processor.devkafka.cluster import Cluster, throw_away
from sandbox.options import Options
from sandbox.run import running
from tests.chaos.callers import Callers
from tests.chaos.history import Told, told_wrongly, violations
from tests.chaos.kafkaproduct import Server, rows
from tests.chaos.product import SECRET
from tests.kafkabroker import had

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "0"))
SEED = int(os.environ.get("CHAOS_SEED", "4"))
NODES = 3 if ROUNDS else 1
AT_ONCE = 4
PAUSE = 0.02
"""Between two posts of one sender: this is about faults, not about speed."""
SESSION_SECONDS = 30
SHORT = ("join", "kill", "broker killed", "leave")
LONG = ("join", "kill", "broker killed", "server hangs", "broker hangs", "leave", "all brokers away")


class Site:
    """One server of the product and those who post to it, for as long as it lives."""

    def __init__(self, server: Server, callers: Callers) -> None:
        self.server = server
        self.callers = callers
        self._stop = asyncio.Event()
        self._calls: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.server.start()
        self._stop = asyncio.Event()
        self._calls = asyncio.create_task(self.callers.call(self.server.url, AT_ONCE, self._stop, PAUSE))

    async def quiet(self) -> None:
        self._stop.set()
        if self._calls:
            await self._calls

    async def kill(self) -> None:
        await self.server.kill()
        await self.quiet()

    async def leave(self) -> None:
        """A rolling restart's part: its callers go on until it is gone."""
        assert await self.server.end() == 0
        await self.quiet()


class Course:
    """The first site stays and has a spool; the second comes and goes."""

    def __init__(self, cluster: Cluster, first: Site, second: Site) -> None:
        self._cluster = cluster
        self._first = first
        self._second = second
        self._chance = random.Random(SEED)
        self.done: Counter[str] = Counter()
        self._faults: dict[str, Callable[[], Awaitable[None]]] = {
            "join": self._join,
            "kill": self._kill,
            "leave": self._leave,
            "server hangs": self._server_hangs,
            "broker killed": self._broker_killed,
            "broker hangs": self._broker_hangs,
            "all brokers away": self._all_away,
        }

    async def round(self, fault: str) -> None:
        self.done[fault] += 1
        await asyncio.sleep(self._chance.uniform(1, 3))
        await self._faults[fault]()

    def _there(self) -> bool:
        process = self._second.server.process
        return process is not None and process.returncode is None

    async def _join(self) -> None:
        if not self._there():
            await self._second.start()
        await asyncio.sleep(5)  # partitions move meanwhile

    async def _kill(self) -> None:
        await self._join()
        await self._second.kill()
        await self._second.start()

    async def _leave(self) -> None:
        if self._there():
            await self._second.leave()

    async def _server_hangs(self) -> None:
        await self._join()
        self._second.server.signal(signal.SIGSTOP)
        await asyncio.sleep(SESSION_SECONDS + 8)
        self._second.server.signal(signal.SIGCONT)
        await asyncio.sleep(3)

    async def _broker_killed(self) -> None:
        number = self._chance.choice(self._cluster.nodes)
        await asyncio.to_thread(self._cluster.kill, number)
        await asyncio.sleep(self._chance.uniform(1, 4))
        await asyncio.to_thread(self._cluster.start, number)
        await asyncio.sleep(3)

    async def _broker_hangs(self) -> None:
        number = self._chance.choice(self._cluster.nodes)
        await asyncio.to_thread(self._cluster.pause, number)
        await asyncio.sleep(self._chance.uniform(2, 12))
        await asyncio.to_thread(self._cluster.resume, number)
        await asyncio.sleep(3)

    async def _all_away(self) -> None:
        for number in self._cluster.nodes:
            await asyncio.to_thread(self._cluster.kill, number)
        await asyncio.sleep(60)
        await asyncio.to_thread(self._cluster.restore)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Cluster]:
    """Of our own: the product's topics have fixed names, and a fault here is nobody else's."""
    holding = had(throw_away(folder, NODES))
    made = await asyncio.to_thread(holding.__enter__)
    try:
        yield made
    finally:
        await asyncio.to_thread(holding.__exit__, None, None, None)


async def all_ended(bootstrap: str, posts: list[Any], told: Callable[[], list[Told]]) -> list[str]:
    """What is wrong once everything in raw has come to its end, or after a minute."""
    found: list[str] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while True:
                log = await asyncio.to_thread(rows, bootstrap)
                found = violations(posts, log, dense=False)
                found += told_wrongly(told(), [row for row in log if row.topic == "genesys.presence"])
                if not found:
                    break
                await asyncio.sleep(1)
    return found


async def until_empty(server: Server) -> None:
    """Nothing lies in its spool."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            async with session.get(f"{server.ready['admin']}/metrics") as answer:
                if "\nprocessor_spooling 0.0" in await answer.text():
                    return
            await asyncio.sleep(0.2)


def publish(report: dict[str, Any]) -> None:
    if file := os.environ.get("CHAOS_REPORT"):
        Path(file).with_suffix(".kafka.json").write_text(json.dumps(report, indent=1) + "\n")


@pytest.mark.slow
@pytest.mark.timeout(240 + ROUNDS * 150)
async def test_kafka_nothing_is_lost_doubled_or_put_out_of_order(tmp_path: Path) -> None:
    began = time.monotonic()
    faults = [LONG[number % len(LONG)] for number in range(ROUNDS)] or list(SHORT)
    async with (
        cluster(tmp_path / "kafka") as brokers,
        running(Options(port=0, wfm_port=0, quiet=True, wfm_secret=SECRET)) as sandbox,
    ):
        wfm = {"PROCESSOR_WFM_URL": str(sandbox.ready()["wfm"]), "PROCESSOR_WFM_SECRET": SECRET}
        spool = {"PROCESSOR_SPOOL": f"sqlite:///{tmp_path / 'spool.db'}"}
        first = Site(Server(tmp_path / "one", brokers.bootstrap, more={**wfm, **spool}), Callers(SEED))
        second = Site(Server(tmp_path / "two", brokers.bootstrap, more=wfm), Callers(SEED + 1))

        def told() -> list[Told]:
            books = sandbox.wfm.books["events"]
            return [Told(e.id, e.told["subject"], e.told["sequence"]) for e in books.events.values()]

        course = Course(brokers, first, second)
        try:
            await first.start()
            for fault in faults:
                await course.round(fault)
            await first.quiet()
            await second.quiet()
            await first.callers.finish(first.server.url)
            await second.callers.finish(first.server.url)
            await until_empty(first.server)
            posts = first.callers.posts + second.callers.posts
            found = await all_ended(brokers.bootstrap, posts, told)
            ended = [
                await site.server.end()
                for site in (first, second)
                if site.server.process and site.server.process.returncode is None
            ]
        finally:
            for site in (first, second):
                site.server.signal(signal.SIGCONT)
                await site.kill()
    publish(
        {
            "seed": SEED,
            "seconds": round(time.monotonic() - began, 1),
            "faults": dict(course.done),
            "posts": len(posts),
            "refusedWithSpool": first.callers.answers.refused,
            "refusedWithout": second.callers.answers.refused,
            "unanswered": second.callers.answers.unanswered,
            "violations": found,
        }
    )
    assert not found, found[:20]
    assert set(ended) == {0}
    assert not first.callers.wrong + second.callers.wrong
    assert first.callers.answers.refused == 0, "a spool takes what Kafka does not"
    assert "spooling" in first.server.said, "no fault met the spool: this run has shown nothing of it"
    for site in (first, second):
        assert "Traceback" not in site.server.said, site.server.said[site.server.said.index("Traceback") :][:3000]
