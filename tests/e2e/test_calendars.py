"""What is in the calendars, read by other libraries from the server and from the feeds, is what the topics say."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial

import caldav
import icalendar
import pytest
import recurring_ical_events

from tests.contract.caldavserver import PASSWORD, USER, radicale
from tests.e2e.centre import centre
from tests.e2e.payloads import GUIDE_SCHEDULE
from tests.e2e.programs import eventually

pytestmark = pytest.mark.timeout(300)


def spans(calendars, start, end):
    found = [one for calendar in calendars for one in recurring_ical_events.of(calendar).between(start, end)]
    return sorted((one.start.astimezone(UTC), one.end.astimezone(UTC)) for one in found)


def published(rows):
    return sorted((moment(one["start"]), moment(one["end"])) for one in rows)


def moment(text):
    return datetime.fromisoformat(text)


def read_back(home, collection, start, end):
    """None where there is no calendar yet."""
    with caldav.DAVClient(url=home + "/", username=USER, password=PASSWORD) as client:
        calendar = client.calendar(url=f"{home}/{collection}/")
        try:
            return spans([resource.icalendar_instance for resource in calendar.events()], start, end)
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


async def test_calendars_and_feeds_show_what_the_topics_say(tmp_path):
    with radicale(tmp_path) as server:
        settings = {"CALDAV_URL": server.home + "/", "CALDAV_USER": USER, "CALDAV_PASSWORD": PASSWORD}
        async with centre(tmp_path, LOOP_MODE="off", HORIZON_WEEKS="1", **settings) as (sandbox, product):

            async def filled(groups):
                shifts, known = await last_words(product, "shifts"), await last_words(product, "schedules")
                return len(shifts) == len(sandbox.world.agents) and len(known) == groups

            await eventually(partial(filled, len(sandbox.world.groups)))
            await product.at_rest()
            await product.post(GUIDE_SCHEDULE)  # of a group that whoever compares with Genesys now would not find there
            await eventually(partial(filled, len(sandbox.world.groups) + 1))
            collections = {}

            async def shown():
                """What is looked up may still come in: both sides are read again until they are one."""
                await product.at_rest()
                collections.update(await said(product))
                for name, (window, rows) in list(collections.items())[::5]:
                    if await asyncio.to_thread(read_back, server.home, name, *window) != rows:
                        return False
                return bool(collections["schedule-group-support-hours"][1])

            await eventually(shown)
            assert sum(bool(rows) for _, rows in collections.values()) > len(sandbox.world.agents) / 2
            listed = await product.command("calendars")
            addresses = dict(line.split("  ") for line in listed.out.splitlines())
            assert {name.replace("/", "-") for name in addresses} == set(collections)
            for subject, address in list(addresses.items())[::7]:
                path = address.partition("/calendars/")[2]
                feed = f"{product.ready['receiver']}/calendars/{path}"
                window, rows = collections[subject.replace("/", "-")]
                async with product.session.get(feed) as answer:
                    assert (answer.status, answer.content_type) == (200, "text/calendar")
                    assert spans([icalendar.Calendar.from_ical(await answer.read())], *window) == rows
                wrong = feed.replace(".ics", "")[:-1] + ("0" if feed[-5] != "0" else "1") + ".ics"
                async with product.session.get(wrong) as answer:
                    assert answer.status == 404
