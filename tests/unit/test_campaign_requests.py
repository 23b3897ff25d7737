from __future__ import annotations

import string
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from handlers.configure_campaigns import wanted_of
from handlers.requests.campaign import CampaignScheduleRequest
from handlers.requests.campaign_times import bare, first_overlap, occurrences, sums
from handlers.requests.kinds import read
from handlers.requests.words import InvalidRequest, Request
from processor.clients.genesys.jobs.campaigns import Entry

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
SLOT = {"startTime": "09:00", "endTime": "17:00", "days": ["Monday"]}


def fields(**changes: Any) -> dict[str, Any]:
    said = {
        "campaignId": "c-1",
        "startDate": "2026-07-01",
        "endDate": "2026-07-31",
        "timezone": "America/Chicago",
        "dailySlots": [SLOT],
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def problems(**changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        read("campaign-schedule", fields(**changes))
    return {problem.place: f"{problem.message} ({problem.remedy})" for problem in raised.value.problems}


def asked(**changes: Any) -> CampaignScheduleRequest:
    request: Request = read("campaign-schedule", fields(**changes))
    assert isinstance(request, CampaignScheduleRequest)
    return request


def slot(start: str, end: str, *days: str, **more: str) -> dict[str, Any]:
    return {"startTime": start, "endTime": end, "days": list(days) or ["Monday"], **more}


def test_all_that_is_wrong_is_told_at_once_each_with_what_would_do() -> None:
    found = problems(
        campaignId="../../etc",
        startDate="1st of July",
        timezone="CST",
        dailySlots=[slot("9 o'clock", "17:00"), slot("17:00", "09:00"), slot("09:00", "10:00", "Mondey"), {}],
        maxConcurrentCalls=0,
        onConstraint="maybe",
        colour="red",
    )
    assert found.keys() >= {"campaignId", "timezone", "maxConcurrentCalls", "onConstraint", "colour"}
    assert "America/Chicago" in found["timezone"]
    assert found.keys() >= {"dailySlots[3].startTime", "dailySlots[3].endTime", "dailySlots[3].days"}
    found = problems(startDate="1st of July", dailySlots=[slot("9 o'clock", "17:00"), slot("17:00", "09:00")])
    assert found.keys() == {"startDate", "dailySlots[0].startTime", "dailySlots[1].endTime"}
    assert "two slots" in found["dailySlots[1].endTime"]


@pytest.mark.parametrize(
    ("changes", "place", "says"),
    [
        ({"endDate": "2026-06-30"}, "endDate", "ends before it begins"),
        ({"endDate": "2036-07-31"}, "endDate", "five years"),
        ({"endDate": "never"}, "endDate", "no date and time"),
        ({"startDate": "once"}, "startDate", "no date and time"),
        ({"dailySlots": []}, "dailySlots", "1 to 100"),
        ({"dailySlots": [SLOT] * 101}, "dailySlots", "1 to 100"),
        ({"dailySlots": [slot("09:00", "10:00") | {"days": []}]}, "dailySlots[0].days", "no day is named"),
        ({"dailySlots": [slot("09:00", "09:00")]}, "dailySlots[0].endTime", "not after its start"),
        ({"dailySlots": [slot("24:00", "24:00")]}, "dailySlots[0].endTime", "not after its start"),
        ({"endDate": "2026-07-03"}, "dailySlots", "no slot falls between"),
        ({"dailySlots": [slot("09:00", "10:00", timezone="Chicago")]}, "dailySlots[0].timezone", "America/Chicago"),
        ({"timezone": " "}, "timezone", "(America/Chicago)"),
        ({"limits": {"maxConcurrentLines": 3}}, "limits.maxConcurrentLines", "leave it out"),
        ({"startDate": None}, "startDate", "2030-07-01"),
        ({"dailySlots": "always"}, "dailySlots", "a list"),
    ],
)
def test_one_thing_that_is_wrong(changes: dict[str, Any], place: str, says: str) -> None:
    found = problems(**changes)
    assert says in found[place]


def test_overlaps_name_both_entries_and_the_day() -> None:
    slots = [slot("08:00", "12:00", *DAYS[:5]), slot("13:00", "17:00", *DAYS[:5]), slot("11:00", "13:30", "friday")]
    found = problems(dailySlots=slots)
    assert found.keys() == {"dailySlots[2]"}
    with pytest.raises(InvalidRequest) as raised:
        read("campaign-schedule", fields(dailySlots=slots))
    said = [str(problem) for problem in raised.value.problems]
    assert len(said) == 2
    assert "on Friday 11:00:00 to 13:30:00 overlaps with dailySlots[0], 08:00:00 to 12:00:00" in said[0]
    assert "dailySlots[1]" in said[1]
    asked(dailySlots=[slot("08:00", "12:00"), slot("12:00", "13:00"), slot("08:00", "12:00", "Tuesday")])


def test_times_that_yaml_takes_for_numbers_are_explained() -> None:
    text = "dailySlots: [{startTime: 14:00, endTime: 17:00:00, days: [Monday]}]\nstartDate: 2026-07-01"
    found = problems(**yaml.safe_load(text))
    assert found.keys() == {"dailySlots[0].startTime", "dailySlots[0].endTime"}
    assert 'in quotes: "14:00:00"' in found["dailySlots[0].startTime"]


@pytest.mark.parametrize(
    ("start", "end", "zone", "window"),
    [
        ("2026-07-01", "2026-07-31", "America/Chicago", ("2026-07-01T05:00:00.000Z", "2026-08-01T05:00:00.000Z")),
        ("2026-10-01", "2026-11-30", "America/Chicago", ("2026-10-01T05:00:00.000Z", "2026-12-01T06:00:00.000Z")),
        ("2026-07-01T08:30:00", "2026-07-09T12:00", "UTC", ("2026-07-01T08:30:00.000Z", "2026-07-09T12:00:00.000Z")),
        (
            "2026-07-01T00:00:00.000Z",
            "2026-07-31T23:59:59.999Z",
            "America/Chicago",
            ("2026-07-01T00:00:00.000Z", "2026-07-31T23:59:59.999Z"),
        ),
        (date(2026, 7, 1), date(2026, 7, 31), "UTC", ("2026-07-01T00:00:00.000Z", "2026-08-01T00:00:00.000Z")),
        # the clocks of Chicago skip from two to three on 8 March
        (
            "2026-03-08T02:30:00",
            "2026-03-20",
            "America/Chicago",
            ("2026-03-08T08:30:00.000Z", "2026-03-21T05:00:00.000Z"),
        ),
    ],
)
def test_dates_are_those_of_the_campaigns_clocks(start: Any, end: Any, zone: str, window: tuple[str, str]) -> None:
    words = asked(startDate=start, endDate=end, timezone=zone).wanted()
    assert (words["startDate"], words["endDate"]) == window


def test_hours_of_another_zone_are_put_into_the_campaigns() -> None:
    words = asked(dailySlots=[slot("09:00", "11:00", "Monday", timezone="America/New_York")]).wanted()
    assert words["dailySlots"] == [{"startTime": "08:00:00", "endTime": "10:00:00", "days": ["Monday"]}]
    words = asked(dailySlots=[slot("08:00", "14:00", "Monday", "Sunday", timezone="Asia/Tokyo")]).wanted()
    assert words["dailySlots"] == [{"startTime": "18:00:00", "endTime": "24:00:00", "days": ["Saturday", "Sunday"]}]
    words = asked(dailySlots=[slot("12:00", "20:00", "Monday", timezone="Asia/Tokyo")]).wanted()
    assert words["dailySlots"] == [
        {"startTime": "22:00:00", "endTime": "24:00:00", "days": ["Sunday"]},
        {"startTime": "00:00:00", "endTime": "06:00:00", "days": ["Monday"]},
    ]


def test_hours_of_another_zone_over_a_change_of_one_clock_are_refused_with_the_day() -> None:
    london = slot("15:00", "16:00", "Monday", timezone="Europe/London")
    found = problems(startDate="2026-10-05", endDate="2026-11-30", dailySlots=[london])
    assert "do not differ by the same from 2026-10-26 on" in found["dailySlots[0].timezone"]
    assert "one that ends on 2026-10-25" in found["dailySlots[0].timezone"]
    asked(startDate="2026-11-02", endDate="2026-11-30", dailySlots=[london])


def test_what_was_read_and_said_again_is_the_same_schedule() -> None:
    first = asked(dailySlots=[slot("09:00", "11:00", "sunday", timezone="Asia/Tokyo"), slot("12:00:00.500", "24:00")])
    again = CampaignScheduleRequest.read(first.wanted())
    assert again.wanted() == first.wanted()
    assert wanted_of(again) == wanted_of(first)
    assert wanted_of(asked()).schedule_id != wanted_of(asked(maxConcurrentCalls=11)).schedule_id


@given(
    st.dictionaries(
        st.sampled_from([*fields(), "maxConcurrentCalls", "limits", "agentIds", "remove"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.floats()
            | st.text(string.printable, max_size=12)
            | st.dates(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["startTime", "endTime", "days", "timezone"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_junk_is_refused_and_never_breaks(changes: dict[str, Any]) -> None:
    with suppress(InvalidRequest):
        request = read("campaign-schedule", {**fields(), **changes})
        assert isinstance(request, CampaignScheduleRequest)
        assert occurrences(wanted_of(request))


def test_the_first_time_that_two_schedules_share() -> None:
    wanted = wanted_of(asked(dailySlots=[slot("09:00", "17:00", *DAYS[:5])]))
    body = {"startTime": "2026-07-10T00:00:00Z", "endTime": "2026-08-10T00:00:00Z", "timezone": "Europe/Berlin"}
    late = Entry("late", "", body | {"dailySchedule": [slot("16:00", "16:30", "Wednesday")]})
    early = Entry("early", "Berlin", body | {"dailySchedule": [slot("15:30", "16:30", "Tuesday")]})
    apart = Entry("apart", "", body | {"dailySchedule": [slot("09:00", "16:00", *DAYS)]})
    junk = Entry("junk", "", {"dailySchedule": "?"})
    overlap = first_overlap(wanted, [junk, apart, late, early])
    assert overlap is not None
    assert overlap.entry is early
    assert (overlap.start, overlap.end) == (
        datetime(2026, 7, 14, 14, tzinfo=UTC),
        datetime(2026, 7, 14, 14, 30, tzinfo=UTC),
    )
    assert first_overlap(wanted, [apart, junk]) is None
    nights = [slot("00:00", "06:00", *DAYS), slot("07:00", "08:00", *DAYS), slot("09:00", "10:00", *DAYS)]
    many = Entry("many", "", body | {"dailySchedule": [*nights, slot("15:59", "16:01", "Thursday")]})
    overlap = first_overlap(wanted, [many])
    assert overlap is not None
    assert overlap.start == datetime(2026, 7, 16, 14, tzinfo=UTC)


def test_sums_follow_the_clocks() -> None:
    night = asked(startDate="2026-10-26", endDate="2026-11-08", dailySlots=[slot("00:00", "06:00", "Sunday")])
    found = sums(wanted_of(night))
    assert (found["weeklyHours"], found["totalHours"], found["occurrences"]) == (6, 13, 2)
    assert found["first"] == "2026-11-01T05:00:00.000Z"
    assert found["clocksChangeOn"] == ["2026-11-01"]
    assert sums(wanted_of(asked()))["clocksChangeOn"] == []


def test_hours_beyond_what_is_published_are_not_called_bare() -> None:
    wanted = wanted_of(asked(timezone="UTC", dailySlots=[slot("09:00", "12:00", *DAYS)]))
    first, hour = datetime(2026, 7, 1, 9, tzinfo=UTC), timedelta(hours=1)
    now = datetime(2026, 6, 30, tzinfo=UTC)
    shifts = {"a": [(first, first + 2 * hour)], "b": [(first + 25 * hour, first + 27 * hour)], "c": []}
    found = bare(wanted, ["dailySlots[0]"], shifts, now)
    assert found["agents"] == 3
    assert [(one["from"], one["to"]) for one in found["outside"]] == [
        ("2026-07-01T11:00:00.000Z", "2026-07-01T12:00:00.000Z"),
        ("2026-07-02T09:00:00.000Z", "2026-07-02T10:00:00.000Z"),
    ]
    assert found["outsideHours"] == 2
    assert "compared" in bare(wanted, ["dailySlots[0]"], {"a": []}, now)
    assert not bare(wanted, ["dailySlots[0]"], shifts, first + 28 * hour)["outside"]
