"""The product on Kafka as its user runs it: several processes on one log, each killed, paused and started by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import uuid
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.chaos.history import Row

ROOT = Path(__file__).parents[2]
READY_SECONDS = 60
PARTITIONS = 6
TOPICS = ("raw", "presence", "schedules", "shifts", "queues", "volume", "campaigns", "fates", "deadletters")


@dataclass(slots=True)
class Server:
    """One process of the product."""

    folder: Path
    bootstrap: str
    words: tuple[str, ...] = ()
    more: Mapping[str, str] = field(default_factory=dict)
    skew: float = 0
    """Seconds by which its clock is ahead."""
    process: Process | None = None
    ready: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        file = self.folder / "server.log"
        return file.read_text(errors="replace") if file.exists() else ""

    @property
    def url(self) -> str:
        return f"{self.ready['receiver']}/webhooks/genesys"

    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSOR_")}
        ours = {
            "PROCESSOR_LOG": f"kafka://{self.bootstrap}",
            "PROCESSOR_PARTITIONS": str(PARTITIONS),
            "PROCESSOR_RECEIVER_PORT": "0",
            "PROCESSOR_ADMIN_PORT": "0",
            "PYTHONPATH": str(ROOT),
        }
        return {**plain, **ours, **self.more}

    async def spawn(self) -> None:
        """It is not ready yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = ("tests.chaos.skewed", str(self.skew)) if self.skew else ("processor",)
        with (self.folder / "server.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *program, "serve", "--insecure-no-auth", *self.words),
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=log,
                env=self.environment(),
            )

    async def start(self) -> None:
        await self.spawn()
        assert self.process is not None
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            line = await self.process.stdout.readline()
        assert line, f"the server did not start: {self.said[-2000:]}"
        self.ready = json.loads(line)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def end(self, seconds: float = 60) -> int:
        """By SIGTERM; its exit code."""
        self.signal(signal.SIGTERM)
        assert self.process is not None
        async with asyncio.timeout(seconds):
            return await self.process.wait()


def rows(bootstrap: str, names: Iterable[str] = TOPICS) -> list[Row]:
    """Everything that is committed, read by librdkafka: none of our code, and none of aiokafka's, is in between."""
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"judge-{uuid.uuid4().hex[:8]}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    try:
        places = [
            TopicPartition(f"genesys.{name}", number, OFFSET_BEGINNING)
            for name in names
            for number in range(PARTITIONS)
        ]
        reader.assign(places)
        found: list[Row] = []
        open_places = {(place.topic, place.partition) for place in places}
        while open_places:
            message = reader.poll(20)
            assert message is not None, f"Kafka says nothing of {sorted(open_places)[:3]}"
            error = message.error()
            if error is None:
                found.append(_row(message))
            elif error.name() == "_PARTITION_EOF":
                open_places.discard((message.topic(), message.partition()))
            else:
                raise AssertionError(error)
        return found
    finally:
        reader.close()


def _row(message: Any) -> Row:
    headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers() or ()}
    key, value = ((part or b"").decode(errors="replace") for part in (message.key(), message.value()))
    return Row(message.topic(), message.partition(), message.offset(), key, headers, value)
