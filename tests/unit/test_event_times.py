"""Times that cannot be: an event of tomorrow's tomorrow must not fence out all that really happens until then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from handlers.events import PresenceUpdated
from processor.event import Raw, instant
from tests.unit.normalisedesk import AGENT, NOW, Desk, clean, event_bridge, fate, presence

FAR = "2031-01-01T00:00:00.000Z"


@pytest.fixture
async def desk() -> Desk:
    return await Desk.open()


async def test_an_event_from_the_future_happened_when_it_was_received(desk: Desk):
    (event,) = clean(await desk.post(presence("BUSY", FAR, "1")))
    assert isinstance(event, PresenceUpdated)
    assert (event.time, event.presence_since, event.time_source) == (NOW, NOW, "received")
    assert event.to_message().headers["ce_timesource"] == "received"
    desk.now = NOW + timedelta(minutes=1)
    (event,) = clean(await desk.post(presence("AVAILABLE", instant(desk.now), "2")))
    assert isinstance(event, PresenceUpdated)
    assert (event.presence, event.time_source) == ("AVAILABLE", "")


@pytest.mark.parametrize(
    "said",
    [
        "2026-03-09t13:59:00.217z",
        " 2026-03-09T13:59:00.217Z ",
        "2026-03-09T14:59:00.217+01:00[Europe/Berlin]",
        "2026-03-09T09:59:00.217999999-0400",
        "1773064740217",
        1773064740217,
        1773064740.217,
    ],
)
async def test_the_same_moment_in_other_spellings(desk: Desk, said: Any):
    (event,) = clean(await desk.post(presence("BUSY", said, "1")))
    assert (instant(event.time), event.time_source) == ("2026-03-09T13:59:00.217Z", "")


@pytest.mark.parametrize("said", [1773064740, "1773064740"])
async def test_seconds_are_not_taken_for_milliseconds_of_1970(desk: Desk, said: Any):
    (event,) = clean(await desk.post(presence("BUSY", said, "1")))
    assert instant(event.time) == "2026-03-09T13:59:00.000Z"


@pytest.mark.parametrize(
    "said",
    [
        *("17730647402", "177306474021", "177306474021700", "soon", "2026-02-30T13:00:00Z", 1e300, -1773064740217),
        "2026-03-09T13:59:00.217[Europe/Berlin]",
    ],
)
async def test_what_is_no_time_is_not_guessed_at(desk: Desk, said: Any):
    (event,) = clean(await desk.post(presence("BUSY", said, "1")))
    assert (event.time, event.time_source) == (NOW, "received")


async def test_a_wall_time_may_have_a_small_t(desk: Desk):
    body = {"event": "presence:updated", "userId": AGENT, "presenceId": "Break", "agentTimeZone": "America/New_York"}
    (event,) = clean(await desk.post(body | {"timestamp": "2026-03-09t09:00:04"}))
    assert instant(event.time) == "2026-03-09T13:00:04.000Z"


async def test_a_day_without_dashes_is_a_day_and_no_number(desk: Desk):
    (event,) = clean(await desk.post(presence("BUSY", "20260309", "1")))
    assert instant(event.time) == "2026-03-09T00:00:00.000Z"


async def test_a_wall_time_of_one_zone_is_not_taken_for_anothers(desk: Desk):
    body = {"event": "presence:updated", "userId": AGENT, "presenceId": "Break", "agentTimeZone": "America/New_York"}
    (event,) = clean(await desk.post(body | {"timestamp": "2026-03-09T09:00:04[Europe/Berlin]"}))
    assert (event.time, event.time_source) == (NOW, "received")


async def test_one_time_of_several_in_the_future_is_the_events_time(desk: Desk):
    activity = {
        "id": AGENT,
        "routingStatus": {"status": "IDLE", "startTime": "2026-03-09T13:59:00.000Z"},
        "outOfOffice": {"active": True, "modifiedDate": FAR},
    }
    frame = event_bridge(f"v2.users.{AGENT}.activity", activity, at="2026-03-09T13:59:01.000Z")
    (event,) = clean(await desk.post(frame))
    assert max(fence.time for fence in event.fences.values()) < instant(NOW)


async def test_a_record_is_as_old_as_the_facet_that_its_event_brought(desk: Desk):
    await desk.post(presence("BUSY", "2026-03-09T13:05:00.000Z", "1"))
    late = event_bridge(
        f"v2.users.{AGENT}.routingStatus",
        {"id": AGENT, "routingStatus": {"status": "IDLE", "startTime": "2026-03-09T13:01:00.000Z"}},
        name="2",
    )
    (event,) = clean(await desk.post(late))
    assert instant(event.time) == "2026-03-09T13:01:00.000Z"


async def test_a_time_that_a_facet_told_itself_is_not_its_wrappers(desk: Desk):
    away = {"id": AGENT, "outOfOffice": {"active": True, "modifiedDate": "2026-03-09T12:00:00.000Z"}}
    (event,) = clean(await desk.post(event_bridge(f"v2.users.{AGENT}.activity", away)))
    (record,) = desk.log.records["genesys.raw"]
    assert Raw.from_record(record).time_source == "envelope"
    assert (instant(event.time), event.time_source) == ("2026-03-09T12:00:00.000Z", "")


async def test_clocks_may_differ_and_zones_be_mixed_up(desk: Desk):
    ahead = NOW + timedelta(hours=23)
    (event,) = clean(await desk.post(presence("BUSY", instant(ahead), "1")))
    assert event.time == ahead


async def test_what_the_raw_record_says_stays_as_it_was_said(desk: Desk):
    await desk.post(presence("BUSY", FAR, "1"))
    (record,) = desk.log.records["genesys.raw"]
    assert record.message.headers["ce_time"] == FAR
    assert orjson.loads(record.message.value or b"")["time"] == FAR


async def test_where_nobody_knows_what_it_is_about_the_id_stands_for_the_subject(desk: Desk):
    await desk.post({"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}})
    (record,) = desk.log.records["genesys.raw"]
    headers = record.message.headers
    assert headers["ce_subject"] == headers["ce_id"] == record.message.key
    assert headers["ce_subjectsource"] == "id"
    assert Raw.from_record(record).subject == ""


async def test_the_same_delivery_again_is_a_duplicate(desk: Desk):
    await desk.post(presence("BUSY", FAR, "1"))
    desk.now = NOW + timedelta(hours=3)
    assert fate(await desk.post(presence("BUSY", FAR, "1"))) == "duplicate"
