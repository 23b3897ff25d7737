"""`reconcile --once`: asks Genesys for the present state of everything; a running product mends what differs."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from processor.app.errands.asking import ask_for_everything
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "reconcile", help="ask Genesys for everything again, mend what differs", description=__doc__
    )
    parser.add_argument("--once", action="store_true", required=True, help="now, once (a server does it every hour)")
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    asked = asyncio.run(ask_for_everything(load()))
    print(f"{asked} look-ups handed in; the server answers them")
    return 0
