"""`calendars`: the addresses of the calendar feeds."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from processor.app.feeds import Feeds
from processor.app.log import open_log
from processor.settings import SettingsError, load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("calendars", help="the addresses of the calendar feeds", description=__doc__)
    parser.set_defaults(run=lambda options: asyncio.run(_calendars(options)))


async def _calendars(_: argparse.Namespace) -> int:
    settings = load()
    if settings.calendar_secret is None:
        raise SettingsError("there are no feeds without PROCESSOR_CALENDAR_SECRET: set it to a long random text")
    base = settings.public_url or f"http://{settings.receiver_host}:{settings.receiver_port}"
    feeds = Feeds(settings.calendar_secret.get_secret_value())
    async with open_log(settings) as log:
        await feeds.load(log)
    for subject, path in sorted(feeds.feed.paths()):
        print(f"{subject}  {base.rstrip('/')}{path}")
    return 0
