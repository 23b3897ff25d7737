"""`sandbox`: the stand-in contact centre alone: Genesys, a WFM system, and a floor that makes events."""

from __future__ import annotations

import argparse
import asyncio
import signal
from typing import Any

from processor.cli.numbers import port
from processor.settings import load
from sandbox.options import Options
from sandbox.run import run


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("sandbox", help="a contact centre to try things on", description=__doc__)
    parser.add_argument(
        "--port", type=port, default=8090, metavar="N", help="of Genesys (default: 8090; 0: a free one)"
    )
    parser.add_argument(
        "--wfm-port", type=port, default=8091, metavar="N", help="of the WFM system (default: 8091; 0: a free one)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed, the same day")
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="how fast its clock runs until it shows now (default: 1)"
    )
    parser.add_argument(
        "--catch-up", type=float, default=60.0, metavar="S", help="seconds until a fast clock shows now (default: 60)"
    )
    parser.add_argument(
        "--target",
        metavar="URL",
        help="where events are posted; proved by WEBHOOK_BASIC or WEBHOOK_API_KEY of the settings",
    )
    parser.add_argument("--dialect", choices=("platform", "guide"), help="of its API (default: the setting's)")
    parser.add_argument("--quiet-floor", action="store_true", help="answer requests, make no events")
    parser.set_defaults(run=lambda options: asyncio.run(_sandbox(options)))


async def _sandbox(options: argparse.Namespace) -> int:
    settings = load()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    basic, api_key = settings.webhook_basic, settings.webhook_api_key
    await run(
        Options(
            port=options.port,
            wfm_port=options.wfm_port,
            dialect=options.dialect or settings.genesys_dialect,
            seed=options.seed,
            speed=options.speed,
            catch_up=options.catch_up,
            target=options.target,
            basic=basic[0].get_secret_value() if basic else None,
            api_key=api_key[0].get_secret_value() if api_key else None,
            quiet=options.quiet_floor,
        ),
        stop,
    )
    return 0
