"""`register`: our own receiver as Genesys's target; twice leaves one."""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from processor.app.registration.registering import described, register
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "register", help="make our receiver Genesys's target (needs PUBLIC_URL)", description=__doc__
    )
    parser.add_argument(
        "--print",
        dest="form",
        nargs="?",
        const="all",
        choices=("all", "cloudformation", "terraform", "trigger", "webhooks"),
        help="show what would be set up and change nothing; cloudformation (YAML) and terraform (JSON: name it "
        "main.tf.json) are whole files",
    )
    parser.add_argument(
        "--workflow",
        metavar="ID",
        help="platform: make triggers that start this Architect workflow, which posts to the receiver",
    )
    parser.add_argument(
        "--anew",
        action="store_true",
        help="guide: those that we have made before were removed by hand (where Genesys lists none, the log tells)",
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    settings = load()
    if options.form:
        print(described(settings, options.form, options.workflow))
        return 0
    for one in asyncio.run(register(settings, options.workflow, anew=options.anew)):
        print(f"{one.deed}: {one.name} ({one.id})")
    return 0
