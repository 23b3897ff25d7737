"""Several receivers on one port, each a process of its own: started, asked how they are, started again, ended."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from processor.app.signals import Signals
from processor.app.workers.sums import Families, Summed
from processor.errors import FatalError, RetryableError
from processor.settings import Settings
from processor.telemetry import Metrics

READY_SECONDS = 60.0
LOOK_SECONDS = 3.0
"""Longer than a worker takes to look at its log."""
LINE_BYTES = 16 * 1024 * 1024
YOUNG_SECONDS = 10.0
"""Who ends within this after its start will hardly do better the next time …"""
TRIES = 3
"""… so that after so many of them in a row the whole ends."""
AGAIN_SECONDS = 1.0
END_SECONDS = 25.0
PACKAGES = Path(__file__).resolve().parents[3]

log = logging.getLogger("processor.app")


def interpreter() -> tuple[str, ...]:
    """Python with our own modules: `-m` would look into the working directory first, where a checkout may lie."""
    return (sys.executable,) if Path.cwd() == PACKAGES else (sys.executable, "-P")


@dataclass(slots=True, eq=False)
class Worker:
    """One of them; its process may be another after a while."""

    number: int
    process: Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    address: str = ""
    asked: int = 0
    trouble: str = "it has not started yet"
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> Families | None:
        """What it has counted; None when it does not answer. `trouble` says how it is."""
        async with self.turn:
            process = self.process
            if process is None or process.stdin is None or process.stdout is None or not self.ready.is_set():
                return None
            self.asked += 1
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    process.stdin.write(b"look %d\n" % self.asked)
                    await process.stdin.drain()
                    while line := await process.stdout.readline():
                        answer = orjson.loads(line)
                        if answer.get("asked") == str(self.asked):  # an earlier one came too late
                            self.trouble = answer["check"]
                            found: Families = answer["metrics"]
                            return found
            except (TimeoutError, OSError):
                pass
            self.trouble = "it does not answer"
            return None


class Crew:
    """Use `working`."""

    def __init__(self, settings: Settings, count: int, port: int, metrics: Metrics, signals: Signals) -> None:
        self._settings = settings
        self._port = port
        self._signals = signals
        self._sums = Summed(metrics.registry)
        self.workers = [Worker(number) for number in range(1, count + 1)]
        self._known: dict[object, Families] = {}
        self._leaving = False
        self.metrics = replace(metrics, registry=self._sums)
        """Ours and theirs together."""

    @property
    def address(self) -> str:
        """Where all of them listen."""
        return self.workers[0].address

    async def started(self) -> None:
        """Returns when each of them takes posts."""
        for worker in self.workers:
            await worker.ready.wait()

    async def refresh(self) -> None:
        """Ask all of them; who does not answer counts as he did."""
        await asyncio.gather(*(self._look(worker) for worker in self.workers))

    async def check(self) -> None:
        """Raise `RetryableError` when a caller may meet one that takes nothing now."""
        await self.refresh()
        for worker in self.workers:
            if worker.trouble:
                raise RetryableError(f"receiver {worker.number}: {worker.trouble}")

    async def _look(self, worker: Worker) -> None:
        found = await worker.look()
        if found is not None:
            self._known[worker] = found
            self._sums.others = self._known

    async def keep(self, worker: Worker) -> None:
        """Run it for as long as the product runs. Raises `FatalError` when it does not stay alive."""
        loop = asyncio.get_running_loop()
        young = 0
        while not self._leaving:
            began = loop.time()
            code = await self._run(worker)
            if self._leaving:
                return
            young = young + 1 if loop.time() - began < YOUNG_SECONDS else 0
            log.error("receiver-ended", extra={"number": worker.number, "code": code, "in_a_row": young})
            if young >= TRIES:
                raise FatalError(
                    f"receiver {worker.number} ended {young} times at once, with {code}: see its lines above"
                )
            await asyncio.sleep(AGAIN_SECONDS)

    async def _run(self, worker: Worker) -> int:
        more = ("--insecure-no-auth",) if self._settings.insecure_no_auth else ()
        words = (str(worker.number), str(len(self.workers)), str(self._port), *more)
        process = await asyncio.create_subprocess_exec(
            *(*interpreter(), "-m", "processor.app.workers.child", *words), stdin=PIPE, stdout=PIPE, limit=LINE_BYTES
        )
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await process.stdout.readline() if process.stdout else b""
            if line:
                worker.address, worker.process, worker.trouble = orjson.loads(line)["receiver"], process, ""
                worker.ready.set()
            return await process.wait()
        except TimeoutError:
            return -1
        finally:
            worker.process, worker.trouble = None, "it has ended"
            worker.ready.clear()
            if ended := self._known.pop(worker, None):
                self._sums.keep(ended)
            if process.returncode is None:
                await self._end(process)

    async def _end(self, process: Process) -> None:
        """It answers what it has taken and empties its spool; at the second signal it hurries."""
        with suppress(ProcessLookupError):
            process.terminate()
        ended = asyncio.create_task(process.wait())
        hurry = asyncio.create_task(self._signals.hurry.wait())
        bound = None if self._settings.spool else END_SECONDS
        await asyncio.wait({ended, hurry}, timeout=bound, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        if not ended.done():
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait({ended}, timeout=END_SECONDS)
        if not ended.done():
            log.error("receiver-killed", extra={"pid": process.pid})
            with suppress(ProcessLookupError):
                process.kill()
            await ended

    def leave(self) -> None:
        """Nobody is started again."""
        self._leaving = True


@asynccontextmanager
async def working(settings: Settings, count: int, metrics: Metrics, signals: Signals) -> AsyncIterator[Crew]:
    """So many receivers on one port until the end of the block. Raises `FatalError` where they cannot be had."""
    with closing(_reserved(settings.receiver_host, settings.receiver_port)) as reserved:
        crew = Crew(settings, count, reserved.getsockname()[1], metrics, signals)
        async with asyncio.TaskGroup() as tasks:
            keepers = [
                tasks.create_task(crew.keep(worker), name=f"receiver-{worker.number}") for worker in crew.workers
            ]
            try:
                await crew.started()
                yield crew
            finally:
                crew.leave()
                for keeper in keepers:
                    keeper.cancel()


def _reserved(host: str, port: int) -> socket.socket:
    """The port, held but not listened on: the workers share it, and nobody else has it."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with closing(socket.socket(family, kind, number)) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
        held = socket.socket(family, kind, number)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError as error:
        raise FatalError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return held
