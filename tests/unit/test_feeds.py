"""The `.ics` feeds: only under their own address, and the same bytes for the same event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import icalendar
import pytest

from handlers.events import Horizon, Interval, ScheduleUpdated, Shift, ShiftsUpdated
from handlers.feeds import Feed, feed_path, feed_token, schedule_feed

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SECRET = "a secret of the calendars"


def schedule(group: str = "g1", *, deleted: bool = False) -> ScheduleUpdated:
    return ScheduleUpdated(
        id="e1",
        time=NOW,
        subject=f"schedule-group/{group}",
        group_id=group,
        name="Support",
        intervals=(Interval(start=NOW, end=NOW + timedelta(hours=8), schedule_id="s1"),),
        horizon=Horizon(start=NOW - timedelta(days=1), end=NOW + timedelta(days=56)),
        deleted=deleted,
    )


def shifts(user: str = "u1") -> ShiftsUpdated:
    return ShiftsUpdated(
        id="e2",
        time=NOW,
        subject=f"agent/{user}",
        user_id=user,
        from_=NOW,
        to=NOW + timedelta(days=56),
        shifts=(Shift(id="1", start=NOW, end=NOW + timedelta(hours=8)),),
    )


def feed(*events: ScheduleUpdated | ShiftsUpdated) -> Feed:
    groups = {one.subject: one for one in events if isinstance(one, ScheduleUpdated)}
    agents = {one.subject: one for one in events if isinstance(one, ShiftsUpdated)}
    return Feed(groups, agents, SECRET)


def file(subject: str) -> str:
    return feed_path(SECRET, subject).removeprefix("/calendars/")


async def test_the_feed_of_a_group_and_of_an_agent():
    one = feed(schedule(), shifts())
    for subject, title in (("schedule-group/g1", "Support"), ("agent/u1", "Shifts of agent u1")):
        text = await one.get(file(subject))
        assert text
        calendar = icalendar.Calendar.from_ical(text)
        assert calendar["X-WR-CALNAME"] == title
        (event,) = calendar.walk("VEVENT")
        assert event["DTSTART"].dt == NOW


async def test_the_same_event_gives_the_same_bytes():
    assert schedule_feed(schedule()) == schedule_feed(schedule())


@pytest.mark.parametrize("subject", ["schedule-group/gone", "agent/gone"])
async def test_an_unknown_subject_has_none(subject):
    assert await feed(schedule(), shifts()).get(file(subject)) is None


async def test_a_deleted_one_has_none():
    one = feed(schedule(deleted=True))
    assert await one.get(file("schedule-group/g1")) is None
    assert list(one.paths()) == []


@pytest.mark.parametrize(
    "name",
    [
        "schedule-group-g1.ics",
        "schedule-group-g1..ics",
        "schedule-group-g1." + "0" * 64 + ".ics",
        "schedule-group-g1." + feed_token(SECRET, "agent-u1") + ".ics",
        "schedule-group-g1." + feed_token("another", "schedule-group-g1") + ".ics",
        "schedule-group-g1." + feed_token(SECRET, "schedule-group-g1"),
        "schedule-group-g1." + feed_token(SECRET, "schedule-group-g1") + ".ICS",
        ".ics",
        "",
        "é.é.ics",
        "\udce9.\udce9.ics",
    ],
)
async def test_without_its_own_token_there_is_nothing(name):
    assert await feed(schedule(), shifts()).get(name) is None


@pytest.mark.parametrize("group", ["g/1", "g.1", "gr ü n", "x" * 200])
async def test_ids_that_no_address_can_hold_have_one_all_the_same(group):
    one = feed(schedule(group), schedule("other"))
    ((_, path), __) = one.paths()
    text = await one.get(path.removeprefix("/calendars/"))
    assert text == schedule_feed(schedule(group))
