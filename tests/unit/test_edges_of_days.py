"""Days whose midnight the clocks skip or show twice: how long they are, and the rule that stands where they cut."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from handlers.normalise.hours import whole_day
from processor.timezones import zone
from tests.unit.normalisedesk import Desk
from tests.unit.test_campaign_recurrences import official, recurrence
from tests.unit.test_campaigns import guide
from tests.unit.test_schedules import callback

CAIRO = "Africa/Cairo"
"""On 24 April 2026 its clocks go from 00:00 to 01:00: at 22:00 UTC the day before."""
MIDNIGHT = "04-23T22:00"
EVERY_DAY = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


def ends(intervals):
    return [(f"{one.start:%m-%dT%H:%M}", f"{one.end:%m-%dT%H:%M}", one.rule) for one in intervals]


@pytest.mark.parametrize(
    ("name", "when", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/New_York", date(2026, 7, 1), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Atlantic/Azores", date(2026, 10, 25), 25),
        (CAIRO, date(2026, 4, 24), 23),
    ],
)
def test_the_length_of_a_day(name, when, hours):
    day = whole_day(when, zone(name))
    assert day
    assert (day.end - day.start) / timedelta(hours=1) == hours


def test_a_date_that_was_skipped_has_no_day():
    assert whole_day(date(2011, 12, 30), zone("Pacific/Apia")) is None


async def test_hours_that_a_holiday_cuts_at_a_skipped_midnight_say_so():
    desk = await Desk.open(now=datetime(2026, 4, 14, tzinfo=UTC), holidays={"h": ("2026-04-23",)})
    always = [{"daysOfWeek": EVERY_DAY, "startTime": "00:00", "endTime": "24:00"}]
    (record,) = await desk.post(callback(timezoneId=CAIRO, scheduleEntries=always, holidays=["h"]))
    before, after = record.intervals
    assert (f"{before.end:%m-%dT%H:%M}", before.rule) == ("04-22T22:00", "")
    assert (f"{after.start:%m-%dT%H:%M}", after.rule) == (MIDNIGHT, "gap")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"alterations": [{"type": "Exclusion", "start": "2026-04-22", "end": "2026-04-23"}]},
            [("04-20T08:00", "04-21T22:00", ""), (MIDNIGHT, "04-25T07:00", "gap")],
        ),
        (
            {"alterations": [{"type": "Inclusion", "start": "2026-04-25T23:00", "end": "2026-04-26T00:30"}]},
            [("04-20T08:00", "04-25T07:00", ""), ("04-25T20:00", "04-25T21:30", "")],
        ),
        ({"range": {"type": "EndDate", "end": "2026-04-23"}}, [("04-20T08:00", MIDNIGHT, "gap")]),
    ],
)
async def test_a_recurrence_that_a_skipped_midnight_cuts_says_so(changes, expected):
    body = {
        "start": "2026-04-20T10:00:00",
        "end": "2026-04-21T10:00:00",
        "timeZone": CAIRO,
        "range": {"type": "Numbered", "numberOfOccurrences": 5},
    }
    desk = await Desk.open()
    (record,) = await desk.post(official(recurrence(**body | changes)))
    assert ends(record.schedules[0].intervals) == expected


async def test_an_interval_and_a_window_without_an_offset_say_what_their_clocks_did():
    desk = await Desk.open()
    (record,) = await desk.post(
        official(timeZone=CAIRO, intervals=[{"start": "2026-04-24T00:15:00", "end": "2026-04-24T02:00:00"}])
    )
    assert ends(record.schedules[0].intervals) == [("04-23T22:15", "04-23T23:00", "gap")]
    slots = [{"days": EVERY_DAY, "startTime": "18:00", "endTime": "06:00"}]
    window = {"startTime": "2026-04-24T00:30:00", "endTime": "2026-10-29T23:30:00"}
    (record,) = await desk.post(guide(campaignId="c-2", timezone=CAIRO, dailySchedule=slots, **window))
    first, *_, last = ends(record.schedules[0].intervals)
    assert first == ("04-23T22:30", "04-24T03:00", "gap")
    assert last == ("10-29T15:00", "10-29T20:30", "fold")
