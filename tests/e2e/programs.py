"""The product as its user has it: processes, commands, posts. What they say is kept, to be searched for secrets."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from processor.app.log import open_log
from processor.cli.tail import as_dict
from processor.demo.processes import Program
from processor.eventlog import EventLog
from processor.settings import load, without_settings

PASSWORD = "pass-phrase-of-the-webhook"
BASIC = f"genesys:{PASSWORD}"
PATIENCE = 90.0
"""Seconds; the machine may be busy with other things."""
AT_ONCE = 2


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[Any]:
        """Its lines, each read as JSON."""
        return [orjson.loads(line) for line in self.out.splitlines()]


@asynccontextmanager
async def child(
    *arguments: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`genesys-processor …`, all three ends in our hands; killed when the block ends before it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "processor", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**without_settings(), **(environment or {})},
        cwd=cwd,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def command(
    *arguments: str | Path, settings: Mapping[str, str] | None = None, cwd: Path | None = None, stdin: bytes = b""
) -> Done:
    """`genesys-processor …` to its end."""
    environment = {f"PROCESSOR_{name}": value for name, value in (settings or {}).items()}
    async with child(*arguments, environment=environment, cwd=cwd) as process, asyncio.timeout(PATIENCE):
        out, err = await process.communicate(stdin)
    return Done(process.returncode or 0, out.decode(), err.decode())


async def commands(calls: Iterable[tuple[Sequence[str], Mapping[str, str]]], cwd: Path) -> list[Done]:
    """Several, (arguments, settings) each, as many at a time as a small machine starts within `PATIENCE`."""
    seats = asyncio.Semaphore(AT_ONCE)

    async def seated(arguments: Sequence[str], settings: Mapping[str, str]) -> Done:
        async with seats:
            return await command(*arguments, settings=settings, cwd=cwd)

    return await asyncio.gather(*(seated(*call) for call in calls))


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` gives, once it gives something; fails with the last answer otherwise."""
    found: Any = None
    try:
        async with asyncio.timeout(PATIENCE):
            while not (found := await look()):  # noqa: ASYNC110  # another process tells no Event of ours
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"it did not come; the last look gave {found!r}") from None
    return found


@dataclass
class Product:
    """`serve` on free ports and a log of its own; made by `running`."""

    folder: Path
    settings: dict[str, str]
    session: aiohttp.ClientSession
    program: Program
    ready: dict[str, Any] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """For a command of its own making."""
        return {**without_settings(), **{f"PROCESSOR_{name}": value for name, value in self.settings.items()}}

    async def start(self) -> None:
        """Again after an end too; the ports may be others."""
        self.program.environment = {f"PROCESSOR_{name}": value for name, value in self.settings.items()}
        self.ready = await self.program.start()

    async def restart(self, **settings: str) -> None:
        """Drains, and starts once more, with changed settings if there are any."""
        assert await self.program.end() == 0
        self.settings |= settings
        await self.start()

    async def command(self, *arguments: str | Path, stdin: bytes = b"") -> Done:
        """A command with the product's own settings."""
        done = await command(*arguments, settings=self.settings, cwd=self.folder, stdin=stdin)
        self.heard += [done.out, done.err]
        return done

    async def topic(self, name: str) -> list[dict[str, Any]]:
        """Every record of a topic, by a reader beside the server (a `tail` for each would take its time)."""
        topic, found = f"genesys.{name}", []
        async with self.log() as log:
            for partition in range(log.partitions):
                start, end = await log.bounds(topic, partition)
                found += [record async for record in log.read(topic, partition, start, end)]
        return [as_dict(record) for record in sorted(found, key=lambda record: (record.timestamp, record.offset))]

    async def post(self, body: Any, **headers: str) -> list[str]:
        """The ids of an accepted post."""
        status, answer = await self.try_post(body, **headers)
        assert status == 202, answer
        ids: list[str] = answer["ids"]
        return ids

    async def try_post(self, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """The status and the answer."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        proof = headers or {"Authorization": aiohttp.encode_basic_auth(*BASIC.split(":", 1))}
        async with self.session.post(f"{self.ready['receiver']}/webhooks/genesys", data=data, headers=proof) as answer:
            text = await answer.text()
            self.heard.append(text)
            return answer.status, orjson.loads(text)

    async def ask(self, path: str) -> Any:
        """An answer of the admin port."""
        async with self.session.get(f"{self.ready['admin']}{path}") as answer:
            text = await answer.text()
            self.heard.append(text)
            assert answer.status == 200, text
            return orjson.loads(text)

    async def order(self, path: str, body: Mapping[str, Any]) -> Any:
        """A post to the admin port."""
        async with self.session.post(f"{self.ready['admin']}{path}", json=body) as answer:
            text = await answer.text()
            self.heard.append(text)
            return answer.status, orjson.loads(text)

    async def fate(self, event_id: str) -> str:
        """What `GET /events/<id>` says, once the event is no longer on its way."""

        async def settled() -> str | None:
            fate = (await self.ask(f"/events/{event_id}"))["fate"]
            return None if fate in ("pending", "unknown") else fate

        return str(await eventually(settled))

    def log(self) -> AbstractAsyncContextManager[EventLog]:
        """For a reader beside the server."""
        known = {f"PROCESSOR_{name}": self.settings[name] for name in ("LOG", "PARTITIONS") if name in self.settings}
        return open_log(load(known))

    async def at_rest(self, *others: Product) -> None:
        """Every group has committed all that lies in its topic; between two looks nothing came, as one feeds another.

        `others`: processes that have groups of the same log, too.
        """
        pages = [await one.ask("/overview") for one in (self, *others)]
        groups = sorted({(one["group"], one["topic"]) for page in pages for one in page["groups"]})
        topics = {topic for _, topic in groups}

        async def idle(log: EventLog) -> bool:
            before = await _ends(log, topics)
            for group, topic in groups:
                done = await log.committed(group, topic)
                for partition, end in before[topic].items():
                    async for _ in log.read(topic, partition, done.get(partition, 0), end):  # marks are no records
                        return False
            return await _ends(log, topics) == before

        async with self.log() as log:
            await eventually(partial(idle, log))

    @property
    def said(self) -> str:
        """Everything that it logged."""
        return self.program.log.read_text(encoding="utf-8")

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return [orjson.loads(line) for line in self.said.splitlines()]


async def _ends(log: EventLog, topics: Iterable[str]) -> dict[str, dict[int, int]]:
    """The next offset of each partition, 0 where nothing is kept."""
    ends: dict[str, dict[int, int]] = {}
    for topic in topics:
        bounds = [await log.bounds(topic, partition) for partition in range(log.partitions)]
        ends[topic] = {at: end if end > first else 0 for at, (first, end) in enumerate(bounds)}
    return ends


@asynccontextmanager
async def running(folder: Path, *arguments: str, **settings: str) -> AsyncIterator[Product]:
    """A product until the block ends; it must drain within half a minute and end with 0, whatever happened."""
    settings = {
        "LOG": f"sqlite:///{folder / 'events.db'}",
        "RECEIVER_PORT": "0",
        "ADMIN_PORT": "0",
        "WEBHOOK_BASIC": BASIC,
        **settings,
    }
    program = Program("product", ["-m", "processor", "serve", *arguments], folder)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        product = Product(folder, settings, session, program)
        await product.start()
        try:
            yield product
        finally:
            code = await program.end()
        assert code in (0, -9), program.last_words()
        assert not [line for line in product.events if line["level"] == "error"], product.said
        assert PASSWORD not in product.said + "".join(product.heard)
