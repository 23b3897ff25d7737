"""`demo`: the product beside a contact centre and a calendar server, everything on this machine, in one folder."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from processor.app.log import open_log
from processor.cli.numbers import seconds
from processor.demo.account import LOOK_SECONDS, Account
from processor.demo.report import records, report
from processor.demo.rest import Rest
from processor.demo.scene import Scene
from processor.errors import FatalError, PoisonError, SettingsError
from processor.eventlog import EventLog
from processor.settings import load

SETTLE_SECONDS = 30.0


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("demo", help="see it all work on this machine", description=__doc__)
    parser.add_argument(
        "--seconds", type=seconds, metavar="S", help="stop after so long, and report (default: until Ctrl-C)"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the report there as JSON")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same day")
    parser.add_argument(
        "--kill-at", type=seconds, metavar="S", help="kill -9 the product after S seconds, start it again"
    )
    parser.add_argument("--wfm-down", type=_span, metavar="S..T", help="take the WFM stand-in down from S to T seconds")
    parser.add_argument(
        "--dialect", choices=("platform", "guide"), help="which API Genesys has (default: the setting's)"
    )
    parser.add_argument("--folder", type=Path, help="where everything is kept (default: a new temporary folder)")
    parser.set_defaults(run=lambda options: asyncio.run(_demo(options)))


def _span(text: str) -> tuple[float, float]:
    first, dots, last = text.partition("..")
    try:
        span = float(first), float(last)
    except ValueError:
        span = (0.0, -1.0)
    if not dots or span[0] > span[1]:
        raise argparse.ArgumentTypeError(f"{text!r}: two numbers of seconds like 20..50 are expected")
    return span


async def _demo(options: argparse.Namespace) -> int:
    if options.seconds is not None and options.seconds < 10:
        raise PoisonError("--seconds: at least 10, so that something can happen")
    if options.report and not options.report.absolute().parent.is_dir():
        raise SettingsError(f"--report {options.report}: there is no folder {options.report.absolute().parent}")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="genesys-processor-"))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with aiohttp.ClientSession() as session:
        dialect = options.dialect or load().genesys_dialect
        scene = Scene(folder.resolve(), options.seed, options.seconds or 60.0, session, dialect=dialect)
        try:
            await scene.start()
            return await _play(scene, options, stop)
        finally:
            await scene.end()


async def _play(scene: Scene, options: argparse.Namespace, stop: asyncio.Event) -> int:
    account = Account(scene, _say)
    account.opening()
    began = time.monotonic()
    accidents = _accidents(scene, options)
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(account.tell())
        happening = [(when, tasks.create_task(_at(began + when, act))) for when, act in accidents]
        try:
            async with asyncio.timeout(options.seconds):
                await stop.wait()
        except TimeoutError:
            pass
        for when, task in happening:
            if began + when > time.monotonic():
                task.cancel()  # a product that is being started again is waited for
        await asyncio.gather(*(task for _, task in happening), return_exceptions=True)
        telling.cancel()
    if options.seconds is None or stop.is_set():
        _say("\n  draining …")
        code = await scene.end()
        _say(
            f"  ended cleanly; everything is kept in {scene.folder}"
            if code == 0
            else f"  the product ended with {code}"
        )
        return 0 if code == 0 else 1
    return await _judge(scene, time.monotonic() - began, options.report)


def _accidents(scene: Scene, options: argparse.Namespace) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
    planned: list[tuple[float, Callable[[], Awaitable[None]]]] = []
    if options.kill_at is not None:
        planned.append((options.kill_at, lambda: _told(scene.kill_and_restart, "  ****   kill -9 of the product")))
    if options.wfm_down:
        first, last = options.wfm_down
        down, up = ({"part": "wfm", "down": True}, {"part": "wfm", "down": False})
        planned.append((first, lambda: _told(lambda: scene.tell("down", down), "  ****   WFM goes down")))
        planned.append((last, lambda: _told(lambda: scene.tell("down", up), "  ****   WFM comes back")))
    return planned


async def _told(act: Callable[[], Awaitable[None]], line: str) -> None:
    _say(line)
    await act()


async def _at(moment: float, act: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))
    await act()


async def _judge(scene: Scene, seconds: float, file: Path | None) -> int:
    """Let the floor rest, wait until everything has arrived, then count."""
    await scene.tell("floor", {"quiet": True})
    async with open_log(load({}, log=f"sqlite:///{scene.log_file}")) as log:
        await _settled(scene, log)
        ledger = await scene.ask(f"{scene.genesys}/_sandbox/ledger")
        wfm = await scene.ask(f"{scene.genesys}/_sandbox/wfm")
        code = await scene.product.end() if scene.product else None
        if code != 0:
            raise FatalError(
                f"the product did not drain: exit code {code} ({scene.product and scene.product.last_words()})"
            )
        found = report(seconds, ledger, wfm, scene.folder / "calendars", await records(log))
    text = orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
    _write(file, text)
    _say("\n" + text)
    return 0 if not found["lost"] and not found["duplicated"] else 1


def _write(file: Path | None, text: str) -> None:
    if file:
        file.write_text(text + "\n", encoding="utf-8")


async def _settled(scene: Scene, log: EventLog) -> None:
    """Everything from the floor has arrived; or half a minute has passed, and the report says what is missing."""
    overview = await scene.ask(f"{scene.admin}/overview")
    rest = Rest(log, {(group["group"], group["topic"]) for group in overview["groups"]})
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                ledger = await scene.ask(f"{scene.genesys}/_sandbox/summary")
                if await rest.look(ledger["pending"]):
                    return
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        _say("  not everything has come to rest")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
