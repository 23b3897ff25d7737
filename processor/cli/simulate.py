"""`simulate FILE`: who would get which contact under a queue's rules, as a table, as JSON and as a picture.

The file (YAML or JSON) has `queue` (routingRules, or skillIds), `emails` (a list, or count and fields
to draw) and `agents` (skills, currentLoad, maxCapacity). On a terminal a table is printed, else JSON.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson

from processor.app.errands.simulating import predict


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("simulate", help="who gets which contact under a queue's rules", description=__doc__)
    parser.add_argument("file", type=Path, metavar="FILE", help="see examples/simulation.yaml")
    parser.add_argument("--svg", type=Path, metavar="OUT", help="write the distribution as a picture here")
    parser.add_argument("--png", type=Path, metavar="OUT", help="the same as PNG")
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", help="print JSON: routed, unrouted, capacityExceeded, distribution"
    )
    form.add_argument("--table", action="store_true", help="print the table, also into a file or pipe")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    found = predict(options.file)
    if options.svg:
        options.svg.write_text(found.svg(), encoding="utf-8")
    if options.png:
        options.png.write_bytes(found.png())
    if options.table or (sys.stdout.isatty() and not options.json):
        print(found.table())
    else:
        print(orjson.dumps(found.data).decode())
    return 0
