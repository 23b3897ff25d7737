"""`queues`: what the loop does on each queue, and its brake."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from processor.app.log import open_log, utc_now
from processor.app.queues import Queues, may_be_braked
from processor.cli.actions import action
from processor.errors import PoisonError
from processor.settings import load


def add(subparsers: Any) -> None:
    """Describe the command."""
    parser = subparsers.add_parser("queues", help="list queues; freeze or resume the loop on them", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = action(actions, "list", "every queue, what stands on it, and who froze it")
    listing.set_defaults(run=lambda _: asyncio.run(_list()))
    for word, says in (("freeze", "the loop leaves these queues alone"), ("resume", "the loop minds them again")):
        brake = action(actions, word, says)
        brake.add_argument("ids", nargs="*", metavar="ID", help="queue ids, or names as `list` shows them")
        brake.add_argument("--all", action="store_true", help="all queues that are known")
        brake.add_argument("--restore", action="store_true", help="put the remembered baseline back now")
        brake.add_argument("--reason", default="", help="kept in the audit trail")
        brake.set_defaults(run=lambda options, kind=word, p=brake: asyncio.run(_brake(options, kind, p)))


async def _list() -> int:
    async with open_log(load()) as log:
        for queue in await Queues(log, utc_now).list():
            print("  ".join(part for part in (queue["queueId"], queue["name"], *_parts(queue)) if part))
    return 0


def _parts(queue: dict[str, Any]) -> Iterator[str]:
    """Targets as people want them, the last hour, what the loop did, and who froze the queue."""
    yield "deleted" if queue["deleted"] else ""
    targets = {medium: level["serviceLevelSeconds"] for medium, level in queue["mediaTypes"].items()}
    yield ", ".join(_target(queue, medium, told) for medium, told in targets.items() if told is not None)
    yield ", ".join(_hour(medium, hour) for medium, hour in queue["lastHour"].items() if hour["offered"])
    yield "; ".join(f"{medium} adjusted, step {one['step']}" for medium, one in queue["standing"].items())
    yield "; ".join(f"{medium} is being given back" for medium in queue["givingBack"])
    yield f"{len(queue['joinedByLoop'])} members joined by the loop" if queue["joinedByLoop"] else ""
    yield _frozen(queue["frozen"]) if queue["frozen"] else ""


def _frozen(freeze: dict[str, Any]) -> str:
    why = f": {freeze['reason']}" if freeze.get("reason") else ""
    return f"frozen by {freeze.get('by') or 'somebody'} at {freeze['at']}{why}"


def _target(queue: dict[str, Any], medium: str, told: float) -> str:
    standing = queue["standing"].get(medium)
    if standing is None or standing["baseline"]["serviceLevelSeconds"] == told:
        return f"{medium} {told:g} s"
    return f"{medium} {standing['baseline']['serviceLevelSeconds']:g} s (now {told:g} s)"


def _hour(medium: str, hour: dict[str, Any]) -> str:
    level = "" if hour["serviceLevel"] is None else f", {hour['serviceLevel']:.1%} in time"
    return f"{medium}: {hour['offered']} offered in the hour{level}"


async def _brake(options: argparse.Namespace, action: str, parser: argparse.ArgumentParser) -> int:
    if bool(options.ids) == options.all:
        parser.error("name the queues, or say --all")
    async with open_log(load()) as log:
        queues = Queues(log, utc_now)
        known = await queues.list()
        ids = [queue["queueId"] for queue in known] if options.all else [_id(word, known) for word in options.ids]
        await queues.brake(f"queue-{action}", ids, reason=options.reason, restore=options.restore)
        for queue_id in ids:
            print(f"{queue_id}  {action} requested")
    return 0


def _id(word: str, known: list[dict[str, Any]]) -> str:
    """An id as it is (even of a queue that nobody has seen yet), else the one queue of that name."""
    ids = {queue["queueId"] for queue in known}
    named = [queue["queueId"] for queue in known if queue["name"].casefold() == word.casefold()]
    if word in ids or (not named and may_be_braked(word, ids)):
        return word
    if not named:
        names = {queue["name"].casefold(): queue["name"] for queue in known}
        near = get_close_matches(word.casefold(), names)
        meant = f"did you mean {names[near[0]]}?" if near else "`genesys-processor queues list` shows those that are"
        raise PoisonError(f"no queue is known as {word}; {meant}")
    if len(named) > 1:
        raise PoisonError(f"{len(named)} queues are named {word}: use an id ({', '.join(named)})")
    return str(named[0])
