"""A recurring entry gives all its occurrences the exact length of its first, which so must be an ordinary one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import icalendar
import pytest

from handlers.calendar_events import schedule_calendar
from handlers.events import SchedulePattern, ScheduleUpdated
from handlers.normalise.effective import effective
from handlers.normalise.hours import horizon_at
from processor.clients.calendar_entries import ics
from tests.unit.shownhours import joined, shown

DAY = timedelta(days=1)
SATURDAY = "2026-03-07T04:00:00"
"""At this time of the next day New York has had an hour less."""


def calendar(rule):
    pattern = {"start": SATURDAY, "end": "2026-03-08T04:00:00", "rrule": rule}
    schedule = SchedulePattern(schedule_id="s1", time_zone="America/New_York", pattern=pattern)
    horizon = horizon_at(datetime(2026, 3, 5, tzinfo=UTC), timedelta(weeks=5))
    hours, _ = effective([schedule], horizon, {})
    event = ScheduleUpdated(
        id="e1",
        time=horizon.start,
        subject="schedule-group/g1",
        group_id="g1",
        time_zone="America/New_York",
        intervals=hours,
        schedules=(schedule,),
        horizon=horizon,
    )
    text = ics(schedule_calendar(event).entries, event.time)
    assert joined(shown(text, horizon.start, horizon.end)) == joined((one.start, one.end) for one in hours)
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


@pytest.mark.parametrize(
    ("rule", "then"),
    [
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA", "2026-03-21"),
        ("FREQ=WEEKLY;BYDAY=SA;COUNT=3", "2026-03-14"),
        ("FREQ=WEEKLY;BYDAY=SA;UNTIL=20260322", "2026-03-14"),
        ("FREQ=DAILY", "2026-03-08"),
    ],
)
def test_a_series_begins_after_the_night_in_which_the_clocks_change(rule, then):
    series, night = sorted(calendar(rule), key=lambda entry: "RRULE" not in entry)
    first, end = (series[name].dt.astimezone(UTC) for name in ("DTSTART", "DTEND"))
    assert series["DTSTART"].dt.date().isoformat() == then
    assert end - first == DAY
    assert night["DTEND"].dt - night["DTSTART"].dt == DAY - timedelta(hours=1)


def test_its_number_of_occurrences_is_without_those_before():
    rules = [entry["RRULE"].to_ical() for entry in calendar("FREQ=WEEKLY;COUNT=3;BYDAY=SA") if "RRULE" in entry]
    assert rules == [b"FREQ=WEEKLY;COUNT=2;BYDAY=SA"]


def test_what_happens_only_in_such_nights_is_no_series():
    (entry,) = calendar("FREQ=WEEKLY;BYDAY=SA;COUNT=1")
    assert "RRULE" not in entry
