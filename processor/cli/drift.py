"""`drift`: unknown event types and fields that senders have sent, with counts and an example each."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
from typing import Any

import orjson

from processor.app.errands.drift import Drift, drift
from processor.app.log import open_log
from processor.cli.numbers import counted
from processor.event import instant
from processor.settings import load

LIMIT = 200_000
TITLES = {
    "type": "Types that nobody knows (kept in raw, parked as dead letters)",
    "field": "Fields that are new (passed over)",
    "unusable": "Known types that could not be used (parked as dead letters)",
}


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("drift", help="unknown event types and fields seen", description=__doc__)
    parser.add_argument("--limit", type=counted, default=LIMIT, help=f"newest raw records to look at (default {LIMIT})")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    parser.set_defaults(run=lambda options: asyncio.run(_run(options)))


async def _run(options: argparse.Namespace) -> int:
    async with open_log(load()) as log:
        seen = await drift(log, options.limit)
    print(orjson.dumps(_facts(seen), option=orjson.OPT_INDENT_2).decode() if options.json else _page(seen))
    return 0


def _facts(seen: Drift) -> dict[str, Any]:
    findings = [
        dataclasses.asdict(one) | {"latest": instant(one.latest) if one.latest else None} for one in seen.findings()
    ]
    return {
        "looked": {
            "records": seen.looked,
            "of": seen.kept,
            "since": instant(seen.since) if seen.since else None,
            "until": instant(seen.until) if seen.until else None,
            "notCounted": seen.not_counted,
        },
        **{f"{what}s" if what != "unusable" else what: _only(findings, what) for what in TITLES},
    }


def _only(findings: list[dict[str, Any]], what: str) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name != "what"} for one in findings if one["what"] == what]


def _page(seen: Drift) -> str:
    span = f", {instant(seen.since)} to {instant(seen.until)}" if seen.since and seen.until else ""
    lines = [f"looked at the newest {seen.looked} of {seen.kept} raw records{span}, and at all dead letters"]
    for what, title in TITLES.items():
        found = [one for one in seen.findings() if one.what == what]
        lines += ["", f"{title}: {len(found) or 'none'}"]
        for one in found:
            last = instant(one.latest) if one.latest else "?"
            lines.append(f"{one.count:>8}  {_plain(one.type)}  {_plain(one.name)}")
            lines.append(f"{'':>8}  last {last} in {_plain(one.id)}: {_plain(one.example)}")
    if seen.not_counted:
        lines += ["", f"{seen.not_counted} more of too many different kinds"]
    return "\n".join(lines)


def _plain(text: str) -> str:
    """What strangers sent, so that it cannot steer the terminal."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
