"""What befalls two processes of the product, their Kafka and a far side, one fault after the other, under load."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import aiohttp

from processor.devkafka.cluster import Cluster
from sandbox.run import Sandbox
from tests.chaos.callers import Callers
from tests.chaos.history import Post
from tests.chaos.kafkaproduct import Server
from tests.chaos.poison import write_poison
from tests.kafkabroker import Brokers

AT_ONCE = 4
PAUSE = 0.02
"""Between two posts of one sender: this is about faults, not about speed."""
SESSION_SECONDS = 30
AWAY_SECONDS = float(os.environ.get("CHAOS_AWAY", "60"))
SKEW_SECONDS = 120
STORM_POSTS = 150
SHORT = ("join", "poison", "storm", "clocks apart", "leader killed", "rolling restart")
LONG = (
    *("join", "poison", "clocks apart", "storm", "kill", "leader killed", "server hangs", "coordinator killed"),
    *("broker hangs", "rolling restart", "controller killed", "leave", "twins", "all brokers away"),
)


class Site:
    """One server of the product and those who post to it, for as long as it lives."""

    def __init__(self, server: Server, callers: Callers) -> None:
        self.server = server
        self.callers = callers
        self._stop = asyncio.Event()
        self._calls: asyncio.Task[None] | None = None

    @property
    def there(self) -> bool:
        process = self.server.process
        return process is not None and process.returncode is None

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

    async def ready(self) -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{self.server.ready['admin']}/readyz") as answer:
            return answer.status == 200


async def until(what: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110 - other processes decide when
            await asyncio.sleep(0.2)


class Course:
    """The first site stays and has a spool; the second comes and goes, and hears 503 when Kafka is away."""

    def __init__(self, cluster: Cluster, sandbox: Sandbox, first: Site, second: Site, seed: int) -> None:
        self._cluster = cluster
        self._sandbox = sandbox
        self._first = first
        self._second = second
        self._chance = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.poison: list[Post] = []
        self._faults: dict[str, Callable[[], Awaitable[None]]] = {
            "join": self._join,
            "kill": self._kill,
            "leave": self._leave,
            "rolling restart": self._rolling_restart,
            "poison": self._poison,
            "storm": self._storm,
            "clocks apart": self._clocks_apart,
            "twins": self._twins,
            "server hangs": self._server_hangs,
            "leader killed": self._leader_killed,
            "coordinator killed": self._coordinator_killed,
            "controller killed": self._controller_killed,
            "broker hangs": self._broker_hangs,
            "all brokers away": self._all_away,
        }

    async def round(self, fault: str) -> None:
        """The fault, between some load and some load."""
        self.done[fault] += 1
        await self._load(self._chance.randrange(50, 150))
        await self._faults[fault]()
        await self._load(50)

    async def _load(self, posts: int) -> None:
        """Returns when so many more were acknowledged."""
        answers = (self._first.callers.answers, self._second.callers.answers)

        def count() -> int:
            return sum(one.acknowledged for one in answers)

        wanted = count() + posts

        async def enough() -> bool:
            return count() >= wanted

        await until(enough)

    async def _join(self) -> None:
        if self._second.there:
            return
        before = self._second.server.said.count('"assigned"')
        await self._second.start()

        async def holds_some() -> bool:
            return self._second.server.said.count('"assigned"') > before

        await until(holds_some)

    async def _kill(self) -> None:
        await self._join()
        await self._second.kill()
        await self._second.start()

    async def _leave(self) -> None:
        if self._second.there:
            await self._second.leave()

    async def _rolling_restart(self) -> None:
        for site in (self._second, self._first):
            if site.there:
                await site.leave()
            await site.start()
            await until(site.ready)

    async def _poison(self) -> None:
        mark = str(self.done["poison"])
        self.poison += await asyncio.to_thread(write_poison, self._cluster.bootstrap, mark)

    async def _storm(self) -> None:
        """The WFM system has had enough of us, and says so to each push."""
        refused = self._sandbox.wfm.books["events"].refused
        self._sandbox.wfm.answer_with, self._sandbox.wfm.retry_after = 429, 1
        before = sum(refused.values())

        async def met() -> bool:
            return sum(refused.values()) > before

        await self._load(STORM_POSTS)
        await until(met)
        self._sandbox.wfm.answer_with = self._sandbox.wfm.retry_after = None

    async def _clocks_apart(self) -> None:
        """From now on; the two never agree again."""
        if self._second.there:
            await self._second.kill()
        self._second.server.skew = self._chance.choice((-SKEW_SECONDS, SKEW_SECONDS))
        await self._join()

    async def _twins(self) -> None:
        """Somebody starts a third under the name of the second: told, and mended by ending it."""
        await self._join()
        folder = self._second.server.folder.with_name(f"twin-{self.done['twins']}")
        twin = replace(self._second.server, folder=folder, process=None, ready={})
        before = self._second.server.said.count("KAFKA_MEMBER_ID")

        async def told() -> bool:
            return self._second.server.said.count("KAFKA_MEMBER_ID") > before or "KAFKA_MEMBER_ID" in twin.said

        try:
            await twin.start()
            await until(told)
        finally:
            await twin.kill()

    async def _server_hangs(self) -> None:
        await self._join()
        self._second.server.signal(signal.SIGSTOP)
        await asyncio.sleep(SESSION_SECONDS + 8)
        self._second.server.signal(signal.SIGCONT)

    async def _leader_killed(self) -> None:
        await self._node_killed(await self._brokers.leader("genesys.raw", self._chance.randrange(3)))

    async def _coordinator_killed(self) -> None:
        await self._node_killed(await self._brokers.coordinator("normalise"))

    async def _controller_killed(self) -> None:
        await self._node_killed(self._cluster.controller)

    @property
    def _brokers(self) -> Brokers:
        return Brokers(self._cluster.bootstrap, len(self._cluster.nodes), self._cluster)

    async def _node_killed(self, number: int) -> None:
        await asyncio.to_thread(self._cluster.kill, number)
        await asyncio.sleep(self._chance.uniform(1, 4))
        await asyncio.to_thread(self._cluster.restore)

    async def _broker_hangs(self) -> None:
        number = self._chance.choice(self._cluster.nodes)
        await asyncio.to_thread(self._cluster.pause, number)
        await asyncio.sleep(self._chance.uniform(2, 12))
        await asyncio.to_thread(self._cluster.resume, number)

    async def _all_away(self) -> None:
        await self._join()
        refused = self._second.callers.answers.refused
        for number in self._cluster.nodes:
            await asyncio.to_thread(self._cluster.kill, number)
        away = asyncio.create_task(asyncio.sleep(AWAY_SECONDS))

        async def told() -> bool:
            return not await self._second.ready() and self._second.callers.answers.refused > refused

        await until(told)
        assert await self._first.ready(), "a spool takes what Kafka does not"
        await away
        await asyncio.to_thread(self._cluster.restore)
        await until(self._second.ready)


def course_of(rounds: int) -> list[str]:
    """So many of the long course (or of CHAOS_FAULTS), from its beginning again and again; 0 is the short one."""
    faults = tuple(filter(None, os.environ.get("CHAOS_FAULTS", "").split(","))) or LONG
    return [faults[number % len(faults)] for number in range(rounds)] or list(SHORT)


def site(folder: Path, name: str, bootstrap: str, seed: int, more: dict[str, str]) -> Site:
    """Under a name of its own in Kafka."""
    return Site(
        Server(folder / name, bootstrap, more={"PROCESSOR_KAFKA_MEMBER_ID": name, **more}), Callers(seed, hours=True)
    )
