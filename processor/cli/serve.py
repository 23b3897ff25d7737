"""`serve`: runs the product until Ctrl-C or SIGTERM, then drains."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

import orjson

from processor.app.interpreter import give_way, settle
from processor.app.kafka import is_kafka
from processor.app.roles import Role
from processor.app.serving import serve
from processor.errors import FatalError
from processor.settings import Settings, SettingsError, load

ROLES = (
    "Roles: receive takes callbacks; normalise makes the clean topics; look-up asks Genesys; sync pushes to WFM "
    "systems and calendars; loop minds the queues; requests carries out what people ask for. On Kafka each may have "
    "several processes."
)


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("serve", help="run the product", description=__doc__, epilog=ROLES)
    parser.add_argument(
        "--role",
        action="append",
        choices=[str(role) for role in Role],
        help="what this process does, see below (default: all); may be given several times",
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="receivers on one port (default: 1); more need Kafka"
    )
    parser.add_argument(
        "--source",
        choices=("webhook", "channel"),
        default="webhook",
        help="channel: open Genesys's notification channels instead of waiting for callbacks; no port is needed",
    )
    parser.add_argument(
        "--insecure-no-auth", action="store_true", help="take callbacks from anybody; only on loopback, to try things"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings = load(insecure_no_auth=options.insecure_no_auth or None)
    roles = [Role(role) for role in options.role or ["all"]]
    if options.workers != 1:
        _check(options.workers, settings, roles)
    channel = options.source == "channel"
    if channel:
        _check_channel(settings, roles)
    settle()
    if not {Role.ALL, Role.RECEIVE} & set(roles):
        give_way()
    asyncio.run(serve(settings, roles, _say, options.workers, channel=channel))
    return 0


def _check_channel(settings: Settings, roles: list[Role]) -> None:
    if settings.genesys_dialect == "guide":
        raise SettingsError("--source channel is of the official API: set GENESYS_DIALECT=platform, or use webhooks")
    if settings.genesys_client_id is None:
        raise SettingsError("--source channel needs GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET")
    if not {Role.ALL, Role.RECEIVE} & set(roles):
        raise SettingsError("--source channel is how events are received: add --role receive")


def _check(workers: int, settings: Settings, roles: list[Role]) -> None:
    if workers < 1:
        raise SettingsError(f"--workers {workers}: at least 1")
    if not is_kafka(settings):
        raise SettingsError("--workers needs LOG=kafka://…: the embedded log has one writer")
    if not {Role.ALL, Role.RECEIVE} & set(roles):
        raise SettingsError("--workers is for receivers: add --role receive; of other roles start more processes")


def _say(ready: dict[str, Any]) -> None:
    """The first line on stdout; whoever started us waits for it."""
    try:
        print(orjson.dumps(ready).decode(), flush=True)
    except OSError as error:
        raise FatalError(f"nobody reads our first line: {error}") from error
