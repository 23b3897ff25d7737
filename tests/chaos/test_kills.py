"""kill -9 at any moment, under load: what was acknowledged is there, once, and in order.

`make test` runs a few kills from a fixed seed; `make chaos` runs CHAOS_KILLS of them (100) and
writes what it saw to CHAOS_REPORT. CHAOS_SEED chooses another course.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.chaos.callers import Callers
from tests.chaos.history import Told, rows, told_wrongly, violations
from tests.chaos.product import SECRET, Product

KILLS = int(os.environ.get("CHAOS_KILLS", "6"))
SEED = int(os.environ.get("CHAOS_SEED", "4"))
AT_ONCE = 16
MOMENTS = ("load", "load", "start", "drain", "commands")
COMMANDS = (("tail", "genesys.raw", "--until-end"), ("dead-letters", "replay", "--all"), ("log", "backup"), ("topics",))


class Course:
    """One run: what is killed when follows from the seed (not what the machine makes of it)."""

    def __init__(self, product: Product, callers: Callers) -> None:
        self._product = product
        self._callers = callers
        self._chance = random.Random(SEED)
        self.kills: Counter[str] = Counter()

    async def round(self, moment: str) -> None:
        """A server from its start to its end by signal 9."""
        self.kills[moment] += 1
        if moment == "start":
            await self._product.spawn()
            await asyncio.sleep(self._chance.uniform(0.2, 1.5))
            await self._product.kill()
            return
        url = await self._product.start()
        stop = asyncio.Event()
        calls = asyncio.create_task(self._callers.call(url, AT_ONCE, stop))
        await asyncio.sleep(self._chance.uniform(0.05, 1.2))
        if moment == "commands":
            await self._command()
        if moment == "drain":
            self._product.signal(signal.SIGTERM)
            await asyncio.sleep(self._chance.uniform(0, 0.4))
        await self._product.kill()
        stop.set()
        await calls

    async def _command(self) -> None:
        """One of the CLI beside the server, killed too."""
        words = self._chance.choice(COMMANDS)
        if words[0] == "log":
            words = (*words, str(self._product.folder / f"copy-{sum(self.kills.values())}.db"))
        process = await self._product.command(*words)
        await asyncio.sleep(self._chance.uniform(0.3, 1.2))
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def fates(product: Product, callers: Callers) -> Counter[str]:
    """What `GET /events/<id>` says of some that were acknowledged."""
    chosen = random.Random(SEED).sample([post for post in callers.posts if post.acknowledged], 20)
    found: Counter[str] = Counter()
    async with aiohttp.ClientSession() as session:
        for post in chosen:
            async with session.get(f"{product.ready['admin']}/events/{post.id}?subject={post.subject}") as answer:
                found[(await answer.json())["fate"]] += 1
    return found


def told(sandbox: Sandbox) -> list[Told]:
    books = sandbox.wfm.books["events"]
    return [Told(e.id, e.told["subject"], e.told["sequence"]) for e in books.events.values()]


async def all_told(product: Product, sandbox: Sandbox) -> None:
    """WFM is told of the newest state of every agent, in the end."""
    await product.idle()
    async with asyncio.timeout(60):
        while list(told_wrongly(told(sandbox), [row for row in rows(product.file) if row.topic == "genesys.presence"])):  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(0.5)


def publish(report: dict[str, Any]) -> None:
    if file := os.environ.get("CHAOS_REPORT"):
        Path(file).write_text(json.dumps(report, indent=1) + "\n")


@pytest.mark.timeout(120 + KILLS * 15)
async def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(tmp_path):
    began = time.monotonic()
    callers = Callers(SEED)
    async with running(Options(port=0, wfm_port=0, quiet=True, wfm_secret=SECRET)) as sandbox:
        product = Product(tmp_path, wfm_url=str(sandbox.ready()["wfm"]))
        course = Course(product, callers)
        try:
            for number in range(KILLS):
                await course.round(MOMENTS[number % len(MOMENTS)])
            url = await product.start()
            await callers.finish(url)
            await all_told(product, sandbox)
            seen = await fates(product, callers)
            product.signal(signal.SIGTERM)
            assert await product.gone() == 0
        finally:
            await product.kill()
        log = rows(product.file)
        found = violations(callers.posts, log, told(sandbox))
    report: dict[str, Any] = {
        "seed": SEED,
        "seconds": round(time.monotonic() - began, 1),
        "kills": dict(course.kills),
        "posts": len(callers.posts),
        "answers": {name: getattr(callers.answers, name) for name in ("acknowledged", "refused", "unanswered")},
        "records": dict(Counter(row.topic for row in log)),
        "fatesAsked": dict(seen),
        "violations": found,
    }
    publish(report)
    assert not found, found[:20]
    assert not callers.wrong, callers.wrong[:20]
    assert "Traceback" not in product.said, product.said[product.said.index("Traceback") :][:3000]
    assert callers.answers.unanswered > 0, "no kill met a caller: this run has shown nothing"
    assert seen.keys() <= {"published", "duplicate", "stale", "dead letter"}, seen
