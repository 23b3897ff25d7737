"""What is in the calendars, read by other libraries from the server and from the feeds, is what the topics say."""

from __future__ import annotations

import icalendar
import pytest

from tests.contract.caldavserver import PASSWORD, USER, radicale
from tests.contract.calendarclient import occurrences, spans
from tests.e2e.calendars import shown_as_published
from tests.e2e.centre import centre

pytestmark = pytest.mark.timeout(300)


async def test_calendars_and_feeds_show_what_the_topics_say(tmp_path):
    with radicale(tmp_path) as server:
        settings = {"CALDAV_URL": server.home + "/", "CALDAV_USER": USER, "CALDAV_PASSWORD": PASSWORD}
        async with centre(tmp_path, LOOP_MODE="off", HORIZON_WEEKS="1", **settings) as (sandbox, product):
            collections = await shown_as_published(server.home, sandbox, product)
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
                    feed_calendar = icalendar.Calendar.from_ical(await answer.read())
                    assert spans(occurrences([feed_calendar], *window)) == rows
                wrong = feed.replace(".ics", "")[:-1] + ("0" if feed[-5] != "0" else "1") + ".ics"
                async with product.session.get(wrong) as answer:
                    assert answer.status == 404
