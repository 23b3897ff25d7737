"""`report`: reads what Genesys has and what became of requests; changes nothing."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from processor.app.errands.reports import REPORTS, Question, report
from processor.cli.numbers import days
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "report", help="hours, profiles, queues, campaigns, presence: how they do", description=__doc__
    )
    parser.add_argument("kind", choices=list(REPORTS), help="about what")
    parser.add_argument("id", metavar="ID", help="its id in Genesys; of a schedule in the guide dialect GROUP/SCHEDULE")
    parser.add_argument(
        "--days", type=days, default=7, metavar="N", help="look back so many days, 31 at most (default: 7)"
    )
    parser.add_argument(
        "--queue",
        action="append",
        default=[],
        metavar="ID",
        help="schedule, profile: the queue whose contacts to compare with; may be given several times",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    question = Question(options.id, options.days, tuple(options.queue))
    told = asyncio.run(report(load(), options.kind, question))
    print(orjson.dumps(told, default=str).decode() if options.json else "\n".join(_lines(told)))
    return 0


def _lines(told: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """For people: a line for each value, what belongs together indented."""
    for name, value in told.items():
        rows = value if isinstance(value, list | tuple) else ()
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, f"{indent}  ")
        elif any(isinstance(row, Mapping) for row in rows):
            yield f"{indent}{name}:"
            yield from (f"{indent}  - {_row(row)}" for row in rows)
        else:
            yield f"{indent}{name}: {_value(value)}"


def _row(row: object) -> str:
    if isinstance(row, Mapping):
        return ", ".join(f"{name} {_value(value)}" for name, value in row.items())
    return _value(row)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", [], (), {}):
        return "-"
    if isinstance(value, Mapping):
        return f"({_row(value)})"
    return "; ".join(map(_value, value)) if isinstance(value, list | tuple) else "; ".join(str(value).splitlines())
