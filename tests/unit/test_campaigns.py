"""When a campaign may dial, from each form in which its schedule is delivered, through the real Normalise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.events import CampaignUpdated, Fate, Lookup
from processor.errors import PoisonError
from processor.instants import instant
from tests.unit.normalisedesk import NOW, Desk
from tests.unit.test_campaign_recurrences import official, recurrence, times

DAY = timedelta(days=1)
SUBJECT = "campaign/c-1"


def guide(**changes):
    return {
        "id": "s-1",
        "campaignId": "c-1",
        "startTime": "2026-03-06T14:30:00.000Z",
        "endTime": "2026-03-10T14:30:00.000Z",
        "timezone": "America/New_York",
        "dailySchedule": [{"startTime": "09:00:00", "endTime": "13:00:00", "days": ["Monday", "Tuesday", "Friday"]}],
        "maxConcurrentCalls": 25,
        "maxConcurrentAgents": 10,
    } | changes


async def test_the_guides_slots_in_its_zone_clipped_to_start_and_end():
    desk = await Desk.open()
    (record,) = await desk.post(guide())
    assert record.subject == SUBJECT
    assert times(record) == [
        ("03-06T14:30", "03-06T18:00"),
        ("03-09T13:00", "03-09T17:00"),
        ("03-10T13:00", "03-10T14:30"),
    ]
    (one,) = record.schedules
    assert (one.schedule_id, one.time_zone) == ("s-1", "America/New_York")
    assert (one.max_concurrent_calls, one.max_concurrent_agents) == (25, 10)


async def test_a_schedule_with_both_ends_is_worked_out_whole_whatever_day_it_is():
    desk = await Desk.open(now=datetime(2031, 1, 1, tzinfo=UTC))
    (record,) = await desk.post(guide())
    assert len(times(record)) == 3


async def test_one_without_an_end_goes_as_far_as_the_horizon_and_moves_on_with_it():
    desk = await Desk.open(weeks=1)
    (first,) = await desk.post(guide(endTime=None))
    assert times(first)[-1] == ("03-13T13:00", "03-13T17:00")
    desk.now = NOW + 2 * DAY
    (record,) = await desk.answer("horizon", SUBJECT, {"day": "2026-03-11"})
    assert times(record)[-1] == ("03-17T13:00", "03-17T17:00")
    assert record.sources == first.sources


async def test_utc_where_the_guide_names_no_zone_and_overnight_slots():
    desk = await Desk.open()
    slots = [{"startTime": "22:00", "endTime": "02:00", "days": ["saturday"]}]
    body = guide(dailySchedule=slots)
    del body["timezone"]
    (record,) = await desk.post(body)
    assert times(record) == [("03-07T22:00", "03-08T02:00")]
    assert record.schedules[0].time_zone == "UTC"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezone": "CST"}, "timezone"),
        ({"endTime": "2026-03-01T00:00:00Z"}, "endTime"),
        ({"startTime": "soon"}, "startTime"),
        ({"dailySchedule": [{"startTime": "9", "endTime": "10:00", "days": []}]}, "dailySchedule[0].startTime"),
        ({"dailySchedule": [{"startTime": "09:00", "endTime": "10:00", "days": ["Mon"]}]}, "dailySchedule[0].days"),
        ({"maxConcurrentCalls": "many"}, "maxConcurrentCalls"),
        ({"id": None}, "id"),
    ],
)
async def test_what_is_wrong_with_a_guides_schedule_is_named(changes, field):
    desk = await Desk.open()
    with pytest.raises(PoisonError) as refused:
        await desk.post(guide(**changes))
    assert refused.value.field == field


async def test_a_campaign_holds_several_schedules():
    desk = await Desk.open()
    await desk.post(guide())
    (record,) = await desk.post(guide(id="s-0", timezone="UTC"))
    assert [one.schedule_id for one in record.schedules] == ["s-0", "s-1"]
    assert times(record, 0)[0] == ("03-09T09:00", "03-09T13:00")


async def test_an_answer_is_the_campaign_as_it_is_and_its_end():
    desk = await Desk.open()
    await desk.post(guide(id="old"))
    body = official(recurrence())["eventBody"]
    (record,) = await desk.answer("campaign", SUBJECT, {"schedule": body})
    assert [one.schedule_id for one in record.schedules] == ["s-1"]
    (fate,) = await desk.answer("campaign", SUBJECT, {"schedule": body}, NOW + timedelta(minutes=1))
    assert fate.fate == "coalesced"
    (record,) = await desk.answer("campaign", SUBJECT, {"deleted": True}, NOW + timedelta(minutes=2))
    assert (record.deleted, record.schedules) == (True, ())
    (fate,) = await desk.answer("campaign", SUBJECT, {"deleted": True}, NOW + timedelta(minutes=3))
    assert isinstance(fate, Fate)


async def test_an_announcement_is_published_at_once_and_the_hours_are_asked_for():
    desk = await Desk.open()
    await desk.post(official(recurrence()))
    announced = {
        "event": "SCHEDULE_CREATED",
        "scheduleId": "s-9",
        "campaignId": "c-1",
        "timestamp": "2026-03-09T12:00:00Z",
    }
    record, lookup = await desk.post(announced)
    assert isinstance(record, CampaignUpdated)
    assert (record.created, [one.schedule_id for one in record.schedules]) == ("s-9", ["s-1"])
    assert isinstance(lookup, Lookup)
    assert (lookup.what, lookup.subject, lookup.details) == ("campaign", SUBJECT, {"scheduleId": "s-9"})
    (fate,) = await desk.post(announced)
    assert isinstance(fate, Fate)
    (later,) = await desk.post(official(minute=30))
    assert later.created is None


async def test_the_announcement_of_a_campaign_never_seen():
    desk = await Desk.open()
    record, _ = await desk.post(
        {"event": "SCHEDULE_CREATED", "scheduleId": "s-9", "campaignId": "c-7", "timestamp": "2026-03-09T12:00:00Z"}
    )
    assert (record.subject, record.created, record.schedules) == ("campaign/c-7", "s-9", ())


async def test_an_announcement_may_carry_the_whole_schedule():
    desk = await Desk.open()
    carried = {
        "id": "s-9",
        "campaignId": "c-7",
        "startTime": "2026-03-09T00:00:00Z",
        "endTime": "2026-03-11T00:00:00Z",
        "timezone": "America/New_York",
        "dailySchedule": [{"startTime": "09:00", "endTime": "13:00", "days": ["Tuesday"]}],
    }
    announced = {"event": "SCHEDULE_CREATED", "timestamp": "2026-03-09T12:00:00Z", "data": carried}
    record, _ = await desk.post(announced)
    assert isinstance(record, CampaignUpdated)
    ((interval,),) = [one.intervals for one in record.schedules]
    assert (record.created, instant(interval.start)) == ("s-9", "2026-03-10T13:00:00.000Z")
    mended = {**carried, "dailySchedule": [{"startTime": "10:00", "endTime": "13:00", "days": ["Tuesday"]}]}
    (later,) = await desk.post({**mended, "timestamp": "2026-03-09T13:00:00Z"})
    assert later.created is None
    (fate,) = await desk.post({**announced, "timestamp": "2026-03-09T11:00:00Z"})
    assert fate.fate == "stale"


async def test_an_answer_older_than_another_brings_nothing_back():
    desk = await Desk.open()
    (before,) = await desk.answer("campaign", "campaign/c-1", {"schedules": [guide(id="s-1")]})
    older = {"schedules": [guide(id="s-1"), guide(id="s-2")]}
    (fate,) = await desk.answer("campaign", "campaign/c-1", older, desk.now - timedelta(minutes=5))
    assert fate.fate == "coalesced"
    row = desk.tables[CampaignUpdated.topic].get("campaign/c-1")
    assert row.last == before.as_written()


async def test_an_announcement_older_than_the_answer_changes_no_hours():
    desk = await Desk.open()
    asked = datetime(2026, 3, 9, 13, tzinfo=UTC)
    (before,) = await desk.answer("campaign", "campaign/c-1", {"schedules": [guide(id="s-1")]}, asked)
    late = {"event": "SCHEDULE_CREATED", "timestamp": "2026-03-09T12:00:00Z", "data": guide(id="s-9")}
    record, _ = await desk.post(late)
    assert record.created == "s-9"
    assert record.schedules == before.schedules


async def test_the_recorded_schedules(shared):
    samples = shared / "genesys/samples"
    desk = await Desk.open(now=datetime(2026, 11, 22, tzinfo=UTC))
    (record,) = await desk.post(json.loads((samples / "guide2.campaign_schedule.post.response.json").read_text()))
    assert len(record.schedules[0].intervals) == 40  # 20 working days of June 2024, twice
    assert times(record)[0] == ("06-03T13:00", "06-03T17:00")
    (record,) = await desk.post(json.loads((samples / "event.eb.outbound.schedules.campaigns.json").read_text()))
    assert times(record) == [("07-01T13:00", "07-01T17:00")]
    put = json.loads((samples / "rest.campaign_schedule.put.request.json").read_text())
    (record,) = await desk.answer("campaign", f"campaign/{put['campaign']['id']}", {"schedule": put})
    assert len(times(record)) == 22  # 23 working days of July 2026, one excluded
    assert times(record)[-1] == ("07-31T13:00", "07-31T17:00")
    assert ("07-03T13:00", "07-03T17:00") not in times(record)
