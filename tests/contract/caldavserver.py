"""Radicale as a process of its own, with one user whose home is ours."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

USER, PASSWORD = "workforce", "correct horse"


@dataclass(frozen=True)
class Server:
    home: str

    def raw(self, session: aiohttp.ClientSession, method: str, path: str, **more: Any) -> Any:
        """A person's own client."""
        proof = {"Authorization": aiohttp.encode_basic_auth(USER, PASSWORD)}
        return session.request(method, self.home + path, headers={**proof, **more.pop("headers", {})}, **more)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def radicale(folder: Path) -> Iterator[Server]:
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    port = free_port()
    options = {
        "hosts": f"127.0.0.1:{port}",
        "storage-filesystem-folder": folder / "store",
        "auth-type": "htpasswd",
        "auth-htpasswd-filename": folder / "users",
        "auth-htpasswd-encryption": "plain",
        "auth-delay": 0,
        "server-max-resource-size": 40_000,
    }
    command = [
        sys.executable,
        "-m",
        "radicale",
        "--config",
        "",
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    with served(folder, command, port):
        yield Server(f"http://127.0.0.1:{port}/{USER}")


@contextmanager
def served(folder: Path, command: Sequence[str], port: int) -> Iterator[None]:
    """It runs and listens."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        try:
            _until_it_listens(port, process)
            yield
        finally:
            process.terminate()
            process.wait(10)


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        assert process.poll() is None
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the calendar server does not listen")
