"""Official campaign schedules: intervals, recurrences, ranges and alterations, through the real Normalise."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from processor.errors import PoisonError
from tests.unit.normalisedesk import Desk


def recurrence(**changes):
    return {
        "id": "r-1",
        "start": "2026-03-05T08:00:00",
        "end": "2026-03-05T12:00:00",
        "timeZone": "America/Chicago",
        "pattern": {"type": "Daily", "interval": 1},
        "range": {"type": "NoEnd"},
        "alterations": [],
    } | changes


def official(*recurrences, minute=0, **changes):
    body = {
        "id": "s-1",
        "version": 3,
        "dateModified": f"2026-03-09T10:{minute:02d}:00.000Z",
        "intervals": [],
        "recurrences": list(recurrences),
        "timeZone": "America/New_York",
        "campaign": {"id": "c-1"},
    } | changes
    return {"topicName": "v2.outbound.schedules.campaigns.c-1", "version": "2", "eventBody": body, "metadata": {}}


def times(record, schedule=0):
    return [(f"{one.start:%m-%dT%H:%M}", f"{one.end:%m-%dT%H:%M}") for one in record.schedules[schedule].intervals]


async def test_intervals_are_instants_by_themselves():
    desk = await Desk.open()
    spans = [{"start": "2026-07-01T13:00:00.000Z", "end": "2026-07-01T17:00:00.000Z"}]
    (record,) = await desk.post(official(intervals=spans))
    assert times(record) == [("07-01T13:00", "07-01T17:00")]
    assert record.time == datetime(2026, 3, 9, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"range": {"type": "EndDate", "end": "2026-03-09T10:00:00"}},
            ["05T14-18", "06T14-18", "07T14-18", "08T13-17", "09T13-15"],
        ),
        ({"range": {"type": "EndDate", "end": "2026-03-07"}}, ["05T14-18", "06T14-18", "07T14-18"]),
        ({"range": {"type": "Numbered", "numberOfOccurrences": 2}}, ["05T14-18", "06T14-18"]),
        (
            {"pattern": {"type": "Daily", "interval": 3}, "range": {"type": "Numbered", "numberOfOccurrences": 3}},
            ["05T14-18", "08T13-17", "11T13-17"],
        ),
        (
            {
                "pattern": {"type": "Weekly", "interval": 2, "daysOfWeek": ["Friday", "Monday"]},
                "range": {"type": "Numbered", "numberOfOccurrences": 3},
            },
            ["06T14-18", "16T13-17", "20T13-17"],
        ),
        (
            {"pattern": {"type": "Weekly", "interval": 1}, "range": {"type": "Numbered", "numberOfOccurrences": 2}},
            ["05T14-18", "12T13-17"],
        ),
        (
            {
                "start": "2026-03-05T22:00:00",
                "end": "2026-03-06T01:00:00",
                "range": {"type": "Numbered", "numberOfOccurrences": 1},
            },
            ["06T04-07"],
        ),
        ({"timeZone": None, "range": {"type": "Numbered", "numberOfOccurrences": 1}}, ["05T13-17"]),
    ],
)
async def test_recurrences_on_the_clocks_of_their_zone(changes, expected):
    desk = await Desk.open()
    (record,) = await desk.post(official(recurrence(**changes)))
    assert [f"{one.start:%dT%H}-{one.end:%H}" for one in record.schedules[0].intervals] == expected


@pytest.mark.parametrize(
    ("alterations", "expected"),
    [
        ([("Exclusion", "2026-03-06", "2026-03-06")], ["05T14-18", "07T14-18"]),
        ([("Exclusion", "2026-03-05", "2026-03-06")], ["07T14-18"]),
        (
            [("Exclusion", "2026-03-06T09:00:00", "2026-03-06T10:00:00")],
            ["05T14-18", "06T14-15", "06T16-18", "07T14-18"],
        ),
        (
            [("Inclusion", "2026-03-06T13:00:00", "2026-03-06T15:00:00")],
            ["05T14-18", "06T14-18", "06T19-21", "07T14-18"],
        ),
        (
            [("Exclusion", "2026-03-06", "2026-03-06"), ("Inclusion", "2026-03-06T09:00:00", "2026-03-06T10:00:00")],
            ["05T14-18", "06T15-16", "07T14-18"],
        ),
        (
            [("Inclusion", "2026-03-06", "2026-03-06"), ("Exclusion", "2026-03-06", "2026-03-07")],
            ["05T14-18", "06T14-18"],
        ),
    ],
)
async def test_alterations_exclude_and_include_and_an_inclusion_wins(alterations, expected):
    desk = await Desk.open()
    listed = [{"type": kind, "start": start, "end": end} for kind, start, end in alterations]
    ending = {"type": "EndDate", "end": "2026-03-07T12:00:00"}
    (record,) = await desk.post(official(recurrence(alterations=listed, range=ending)))
    assert [f"{one.start:%dT%H}-{one.end:%H}" for one in record.schedules[0].intervals] == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timeZone": "EST5EDT"}, "recurrences[0].timeZone"),
        ({"end": "2026-03-05T07:00:00"}, "recurrences[0].end"),
        ({"start": None}, "recurrences[0].start"),
        ({"pattern": {"type": "Hourly", "interval": 1}}, "recurrences[0].pattern.type"),
        ({"pattern": {"type": "Daily", "interval": 0}}, "recurrences[0].pattern.interval"),
        (
            {"pattern": {"type": "Weekly", "interval": 1, "daysOfWeek": ["Someday"]}},
            "recurrences[0].pattern.daysOfWeek",
        ),
        ({"range": {"type": "Never"}}, "recurrences[0].range.type"),
        ({"range": {"type": "Numbered"}}, "recurrences[0].range.numberOfOccurrences"),
        ({"range": {"type": "EndDate"}}, "recurrences[0].range.end"),
        (
            {"alterations": [{"type": "Whim", "start": "2026-03-06", "end": "2026-03-06"}]},
            "recurrences[0].alterations[0].type",
        ),
        (
            {"alterations": [{"type": "Exclusion", "start": "2026-03-06", "end": "2026-03-05"}]},
            "recurrences[0].alterations[0].end",
        ),
        ({"alterations": ["no"]}, "recurrences[0].alterations"),
    ],
)
async def test_what_is_wrong_with_a_recurrence_is_named(changes, field):
    desk = await Desk.open()
    with pytest.raises(PoisonError) as refused:
        await desk.post(official(recurrence(**changes)))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timeZone": "EST"}, "timeZone"),
        ({"intervals": [{"start": "2026-07-01T13:00:00Z", "end": "2026-07-01T13:00:00Z"}]}, "intervals[0].end"),
        ({"intervals": "none"}, "intervals"),
    ],
)
async def test_what_is_wrong_with_an_official_schedule_is_named(changes, field):
    desk = await Desk.open()
    with pytest.raises(PoisonError) as refused:
        await desk.post(official(**changes))
    assert refused.value.field == field


async def test_what_overlaps_is_one_interval():
    desk = await Desk.open()
    ending = {"type": "Numbered", "numberOfOccurrences": 1}
    second = recurrence(id="r-2", start="2026-03-05T10:00:00", end="2026-03-05T15:00:00", range=ending)
    (record,) = await desk.post(official(recurrence(range=ending), second))
    assert times(record) == [("03-05T14:00", "03-05T21:00")]


async def test_an_older_event_after_a_newer_one_is_stale():
    desk = await Desk.open()
    await desk.post(official(recurrence(), minute=5))
    (fate,) = await desk.post(official(recurrence(), minute=4, version=9))
    assert fate.fate == "stale"
