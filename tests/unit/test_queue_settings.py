"""A queue's settings from answers, callbacks and audits."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.events import QueueUpdated
from processor.errors import PoisonError
from tests.unit.normalisedesk import Desk, clean, event_bridge, fate, lookups

QUEUE = {
    "id": "q-1",
    "name": "Email Support",
    "division": {"id": "d-1"},
    "dateModified": "2026-03-09T12:00:00.000Z",
    "modifiedBy": "ana",
    "mediaSettings": {
        "call": {"serviceLevel": {"percentage": 0.8, "durationMs": 20000}},
        "email": {"serviceLevel": {"percentage": 0.9, "durationMs": 14400000}},
        "chat": {},
    },
    "routingRules": [],
}


@pytest.fixture
async def desk() -> Desk:
    return await Desk.open()


def audit(
    action: str, *changes: dict[str, Any], name: str = "a-1", at: str = "2026-03-09T14:05:11.000Z"
) -> dict[str, Any]:
    body = {
        "entityType": "Queue",
        "entity": {"id": "q-1", "name": "Email Support"},
        "action": action,
        "userId": "bob",
        "eventTime": at,
        "propertyChanges": list(changes),
    }
    return event_bridge("v2.audits.entitytype.Queue.entityid.q-1", body, name=name, at=at)


TIGHTER = {
    "property": "mediaSettings.email.serviceLevel.durationMs",
    "oldValues": ["14400000"],
    "newValues": ["10800000"],
}


async def queue(found: list[Any]) -> QueueUpdated:
    (event,) = clean(found)
    assert isinstance(event, QueueUpdated)
    return event


async def test_an_answer_is_the_whole_queue(desk: Desk):
    found = await queue(await desk.answer("queue", "queue/q-1", {"queue": QUEUE}))
    assert (found.queue_id, found.name, found.division_id, found.modified_by) == ("q-1", "Email Support", "d-1", "ana")
    assert {name: level.service_level_seconds for name, level in found.media_types.items()} == {
        "call": 20,
        "email": 14400,
    }
    assert found.version == "2026-03-09T12:00:00.000Z"
    assert found.changed == ()


async def test_an_audit_tells_the_change_at_once_and_asks_for_the_rest(desk: Desk):
    await desk.answer("queue", "queue/q-1", {"queue": QUEUE})
    events = await desk.post(audit("Update", TIGHTER))
    found = await queue(events)
    assert found.media_types["email"].service_level_seconds == 10800
    assert found.media_types["email"].service_level_percentage == 0.9
    assert found.media_types["call"].service_level_seconds == 20
    assert (found.changed, found.modified_by) == (("mediaTypes.email",), "bob")
    assert lookups(events) == [("queue", "queue/q-1")]


async def test_an_audit_of_an_unknown_queue_tells_what_it_can(desk: Desk):
    found = await queue(await desk.post(audit("Update", TIGHTER)))
    assert (found.name, found.changed) == ("Email Support", ("name", "mediaTypes.email"))


async def test_members_are_a_change_too_of_a_queue_that_is_known(desk: Desk):
    members = {"property": "queueId:q-1:members", "newValues": ["queueMember:u-1"]}
    assert fate(await desk.post(audit("MemberAdd", members, at="2026-03-09T13:00:00.000Z"))) == "looked-up"
    await desk.answer("queue", "queue/q-1", {"queue": QUEUE})
    found = await queue(await desk.post(audit("MemberAdd", members, name="a-2")))
    assert (found.changed, found.modified_by) == (("members",), "ana")


async def test_an_audit_with_values_nobody_can_read_is_only_a_reason_to_look(desk: Desk):
    odd = [
        {"property": "mediaSettings.email.serviceLevel.durationMs", "newValues": ["soon"]},
        {"property": None},
        {"property": "name", "newValues": 5},
    ]
    assert fate(await desk.post(audit("Update", *odd))) == "looked-up"


async def test_a_late_audit_needs_no_look(desk: Desk):
    await desk.answer("queue", "queue/q-1", {"queue": QUEUE})
    events = await desk.post(audit("Update", TIGHTER, at="2026-03-09T13:05:11.000Z"))
    assert (fate(events), lookups(events)) == ("stale", [])


async def test_a_deleted_queue(desk: Desk):
    await desk.answer("queue", "queue/q-1", {"queue": QUEUE}, name="a")
    asked = desk.now.replace(hour=15)
    found = await queue(await desk.answer("queue", "queue/q-1", {"deleted": True}, asked=asked, name="b"))
    assert (found.deleted, found.name, found.changed) == (True, "Email Support", ("deleted",))


GUIDE = {
    "routingRules": [
        {"type": "priority", "priority": 1, "routingStrategy": {"type": "longest-idle", "skills": ["s-1", "s-2"]}}
    ],
    "slaPercent": 90,
    "slaTarget": 60,
    "wrapUpPolicy": "required",
    "queueType": "email",
    "id": "q-1",
    "version": "v-3",
}


async def test_the_guides_queue(desk: Desk):
    body = {"eventType": "routingQueueUpdated", "id": "evt-1", "timestamp": "2026-03-09T13:05:11.000Z", "data": GUIDE}
    found = await queue(await desk.post(body))
    assert (found.id, found.subject, found.version) == ("evt-1", "queue/q-1", "v-3")
    level = found.media_types["email"]
    assert (level.service_level_percentage, level.service_level_seconds) == (0.9, 60)
    assert (found.routing.skills, found.routing.wrap_up_policy, found.routing.queue_type) == (
        ("s-1", "s-2"),
        "required",
        "email",
    )


async def test_the_guides_change_of_one_field(desk: Desk):
    await desk.post({"eventType": "routingQueueUpdated", "timestamp": "2026-03-09T13:05:11.000Z", "data": GUIDE})
    change = {"type": "routingQueueUpdated", "queueId": "q-1", "version": "v-4", "changes": {"slaTarget": 45}}
    events = await desk.post(change | {"timestamp": "2026-03-09T13:06:11.000Z"})
    found = await queue(events)
    level = found.media_types["email"]
    assert (level.service_level_percentage, level.service_level_seconds) == (0.9, 45)
    assert (found.changed, found.version) == (("mediaTypes.email",), "v-4")
    assert found.routing.skills == ("s-1", "s-2")
    assert lookups(events) == [("queue", "queue/q-1")]
    again = {"type": "routingQueueUpdated", "queueId": "q-1", "changes": {"slaTarget": 50}}
    found = await queue(await desk.post(again | {"timestamp": "2026-03-09T13:07:11.000Z"}))
    assert (found.changed, found.version) == (("mediaTypes.email",), "v-4")


async def test_a_callback_with_nothing_but_the_id_is_a_reason_to_look(desk: Desk):
    events = await desk.post({"queueId": "q-1"}, headers={"x-genesys-event": "routing-sync"})
    assert (fate(events), lookups(events)) == ("looked-up", [("queue", "queue/q-1")])


@pytest.mark.parametrize(
    ("field", "value"), [("slaTarget", "soon"), ("slaTarget", -1), ("slaPercent", 101), ("slaPercent", -1)]
)
async def test_a_target_that_no_queue_can_have_is_poison(desk: Desk, field: str, value: Any):
    with pytest.raises(PoisonError) as caught:
        await desk.post({"type": "routingQueueUpdated", "data": GUIDE | {field: value}})
    assert caught.value.field == field
