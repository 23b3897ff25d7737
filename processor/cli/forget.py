"""`forget SUBJECT`: erases a subject from the log, and says where something of it remains until when."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from processor.app.errands.forgetting import forget
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("forget", help="erase a subject from the log", description=__doc__)
    parser.add_argument(
        "subject", metavar="SUBJECT", help="agent/<user id>, queue/<id>, schedule-group/<id> or campaign/<id>"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    for sentence in asyncio.run(forget(load(), options.subject)):
        print(sentence)
    return 0
