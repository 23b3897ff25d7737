"""One receiver among several on one port: a process that `serve --workers` starts, asks, and ends.

It is told by lines on stdin (`look <n>`) and answers by lines of JSON on stdout; when stdin ends,
whoever started it is gone, and it leaves too.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from processor.app.farsides import redactor
from processor.app.interpreter import settle
from processor.app.log import open_later, open_log
from processor.app.receiving import Receiving, receiving
from processor.app.signals import Signals
from processor.app.workers.sums import families
from processor.errors import ProcessorError, RetryableError
from processor.eventlog import EventLog
from processor.loglines import configure_logging
from processor.settings import Settings, load
from processor.telemetry import Metrics

CHECK_SECONDS = 2.0


async def work(settings: Settings, number: int, workers: int) -> None:
    """Until SIGTERM, or the end of stdin. Ctrl-C is the parent's: it tells us."""
    configure_logging(redactor(settings))
    metrics = Metrics.build()
    signals = Signals((signal.SIGTERM,))
    async with (
        _log(settings, metrics) as event_log,
        receiving(settings, event_log, metrics, signals, worker=number, workers=workers) as receiver,
    ):
        _say({"event": "ready", "receiver": receiver.address})
        listening = asyncio.create_task(_listen(receiver, metrics, signals))
        try:
            await signals.leave.wait()
        finally:
            listening.cancel()


@asynccontextmanager
async def _log(settings: Settings, metrics: Metrics) -> AsyncIterator[EventLog]:
    """A worker joins no group, so it needs no name."""
    if settings.spool:
        async with open_later(settings, metrics, "") as awaited:
            yield awaited
    else:
        async with open_log(settings, metrics) as there:
            yield there


async def _listen(receiver: Receiving, metrics: Metrics, signals: Signals) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        asked = line.split()[-1].decode()
        _say({"asked": asked, "check": await _trouble(receiver), "metrics": families(metrics.registry.collect())})
    signals.tell()


async def _trouble(receiver: Receiving) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await receiver.check()
    except TimeoutError:
        return f"the log has not answered for {CHECK_SECONDS:g} s"
    except RetryableError as error:
        return str(error)
    return ""


def _say(line: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def main() -> int:
    """Started by `processor.app.workers.parent` only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("workers", type=int)
    parser.add_argument("port", type=int)
    parser.add_argument("--insecure-no-auth", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        settings = load(insecure_no_auth=options.insecure_no_auth or None, receiver_port=options.port)
        settle()
        asyncio.run(work(settings, options.number, options.workers))
    except* ProcessorError as errors:
        print(f"worker {options.number}: {errors.exceptions[0]}", file=sys.stderr)  # noqa: T201 - as the CLI does
        return_code = 1
    else:
        return_code = 0
    return return_code


if __name__ == "__main__":
    sys.exit(main())
