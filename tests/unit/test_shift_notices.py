"""WFM notifications become look-heres; their answers an agent's shifts in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.events import ShiftsUpdated
from processor.errors import PoisonError
from tests.unit.normalisedesk import Desk, event_bridge, fate, lookups

SPAN = {"startDate": "2026-03-09T04:00:00.000Z", "endDate": "2026-03-16T04:00:00.000Z"}
BUSINESS_UNIT = "v2.workforcemanagement.businessunits.b-1.schedules"


@pytest.fixture
async def desk() -> Desk:
    return await Desk.open()


@pytest.mark.parametrize(
    ("topic", "body", "looks"),
    [
        ("v2.users.u-1.workforcemanagement.schedules", {"user": {"id": "u-1"}, **SPAN}, [("shifts", "agent/u-1")]),
        ("v2.users.u-1.workforcemanagement.timeoffrequests", {"status": "APPROVED"}, [("shifts", "agent/u-1")]),
        (
            "v2.workforcemanagement.managementunits.m-1.schedules",
            {"status": "Complete"},
            [("agents-of", "management-unit/m-1")],
        ),
        (
            "v2.workforcemanagement.managementunits.m-1.agentschedules.changed",
            {"agents": []},
            [("agents-of", "management-unit/m-1")],
        ),
        (BUSINESS_UNIT, {"status": "Complete"}, [("agents-of", "business-unit/b-1")]),
        (
            BUSINESS_UNIT,
            {
                "status": "Complete",
                "result": {
                    "managementUnits": [
                        {"managementUnit": {"id": "m-1"}, "agents": [{"id": "u-2"}, {"id": "u-1"}]},
                        {"managementUnit": {"id": "m-2"}, "agentCount": 9},
                    ]
                },
            },
            [("agents-of", "management-unit/m-2"), ("shifts", "agent/u-1"), ("shifts", "agent/u-2")],
        ),
    ],
)
async def test_a_notification_is_a_reason_to_look(
    desk: Desk, topic: str, body: dict[str, Any], looks: list[tuple[str, str]]
):
    found = await desk.post(event_bridge(topic, body))
    assert (fate(found), sorted(lookups(found))) == ("looked-up", looks)


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (BUSINESS_UNIT, {"status": "Processing"}),
        (BUSINESS_UNIT, {"status": "Complete", "result": {"published": False}}),
        ("v2.workforcemanagement.managementunits.m-1.schedules", {"status": "Error"}),
        ("v2.workforcemanagement.users.u-1.schedules.search", {"operationId": "o"}),
        ("v2.businessunits.b-1.workforcemanagement.intraday", {"operationId": "o"}),
    ],
)
async def test_what_changes_nobodys_shifts_is_ignored(desk: Desk, topic: str, body: dict[str, Any]):
    assert fate(await desk.post(event_bridge(topic, body))) == "ignored"


@pytest.mark.parametrize(
    ("kind", "service", "looks"),
    [
        ("Schedule", "Telephony", [("groups-of", "schedule/x-1")]),
        ("Schedule", "WorkforceManagement", []),
        ("ScheduleGroup", "Telephony", [("schedule-group", "schedule-group/x-1")]),
        ("CampaignSchedule", "Outbound", [("campaign", "campaign/x-1")]),
        ("ManagementUnit", "WorkforceManagement", [("agents-of", "management-unit/x-1")]),
        ("Flow", "Architect", []),
    ],
)
async def test_an_audit_says_where_to_look(desk: Desk, kind: str, service: str, looks: list[tuple[str, str]]):
    body = {"entityType": kind, "serviceName": service, "action": "Update", "entity": {"id": "x-1"}}
    found = await desk.post(event_bridge(f"v2.audits.entitytype.{kind}.entityid.x-1", body))
    assert (lookups(found), fate(found)) == (looks, "looked-up" if looks else "ignored")


ANSWER: dict[str, Any] = {
    "userId": "u-1",
    "timeZone": "America/New_York",
    "from": "2026-03-08T00:00:00.000Z",
    "to": "2026-05-03T00:00:00.000Z",
    "shifts": [
        {
            "id": "late",
            "startDate": "2026-03-10T12:00:00Z",
            "lengthMinutes": 60,
            "activities": [],
        },
        {
            "id": "over-the-night-the-clocks-change",
            "startDate": "2026-03-08T05:00:00.000Z",
            "lengthMinutes": 480,
            "activities": [
                {
                    "startDate": "2026-03-08T08:00:00.000Z",
                    "lengthMinutes": 30,
                    "description": "",
                    "activityCodeId": "2",
                    "paid": False,
                },
                {
                    "startDate": "2026-03-08T05:00:00.000Z",
                    "lengthMinutes": 180,
                    "description": "Mail",
                    "activityCodeId": "0",
                    "paid": True,
                },
            ],
        },
    ],
    "activityCodes": {"0": "On Queue Work", "2": "Meal"},
}


async def test_shifts_are_absolute_minutes_from_their_start(desk: Desk):
    (found,) = await desk.answer("shifts", "agent/u-1", ANSWER)
    assert isinstance(found, ShiftsUpdated)
    first, second = found.shifts
    assert (first.start, first.end) == (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 8, 13, tzinfo=UTC))
    assert [(a.code, a.description, a.paid) for a in first.activities] == [("0", "Mail", True), ("2", "Meal", False)]
    assert second.id == "late"
    assert (found.time_zone, found.from_) == ("America/New_York", datetime(2026, 3, 8, tzinfo=UTC))
    assert b'"from":"2026-03-08T00:00:00.000Z"' in found.data()


async def test_the_same_shifts_again_write_nothing(desk: Desk):
    await desk.answer("shifts", "agent/u-1", ANSWER, name="a")
    again = ANSWER | {"shifts": ANSWER["shifts"][::-1]}
    assert (
        fate(await desk.answer("shifts", "agent/u-1", again, asked=desk.now.replace(hour=15), name="b")) == "coalesced"
    )


async def test_a_late_answer_is_stale(desk: Desk):
    await desk.answer("shifts", "agent/u-1", ANSWER, name="a")
    assert (
        fate(
            await desk.answer("shifts", "agent/u-1", ANSWER | {"shifts": []}, asked=desk.now.replace(hour=9), name="b")
        )
        == "stale"
    )


async def test_an_agent_who_has_left_workforce_management(desk: Desk):
    assert fate(await desk.answer("shifts", "agent/u-1", {"deleted": True}, name="a")) == "ignored"
    await desk.answer("shifts", "agent/u-1", ANSWER, asked=desk.now.replace(hour=15), name="b")
    (found,) = await desk.answer("shifts", "agent/u-1", {"deleted": True}, asked=desk.now.replace(hour=16), name="c")
    assert isinstance(found, ShiftsUpdated)
    assert (found.deleted, found.shifts) == (True, ())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"startDate": "soon"}, "shifts.startDate"),
        ({"lengthMinutes": -5}, "shifts.lengthMinutes"),
        ({"lengthMinutes": None}, "shifts.lengthMinutes"),
    ],
)
async def test_a_shift_that_cannot_be_placed_is_poison(desk: Desk, change: dict[str, Any], field: str):
    with pytest.raises(PoisonError) as caught:
        await desk.answer("shifts", "agent/u-1", ANSWER | {"shifts": [ANSWER["shifts"][0] | change]})
    assert caught.value.field == field
