"""What the guides' calls answer, through the whole normaliser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from processor.errors import PoisonError
from tests.unit.normalisedesk import AGENT, Desk, clean

ASKED = datetime(2026, 3, 9, 14, 7, tzinfo=UTC)
TOTAL = {"offer.count": 612, "offer.avg.wait.time": 47, "sla.percent": 79.5, "abandon.count": 21}


@pytest.fixture
async def desk() -> Desk:
    desk = await Desk.open()
    desk.now = ASKED
    return desk


def hour(total: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "queueId": "q-1",
        "asked": "2026-03-09T14:07:00.000Z",
        "queueType": "email",
        "target": 60,
        "dateFrom": "2026-03-09T13:07:00.000Z",
        "dateTo": "2026-03-09T14:07:00.000Z",
        "summary": {"total": total},
        **fields,
    }


def schedule(name: str, zone: str = "America/New_York", **fields: Any) -> dict[str, Any]:
    entry = {"daysOfWeek": ["monday"], "startTime": "08:00:00.000", "endTime": "18:00:00.000"}
    return {"id": name, "scheduleGroupId": "g", "name": name, "timezoneId": zone, "scheduleEntries": [entry], **fields}


async def test_the_hour_is_told_in_our_words(desk: Desk) -> None:
    (record,) = clean(await desk.answer("volume", "queue/q-1", hour(TOTAL), asked=ASKED))
    assert (record.offered, record.abandoned, record.service_level) == (612, 21, 0.795)
    assert (record.media_type, record.service_level_target_seconds, record.average_wait_seconds) == ("email", 60, 47)
    assert record.interval.end - record.interval.start == timedelta(hours=1)


async def test_an_hour_in_which_nothing_came_is_a_number_and_no_gap(desk: Desk) -> None:
    (record,) = clean(await desk.answer("volume", "queue/q-1", hour({"offer.count": 0}), asked=ASKED))
    assert (record.offered, record.service_level) == (0, None)


async def test_a_queue_without_a_type_has_one_target_for_all(desk: Desk) -> None:
    body = hour(TOTAL, queueType=None)
    (record,) = clean(await desk.answer("volume", "queue/q-1", body, asked=ASKED))
    assert record.media_type == "all"


async def test_a_percentage_that_is_none_is_no_volume(desk: Desk) -> None:
    with pytest.raises(PoisonError) as caught:
        await desk.answer("volume", "queue/q-1", hour({**TOTAL, "sla.percent": 7950}), asked=ASKED)
    assert caught.value.field == "sla.percent"


async def test_shifts_have_their_two_ends(desk: Desk) -> None:
    shift = {"startTime": "2026-03-09T12:00:00.000Z", "endTime": "2026-03-09T20:30:00.000Z"}
    body = {"userId": AGENT, "from": shift["startTime"], "to": shift["endTime"], "shifts": [shift]}
    (record,) = clean(await desk.answer("shifts", f"agent/{AGENT}", body, asked=ASKED))
    assert [(one.start.hour, one.end.hour, one.activities) for one in record.shifts] == [(12, 20, ())]
    backwards = {**body, "shifts": [{"startTime": shift["endTime"], "endTime": shift["startTime"]}]}
    with pytest.raises(PoisonError):
        await desk.answer("shifts", f"agent/{AGENT}", backwards, asked=ASKED)


async def test_a_presence_is_as_old_as_it_says_and_asking_again_is_no_news(desk: Desk) -> None:
    body = {
        "userId": AGENT,
        "presenceId": "Meal",
        "customStatusMessage": "",
        "modifiedDate": "2026-03-09T14:00:00.000Z",
    }
    (record,) = clean(await desk.answer("presence", f"agent/{AGENT}", body, asked=ASKED))
    assert (record.presence, record.presence_since) == ("MEAL", datetime(2026, 3, 9, 14, tzinfo=UTC))
    again = await desk.answer("presence", f"agent/{AGENT}", body, asked=ASKED + timedelta(hours=1), name="again")
    assert clean(again) == []
    with pytest.raises(PoisonError):
        await desk.answer("presence", f"agent/{AGENT}", {**body, "presenceId": "Lunchish"}, asked=ASKED)


async def test_schedules_of_a_group_come_one_by_one_and_go_one_by_one(desk: Desk) -> None:
    for name in ("a", "b"):
        await desk.answer("schedule", "schedule-group/g", schedule(name), asked=ASKED, name=name)
    later = ASKED + timedelta(hours=1)
    gone = {"id": "a", "scheduleGroupId": "g", "deleted": True}
    (record,) = clean(await desk.answer("schedule", "schedule-group/g", gone, asked=later, name="c"))
    assert [one.schedule_id for one in record.schedules] == ["b"]
    unheard = await desk.answer("schedule", "schedule-group/h", {**gone, "scheduleGroupId": "h"}, asked=later, name="d")
    assert clean(unheard) == [], "nobody was told of this group"


async def test_a_callback_that_only_names_its_schedule_is_a_look_at_that_schedule(desk: Desk) -> None:
    told = {"event": "schedule:updated", "id": "evt-1", "scheduleId": "s-1", "scheduleGroupId": "g"}
    looks = [one for one in await desk.post(told) if getattr(one, "what", "") == "schedule-group"]
    assert [dict(one.details) for one in looks] == [{"scheduleIds": ["s-1"]}]


async def test_a_profile_is_known_from_its_answer(desk: Desk) -> None:
    body = {"id": "p-1", "name": "Tier 1", "version": 5, "utilizationPercent": 92}
    (record,) = clean(await desk.answer("profile", "profile/p-1", body, asked=ASKED))
    assert (record.name, record.version, record.changes) == ("Tier 1", "5", {"utilizationPercent": 92})
    gone = await desk.answer("profile", "profile/p-1", {"deleted": True}, asked=ASKED + timedelta(hours=1), name="x")
    assert [one.deleted for one in clean(gone)] == [True]


async def test_who_changed_a_queue_is_kept(desk: Desk) -> None:
    queue = {
        "id": "q-1",
        "slaTarget": 60,
        "slaPercent": 85,
        "queueType": "voice",
        "modifiedBy": "ana",
        "version": "v-2",
    }
    (record,) = clean(await desk.answer("queue", "queue/q-1", {"queue": queue}, asked=ASKED))
    assert (record.modified_by, record.version, list(record.media_types)) == ("ana", "v-2", ["call"])
