"""Puts the sandbox together and runs it: for tests that look inside, and for the command."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sandbox.control import Control
from sandbox.options import Options
from sandbox.parts import Sandbox

__all__ = ["Sandbox", "run", "running"]


@asynccontextmanager
async def running(options: Options) -> AsyncIterator[Sandbox]:
    """A whole sandbox, until the block ends."""
    sandbox = Sandbox(options)
    async with sandbox.listening(Control(sandbox).routes()):
        sandbox.work.append(asyncio.create_task(sandbox.life.run()))
        if options.dialect == "guide":
            sandbox.work.append(asyncio.create_task(sandbox.guide.webhooks.run()))
        if sandbox.poster:
            sandbox.work.append(asyncio.create_task(sandbox.poster.run()))
        try:
            yield sandbox
        finally:
            for task in sandbox.work:
                task.cancel()
            await asyncio.gather(*sandbox.work, return_exceptions=True)


async def run(options: Options, stop: asyncio.Event, announce: Callable[[str], None] | None = None) -> None:
    """Run until `stop`; the first thing announced (on stdout by default) is the ready line."""
    say = announce or (lambda line: print(line, file=sys.stdout, flush=True))  # noqa: T201  # the ready line is for the caller
    async with running(options) as sandbox:
        say(json.dumps(sandbox.ready()))
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({stopped, *sandbox.work}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        for task in done:
            task.result()  # a part that broke says so here
