"""What a real CalDAV server holds after our conditional writes (Radicale, as its own process)."""
# ruff: noqa: DTZ001 - wall times are what is tested here

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import aiohttp
import icalendar
import pytest

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.authorise import Basic
from processor.clients.calendar_entries import DIGEST, Entry, canonical
from processor.clients.calendars import Calendars, Wanted, Written
from processor.errors import FarSideDown, PoisonError, RetryableError
from tests.contract.caldavserver import PASSWORD, USER, Server, radicale

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SERIES = Entry(
    name="opening-s1-0",
    summary="Support",
    start=datetime(2026, 3, 2, 8),
    end=datetime(2026, 3, 2, 18),
    zone="America/New_York",
    rule=canonical("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
    excluded=frozenset({datetime(2026, 3, 9, 8)}),
)
SHIFT = Entry("shift-1", "Shift", datetime(2026, 3, 4, 12), datetime(2026, 3, 4, 20), "UTC", "12:00-20:00 work")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with radicale(tmp_path_factory.mktemp("radicale")) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as made:
        yield made


@pytest.fixture
async def calendars(server: Server, session: aiohttp.ClientSession) -> Calendars:
    return Calendars(Api("calendars", server.home, session, auth=Basic(USER, PASSWORD)), lambda: NOW)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name.replace("_", "-")[:60]


def wanted(name: str, *entries: Entry) -> Wanted:
    return Wanted(name, "Support & <more>", entries, datetime(2026, 3, 1, tzinfo=UTC))


async def event(server: Server, session: aiohttp.ClientSession, name: str, entry: Entry) -> icalendar.Event:
    async with server.raw(session, "GET", f"/{name}/{entry.name}.ics") as answer:
        assert answer.status == 200, await answer.text()
        return icalendar.Calendar.from_ical(await answer.read()).walk("VEVENT")[0]


async def edit(server: Server, session: aiohttp.ClientSession, name: str, entry: Entry, change: Any) -> None:
    async with server.raw(session, "GET", f"/{name}/{entry.name}.ics") as answer:
        calendar = icalendar.Calendar.from_ical(await answer.read())
    change(calendar)
    async with server.raw(session, "PUT", f"/{name}/{entry.name}.ics", data=calendar.to_ical()) as answer:
        assert answer.status in {201, 204}, await answer.text()


async def test_the_collection_is_made_when_it_is_missing(calendars, server, session, name):
    assert await calendars.write(wanted(name, SERIES, SHIFT)) == Written(created=2)
    async with server.raw(session, "PROPFIND", f"/{name}/", headers={"Depth": "0"}) as answer:
        assert "Support &amp; &lt;more&gt;" in await answer.text()
    made = await event(server, session, name, SERIES)
    assert made["DTSTART"].params["TZID"] == "America/New_York"
    assert made["SEQUENCE"] == 0


async def test_unchanged_meaning_is_not_written(calendars, server, session, name):
    await calendars.write(wanted(name, SERIES, SHIFT))
    async with server.raw(session, "GET", f"/{name}/{SERIES.name}.ics") as answer:
        before = answer.headers["ETag"], await answer.read()
    assert await calendars.write(wanted(name, SERIES, SHIFT)) == Written(unchanged=2)
    async with server.raw(session, "GET", f"/{name}/{SERIES.name}.ics") as answer:
        assert (answer.headers["ETag"], await answer.read()) == before


async def test_a_change_is_one_update_with_the_next_sequence(calendars, server, session, name):
    await calendars.write(wanted(name, SERIES, SHIFT))
    later = replace(SERIES, start=datetime(2026, 3, 2, 9))
    assert await calendars.write(wanted(name, later, SHIFT)) == Written(updated=1, unchanged=1)
    made = await event(server, session, name, SERIES)
    assert made["SEQUENCE"] == 1
    assert made["DTSTART"].dt.hour == 9


async def test_what_a_person_deleted_comes_back_above_what_it_was(calendars, server, session, name):
    """Programs that remember the deleted entry take only a higher SEQUENCE for news of it."""
    await calendars.write(wanted(name, SERIES, SHIFT))
    for hour in (9, 10):
        later = replace(SERIES, start=datetime(2026, 3, 2, hour))
        await calendars.write(wanted(name, later, SHIFT))
    before = (await event(server, session, name, SERIES))["SEQUENCE"]
    async with server.raw(session, "DELETE", f"/{name}/{SERIES.name}.ics") as answer:
        assert answer.status in {200, 204}
    assert await calendars.write(wanted(name, later, SHIFT)) == Written(created=1, unchanged=1)
    back = (await event(server, session, name, SERIES))["SEQUENCE"]
    assert before == 2
    assert before < back < 2**31
    assert await calendars.write(wanted(name, SERIES, SHIFT)) == Written(updated=1, unchanged=1)
    assert (await event(server, session, name, SERIES))["SEQUENCE"] == back + 1


async def test_what_is_no_longer_wanted_is_deleted(calendars, server, session, name):
    await calendars.write(wanted(name, SERIES, SHIFT))
    assert await calendars.write(wanted(name, SERIES)) == Written(unchanged=1, deleted=1)
    async with server.raw(session, "GET", f"/{name}/{SHIFT.name}.ics") as answer:
        assert answer.status == 404


async def test_what_has_passed_is_history_and_stays(calendars, name):
    await calendars.write(wanted(name, SHIFT))
    later = Wanted(name, "", (), datetime(2026, 3, 5, tzinfo=UTC))
    assert await calendars.write(later) == Written()
    assert await calendars.write(wanted(name, SHIFT)) == Written(unchanged=1)


async def test_a_persons_edit_of_our_part_is_put_back_and_their_own_additions_stay(calendars, server, session, name):
    await calendars.write(wanted(name, SERIES))

    def change(calendar: icalendar.Calendar) -> None:
        (theirs,) = calendar.walk("VEVENT")
        theirs["SUMMARY"] = icalendar.vText("Late shift")
        theirs.add("LOCATION", "Room 4")
        alarm = icalendar.Alarm()
        alarm.add("ACTION", "DISPLAY")
        alarm.add("DESCRIPTION", "soon")
        alarm.add("TRIGGER", icalendar.vDuration.from_ical("-PT15M"))
        theirs.add_component(alarm)

    await edit(server, session, name, SERIES, change)
    assert await calendars.write(wanted(name, SERIES)) == Written(updated=1, restored=1)
    made = await event(server, session, name, SERIES)
    assert (made["SUMMARY"], made["LOCATION"], made["SEQUENCE"]) == ("Support", "Room 4", 1)
    assert [alarm["DESCRIPTION"] for alarm in made.walk("VALARM")] == ["soon"]
    assert made[DIGEST] == SERIES.digest()
    assert await calendars.write(wanted(name, SERIES)) == Written(unchanged=1)


async def test_an_occurrence_that_a_person_moved_comes_back(calendars, server, session, name):
    await calendars.write(wanted(name, SERIES))

    def change(calendar: icalendar.Calendar) -> None:
        moved = calendar.walk("VEVENT")[0].copy()
        moved.pop("RRULE")
        moved.pop("EXDATE")
        for prop, hour in (("RECURRENCE-ID", 8), ("DTSTART", 11), ("DTEND", 12)):
            moved.pop(prop, None)
            moved.add(prop, datetime(2026, 3, 10, hour), parameters={"TZID": "America/New_York"})
        calendar.add_component(moved)

    await edit(server, session, name, SERIES, change)
    assert await calendars.write(wanted(name, SERIES)) == Written(updated=1, restored=1)
    async with server.raw(session, "GET", f"/{name}/{SERIES.name}.ics") as answer:
        assert (await answer.text()).count("BEGIN:VEVENT") == 1


async def test_entries_of_a_persons_own_are_left_alone(calendars, server, session, name):
    await calendars.write(wanted(name, SHIFT))
    text = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:mine\r\nDTSTAMP:20260301T000000Z\r\n"
        "DTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z\r\nSUMMARY:Team\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    async with server.raw(session, "PUT", f"/{name}/mine.ics", data=text) as answer:
        assert answer.status == 201
    assert await calendars.write(wanted(name)) == Written(deleted=1)
    async with server.raw(session, "GET", f"/{name}/mine.ics") as answer:
        assert answer.status == 200


async def test_somebody_quicker_between_our_read_and_our_write_is_read_again(server, session, name):
    """The 412: an edit falls between REPORT and PUT; our write then goes on top of what they added."""

    numbers = count(5)

    def add_comment(calendar: icalendar.Calendar) -> None:
        calendar.walk("VEVENT")[0].add("COMMENT", f"Room {next(numbers)}")

    class Between(Api):
        busy = 1

        async def request(self, method: str, path: str, **more: Any) -> Any:
            if method in {"PUT", "DELETE"} and "If-Match" in (more.get("headers") or {}) and self.busy:
                self.busy -= 1
                await edit(server, session, name, SERIES, add_comment)
            return await super().request(method, path, **more)

    calendars = Calendars(api := Between("calendars", server.home, session, auth=Basic(USER, PASSWORD)), lambda: NOW)
    await calendars.write(wanted(name, SERIES))
    changed = replace(SERIES, summary="Support desk")
    assert await calendars.write(wanted(name, changed)) == Written(updated=1)
    made = await event(server, session, name, SERIES)
    assert (made["SUMMARY"], made["COMMENT"], made["SEQUENCE"]) == ("Support desk", "Room 5", 1)
    api.busy = 1
    assert await calendars.write(wanted(name)) == Written(deleted=1)
    api.busy = 1000
    await calendars.write(wanted(name, SERIES))
    with pytest.raises(RetryableError, match="keeps changing"):
        await calendars.write(wanted(name, changed))


async def test_two_who_create_the_same_make_one(calendars, name):
    await calendars.write(wanted(name))
    both = await asyncio.gather(*(calendars.write(wanted(name, SERIES)) for _ in range(2)))
    assert sum(one.created for one in both) == 1
    assert sum(one.unchanged for one in both) == 1


async def test_a_deleted_subject_takes_its_collection_with_it(calendars, server, session, name):
    await calendars.write(wanted(name, SERIES))
    assert await calendars.remove(name)
    assert not await calendars.remove(name)
    async with server.raw(session, "GET", f"/{name}/{SERIES.name}.ics") as answer:
        assert answer.status == 404


async def test_an_entry_that_somebody_made_unreadable_is_written_anew(calendars, server, session, name):
    await calendars.write(wanted(name, SERIES))

    def change(calendar: icalendar.Calendar) -> None:
        theirs = calendar.walk("VEVENT")[0]
        for prop in ("DTEND", "RRULE", "EXDATE", "SEQUENCE", DIGEST):
            theirs.pop(prop)

    await edit(server, session, name, SERIES, change)
    assert (await calendars.write(wanted(name, SERIES))).restored == 1
    assert await calendars.write(wanted(name, SERIES)) == Written(unchanged=1)


async def test_refused_credentials_are_waited_for_not_dead_lettered(server, session, name):
    calendars = Calendars(Api("calendars", server.home, session, auth=Basic(USER, "wrong")), lambda: NOW)
    with pytest.raises(FarSideDown) as caught:
        await calendars.write(wanted(name, SERIES))
    assert "wrong" not in str(caught.value)


async def test_somebody_elses_home_is_waited_for(server, session, name):
    home = server.home.replace(USER, "other")
    calendars = Calendars(Api("calendars", home, session, auth=Basic(USER, PASSWORD)), lambda: NOW)
    with pytest.raises(RetryableError):
        await calendars.write(wanted(name, SERIES))


async def test_a_server_that_is_not_there_is_waited_for(session, name):
    api = Api("calendars", "http://127.0.0.1:9", session, policy=ApiPolicy(attempts=1))
    with pytest.raises(RetryableError):
        await Calendars(api, lambda: NOW).write(wanted(name, SERIES))


async def test_an_entry_that_the_server_will_not_have_is_the_records_fault(calendars, name):
    with pytest.raises(PoisonError):
        await calendars.write(wanted(name, replace(SHIFT, description="long " * 10_000)))
