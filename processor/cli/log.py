"""`log backup FILE`: copies the embedded log while it runs."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from processor.app.log import open_file
from processor.errors import ConflictError
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("log", help="copy the embedded log while it runs", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    backup = actions.add_parser("backup", help="copy the log while it runs; the copy opens like the log")
    backup.add_argument("file", type=Path, help="a file that does not exist yet")
    backup.set_defaults(run=lambda options: asyncio.run(_backup(options)))


async def _backup(options: argparse.Namespace) -> int:
    if options.file.exists():
        raise ConflictError(f"{options.file} exists", remedy="name a file that does not")
    async with open_file(load()) as log:
        await log.backup(options.file)
    print(options.file)
    return 0
