"""The product as its user runs it: processes that are started, killed with signal 9, and started again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
READY_SECONDS = 90
SECRET = "whsec_Y2hhb3MtY2hhb3MtY2hhb3MtY2hhb3M="


@dataclass(slots=True)
class Product:
    """One log, one server after the other."""

    folder: Path
    wfm_url: str = ""
    process: Process | None = None
    ready: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "events.db"

    @property
    def said(self) -> str:
        """What all servers wrote to stderr."""
        file = self.folder / "server.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def environment(self) -> dict[str, str]:
        """An address that stays: a caller finds the next server where the last one was."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith("PROCESSOR_")}
        wfm = {"PROCESSOR_WFM_URL": self.wfm_url, "PROCESSOR_WFM_SECRET": SECRET} if self.wfm_url else {}
        ports = {"PROCESSOR_RECEIVER_PORT": "0", "PROCESSOR_ADMIN_PORT": "0"}
        return {**plain, **wfm, **ports, "PYTHONPATH": str(ROOT), "PROCESSOR_LOG": f"sqlite:///{self.file.absolute()}"}

    async def command(self, *words: str) -> Process:
        """One of the CLI, its output thrown away."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "processor", *words, stdout=DEVNULL, stderr=DEVNULL, env=self.environment()
        )

    async def spawn(self) -> Process:
        """A server; it is not ready yet."""
        with (self.folder / "server.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "processor", "serve", "--insecure-no-auth"),
                stdout=PIPE,
                stderr=log,
                env=self.environment(),
            )
        return self.process

    async def start(self) -> str:
        """Where it takes callbacks, once it does."""
        process = await self.spawn()
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            line = await process.stdout.readline()
        assert line, f"the server did not start: {self.said[-2000:]}"
        self.ready = json.loads(line)
        return f"{self.ready['receiver']}/webhooks/genesys"

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def gone(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        return await self.process.wait()

    async def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def idle(self) -> None:
        """Until every group has committed all that is in its topic."""
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(_all_committed, self.file):  # noqa: ASYNC110 - another process decides when
                await asyncio.sleep(0.1)


ENDS = """SELECT offsets.next >= partitions.next FROM partitions JOIN topics ON topics.number = partitions.slot >> 10
    LEFT JOIN offsets ON offsets.slot = partitions.slot AND offsets.consumers = ?
    WHERE topics.name = ? AND partitions.next > 0"""


def _all_committed(file: Path, groups: Sequence[tuple[str, str]] = (("normalise", "genesys.raw"),)) -> bool:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
        return all(done for group in groups for (done,) in database.execute(ENDS, group).fetchall())
