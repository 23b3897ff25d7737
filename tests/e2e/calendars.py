"""What the calendars of a product show, read by other libraries, beside what its topics say."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

import caldav

from tests.contract.calendarclient import read_back, spans
from tests.e2e.payloads import GUIDE_SCHEDULE
from tests.e2e.programs import eventually


def published(rows):
    return sorted((moment(one["start"]), moment(one["end"])) for one in rows)


def moment(text):
    return datetime.fromisoformat(text)


def shown(home, collection, window):
    """None where there is no calendar yet."""
    try:
        return spans(read_back(home, collection, *window))
    except caldav.lib.error.NotFoundError:
        return None


async def last_words(product, topic):
    return {record["key"]: record["value"] for record in await product.topic(topic)}


async def said(product):
    """By collection: the window, and what is published for it."""
    found = {}
    for key, state in (await last_words(product, "schedules")).items():
        window = moment(state["horizon"]["start"]), moment(state["horizon"]["end"])
        found[key.replace("/", "-")] = (window, published(state["intervals"]))
    for key, state in (await last_words(product, "shifts")).items():
        window = moment(state["from"]), moment(state["to"])
        found[key.replace("/", "-")] = (window, published(state["shifts"]))
    return found


async def filled(sandbox, product, more):
    """Whether the topics hold everybody's shifts, and the hours of the groups that Genesys has and of `more`."""
    shifts, groups = await last_words(product, "shifts"), await last_words(product, "schedules")
    return len(shifts) == len(sandbox.world.agents) and len(groups) == len(sandbox.world.groups) + more


async def shown_as_published(home, sandbox, product, *others):
    """Returns what is published, by collection, once the calendars show it; a group told by a callback among it.

    It is told when the product has compared itself with Genesys, which does not know it.
    """
    await eventually(partial(filled, sandbox, product, 0))
    await product.at_rest(*others)
    await product.post(GUIDE_SCHEDULE)
    await eventually(partial(filled, sandbox, product, 1))
    collections = {}

    async def one():
        """What is looked up may still come in: both sides are read again until they are one."""
        await product.at_rest(*others)
        collections.update(await said(product))
        for name, (window, rows) in list(collections.items())[::5]:
            if await asyncio.to_thread(shown, home, name, window) != rows:
                return False
        return bool(collections["schedule-group-support-hours"][1])

    await eventually(one)
    return collections
