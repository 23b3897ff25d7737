"""`calendars`: the addresses of the calendar feeds."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import Any

from processor.app.feeds import Feeds
from processor.app.log import open_log
from processor.settings import Settings, SettingsError, load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("calendars", help="the addresses of the calendar feeds", description=__doc__)
    parser.set_defaults(run=lambda options: asyncio.run(_calendars(options)))


async def _calendars(_: argparse.Namespace) -> int:
    settings = load()
    if settings.calendar_secret is None:
        raise SettingsError("there are no feeds without PROCESSOR_CALENDAR_SECRET: set it to a long random text")
    base = _base(settings)
    if not base:
        print("RECEIVER_PORT=0 is another port at each start: with PUBLIC_URL these are addresses", file=sys.stderr)
    feeds = Feeds(settings.calendar_secret.get_secret_value())
    async with open_log(settings) as log:
        await feeds.load(log)
    for subject, path in sorted(feeds.feed.paths()):
        print(f"{subject}  {base}{path}")
    return 0


def _base(settings: Settings) -> str:
    """Where the feeds are reached; empty when only the running receiver knows its port."""
    if settings.public_url:
        return settings.public_url.rstrip("/")
    if not settings.receiver_port:
        return ""
    host = f"[{settings.receiver_host}]" if ":" in settings.receiver_host else settings.receiver_host
    return f"{'https' if settings.receiver_tls_cert else 'http'}://{host}:{settings.receiver_port}"
