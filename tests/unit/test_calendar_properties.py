"""Whatever a group's schedules are, the calendar shows what is open, and shows it again unchanged a day later."""
# ruff: noqa: DTZ001 - wall times are what is tested here

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from handlers.calendar_events import schedule_calendar
from handlers.events import SchedulePattern, ScheduleUpdated
from handlers.normalise.effective import effective
from handlers.normalise.hours import horizon_at
from processor.clients.calendar_entries import Entry, decide, ics, read
from processor.clients.calendars import Wanted
from tests.unit.shownhours import Spans, joined
from tests.unit.shownhours import shown as shown_of

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking would outlast the time limit: the example as it was found says enough."""
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Chatham", "Asia/Kolkata", "UTC")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

minutes = st.integers(0, 95).map(lambda quarter: quarter * 15)
clocks = minutes.map(lambda minute: f"{minute // 60:02d}:{minute % 60:02d}:00.000")


@st.composite
def guide(draw: st.DrawFn) -> dict[str, object]:
    days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True)
    entry = st.fixed_dictionaries({"daysOfWeek": days, "startTime": clocks, "endTime": clocks})
    return {"entries": draw(st.lists(entry, min_size=1, max_size=3))}


@st.composite
def official(draw: st.DrawFn, *, once: bool = False) -> dict[str, object]:
    offset = draw(st.integers(-3, 12) if once else st.integers(-60, 2))
    start = datetime.combine(date(2026, 3, 5) + timedelta(days=offset), time()) + timedelta(minutes=draw(minutes))
    end = start + timedelta(minutes=15 * draw(st.integers(1, 100)))
    rule = ""
    if not once:
        days = ",".join(draw(st.lists(st.sampled_from(CODES), min_size=1, max_size=7, unique=True)))
        interval = draw(st.integers(1, 3))
        rule = draw(
            st.sampled_from(
                [
                    f"FREQ=WEEKLY;INTERVAL={interval};BYDAY={days}",
                    f"FREQ=DAILY;INTERVAL={interval}",
                    f"FREQ=WEEKLY;BYDAY={days};UNTIL=20260309",
                    f"FREQ=WEEKLY;BYDAY={days};UNTIL=20260309T093000Z",
                    f"FREQ=DAILY;COUNT={interval * 20}",
                    f"FREQ=MONTHLY;BYDAY=2{CODES[interval]}",
                    f"RRULE:FREQ=WEEKLY;BYDAY={days}\nEXDATE:20260309",
                ]
            )
        )
    return {"start": start.isoformat(), "end": end.isoformat(), "rrule": rule}


@st.composite
def groups(draw: st.DrawFn) -> tuple[SchedulePattern, ...]:
    made = []
    for number in range(draw(st.integers(1, 2))):
        zone, pattern = draw(st.sampled_from(ZONES)), draw(st.one_of(guide(), official(), official(once=True)))
        made.append(SchedulePattern(schedule_id=f"open{number}", time_zone=zone, pattern=pattern))
    for number in range(draw(st.integers(0, 2))):
        zone, pattern = draw(st.sampled_from(ZONES)), draw(official(once=True))
        made.append(SchedulePattern(schedule_id=f"closed{number}", role="closed", time_zone=zone, pattern=pattern))
    return tuple(made)


def record(schedules: tuple[SchedulePattern, ...], now: datetime) -> ScheduleUpdated:
    horizon = horizon_at(now, timedelta(weeks=2))
    hours, exceptions = effective(schedules, horizon, {})
    return ScheduleUpdated(
        id="e1",
        time=now,
        subject="schedule-group/g1",
        group_id="g1",
        time_zone="Europe/London",
        intervals=hours,
        exceptions=exceptions,
        schedules=schedules,
        horizon=horizon,
    )


def within(spans: Spans, event: ScheduleUpdated) -> Spans:
    """The horizon's part of them."""
    first, last = event.horizon.start, event.horizon.end
    return joined((max(start, first), min(end, last)) for start, end in spans)


def open_hours(event: ScheduleUpdated) -> Spans:
    return within([(one.start, one.end) for one in event.intervals], event)


def shown(texts: list[bytes], event: ScheduleUpdated) -> Spans:
    spans = [span for text in texts for span in shown_of(text, event.horizon.start, event.horizon.end)]
    return within(spans, event)


def settle(standing: dict[str, bytes], wanted: Wanted, now: datetime) -> int:
    """What the server would hold afterwards; returns how many it had to write."""
    written = 0
    for entry in wanted.entries:
        found = read(standing[entry.uid]) if entry.uid in standing else None
        if data := decide(found, entry, wanted.since, now):
            standing[entry.uid] = data
            written += 1
    return written


@settings(max_examples=40, deadline=None, phases=PHASES)
@given(groups())
def test_the_calendar_shows_what_is_open(schedules):
    now = datetime(2026, 3, 4, 15, tzinfo=UTC)
    event = record(schedules, now)
    wanted = schedule_calendar(event)
    assert len({entry.uid for entry in wanted.entries}) == len(wanted.entries)
    assert shown([ics([entry], now) for entry in wanted.entries], event) == open_hours(event)


CLOSED_BEFORE = (
    SchedulePattern(
        schedule_id="open",
        time_zone="UTC",
        pattern={"start": "2026-01-17T03:00:00", "end": "2026-01-18T04:00:00", "rrule": "FREQ=DAILY"},
    ),
    SchedulePattern(
        schedule_id="closed",
        role="closed",
        time_zone="UTC",
        pattern={"start": "2026-03-05T23:15:00", "end": "2026-03-06T13:30:00", "rrule": ""},
    ),
)


@settings(max_examples=20, deadline=None, phases=PHASES)
@given(groups(), st.integers(1, 6))
@example(CLOSED_BEFORE, 4)
def test_it_goes_on_showing_it_as_the_days_go_by_and_unchanged_is_not_written(schedules, days):
    standing: dict[str, bytes] = {}
    for day in (0, days):
        now = datetime(2026, 3, 4, 15, tzinfo=UTC) + timedelta(days=day)
        event = record(schedules, now)
        wanted = schedule_calendar(event)
        settle(standing, wanted, now)
        names = {entry.uid for entry in wanted.entries}
        for uid in list(standing):
            found = read(standing[uid])
            assert found
            assert found.entry
            past = not found.entry.rule and found.entry.end <= wanted.since.replace(tzinfo=None)
            if uid not in names and not past:
                del standing[uid]
        assert shown(list(standing.values()), event) == open_hours(event)
        assert settle(standing, wanted, now) == 0


@given(
    st.builds(
        Entry,
        name=st.just("n"),
        summary=st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"])),
        start=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(
            lambda at: at.replace(microsecond=0, fold=0)
        ),
        end=st.just(datetime(2031, 1, 1)),
        zone=st.sampled_from(ZONES),
    )
)
@settings(max_examples=60, deadline=None, phases=PHASES)
def test_what_was_written_reads_back_as_it_was(entry):
    found = read(ics([entry], datetime(2026, 1, 1, tzinfo=UTC)))
    assert found
    assert found.entry == entry
    assert not found.edited
