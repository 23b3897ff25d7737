"""A program of the demo: started, found ready, ended or killed. Only processes that we started are touched."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from processor.errors import FatalError
from processor.settings import without_settings

READY_SECONDS = 30.0
END_SECONDS = 30.0


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Program:
    """One child process; its stderr goes to `folder/<name>.log`, appended over restarts."""

    name: str
    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    says_ready: bool = True
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> dict[str, Any]:
        """Its ready line; `{}` for a program that prints none. Raises `FatalError` with its last words."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self.says_ready else log,
                stderr=log,
                env={**without_settings(), **self.environment},
                cwd=self.folder,
                start_new_session=True,
            )
        return await self._ready_line() if self.says_ready else {}

    async def _ready_line(self) -> dict[str, Any]:
        if self.process is None or self.process.stdout is None:
            raise FatalError(f"{self.name} was not started")
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self.process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            await self.end()
            raise FatalError(f"{self.name} did not start: {self.last_words()}")
        ready: dict[str, Any] = orjson.loads(line)
        return ready

    @property
    def log(self) -> Path:
        """Where its stderr goes."""
        return self.folder / f"{self.name}.log"

    def last_words(self) -> str:
        """The end of its log, for the message of a failure."""
        text = self.log.read_text(encoding="utf-8", errors="replace").strip() if self.log.exists() else ""
        return " / ".join(text.splitlines()[-3:]) or "it said nothing"

    async def finished(self) -> int | None:
        """The exit code of a program that ends by itself; SIGKILL when it has not within half a minute (None)."""
        if self.process is None:
            return None
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self.process.wait()
        except TimeoutError:
            await self.kill()
            return None

    async def end(self) -> int | None:
        """SIGTERM and its exit code; SIGKILL when it has not gone within half a minute (None)."""
        process = self.process
        if process is None or process.returncode is not None:
            return process.returncode if process else 0
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(END_SECONDS):
                return await process.wait()
        except TimeoutError:
            await self.kill()
            return None

    async def kill(self) -> None:
        """SIGKILL, as the kernel does it to a process out of memory."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


def calendar_server(folder: Path, port: int, user: str, password: str) -> Program:
    """Radicale on loopback with one user; his calendars lie in `folder/calendars`."""
    users = folder / "calendar-users"
    users.write_text(f"{user}:{password}\n", encoding="utf-8")
    users.chmod(0o600)
    return Program(
        "calendar-server",
        [
            "-m",
            "radicale",
            "--config",
            "",
            "--server-hosts",
            f"127.0.0.1:{port}",
            "--storage-filesystem-folder",
            str(folder / "calendars"),
            *("--auth-type", "htpasswd", "--auth-htpasswd-encryption", "plain", "--auth-delay", "0"),
            *("--auth-htpasswd-filename", str(users)),
            "--logging-level",
            "warning",
        ],
        folder,
        says_ready=False,
    )
