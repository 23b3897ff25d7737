"""`audit verify`: walks the chains of outcomes, and says where one was changed or has a gap."""

from __future__ import annotations

import asyncio
from typing import Any

from processor.app.log import open_log
from processor.audit import verify
from processor.cli.actions import action
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("audit", help="check the audit trail", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = action(actions, "verify", "exit 1 when a link was changed, is missing or stands twice")
    check.set_defaults(run=lambda _: asyncio.run(_verify()))


async def _verify() -> int:
    async with open_log(load()) as log:
        report = await verify(log)
    for fault in report.broken:
        print(f"broken: {fault}")
    print(
        f"{report.links} links in {report.chains} chains, {report.repeated} appended twice, "
        f"{report.unchained} outcomes outside a chain, {len(report.broken)} faults"
    )
    return 1 if report.broken else 0
