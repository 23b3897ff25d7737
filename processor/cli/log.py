"""`log backup FILE` copies the embedded log while it runs; `log verify [FILE]` reads all of it, or of a copy."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from processor.app.log import log_file, open_file
from processor.cli.actions import action
from processor.errors import ConflictError, FatalError, PoisonError, RetryableError
from processor.eventlog.sqlite_verify import verify
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("log", help="copy or verify the embedded log while it runs", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    backup = action(actions, "backup", "copy the log while it runs; the copy opens like the log")
    backup.add_argument("file", type=Path, metavar="FILE", help="a file that does not exist yet")
    backup.set_defaults(run=lambda options: asyncio.run(_backup(options)))
    check = action(actions, "verify", "read all of it: exit 1 when something is not as it was written")
    check.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a copy (default: the log of the settings)")
    check.set_defaults(run=_verify)


async def _backup(options: argparse.Namespace) -> int:
    if options.file.exists():
        raise ConflictError(f"{options.file} exists", remedy="name a file that does not")
    async with open_file(load()) as log:
        try:
            await log.backup(options.file)
        except RetryableError as error:
            raise FatalError(str(error)) from error  # no far side is at fault, and nobody tries again
    print(options.file)
    return 0


def _verify(options: argparse.Namespace) -> int:
    file = options.file or log_file(load())
    if not file.exists():
        raise PoisonError(f"{file}: there is no such file")
    found = verify(file)
    for damage in found.damages:
        print(damage)
    print(f"{file}: {found.records} records read, {found.changed} of them changed")
    return 1 if found.damages else 0
