"""What the image's health check says: it asks where the settings say that the admin port is."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def command() -> list[str]:
    """As the Dockerfile has it, with this Python."""
    (line,) = [one for one in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines() if "HEALTHCHECK" in one]
    program, *words = json.loads(line[line.index("[") :])
    assert program == "python"
    return [sys.executable, *words]


async def healthy(**settings: object) -> tuple[bool, str]:
    """As in the image: only settings in the environment, and none of our working directory."""
    environment = {f"PROCESSOR_{name}": str(value) for name, value in settings.items()} | {"PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        *command(), cwd="/", env=environment, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    _, said = await process.communicate()
    return process.returncode == 0, said.decode()


@asynccontextmanager
async def admin(status: str, host: str = "127.0.0.1") -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readline()
        found = status if first.startswith(b"GET /readyz ") else "404 Not Found"
        writer.write(f"HTTP/1.1 {found}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsaid".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, host, 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
async def test_ready_is_healthy_wherever_the_admin_port_is(host: str) -> None:
    async with admin("200 OK") as port:
        assert await healthy(ADMIN_HOST=host, ADMIN_PORT=port) == (True, "")


async def test_the_settings_file_counts_too(tmp_path: Path) -> None:
    async with admin("200 OK") as port:
        file = tmp_path / "config.yaml"
        file.write_text(f"admin_port: {port}\n")
        assert await healthy(CONFIG=file) == (True, "")


async def test_not_ready_nobody_there_and_wrong_settings_are_not_healthy() -> None:
    async with admin("503 Service Unavailable") as port:
        assert await healthy(ADMIN_PORT=port) == (False, "not ready: said\n")
    well, said = await healthy(ADMIN_PORT=port)
    assert not well
    assert "refused" in said
    well, said = await healthy(ADMIN_PORT="many")
    assert not well
    assert "ADMIN_PORT" in said
