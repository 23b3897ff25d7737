"""A spool before a Kafka that does what the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processor.errors import PoisonError, RetryableError
from processor.eventlog import Message
from processor.spool import Spool
from processor.spool_forward import Patience
from processor.telemetry import Metrics

TOPIC = "genesys.raw"
QUICK = Patience(direct=0.05, abandon=0.05, last=0.05, pause=0.001, longest_pause=0.005)
PATIENT = replace(QUICK, direct=1_000.0)
"""Nothing is over by itself."""


class Upstream:
    """Kafka as the spool meets it: takes, refuses, or hangs; what hangs lands only when it was not abandoned."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.mood = "takes"
        self.news = asyncio.Event()
        self.under_way = 0
        self.abandoned_with: list[int] = []

    def turn(self, mood: str) -> None:
        self.mood = mood
        self.news.set()

    async def append(self, messages: Sequence[Message]) -> None:
        self.under_way += 1
        try:
            while self.mood == "hangs":
                self.news.clear()
                await self.news.wait()
            await asyncio.sleep(0)
            if self.mood == "refuses":
                raise RetryableError("no leader")
            if self.mood == "cannot write it":
                raise PoisonError("not in any way")
            self.taken += messages
        finally:
            self.under_way -= 1

    async def abandon(self) -> None:
        self.abandoned_with.append(self.under_way)

    async def check(self) -> None:
        if self.mood != "takes":
            raise RetryableError("no leader")


@asynccontextmanager
async def spooling(folder: Path, upstream: Upstream, **more: Any) -> AsyncIterator[tuple[Spool, Metrics]]:
    metrics = Metrics.build()
    file = more.pop("file", folder / "spool.db")
    clock = more.pop("clock", lambda: datetime.now(UTC))
    patience = more.pop("patience", QUICK)
    where = Spool.open(file, upstream, TOPIC, 4, clock, metrics=metrics, patience=patience, **more)
    async with asyncio.timeout(20), where as spool, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(spool.run())
        yield spool, metrics
        running.cancel()


def one(number: int, key: str = "agent/u-1") -> Message:
    return Message(TOPIC, key, b"%d" % number, {"ce_id": f"e{number}"})


def numbers(upstream: Upstream) -> list[int]:
    return [int(message.value or b"") for message in upstream.taken]


async def until(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110 - what it looks at tells nobody
        await asyncio.sleep(0)


def shown(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"processor_spool_{name}")
