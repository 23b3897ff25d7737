"""Posts at a steady pace from a process of its own, and how long each waited for its answer.

    python -m onkafka.callers PORT POSTS_A_SECOND → a line for each answer, in milliseconds, until SIGTERM

Callers have machines of their own. So an answer counts from when it had come, by the kernel's time stamp
of it (Linux, `SO_TIMESTAMPNS`), not from when this process had its turn to read it.
"""

from __future__ import annotations

import asyncio
import itertools
import selectors
import signal
import socket
import statistics
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import load

BENCHMARKS = Path(__file__).resolve().parents[1]
SO_TIMESTAMPNS = 35
POST_SECONDS = 30.0
SECONDS_AND_NANOSECONDS = "qq"


@dataclass
class Callers:
    """What one such process has measured."""

    pid: int
    waited: list[float] = field(default_factory=list)

    def taken(self) -> tuple[float, float]:
        """p50 and p99 in milliseconds of what was answered since the last call."""
        found, self.waited = self.waited, []
        cuts = statistics.quantiles(found, n=100)
        return cuts[49], cuts[98]

    async def listen(self, lines: asyncio.StreamReader) -> None:
        """Until the process ends."""
        async for line in lines:
            self.waited.append(float(line))


@asynccontextmanager
async def calling(port: int, posts_a_second: int) -> AsyncIterator[Callers]:
    """They call inside. Raises SystemExit when a post was not taken."""
    words = ("-m", "onkafka.callers", str(port), str(posts_a_second))
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, cwd=BENCHMARKS, stdout=asyncio.subprocess.PIPE
    )
    if process.stdout is None:
        raise RuntimeError("no stdout")
    callers = Callers(process.pid)
    listening = asyncio.create_task(callers.listen(process.stdout))
    try:
        yield callers
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 2 * POST_SECONDS)
        await listening
    if process.returncode:
        raise SystemExit("a post was not taken: see above")


class Line:
    """One connection: a post, its answer, the next post."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.setblocking(False)
        self.sent = 0

    def post(self, number: int) -> None:
        """One of 100 agents, whom no backlog is about."""
        body = load.BODY.replace("%ID%", f"live-{time.time_ns():031d}").replace("%AGENT%", f"9{number % 100:03d}")
        request = f"{load.HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()
        self.sent = time.time_ns()
        self.socket.sendall(request)

    def answered(self) -> float:
        """Milliseconds until the answer had come. Raises SystemExit for any but 202."""
        answer, about, _, _ = self.socket.recvmsg(1 << 16, 1 << 8)
        if not answer.startswith(b"HTTP/1.1 202"):
            raise SystemExit(f"a post was answered {answer[:200]!r}")
        seconds, nanoseconds = struct.unpack(SECONDS_AND_NANOSECONDS, about[0][2])
        return float(seconds * 10**9 + nanoseconds - self.sent) / 1e6


def call(port: int, posts_a_second: int) -> None:
    """So many a second whether the last are answered or not, on as many connections as that takes; then those end."""
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    idle: list[Line] = []
    waiting = selectors.DefaultSelector()
    numbers, due = itertools.count(), time.monotonic()
    while (on := bool(going)) or waiting.get_map():
        now = time.monotonic()
        if on and now >= due:
            line = idle.pop() if idle else Line(port)
            waiting.register(line.socket, selectors.EVENT_READ, line)
            line.post(next(numbers))
            due += 1 / posts_a_second
            continue
        ready = waiting.select(max(0.0, due - now) if on else POST_SECONDS)
        if not on and not ready:
            raise SystemExit(f"no answer for {POST_SECONDS:.0f} s")
        for key, _ in ready:
            print(key.data.answered(), flush=True)
            waiting.unregister(key.fileobj)
            idle.append(key.data)


if __name__ == "__main__":
    call(int(sys.argv[1]), int(sys.argv[2]))
