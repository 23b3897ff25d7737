"""One state of an agent from all that speaks of him."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.events import PresenceUpdated
from processor.errors import PoisonError
from tests.unit.normalisedesk import AGENT, Desk, clean, event_bridge, fate, lookups, presence

T0, T1, T2 = (f"2026-03-09T13:0{minute}:00.000Z" for minute in range(3))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
async def desk() -> Desk:
    return await Desk.open()


async def state(desk: Desk, body: dict[str, Any]) -> PresenceUpdated:
    (found,) = clean(await desk.post(body))
    assert isinstance(found, PresenceUpdated)
    return found


def routing(status: str, since: str, name: str) -> dict[str, Any]:
    body = {"id": AGENT, "routingStatus": {"status": status, "startTime": since}}
    return event_bridge(f"v2.users.{AGENT}.routingStatus", body, name=name, at=since)


async def test_the_state_is_the_routing_status_unless_off_queue(desk: Desk):
    assert (await state(desk, presence("ON_QUEUE", T0, "1"))).state == "ON_QUEUE"
    on = await state(desk, routing("INTERACTING", T1, "2"))
    assert (on.state, on.since, on.presence) == ("INTERACTING", at(T1), "ON_QUEUE")
    off = await state(desk, routing("OFF_QUEUE", T2, "3"))
    assert (off.state, off.since, off.routing_status) == ("ON_QUEUE", at(T0), "OFF_QUEUE")


async def test_what_no_source_has_said_is_null(desk: Desk):
    found = await state(desk, routing("OFF_QUEUE", T0, "1"))
    assert (found.presence, found.state, found.since, found.out_of_office, found.time_zone) == (None,) * 5


@pytest.mark.parametrize("word", ["On Queue", "ON_QUEUE", "on queue", "OnQueue", "on-queue"])
async def test_words_in_any_spelling(desk: Desk, word: str):
    assert (await state(desk, presence(word, T0, "1"))).presence == "ON_QUEUE"


async def test_only_the_primary_source_speaks(desk: Desk):
    body = presence("BUSY", T0, "1")
    body["detail"]["eventBody"]["primary"] = False
    assert fate(await desk.post(body)) == "ignored"
    teams = {"userId": AGENT, "eventType": "UserPresenceStatusChanged", "source": "MICROSOFTTEAMS"}
    assert fate(await desk.post(event_bridge(f"v2.users.{AGENT}.integrationpresence", teams))) == "ignored"


async def test_another_primary_source_is_a_reason_to_look(desk: Desk):
    body = {"userId": AGENT, "eventType": "UserPrimaryPresenceSourceChanged", "modifiedDate": T0}
    found = await desk.post(event_bridge(f"v2.users.{AGENT}.integrationpresence", body))
    assert lookups(found) == [("presence", f"agent/{AGENT}")]


async def test_a_sparser_source_does_not_take_away_what_a_fuller_one_told(desk: Desk):
    body = presence("MEAL", T1, "1")
    body["detail"]["eventBody"]["message"] = "back at two"
    await desk.post(body)
    adherence = {"user": {"id": AGENT}, "systemPresence": "Meal", "presenceUpdateTime": T1, "adherenceChangeTime": T2}
    topic = f"v2.users.{AGENT}.workforcemanagement.adherence"
    assert fate(await desk.post(event_bridge(topic, adherence, name="2"))) == "stale"
    adherence |= {"systemPresence": "Break", "presenceUpdateTime": T2}
    found = await state(desk, event_bridge(topic, adherence, name="3"))
    assert (found.presence, found.message, found.presence_id) == ("BREAK", None, None)


async def test_out_of_office_keeps_its_dates_when_only_the_flag_is_told_again(desk: Desk):
    body = {"user": {"id": AGENT}, "active": True, "indefinite": False, "startDate": T0, "endDate": T2}
    await desk.post(event_bridge(f"v2.users.{AGENT}.outofoffice", body, name="1", at=T0))
    activity = {
        "id": AGENT,
        "outOfOffice": {"active": True, "modifiedDate": T1},
        "routingStatus": {"status": "IDLE", "startTime": T1},
    }
    found = await state(desk, event_bridge(f"v2.users.{AGENT}.activity", activity, name="2", at=T1))
    assert found.out_of_office is not None
    assert (found.out_of_office.active, found.out_of_office.end) == (True, at(T2))
    longer = {**body, "endDate": "2026-03-20T13:00:00.000Z", "modifiedDate": T2}
    found = await state(desk, event_bridge(f"v2.users.{AGENT}.outofoffice", longer, name="3", at=T2))
    assert found.out_of_office is not None
    assert found.out_of_office.end == at("2026-03-20T13:00:00.000Z")


async def test_an_audit_tells_the_presence_as_display_text(desk: Desk):
    body = {
        "entityType": "UserPresence",
        "entity": {"id": AGENT},
        "eventTime": T0,
        "propertyChanges": [{"property": "PRESENCE", "oldValues": ["Break"], "newValues": ["Available"]}],
    }
    found = await state(desk, event_bridge(f"v2.audits.entitytype.UserPresence.entityid.{AGENT}", body))
    assert (found.presence, found.presence_since) == ("AVAILABLE", at(T0))


async def test_a_callback_with_local_time_and_zone(desk: Desk):
    desk.now = at("2026-07-09T13:00:05Z")
    body = {
        "event": "presence:updated",
        "userId": "u-1",
        "presenceId": "Available",
        "timestamp": "2026-07-09T09:00:04",
        "agentTimeZone": "America/New_York",
    }
    found = await state(desk, body)
    assert (found.presence, found.since) == ("AVAILABLE", at("2026-07-09T13:00:04Z"))
    assert (found.time_zone, found.time_zone_trusted) == ("America/New_York", True)


async def test_a_zone_that_nobody_knows_counts_as_utc_and_is_not_trusted(desk: Desk):
    desk.now = at("2026-07-09T13:00:05Z")
    body = {
        "event": "presence:updated",
        "userId": "u-1",
        "presenceId": "Busy",
        "timestamp": "2026-07-09T09:00:04",
        "agentTimeZone": "EST",
    }
    found = await state(desk, body)
    assert (found.since, found.time_zone, found.time_zone_trusted) == (at("2026-07-09T09:00:04Z"), "UTC", False)


async def test_a_presence_id_that_is_no_word_is_looked_up(desk: Desk):
    body = {"event": "presence:updated", "userId": "u-1", "presenceId": "6a3af858-942f", "timestamp": T0}
    assert lookups(await desk.post(body)) == [("presence", "agent/u-1")]


async def test_an_answer_has_each_part_with_its_own_time(desk: Desk):
    await desk.post(presence("BUSY", T2, "1"))
    body = {
        "userId": AGENT,
        "presence": {"presenceDefinition": {"id": "x", "systemPresence": "Available"}, "modifiedDate": T1},
        "routingStatus": {"userId": AGENT, "status": "IDLE", "startTime": T1},
        "outOfOffice": {"active": False},
    }
    (found,) = await desk.answer("presence", f"agent/{AGENT}", body)
    assert isinstance(found, PresenceUpdated)
    assert (found.presence, found.routing_status) == ("BUSY", "IDLE")


async def test_a_deleted_agent_is_told_once_and_only_if_he_was_known(desk: Desk):
    assert fate(await desk.answer("presence", "agent/u-9", {"deleted": True}, name="a")) == "ignored"
    await desk.post(presence("BUSY", T0, "1"))
    (found,) = await desk.answer("presence", f"agent/{AGENT}", {"deleted": True}, name="b")
    assert isinstance(found, PresenceUpdated)
    assert found.deleted
    assert (
        fate(
            await desk.answer(
                "presence", f"agent/{AGENT}", {"deleted": True}, asked=at("2026-03-09T15:00:00Z"), name="c"
            )
        )
        == "coalesced"
    )


async def test_nobody_named_is_poison(desk: Desk):
    with pytest.raises(PoisonError, match="which agent"):
        await desk.post({"event": "presence.update", "data": {"presenceId": "Busy"}, "timestamp": T0})
