"""`request`: asks for changes in Genesys: hands them in to the log, or carries them out here and now.

Prints one JSON object a line on stdout, in the words of the log: the id of what was handed in, or
(`--wait`, `--now`) its outcome; `--dry-run` prints YAML. A sentence for people goes to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import yaml

from processor.app.requests.command import Planned, Requesting, exit_code
from processor.app.requests.files import read_files
from processor.app.requests.page import page
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "request",
        help="change something in Genesys: files in, outcomes out",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit: 0 done (or handed in), 1 failed or unknown, 2 usage or settings, 3 not valid,\n"
        "      4 conflict, 5 refused, 6 unreachable",
    )
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="YAML or JSON, one request or a list: see docs/requests.md and examples/requests",
    )
    parser.add_argument("--undo", metavar="ID", help="take back what this request did, unless it was changed since")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--wait", action="store_true", help="hand in, and wait for the outcomes")
    how.add_argument("--now", action="store_true", help="carry them out here, without log or server")
    how.add_argument("--dry-run", action="store_true", help="show the difference and the exact calls, write nothing")
    parser.add_argument("--documentation", action="store_true", help="print docs/requests.md")
    parser.set_defaults(run=lambda options: _run(options, parser))


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if options.documentation:
        print(page(), end="")
        return 0
    if bool(options.files) == bool(options.undo):
        parser.error("name request files, or say --undo ID")
    handed_in: list[str] = []
    try:
        return asyncio.run(_do(options, handed_in))
    except KeyboardInterrupt:
        if handed_in:
            _say(f"no longer waiting; {len(handed_in)} handed in go on: GET /requests/<id> tells what became of them")
        return 0


async def _do(options: argparse.Namespace, handed_in: list[str]) -> int:
    settings = load()
    requests = read_files(options.files)  # before anything is opened: what is wrong is told at once
    async with Requesting.open(settings, by=getpass.getuser(), say=_say) as desk:
        if options.undo:
            if not options.dry_run:
                await desk.explain()
            requests = [await desk.undoing(options.undo, with_log=not options.now)]
        codes = [0]
        if options.dry_run:
            async for planned in desk.plans(requests):
                _show(planned)
                codes.append(planned.code)
        elif options.now:
            codes += [_tell(outcome) async for outcome in desk.carry_out(requests)]
        else:
            async for told in desk.hand_in(requests, wait=options.wait):
                if "status" in told:
                    codes.append(_tell(told))
                else:
                    handed_in.append(told["id"])
                    _print(told)
        return max(codes)


def _tell(outcome: Mapping[str, Any]) -> int:
    _print(outcome)
    said = f": {outcome['error']}" if outcome.get("error") else ""
    _say(f"{outcome.get('kind') or 'request'} {outcome.get('subject', '')} {outcome['status']}{said}")
    return exit_code(outcome)


def _show(planned: Planned) -> None:
    """One element of a YAML list, which a person and a program can read."""
    text = yaml.safe_dump([planned.shown()], sort_keys=False, allow_unicode=True, width=120)
    sys.stdout.write(text)
    sys.stdout.flush()


def _print(told: Mapping[str, Any]) -> None:
    print(orjson.dumps(told, default=str).decode(), flush=True)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
