"""Schedules as they are delivered → the hours in effect, through the real Normalise."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from handlers.events import Fate, Lookup, ScheduleUpdated
from processor.errors import PoisonError
from tests.unit.normalisedesk import NOW, Desk

DAY = timedelta(days=1)
WORKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]


def schedule(**changes):
    return {
        "id": "s-1",
        "scheduleGroupId": "g-1",
        "name": "Support Team Hours",
        "description": None,
        "timezoneId": "America/New_York",
        "scheduleEntries": [{"daysOfWeek": WORKDAYS, "startTime": "08:00:00.000", "endTime": "18:00:00.000"}],
        "holidays": [],
    } | changes


def callback(minute=0, **changes):
    return {"event": "schedule:updated", "timestamp": f"2026-03-09T13:{minute:02d}:00Z", "data": schedule(**changes)}


def on(record, day):
    return [
        (f"{one.start:%H:%M}", f"{one.end:%H:%M}", one.rule) for one in record.intervals if f"{one.start:%m-%d}" == day
    ]


async def test_a_guide_callback_is_the_hours_of_its_zone_in_utc():
    desk = await Desk.open()
    (record,) = await desk.post(callback())
    assert (record.subject, record.group_id, record.time_zone) == ("schedule-group/g-1", "g-1", "America/New_York")
    assert record.time == datetime(2026, 3, 9, 13, tzinfo=UTC)
    assert on(record, "03-09") == [("12:00", "22:00", "")]
    assert on(record, "03-14") == []
    assert record.horizon.start == datetime(2026, 3, 8, tzinfo=UTC)
    assert record.horizon.end == datetime(2026, 3, 23, tzinfo=UTC)
    (pattern,) = record.schedules
    assert (pattern.schedule_id, pattern.name, pattern.role) == ("s-1", "Support Team Hours", "open")
    assert pattern.pattern == {"entries": schedule()["scheduleEntries"]}
    assert len(record.intervals) == 10
    assert {one.schedule_id for one in record.intervals} == {"s-1"}


async def test_across_the_night_of_the_change_the_wall_time_stays():
    desk = await Desk.open(now=datetime(2026, 3, 6, tzinfo=UTC))
    (record,) = await desk.post(callback())
    assert on(record, "03-06") == [("13:00", "23:00", "")]
    assert on(record, "03-09") == [("12:00", "22:00", "")]


async def test_a_group_holds_each_schedule_with_its_own_zone():
    desk = await Desk.open()
    await desk.post(callback(0))
    (record,) = await desk.post(callback(1, id="s-2", timezoneId="Asia/Tokyo"))
    assert [(one.schedule_id, one.time_zone) for one in record.schedules] == [
        ("s-1", "America/New_York"),
        ("s-2", "Asia/Tokyo"),
    ]
    assert record.time_zone == "America/New_York"
    assert ("23:00", "09:00", "") in on(record, "03-10")
    assert ("12:00", "22:00", "") in on(record, "03-10")
    (record,) = await desk.post(callback(2, id="s-2", scheduleEntries=[]))
    assert {one.schedule_id for one in record.intervals} == {"s-1"}


async def test_an_older_callback_changes_only_what_is_not_known_better():
    desk = await Desk.open()
    await desk.post(callback(5, name="new"))
    (fate,) = await desk.post(callback(4, name="old"))
    assert isinstance(fate, Fate)
    assert fate.fate == "stale"
    (record,) = await desk.post(callback(3, id="s-2", name="other"))
    assert {one.name for one in record.schedules} == {"new", "other"}


async def test_overnight_and_whole_days():
    entries = [
        {"daysOfWeek": ["Monday"], "startTime": "22:00", "endTime": "06:00"},
        {"daysOfWeek": ["wednesday", "THURSDAY"], "startTime": "00:00:00", "endTime": "24:00:00"},
    ]
    desk = await Desk.open()
    (record,) = await desk.post(callback(scheduleEntries=entries, timezoneId="UTC"))
    assert on(record, "03-09") == [("22:00", "06:00", "")]
    (whole,) = [one for one in record.intervals if one.start == datetime(2026, 3, 11, tzinfo=UTC)]
    assert whole.end == datetime(2026, 3, 13, tzinfo=UTC), "days that touch are one opening"


async def test_holidays_of_the_settings_close_the_day_in_the_schedules_zone_and_unknown_ones_stand_without_a_date():
    desk = await Desk.open(holidays={"founders": ("2026-03-12", "2031-03-12")})
    (record,) = await desk.post(callback(holidays=["founders", "who-knows"]))
    assert on(record, "03-12") == []
    assert on(record, "03-11") == [("12:00", "22:00", "")]
    assert [(one.date, one.reason, one.schedule_id) for one in record.exceptions] == [
        (date(2026, 3, 12), "founders", "s-1"),
        (None, "who-knows", "s-1"),
    ]
    assert record.schedules[0].holidays == ("founders", "who-knows")


async def test_a_holiday_may_be_named_by_a_reference():
    desk = await Desk.open(holidays={"founders": ("2026-03-12",)})
    (record,) = await desk.post(callback(holidays=[{"id": "founders"}]))
    assert [(one.date, one.reason) for one in record.exceptions] == [(date(2026, 3, 12), "founders")]


async def test_a_holiday_cuts_what_runs_into_it_overnight():
    entries = [{"daysOfWeek": ["wednesday", "thursday"], "startTime": "22:00", "endTime": "06:00"}]
    desk = await Desk.open(holidays={"h": ("2026-03-12",)})
    (record,) = await desk.post(callback(scheduleEntries=entries, timezoneId="UTC", holidays=["h"]))
    assert on(record, "03-11") == [("22:00", "00:00", "")]
    assert on(record, "03-13") == [("00:00", "06:00", "")]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezoneId": "EST"}, "timezoneId"),
        ({"timezoneId": "Mars/Olympus"}, "timezoneId"),
        ({"timezoneId": None}, "timezoneId"),
        ({"scheduleEntries": None}, "scheduleEntries"),
        ({"scheduleEntries": "always"}, "scheduleEntries"),
        (
            {"scheduleEntries": [{"daysOfWeek": ["monday"], "startTime": "8", "endTime": "9"}]},
            "scheduleEntries[0].startTime",
        ),
        ({"holidays": "christmas"}, "holidays"),
        ({"holidays": ["h", {"date": "2026-12-25"}]}, "holidays"),
        ({"scheduleGroupId": None}, "scheduleGroupId"),
    ],
)
async def test_what_is_unusable_is_named_and_the_last_good_hours_stay(changes, field):
    desk = await Desk.open()
    (good,) = await desk.post(callback(0))
    with pytest.raises(PoisonError) as refused:
        await desk.post(callback(1, **changes))
    assert refused.value.field == field
    assert desk.tables[ScheduleUpdated.topic].get("schedule-group/g-1").last == good.as_written()


async def test_a_callback_that_only_names_the_schedule_is_a_look_here():
    desk = await Desk.open()
    lookup, fate = await desk.post(
        {
            "event": "schedule:updated",
            "timestamp": "2026-03-09T13:00:00Z",
            "scheduleId": "s-1",
            "scheduleGroupId": "g-1",
        }
    )
    assert isinstance(lookup, Lookup)
    assert (lookup.what, lookup.subject) == ("schedule-group", "schedule-group/g-1")
    assert fate.fate == "looked-up"


async def test_the_horizon_moves_on_once_a_day_from_the_patterns_alone():
    desk = await Desk.open(holidays={"h": ("2026-03-24",)})
    (first,) = await desk.post(callback(holidays=["h"]))
    desk.now = NOW + DAY
    midnight = desk.now.replace(hour=0, minute=0)
    (record,) = await desk.answer("horizon", "schedule-group/g-1", {"day": "2026-03-10"}, midnight)
    assert record.horizon.end == first.horizon.end + DAY
    assert record.schedules == first.schedules
    assert on(record, "03-23") == [("12:00", "22:00", "")]
    assert [one.date for one in record.exceptions] == [date(2026, 3, 24)]
    desk.now += timedelta(hours=5)
    (fate,) = await desk.answer("horizon", "schedule-group/g-1", {"day": "2026-03-10"}, midnight + timedelta(seconds=1))
    assert isinstance(fate, Fate)


async def test_nothing_is_made_up_for_a_group_that_nobody_told_us_of():
    desk = await Desk.open()
    (fate,) = await desk.answer("horizon", "schedule-group/unknown", {"day": "2026-03-10"})
    assert isinstance(fate, Fate)


async def test_an_opening_that_reaches_over_the_horizons_edge_stands_whole():
    desk = await Desk.open()
    (record,) = await desk.post(
        callback(
            timezoneId="Asia/Tokyo",
            scheduleEntries=[{"daysOfWeek": ["sunday", "monday"], "startTime": "08:00", "endTime": "18:00"}],
        )
    )
    assert record.horizon.start == datetime(2026, 3, 8, tzinfo=UTC)
    assert record.intervals[0].start == datetime(2026, 3, 7, 23, tzinfo=UTC)


@pytest.mark.parametrize("name", ["flat", "wrapped"])
async def test_the_recorded_callbacks(shared, name):
    body = json.loads((shared / "genesys/samples" / f"guide1.IMPLIED.schedule_updated.{name}.json").read_text())
    desk = await Desk.open()
    (record,) = await desk.post(body)
    assert record.subject == "schedule-group/a1b2c3d4"
    assert record.schedules[0].schedule_id == "e5f6g7h8"
    assert on(record, "03-10") == [("12:00", "22:00", "")]
    assert record.time == datetime(2026, 3, 9, 13, 8, 11, tzinfo=UTC)
