"""What another library shows of our calendars is what the records say, instant by instant."""
# ruff: noqa: DTZ001 - wall times are what is tested here

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from handlers.calendar_events import collection_of, schedule_calendar, shift_calendar
from handlers.events import Activity, Horizon, Interval, SchedulePattern, ScheduleUpdated, Shift, ShiftsUpdated
from handlers.normalise.hours import horizon_at
from handlers.normalise.recurrence import recurring
from processor.clients.calendar_entries import ics
from processor.timezones import zone as known_zone
from tests.unit.shownhours import joined
from tests.unit.shownhours import shown as shown_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ZONES = (
    "America/New_York",
    "Europe/London",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Chatham",
    "Asia/Kolkata",
    "UTC",
)
HOURS = (
    ("08:00:00.000", "18:00:00.000"),
    ("22:00:00.000", "06:00:00.000"),
    ("00:00:00.000", "24:00:00.000"),
    ("01:30:00.000", "05:00:00.000"),
    ("00:30:00.000", "02:15:00.000"),
)


def utc(wall: datetime, zone: str) -> datetime:
    """First of two; skipped times move forward: worked out by asking every minute, not by our code."""
    there = ZoneInfo(zone)
    guess = wall.replace(tzinfo=UTC) - timedelta(hours=15)
    back = wall.replace(tzinfo=there).astimezone(UTC)
    if back.astimezone(there).replace(tzinfo=None) == wall:
        return back
    while guess.astimezone(there).replace(tzinfo=None) < wall:
        guess += timedelta(minutes=15)
    before = (guess - timedelta(minutes=15)).astimezone(there).utcoffset()
    assert before is not None
    return (wall - before).replace(tzinfo=UTC)


def clock(text: str) -> timedelta:
    hours, minutes = (int(part) for part in text.split(":")[:2])
    return timedelta(hours=hours, minutes=minutes)


def weekly(
    zone: str, days: tuple[str, ...], hours: tuple[str, str], horizon: Horizon
) -> list[tuple[datetime, datetime]]:
    opens, closes = map(clock, hours)
    closes += timedelta(days=1) if closes <= opens else timedelta()
    spans = []
    when = horizon.start.date() - timedelta(days=3)
    while when < horizon.end.date() + timedelta(days=3):
        midnight = datetime.combine(when, time())
        if DAYS[when.weekday()] in days:
            spans.append((utc(midnight + opens, zone), utc(midnight + closes, zone)))
        when += timedelta(days=1)
    return [span for span in spans if span[0] < span[1] and span[1] > horizon.start and span[0] < horizon.end]


def less(spans, cuts):
    for a, b in cuts:
        spans = [piece for s, e in spans for piece in ((s, min(e, a)), (max(s, b), e)) if piece[0] < piece[1]]
    return spans


def group(spans, zone, *patterns, horizon, exceptions=()):
    return ScheduleUpdated(
        id="e1",
        time=NOW,
        subject="schedule-group/g1",
        group_id="g1",
        name="Support",
        time_zone=zone,
        intervals=tuple(Interval(start=a, end=b, schedule_id="s1") for a, b in spans),
        schedules=patterns,
        horizon=horizon,
    )


def guide(zone, days, hours):
    entry = {"daysOfWeek": list(days), "startTime": hours[0], "endTime": hours[1]}
    return SchedulePattern(schedule_id="s1", name="Support Team Hours", time_zone=zone, pattern={"entries": [entry]})


def shown(entries, horizon):
    """What another library makes of the text, within the horizon."""
    return shown_of(ics(entries, NOW), horizon.start, horizon.end)


def around(when: date) -> Horizon:
    middle = datetime.combine(when, time(), UTC)
    return Horizon(start=middle - timedelta(days=10), end=middle + timedelta(days=10))


SPRING = {
    "Europe/London": date(2026, 3, 29),
    "Europe/Berlin": date(2026, 3, 29),
    "Australia/Lord_Howe": date(2026, 4, 5),
    "Pacific/Chatham": date(2026, 4, 5),
}
AUTUMN = {
    "Europe/London": date(2026, 10, 25),
    "Europe/Berlin": date(2026, 10, 25),
    "Australia/Lord_Howe": date(2026, 10, 4),
    "Pacific/Chatham": date(2026, 9, 27),
}


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("season", ["spring", "autumn"])
def test_the_calendar_shows_the_very_instants_across_clock_changes(zone, hours, season):
    night = SPRING.get(zone, date(2026, 3, 8)) if season == "spring" else AUTUMN.get(zone, date(2026, 11, 1))
    horizon = around(night)
    days = ("monday", "wednesday", "saturday", "sunday")
    spans = joined(weekly(zone, days, hours, horizon))
    wanted = schedule_calendar(group(spans, zone, guide(zone, days, hours), horizon=horizon))
    assert joined(shown(wanted.entries, horizon)) == spans
    assert any(entry.rule for entry in wanted.entries)
    if hours == HOURS[0]:
        assert shown(wanted.entries, horizon) == spans
        assert len(wanted.entries) == 1, "a working day has no clock change in it: one recurrence says it all"


def test_recurrences_stand_in_the_schedules_own_zone():
    horizon = around(date(2026, 3, 8))
    days = DAYS[:5]
    spans = weekly("America/New_York", days, HOURS[0], horizon)
    (entry,) = schedule_calendar(
        group(spans, "UTC", guide("America/New_York", days, HOURS[0]), horizon=horizon)
    ).entries
    text = ics([entry], NOW).decode()
    assert "DTSTART;TZID=America/New_York:20260226T080000" in text
    assert "RRULE:FREQ=WEEKLY;BYDAY=FR,MO,TH,TU,WE" in text
    assert "BEGIN:VTIMEZONE" in text


def test_a_holiday_is_an_exception_of_the_recurrence():
    horizon = around(date(2026, 7, 4))
    zone = "Europe/Berlin"
    spans = weekly(zone, DAYS[:5], HOURS[0], horizon)
    holiday = (utc(datetime(2026, 7, 6), zone), utc(datetime(2026, 7, 7), zone))
    open_ = less(spans, [holiday])
    wanted = schedule_calendar(group(open_, zone, guide(zone, DAYS[:5], HOURS[0]), horizon=horizon))
    (entry,) = wanted.entries
    assert entry.excluded == {datetime(2026, 7, 6, 8)}
    assert shown(wanted.entries, horizon) == open_


def test_a_closing_within_the_hours_leaves_single_entries_for_that_day():
    horizon = around(date(2026, 7, 4))
    zone = "America/New_York"
    spans = weekly(zone, DAYS[:5], HOURS[0], horizon)
    closed = (utc(datetime(2026, 7, 7, 12), zone), utc(datetime(2026, 7, 7, 13, 30), zone))
    open_ = less(spans, [closed])
    wanted = schedule_calendar(group(open_, zone, guide(zone, DAYS[:5], HOURS[0]), horizon=horizon))
    assert [bool(entry.rule) for entry in wanted.entries] == [True, False, False]
    assert [entry.zone for entry in wanted.entries] == [zone] * 3
    assert shown(wanted.entries, horizon) == open_


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU",
        "FREQ=DAILY;UNTIL=20260310",
        "FREQ=DAILY;UNTIL=20260310T080000",
        "FREQ=DAILY;UNTIL=20260310T130000Z",
        "FREQ=DAILY;COUNT=70",
        "FREQ=MONTHLY;BYDAY=2SU",
        "FREQ=WEEKLY;BYDAY=MO,TU\nEXDATE:20260309T080000",
        "",
    ],
)
def test_official_rules_show_as_they_are(rule):
    horizon = horizon_at(datetime(2026, 3, 1, tzinfo=UTC), timedelta(weeks=4))
    start = datetime(2026, 3, 3, 8) if not rule else datetime(2026, 1, 5, 8)
    end = start + timedelta(hours=10)
    spans = [(one.start, one.end) for one in recurring(start, end, rule, known_zone("America/New_York"), horizon)]
    assert spans
    pattern = SchedulePattern(
        schedule_id="s1",
        time_zone="America/New_York",
        pattern={"start": start.isoformat(), "end": end.isoformat(), "rrule": rule},
    )
    wanted = schedule_calendar(group(spans, "America/New_York", pattern, horizon=horizon))
    assert shown(wanted.entries, horizon) == spans
    assert len(wanted.entries) == 1


def test_a_pattern_nobody_can_read_still_shows_its_hours():
    horizon = around(date(2026, 7, 4))
    spans = weekly("Europe/London", DAYS[:5], HOURS[0], horizon)
    pattern = SchedulePattern(schedule_id="s1", time_zone="Europe/London", pattern={"rrule": "FREQ=SOMETIMES"})
    assert shown(schedule_calendar(group(spans, "Nowhere", pattern, horizon=horizon)).entries, horizon) == spans


def test_the_horizon_moving_on_changes_nothing_that_stands():
    zone = "Europe/London"
    first, later = around(date(2026, 7, 4)), around(date(2026, 7, 7))
    holiday = (utc(datetime(2026, 6, 25), zone), utc(datetime(2026, 6, 26), zone))
    calendars = []
    for horizon in (first, later):
        spans = less(weekly(zone, DAYS[:5], HOURS[0], horizon), [holiday])
        calendars.append(schedule_calendar(group(spans, zone, guide(zone, DAYS[:5], HOURS[0]), horizon=horizon)))
    (before,), (after,) = (calendar.entries for calendar in calendars)
    before = replace(before, open_start=False)
    assert before.excluded
    assert before != after
    assert after.continuing(before, calendars[1].since) == before


def shifts(*made: Shift, zone: str = "America/New_York") -> ShiftsUpdated:
    return ShiftsUpdated(
        id="e2",
        time=NOW,
        subject="agent/u1",
        user_id="u1",
        time_zone=zone,
        from_=datetime(2026, 3, 1, tzinfo=UTC),
        to=datetime(2026, 4, 1, tzinfo=UTC),
        shifts=made,
    )


def test_a_shift_lists_its_activities_on_the_agents_clocks_and_in_utc():
    start = datetime(2026, 3, 9, 12, tzinfo=UTC)
    lunch = Activity(
        start=start + timedelta(hours=3), end=start + timedelta(hours=3.5), code="2", description="Lunch", paid=False
    )
    work = Activity(start=start, end=lunch.start, code="0", paid=True)
    wanted = shift_calendar(
        shifts(Shift(id="shift-1", start=start, end=start + timedelta(hours=8), activities=(work, lunch)))
    )
    (entry,) = wanted.entries
    assert wanted.collection == "agent-u1"
    assert entry.description == "08:00-11:00 activity 0 (paid)\n11:00-11:30 Lunch (unpaid)"
    assert entry.details[1] == "2026-03-09T15:00:00.000Z/2026-03-09T15:30:00.000Z code=2 paid=false"
    assert (entry.start, entry.zone) == (datetime(2026, 3, 9, 8), "America/New_York")


@pytest.mark.parametrize("zone", [*ZONES, "EST", ""])
@pytest.mark.parametrize("night", [datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 29, tzinfo=UTC)])
def test_shifts_show_the_very_instants_also_at_night(zone, night):
    made = tuple(
        Shift(id=f"shift-{hour}", start=night + timedelta(hours=hour), end=night + timedelta(hours=hour + 4))
        for hour in range(-12, 40, 2)
    )
    wanted = shift_calendar(shifts(*made, zone=zone))
    horizon = Horizon(start=night - timedelta(days=3), end=night + timedelta(days=3))
    assert shown(wanted.entries, horizon) == [(one.start, one.end) for one in made]


def test_ids_that_no_file_can_be_called_by_stay_apart():
    names = {collection_of(f"agent/{one}") for one in ("a/b", "a b", "a.b", "../x", "a-b", "é")}
    assert len(names) == 6
    assert all(re.fullmatch(r"agent-[A-Za-z0-9_-]+", name) for name in names)


def test_what_is_two_events_has_two_names():
    horizon, zone = around(date(2026, 7, 4)), "Europe/London"
    open_ = group(weekly(zone, DAYS[:3], HOURS[0], horizon), zone, guide(zone, DAYS[:3], HOURS[0]), horizon=horizon)
    groups = [open_.model_copy(update={"group_id": own, **w}) for own in ("g1", "g2") for w in ({}, {"schedules": ()})]
    made = shifts(Shift(id="", start=NOW, end=NOW + timedelta(hours=4)))
    agents = [made.model_copy(update={"user_id": own}) for own in ("u1", "u2")]
    calendars = [*map(schedule_calendar, groups), *map(shift_calendar, agents)]
    names = [entry.name for calendar in calendars for entry in calendar.entries]
    assert len(names) == len(set(names)) > 6


def test_a_night_with_a_clock_change_is_taken_out_of_the_recurrence():
    """Calendar programs disagree about its length, so it stands in UTC, where they cannot."""
    horizon = around(date(2026, 3, 8))
    zone = "America/New_York"
    spans = weekly(zone, ("saturday",), HOURS[1], horizon)
    series, *nights = schedule_calendar(
        group(spans, zone, guide(zone, ("saturday",), HOURS[1]), horizon=horizon)
    ).entries
    assert series.excluded == {datetime(2026, 3, 7, 22)}
    assert [(one.start, one.end, one.zone) for one in nights] == [
        (datetime(2026, 3, 8, 3), datetime(2026, 3, 8, 10), "UTC")
    ]
