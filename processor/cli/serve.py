"""`serve`: runs the product until Ctrl-C or SIGTERM, then drains."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import orjson

from processor.app.roles import Role
from processor.app.serving import serve
from processor.errors import FatalError
from processor.settings import SettingsError, load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("serve", help="run the product", description=__doc__)
    parser.add_argument(
        "--role",
        action="append",
        choices=[str(role) for role in Role],
        help="what this process does (default: all); may be given several times",
    )
    parser.add_argument("--workers", type=int, default=1, help="receivers on one port; more than 1 needs Kafka")
    parser.add_argument(
        "--insecure-no-auth", action="store_true", help="take callbacks from anybody; only on loopback, to try things"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings = load(insecure_no_auth=options.insecure_no_auth or None)
    if options.workers != 1:
        raise SettingsError("--workers needs LOG=kafka://…: the embedded log has one writer")
    roles = [Role(role) for role in options.role or ["all"]]
    asyncio.run(serve(settings, roles, _say))
    return 0


def _say(ready: dict[str, Any]) -> None:
    """The first line on stdout; whoever started us waits for it."""
    try:
        print(orjson.dumps(ready).decode(), flush=True)
    except OSError as error:
        raise FatalError(f"nobody reads our first line: {error}") from error
