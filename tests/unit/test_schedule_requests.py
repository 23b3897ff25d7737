"""A request for working hours: everything that is wrong with it at once, and what the hours come to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from handlers.capacity import Floor, Opened, average, capacity
from handlers.events import Outcome
from handlers.normalise.recurrence import DAY, Entry, entries
from handlers.reports.schedules import measured
from handlers.requests.inbound import Hours, compare
from handlers.requests.schedule import ScheduleRequest
from handlers.requests.words import InvalidRequest
from handlers.requests.working_week import as_recurrences, differing, shown_entries, weeks
from processor.clients.genesys.jobs.schedules import Arrivals

MONDAY = date(2026, 11, 23)
HOUR = timedelta(hours=1)
WEEKLY: dict[str, Any] = {
    "scheduleGroupId": "g",
    "scheduleId": "s",
    "timezoneId": "America/Chicago",
    "scheduleEntries": [{"daysOfWeek": ["Monday", "FRIDAY"], "startTime": "09:00", "endTime": "17:00:00"}],
}
RECURRING: dict[str, Any] = {"scheduleId": "s", "start": "2026-11-23T09:00", "end": "2026-11-23T17:00:00.000"}


def wrong(fields: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        ScheduleRequest.read(fields)
    return {problem.place: f"{problem.message} ({problem.remedy})" for problem in raised.value.problems}


def entry(days: list[str], start: object, end: object) -> dict[str, Any]:
    return {"daysOfWeek": days, "startTime": start, "endTime": end}


def test_both_forms_in_their_own_words() -> None:
    weekly, recurring = ScheduleRequest.read(WEEKLY), ScheduleRequest.read({**RECURRING, "rrule": "FREQ=DAILY"})
    assert (weekly.form, weekly.subject()) == ("weekly", "schedule-group/g")
    assert (recurring.form, recurring.subject()) == ("recurring", "schedule/s")
    assert weekly.wanted() == {
        "timezoneId": "America/Chicago",
        "scheduleEntries": [entry(["monday", "friday"], "09:00:00.000", "17:00:00.000")],
    }
    assert recurring.wanted() == {
        "start": "2026-11-23T09:00:00.000",
        "end": "2026-11-23T17:00:00.000",
        "rrule": "FREQ=DAILY",
    }


def test_what_was_not_said_is_not_written_and_an_empty_description_is() -> None:
    assert "name" not in ScheduleRequest.read({**WEEKLY, "name": None}).wanted()
    assert ScheduleRequest.read({**WEEKLY, "description": None}).wanted()["description"] is None
    judged = {"minimumWeeklyHours": 3, "queueIds": ["q"], "by": "ana", "undoes": "r", "expected": {}}
    assert ScheduleRequest.read({**WEEKLY, **judged}).wanted() == ScheduleRequest.read(WEEKLY).wanted()


def test_ten_errors_are_told_at_once_each_with_its_place_and_what_would_do() -> None:
    said = wrong(
        {
            "scheduleId": "a/b",
            "timezoneId": "EST",
            "scheduleEntries": [
                entry(["mon"], "9", "25:00"),
                entry(["tuesday"], "17:00", "09:00"),
                entry(["friday", "monday"], "08:00", "12:00"),
                entry(["monday"], "11:59:59.999", "18:00"),
                entry([], "08:00", "12:00"),
            ],
            "holidays": ["x", "y z"],
            "volumeDays": 32,
            "queueId": "q",
        }
    )
    assert set(said) == {
        "scheduleId",
        "timezoneId",
        "scheduleEntries[0].daysOfWeek[0]",
        "scheduleEntries[0].startTime",
        "scheduleEntries[0].endTime",
        "scheduleEntries[1].endTime",
        "scheduleEntries[3]",
        "scheduleEntries[4].daysOfWeek",
        "holidays[1]",
        "volumeDays",
        "queueId",
        "scheduleGroupId",
    }
    assert "America/New_York" in said["timezoneId"]
    assert "scheduleEntries[2] on monday" in said["scheduleEntries[3]"]
    assert "begin it at 12:00:00.000" in said["scheduleEntries[3]"]
    assert "24:00" in said["scheduleEntries[1].endTime"]


def test_hours_that_touch_do_not_overlap_and_days_end_at_24() -> None:
    touching = [entry(["monday"], "08:00", "12:00"), entry(["monday"], "12:00", "24:00")]
    assert (
        ScheduleRequest.read({**WEEKLY, "scheduleEntries": touching}).wanted()["scheduleEntries"][1]["endTime"]
        == "24:00:00.000"
    )
    assert "scheduleEntries[0].endTime" in wrong({**WEEKLY, "scheduleEntries": [entry(["monday"], "08:00", "08:00")]})


def test_times_that_yaml_reads_as_numbers_are_told_and_dates_are_taken() -> None:
    file = "{daysOfWeek: [monday], startTime: 08:00, endTime: 18:30:00}"
    assert "in quotes" in wrong({**WEEKLY, "scheduleEntries": [yaml.safe_load(file)]})["scheduleEntries[0].endTime"]
    start = yaml.safe_load("2026-11-23T09:00:00.000")
    assert isinstance(start, datetime)
    assert ScheduleRequest.read({**RECURRING, "start": start}).start == "2026-11-23T09:00:00.000"


@pytest.mark.parametrize(
    ("fields", "place", "said"),
    [
        ({**WEEKLY, "start": "2026-01-05T08:00"}, "", "say either"),
        ({"scheduleId": "s", "name": "x"}, "scheduleEntries", "official API"),
        ({"scheduleId": "s", "rrule": "FREQ=DAILY"}, "start", "2026-01-05T09:00:00.000"),
        ({**RECURRING, "start": "2026-11-23T09:00Z"}, "start", "zone is that of the group"),
        ({**RECURRING, "start": "2026-11-23"}, "start", "no local date and time"),
        ({**RECURRING, "start": "soon"}, "start", "2026-01-05T08:00:00.000"),
        ({**RECURRING, "end": "2026-11-23T09:00"}, "end", "not after its start"),
        ({**RECURRING, "rrule": "FREQ=SECONDLY"}, "rrule", "FREQ=WEEKLY"),
        ({**RECURRING, "rrule": "FREQ=DAILY;UNTIL=20200101"}, "rrule", "never happens"),
        ({**RECURRING, "end": "2026-11-24T10:00", "rrule": "FREQ=DAILY"}, "end", "by 2026-11-24 09:00"),
        ({**WEEKLY, "timezoneId": ""}, "timezoneId", "Europe/London"),
        ({**WEEKLY, "minimumWeeklyHours": 169}, "minimumWeeklyHours", "168"),
        ({**WEEKLY, "peakPeriods": [entry(["monday"], "12:00", "08:00")]}, "peakPeriods[0].endTime", "not before"),
        ({**WEEKLY, "scheduleEntries": "always"}, "scheduleEntries", "a list"),
    ],
)
def test_each_mistake_is_told_at_its_place(fields: dict[str, Any], place: str, said: str) -> None:
    assert said in wrong(fields)[place]


def test_fields_by_their_python_names_are_judged_alike() -> None:
    snake = {"schedule_id": "s", "schedule_group_id": "g", "timezone_id": "Europe/Berlin"}
    overlapping = [entry(["monday"], "08:00", "12:00"), entry(["monday"], "11:00", "13:00")]
    assert "scheduleEntries[1]" in wrong({**snake, "schedule_entries": overlapping})


quarters = st.integers(0, 95).map(lambda n: n * HOUR / 4)
some_weeks = st.lists(
    st.builds(
        lambda days, a, b: Entry(tuple(sorted(days)), min(a, b), max(a, b) + HOUR / 4),
        st.sets(st.integers(0, 6), min_size=1),
        quarters,
        quarters,
    ),
    min_size=1,
    max_size=4,
).map(tuple)


@given(some_weeks, st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_weekly_hours_and_the_recurrences_that_do_the_same_are_the_same_weeks(week: Any, today: date) -> None:
    recurring = [weeks(one, today) for one in as_recurrences(week, today)]
    for one in as_recurrences(week, today):
        first = datetime.fromisoformat(one["start"])
        assert f"{first:%a}"[:2].upper() in one["rrule"].rpartition("=")[2].split(","), "it begins on one of its days"
        assert today <= first.date() < today + timedelta(days=7)
    together = [tuple(piece for form in recurring for piece in form[number]) for number in range(4)]
    assert {average([one]) for one in together} == {capacity(week)}
    assert weeks({"scheduleEntries": shown_entries(week)}, today) == (week,)
    assert not differing({"scheduleEntries": shown_entries(week)}, {"scheduleEntries": shown_entries(reversed(week))})


@given(some_weeks, st.datetimes(*map(datetime.fromisoformat, ("2026-01-01", "2026-12-31"))), st.integers(1, 96))
def test_the_open_share_of_a_stretch_is_counted_minute_by_minute(week: Any, start: datetime, quarters: int) -> None:
    start, step = start.replace(minute=start.minute // 15 * 15, second=0, microsecond=0), HOUR / 4
    moments = [start + n * step for n in range(quarters)]
    inside = [
        any(m.weekday() in e.days and e.start <= timedelta(hours=m.hour, minutes=m.minute) < e.end for e in week)
        for m in moments
    ]
    assert Opened([week]).share(start, quarters * step) == pytest.approx(sum(inside) / quarters)


@pytest.mark.parametrize(
    ("start", "end", "rule", "hours"),
    [
        (
            "2026-11-22T22:00",
            "2026-11-23T06:00",
            "FREQ=WEEKLY;BYDAY=SU,MO",
            (16.0, 8.0),
        ),  # over midnight and the week's end
        ("2026-11-25T09:00", "2026-11-25T17:00", "FREQ=WEEKLY;BYDAY=MO,WE", (16.0, 8.0)),  # begins in mid-week
        ("2026-11-23T09:00", "2026-11-23T17:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", (4.0, 4.0)),
        ("2026-11-23T09:00", "2026-11-23T17:00", "", (8.0, 8.0)),
        (
            "2020-01-06T09:00",
            "2020-01-06T17:00",
            "FREQ=DAILY;UNTIL=20200112",
            (56.0, 8.0),
        ),  # over: as it was, 56 h in its only week
        ("2026-11-23T00:00", "2026-11-25T00:00", "FREQ=WEEKLY", (48.0, 24.0)),
    ],
)
def test_recurrences_in_ordinary_weeks(start: str, end: str, rule: str, hours: tuple[float, float]) -> None:
    found = average(weeks({"start": start, "end": end, "rrule": rule}, MONDAY))
    assert (found.total_weekly_hours, found.peak_day_hours) == hours


@given(
    st.integers(0, 6),
    st.sampled_from(["WEEKLY;BYDAY=MO,TU,WE,TH,FR", "WEEKLY", "DAILY"]),
    st.integers(1, 6),
    st.sampled_from(["", ";UNTIL=20270630", ";UNTIL=20261230T120000", ";COUNT=30"]),
    st.integers(-40, 300),
)
def test_the_same_hours_come_to_the_same_on_whichever_day_they_are_asked_about(
    begins: int, every: str, interval: int, until: str, later: int
) -> None:
    first = MONDAY + begins * DAY
    fields = {"start": f"{first}T09:00", "end": f"{first}T18:00", "rrule": f"FREQ={every};INTERVAL={interval}{until}"}
    assert average(weeks(fields, MONDAY + later * DAY)) == average(weeks(fields, MONDAY))


def test_a_floor_names_every_limit_that_is_missed() -> None:
    week = entries([entry(["monday"], "09:00", "17:00")], "")
    peaks = entries([entry(["monday", "tuesday"], "16:00", "18:00")], "")
    assert Floor().shortfalls([week]) == []
    assert Floor(8, 1, peaks).shortfalls([week]) == []
    assert Floor(8.5, 2, peaks).shortfalls([week]) == [
        "weekly hours come to 8, less than 8.5",
        "hours in the peak periods come to 1, less than 2",
    ]


class Nobody:
    async def arrivals(self, *_: Any) -> list[Arrivals]:
        return []


async def test_contacts_are_judged_on_the_clocks_of_each_zone() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)  # 07:00 in New York, 13:00 in Berlin

    class Came:
        async def arrivals(self, queue_ids: Any, start: datetime, end: datetime) -> list[Arrivals]:
            assert (list(queue_ids), end - start) == (["q"], 7 * DAY)
            return [Arrivals(noon, noon + HOUR / 2, 30), Arrivals(noon + 1.5 * HOUR, noon + 2.5 * HOUR, 10)]

    opened = (entries([entry(["monday"], "09:00", "14:00")], ""),)
    hours = {
        "before": Hours(opened, ["Asia/Tokyo"]),
        "unread": Hours(None, ["Europe/Berlin"]),
        "after": Hours(opened, ["Europe/Berlin", "America/New_York", "EST", ""]),
    }
    found = await compare(Came(), ["q"], hours, until=noon + DAY, days=7)  # type: ignore[arg-type]
    shown = {one["timeZone"]: one for one in found["outside"]}
    assert shown["Asia/Tokyo"] == {"timeZone": "Asia/Tokyo", "before": {"contacts": 40, "share": 1.0}}
    assert found["offered"] == 40
    assert shown["America/New_York"] == {"timeZone": "America/New_York", "after": {"contacts": 35, "share": 0.875}}
    assert shown["Europe/Berlin"] == {"timeZone": "Europe/Berlin", "after": {"contacts": 10, "share": 0.25}}
    assert "abbreviation" in shown["EST"]["error"]
    nobody = await compare(Nobody(), ["q"], {"now": Hours(opened, ["UTC"])}, until=noon, days=7)  # type: ignore[arg-type]
    assert nobody["outside"] == [{"timeZone": "UTC", "now": {"contacts": 0, "share": 0.0}}]


def test_measures_count_what_was_not_valid_and_how_long_the_rest_took() -> None:
    def ended(status: str, schedule: str = "s", **more: Any) -> Outcome:
        return Outcome(
            id=status,
            time=datetime(2026, 1, 1, tzinfo=UTC),
            subject="schedule/s",
            kind="schedule",
            status=status,
            audit={"scheduleId": schedule},
            **more,
        )

    outcomes = [
        ended("done", latency_ms=100, conflict_retries=2),
        ended("done", latency_ms=300),
        ended("conflict", latency_ms=9000),
        ended("refused", facts={"problems": [{"place": "holidays[0]"}]}),
        ended("started"),
        ended("done", "another", latency_ms=5),
    ]
    assert measured(outcomes, "s") == {
        "requests": 4,
        "validationSuccessRate": 0.75,
        "configLatencyMs": 200.0,
        "conflictRetries": 2,
    }
    assert measured([], "s")["validationSuccessRate"] is None
