"""What Genesys answers about a schedule group → its hours in effect, through the real Normalise."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from handlers.events import Fate, ScheduleUpdated
from processor.errors import PoisonError
from tests.unit.normalisedesk import Desk
from tests.unit.test_schedules import callback, on, schedule

DAY = timedelta(days=1)


def official(schedule_id, start, end, rrule="", **changes):
    return {"id": schedule_id, "name": schedule_id.upper(), "start": start, "end": end, "rrule": rrule} | changes


def group(zone="America/New_York", **lists):
    refs = {name: [{"id": one} for one in ids] for name, ids in lists.items()}
    return {"id": "g-1", "name": "Support", "timeZone": zone, "version": 4, "state": "active"} | refs


WEEKDAYS = official("open", "2026-01-05T08:00:00.000", "2026-01-05T18:00:00.000", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR")


async def answered(desk, body, asked=None):
    return await desk.answer("schedule-group", "schedule-group/g-1", body, asked)


async def test_open_less_closed_less_holidays_in_the_groups_zone():
    desk = await Desk.open()
    (record,) = await answered(
        desk,
        {
            "group": group(openSchedules=["open"], closedSchedules=["lunch"], holidaySchedules=["day"]),
            "schedules": [
                WEEKDAYS,
                official("lunch", "2026-01-01T12:00:00.000", "2026-01-01T13:00:00.000", "FREQ=DAILY"),
                official(
                    "day", "2025-03-12T00:00:00.000", "2025-03-13T00:00:00.000", "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=12"
                ),
            ],
        },
    )
    assert on(record, "03-11") == [("12:00", "16:00", ""), ("17:00", "22:00", "")]
    assert on(record, "03-12") == []
    assert [(one.date, one.reason) for one in record.exceptions] == [(date(2026, 3, 12), "DAY")]
    assert [(one.schedule_id, one.role) for one in record.schedules] == [
        ("open", "open"),
        ("lunch", "closed"),
        ("day", "holiday"),
    ]
    assert record.schedules[0].pattern == {name: WEEKDAYS[name] for name in ("start", "end", "rrule")}
    assert {one.time_zone for one in record.schedules} == {"America/New_York"}
    assert (record.name, record.deleted) == ("Support", False)


async def test_one_schedule_in_two_groups_is_two_results_in_utc():
    desk = await Desk.open()
    body = {"group": group("Europe/London", openSchedules=["open"]), "schedules": [WEEKDAYS]}
    (record,) = await answered(desk, body)
    assert on(record, "03-11") == [("08:00", "18:00", "")]


async def test_a_closure_that_does_not_recur_is_an_exception_too():
    desk = await Desk.open()
    (record,) = await answered(
        desk,
        {
            "group": group(openSchedules=["open"], closedSchedules=["works"]),
            "schedules": [WEEKDAYS, official("works", "2026-03-10T14:00:00.000", "2026-03-11T10:00:00.000")],
        },
    )
    assert on(record, "03-10") == [("12:00", "18:00", "")]
    assert on(record, "03-11") == [("14:00", "22:00", "")]
    assert [one.date for one in record.exceptions] == [date(2026, 3, 10), date(2026, 3, 11)]


async def test_a_schedule_that_the_group_names_and_nobody_has_is_not_passed_over_in_silence():
    desk = await Desk.open()
    body = {"group": group(openSchedules=["open", "lost"]), "schedules": [WEEKDAYS | {"state": "active"}]}
    (record,) = await answered(desk, body)
    assert [(one.date, one.reason, one.schedule_id) for one in record.exceptions] == [
        (None, "schedule not found", "lost")
    ]


async def test_the_same_answer_again_says_nothing_whatever_the_order_of_its_lists():
    desk = await Desk.open()
    more = official("more", "2026-03-14T08:00:00", "2026-03-14T12:00:00")
    await answered(desk, {"group": group(openSchedules=["open", "more"]), "schedules": [WEEKDAYS, more]})
    desk.now += timedelta(hours=1)
    (fate,) = await answered(desk, {"group": group(openSchedules=["more", "open"]), "schedules": [more, WEEKDAYS]})
    assert fate.fate == "coalesced"


@pytest.mark.parametrize(
    ("zone", "changes", "field"),
    [
        ("EST", {}, "timeZone"),
        (None, {}, "timeZone"),
        ("UTC", {"rrule": "FREQ=SECONDLY"}, "rrule"),
        ("UTC", {"rrule": 5}, "rrule"),
        ("UTC", {"start": "soon"}, "start"),
        ("UTC", {"end": "2026-01-05T08:00:00"}, "end"),
    ],
)
async def test_an_unusable_answer_names_the_field(zone, changes, field):
    desk = await Desk.open()
    with pytest.raises(PoisonError) as refused:
        await answered(desk, {"group": group(zone, openSchedules=["open"]), "schedules": [WEEKDAYS | changes]})
    assert refused.value.field == field


@pytest.mark.parametrize("body", [{"deleted": True}, {"group": group() | {"state": "deleted"}, "schedules": []}])
async def test_a_deleted_group_ends_as_such_and_stays_so_day_after_day(body):
    desk = await Desk.open()
    await answered(desk, {"group": group(openSchedules=["open"]), "schedules": [WEEKDAYS]})
    desk.now += timedelta(hours=1)
    (record,) = await answered(desk, body)
    assert (record.deleted, record.intervals, record.schedules) == (True, (), ())
    assert record.name == "Support"
    desk.now += DAY
    (fate,) = await answered(desk, body)
    assert fate.fate == "coalesced"
    (record,) = await answered(desk, {"group": group(openSchedules=["open"]), "schedules": [WEEKDAYS]}, desk.now + DAY)
    assert not record.deleted
    assert record.intervals


async def test_an_answer_replaces_what_was_known_but_for_later_callbacks():
    desk = await Desk.open()
    await desk.post(callback(0, id="gone"))
    await desk.post(callback(30, id="s-1", name="later"))
    listed = {"group": group(openSchedules=["s-1", "s-2"]), "schedules": [schedule(name="older"), schedule(id="s-2")]}
    (record,) = await answered(desk, listed, datetime(2026, 3, 9, 13, 15, tzinfo=UTC))
    assert [(one.schedule_id, one.name) for one in record.schedules] == [
        ("s-1", "later"),
        ("s-2", "Support Team Hours"),
    ]


async def test_an_answer_older_than_another_brings_nothing_back():
    desk = await Desk.open()
    (before,) = await answered(desk, {"group": group(openSchedules=["s-1"]), "schedules": [schedule()]})
    older = {"group": group(openSchedules=["s-1", "s-2"]), "schedules": [schedule(), schedule(id="s-2")]}
    (fate,) = await answered(desk, older, desk.now - timedelta(minutes=5))
    assert fate.fate == "coalesced"
    assert desk.tables[ScheduleUpdated.topic].get("schedule-group/g-1").last == before.as_written()


async def test_a_callback_older_than_the_answer_brings_nothing_back():
    desk = await Desk.open()
    listed = {"group": group(openSchedules=["s-1"]), "schedules": [schedule()]}
    (before,) = await answered(desk, listed, datetime(2026, 3, 9, 13, 15, tzinfo=UTC))
    (fate,) = await desk.post(callback(10, id="removed"))
    assert isinstance(fate, Fate)
    assert desk.tables[ScheduleUpdated.topic].get("schedule-group/g-1").last == before.as_written()


async def test_what_reaches_over_the_horizons_edges_is_cut_outside_it_too():
    desk = await Desk.open()  # from 8 March to 23 March
    (record,) = await answered(
        desk,
        {
            "group": group("UTC", openSchedules=["first", "last"], closedSchedules=["early", "late"]),
            "schedules": [
                official("first", "2026-03-06T08:00:00", "2026-03-08T10:00:00"),
                official("last", "2026-03-22T08:00:00", "2026-03-25T10:00:00"),
                official("early", "2026-03-07T00:00:00", "2026-03-07T12:00:00"),
                official("late", "2026-03-24T00:00:00", "2026-03-24T12:00:00"),
            ],
        },
    )
    assert [(f"{one.start:%d-%H}", f"{one.end:%d-%H}") for one in record.intervals] == [
        ("07-12", "08-10"),
        ("22-08", "24-00"),
    ]


async def test_a_holiday_of_the_day_before_the_horizon_cuts_what_reaches_into_it():
    desk = await Desk.open(holidays={"h": ("2026-03-06",)})
    always = [{"daysOfWeek": ["friday"], "startTime": "12:30", "endTime": "12:20"}]
    (record,) = await desk.post(callback(timezoneId="Etc/GMT+12", scheduleEntries=always, holidays=["h"]))
    assert f"{record.intervals[0].start:%d-%H:%M} {record.intervals[0].end:%d-%H:%M}" == "07-12:00 08-00:20"
