"""`dead-letters`: the records that could not be handled: list them, look at one, do them again."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
from typing import Any

import orjson

from processor.app.log import open_log
from processor.cli.actions import action
from processor.cli.tail import readable
from processor.event import instant
from processor.replays import list_dead, replay, show
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("dead-letters", help="list, show or replay parked records", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    action(actions, "list", "one line each").set_defaults(run=lambda _: asyncio.run(_list()))
    one = action(actions, "show", "all of one, with its payload")
    one.add_argument("id", metavar="ID", help="<group>.<topic>.<partition>.<offset>, as list prints it")
    one.set_defaults(run=lambda options: asyncio.run(_show(options)))
    again = action(actions, "replay", "hand them to their group again")
    again.add_argument("ids", nargs="*", metavar="ID", help="as `list` prints them")
    again.add_argument("--all", action="store_true", help="all that were not replayed yet")
    again.add_argument("--dry-run", action="store_true", help="say which, do nothing")
    again.set_defaults(run=lambda options: asyncio.run(_replay(options, again)))


async def _list() -> int:
    async with open_log(load()) as log:
        for one in await list_dead(log):
            print(f"{one.id}  {instant(one.time)}  {one.reason}  {one.state}  {one.type}  {one.field}  {one.error}")
    return 0


async def _show(options: argparse.Namespace) -> int:
    async with open_log(load()) as log:
        one = await show(log, options.id)
    facts = dataclasses.asdict(one) | {"time": instant(one.time), "value": readable(one.value)}
    print(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode())
    return 0


async def _replay(options: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    if bool(options.ids) == options.all:
        parser.error("name the dead letters, or say --all")
    async with open_log(load()) as log:
        for one in await replay(log, None if options.all else options.ids, dry_run=options.dry_run):
            print(f"{one.id}  {'would be replayed' if options.dry_run else 'replay asked for'}")
    return 0
