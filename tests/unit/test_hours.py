"""Weekly entries, rules and the algebra of spans, against a walk through UTC and against plain sets."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.capacity import capacity
from handlers.events import Horizon
from handlers.normalise.hours import Span, clip, horizon_at, intervals, less, union
from handlers.normalise.recurrence import Entry, clock, entries, recurring, wall, weekly
from processor.errors import PoisonError
from processor.timezones import zone
from tests.unit.zoneoracle import QUARTER, ZONES, Walk, midnights, nights

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
UTC_ZONE = zone("UTC")
NEW_YORK = zone("America/New_York")


def covered(spans, start, end):
    return {
        moment
        for span in clip(spans, start, end)
        for moment in (span.start + n * QUARTER for n in range(-((span.start - span.end) // QUARTER)))
    }


quarters = st.integers(0, 95).map(lambda n: n * QUARTER)
some_entries = st.lists(
    st.builds(
        Entry,
        days=st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
        start=quarters | st.sampled_from([HOUR, 2 * HOUR, 2 * HOUR + QUARTER]),  # often where clocks change
        end=quarters | st.sampled_from([HOUR, 2 * HOUR + QUARTER, 3 * HOUR, DAY]),
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def changing_weeks(draw):
    """A zone and a week around one of its changes, or any week where it has none."""
    name = draw(st.sampled_from(ZONES))
    year = draw(st.integers(2025, 2027))
    night = draw(st.sampled_from(nights(name, year) or (datetime(year, 3, 1, tzinfo=UTC),)))
    return name, night


@settings(max_examples=150, deadline=None)
@given(changing_weeks(), some_entries)
def test_weekly_entries_are_open_when_the_clocks_of_the_zone_say_so(week, pattern):
    name, night = week
    walk = Walk(name, night - 8 * DAY, 16)
    horizon = Horizon(start=night - 3 * DAY, end=night + 4 * DAY)
    expected = set()
    for midnight in midnights((night - 6 * DAY).date(), 13):
        for entry in pattern:
            if midnight.weekday() in entry.days:
                end = entry.end if entry.end > entry.start else entry.end + DAY
                expected |= walk.quarters(midnight + entry.start, midnight + end)
    spans = union(weekly(tuple(pattern), zone(name), horizon))
    assert covered(spans, horizon.start, horizon.end) == {q for q in expected if horizon.start <= q < horizon.end}


@settings(max_examples=100, deadline=None)
@given(changing_weeks(), some_entries)
def test_where_no_edge_falls_into_the_changed_hours_open_is_what_the_clock_on_the_wall_shows(week, pattern):
    name, night = week
    walk = Walk(name, night - 5 * DAY, 10)
    changed = {moment.time() for moment in walk.twice | walk.skipped.keys() | set(walk.skipped.values())}
    edges = {(datetime(2026, 1, 1) + edge).time() for entry in pattern for edge in (entry.start, entry.end)}  # noqa: DTZ001 - a wall time
    if changed & edges:
        return
    horizon = Horizon(start=night - 3 * DAY, end=night + 4 * DAY)
    spans = union(weekly(tuple(pattern), zone(name), horizon))
    open_quarters = covered(spans, horizon.start, horizon.end)
    for moment, shows in zip(walk.moments, walk.walls, strict=True):
        if horizon.start <= moment < horizon.end:
            assert (moment in open_quarters) == any(_on_the_wall(shows, entry) for entry in pattern), (moment, shows)


def _on_the_wall(shows, entry):
    since_midnight = timedelta(hours=shows.hour, minutes=shows.minute)
    if entry.end > entry.start:
        return shows.weekday() in entry.days and entry.start <= since_midnight < entry.end
    today = shows.weekday() in entry.days and since_midnight >= entry.start
    return today or ((shows - DAY).weekday() in entry.days and since_midnight < entry.end)


@pytest.mark.parametrize(
    ("start", "end", "day", "expected"),
    [
        ("08:00", "18:00", "2026-03-06", ("2026-03-06T13:00", "2026-03-06T23:00", "")),
        ("08:00", "18:00", "2026-03-08", ("2026-03-08T12:00", "2026-03-08T22:00", "")),
        ("02:30", "08:00", "2026-03-08", ("2026-03-08T07:30", "2026-03-08T12:00", "gap")),
        ("00:00", "02:30", "2026-03-08", ("2026-03-08T05:00", "2026-03-08T07:30", "gap")),
        ("01:30", "08:00", "2026-11-01", ("2026-11-01T05:30", "2026-11-01T13:00", "fold")),
        ("00:00", "01:30", "2026-11-01", ("2026-11-01T04:00", "2026-11-01T05:30", "fold")),
        ("00:00", "24:00", "2026-11-01", ("2026-11-01T04:00", "2026-11-02T05:00", "")),
        ("00:00", "00:00", "2026-03-08", ("2026-03-08T05:00", "2026-03-09T04:00", "")),
        ("22:00", "06:00", "2026-10-31", ("2026-11-01T02:00", "2026-11-01T11:00", "")),
    ],
)
def test_one_day_in_new_york(start, end, day, expected):
    when = date.fromisoformat(day)
    horizon = Horizon(start=f"{day}T00:00:00Z", end=f"{when + 2 * DAY}T00:00:00Z")
    spans = weekly((Entry((when.weekday(),), clock(start, "s"), clock(end, "e")),), NEW_YORK, horizon)
    (found,) = intervals(union(spans))
    assert (f"{found.start:%Y-%m-%dT%H:%M}", f"{found.end:%Y-%m-%dT%H:%M}", found.rule) == expected


def test_hours_that_exist_only_on_a_skipped_clock_are_moved_and_none_is_left_backwards():
    horizon = Horizon(start="2026-03-08T00:00:00Z", end="2026-03-09T00:00:00Z")
    inside, backwards = Entry((6,), 2 * HOUR + QUARTER, 2 * HOUR + 3 * QUARTER), Entry((6,), 2.5 * HOUR, 3 * HOUR)
    (moved,) = weekly((inside,), NEW_YORK, horizon)
    assert (moved.start.hour, moved.start.minute, moved.end.minute) == (7, 15, 45)
    assert (moved.start_rule, moved.end_rule) == ("gap", "gap")
    assert weekly((backwards,), NEW_YORK, horizon) == ()


@settings(max_examples=80, deadline=None)
@given(changing_weeks(), quarters, st.integers(1, 200), st.sampled_from(["", "FREQ=DAILY", "FREQ=DAILY;INTERVAL=2"]))
def test_a_recurring_schedule_keeps_its_wall_times_at_both_ends(week, start, length, rule):
    name, night = week
    walk = Walk(name, night - 10 * DAY, 20)
    begin = datetime.combine((night - 5 * DAY).date(), datetime.min.time()) + start
    horizon = Horizon(start=night - 2 * DAY, end=night + 3 * DAY)
    step = 1 if rule == "" else int(rule.partition("INTERVAL=")[2] or 1)
    times = range(0, 11, step) if rule else range(1)
    expected = set()
    for n in times:
        expected |= walk.quarters(begin + n * DAY, begin + n * DAY + length * QUARTER)
    spans = union(recurring(begin, begin + length * QUARTER, rule, zone(name), horizon))
    assert covered(spans, horizon.start, horizon.end) == {q for q in expected if horizon.start <= q < horizon.end}


def test_an_occurrence_that_began_long_before_the_horizon_reaches_into_it():
    horizon = Horizon(start="2026-03-20T00:00:00Z", end="2026-03-21T00:00:00Z")
    start = datetime(2026, 1, 2)  # noqa: DTZ001 - on the wall
    (found,) = recurring(start, start + 20 * DAY, "FREQ=MONTHLY", UTC_ZONE, horizon)
    assert (found.start, found.end) == (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 22, tzinfo=UTC))


# Algebra ---------------------------------------------------------------------------------------

ZERO = datetime(2026, 1, 1, tzinfo=UTC)


def hour_spans(ids=("",)):
    return st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 12), st.sampled_from(ids)).map(
            lambda t: Span(ZERO + t[0] * HOUR, ZERO + (t[0] + t[1]) * HOUR, "", "", t[2])
        ),
        max_size=7,
    )


def hours_of(spans):
    return {(span.start - ZERO) // HOUR + n for span in spans for n in range((span.end - span.start) // HOUR)}


@given(hour_spans(("a", "b", "c")), hour_spans())
def test_union_and_difference_are_those_of_sets_of_hours(spans, cuts):
    joined, left = union(spans), less(spans, cuts)
    assert hours_of(joined) == hours_of(spans)
    assert hours_of(left) == hours_of(spans) - hours_of(cuts)
    for result in (joined, left):
        assert all(span.start < span.end for span in result)
        for one, following in pairwise(result):
            assert one.end < following.start or (
                one.end == following.start and one.schedule_id != following.schedule_id
            )
        for span in result:
            mine = hours_of([given for given in spans if given.schedule_id == span.schedule_id])
            assert hours_of([span]) <= mine, "an hour is named after a schedule that has it"


def test_the_rule_stands_only_where_the_zone_made_the_edge():
    night = Span(ZERO, ZERO + 4 * HOUR, "fold", "gap")
    (whole,) = intervals([night])
    assert whole.rule == "gap,fold"
    first, second = intervals(less([night], [Span(ZERO + HOUR, ZERO + 2 * HOUR)]))
    assert (first.rule, second.rule) == ("fold", "gap")
    changed = Span(ZERO + HOUR, ZERO + 2 * HOUR, "gap", "fold")
    first, second = intervals(less([Span(ZERO, ZERO + 4 * HOUR)], [changed]))
    assert (first.rule, second.rule) == ("gap", "fold")
    (clipped,) = intervals(clip([night], ZERO + HOUR, ZERO + 2 * HOUR))
    assert clipped.rule == ""


def test_the_horizon_is_the_same_all_day_and_in_every_clock():
    morning = datetime(2026, 3, 8, 0, 0, 1, tzinfo=UTC)
    evening = datetime(2026, 3, 8, 18, 59, tzinfo=NEW_YORK)
    assert horizon_at(morning, 56 * DAY) == horizon_at(evening, 56 * DAY)
    assert horizon_at(morning, 56 * DAY) == Horizon(start="2026-03-07T00:00:00Z", end="2026-05-03T00:00:00Z")


# What is written -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hours"),
    [("08:00", 8), ("08:00:00", 8), ("08:00:00.000", 8), ("08:30:00.000000", 8.5), ("24:00:00.000", 24), ("00:00", 0)],
)
def test_times_of_day(text, hours):
    assert clock(text, "x") == hours * HOUR


@pytest.mark.parametrize(
    "text", ["8:00", "24:01", "25:00", "08:60", "08:00:60", "08", "", None, 8, "08:00Z", "noon", "\u0660\u0668:00"]
)
def test_what_is_no_time_of_day(text):
    with pytest.raises(PoisonError) as refused:
        clock(text, "scheduleEntries[0].startTime")
    assert refused.value.field == "scheduleEntries[0].startTime"


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("x", "f"),
        ([1], "f[0]"),
        ([{"daysOfWeek": ["monday"], "startTime": "08:00"}], "f[0].endTime"),
        ([{"daysOfWeek": ["moonday"], "startTime": "08:00", "endTime": "09:00"}], "f[0].daysOfWeek"),
        ([{"startTime": "08:00", "endTime": "09:00"}], "f[0].daysOfWeek"),
        ([{"daysOfWeek": ["monday"], "startTime": "24:00", "endTime": "09:00"}], "f[0].startTime"),
    ],
)
def test_what_is_wrong_with_an_entry_is_named(written, field):
    with pytest.raises(PoisonError) as refused:
        entries(written, "f")
    assert refused.value.field == field


@pytest.mark.parametrize(
    "text", ["", "tomorrow", None, 5, "0001-01-01T00:00:00", "9999-12-31T00:00:00", "2026-02-30T00:00:00"]
)
def test_times_that_no_schedule_means(text):
    with pytest.raises(PoisonError) as refused:
        wall(text, "start", NEW_YORK)
    assert refused.value.field == "start"


def test_an_offset_in_a_wall_time_is_honoured():
    assert wall("2026-07-01T12:00:00Z", "start", NEW_YORK) == (datetime(2026, 7, 1, 8), False)  # noqa: DTZ001 - on the wall
    assert wall("2026-07-01", "start", NEW_YORK) == (datetime(2026, 7, 1), True)  # noqa: DTZ001 - on the wall


def test_capacity_counts_shared_hours_once_and_the_fullest_day_as_a_whole():
    week = entries(
        [
            {"daysOfWeek": ["monday", "tuesday"], "startTime": "08:00", "endTime": "12:00"},
            {"daysOfWeek": ["monday"], "startTime": "11:00", "endTime": "18:00"},
            {"daysOfWeek": ["sunday"], "startTime": "22:00", "endTime": "02:00"},
        ],
        "scheduleEntries",
    )
    peaks = (Entry((0, 1), 10 * HOUR, 13 * HOUR),)
    found = capacity(week, peaks)
    assert found.by_day == (12, 4, 0, 0, 0, 0, 2)
    assert (found.total_weekly_hours, found.peak_day_hours, found.peak_period_hours) == (18, 12, 5)
    assert capacity(()).total_weekly_hours == 0
