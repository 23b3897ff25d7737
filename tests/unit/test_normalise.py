"""What is news: duplicates, late ones, repeats under one id, words without a time, and all of it after a restart."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.events import Presence, PresenceUpdated, QueueUpdated, VolumeUpdated
from processor.errors import PoisonError
from tests.unit.normalisedesk import AGENT, NOW, Desk, clean, event_bridge, fate, lookups, presence

EARLY, LATE = "2026-03-09T13:00:00.000Z", "2026-03-09T13:05:00.000Z"


@pytest.fixture
async def desk() -> Desk:
    return await Desk.open()


async def test_a_clean_record_says_where_it_came_from(desk: Desk):
    (event,) = await desk.post(
        presence("AVAILABLE", EARLY, "eb-1"), headers={"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"}
    )
    headers = event.to_message().headers
    assert (event.id, event.cause, event.subject) == ("eb-1", "eb-1", f"agent/{AGENT}")
    assert headers["ce_type"] == "genesys.presence.updated"
    assert headers["ce_time"] == EARLY
    assert headers["ce_causationid"] == "eb-1"
    assert headers["ce_source"] == "genesys/org-7"
    assert headers["traceparent"].startswith("00-")
    assert "ce_timesource" not in headers


async def test_a_guessed_time_is_marked(desk: Desk):
    body = {"presenceDefinition": {"systemPresence": "AVAILABLE"}}
    (event,) = await desk.post(event_bridge(f"v2.users.{AGENT}.presence", body))
    assert event.time_source == "envelope"
    (event,) = await desk.post({"topicName": "v2.users.u-2.presence", "eventBody": body})
    assert event.time_source == "received"


async def test_blanks_around_a_body_make_no_other_body(desk: Desk):
    body = json.dumps(presence("AVAILABLE", EARLY, "eb-1")).encode()
    assert fate(await desk.post(body)) == "published"
    assert fate(await desk.post(b" " + body + b"\r\n")) == "duplicate"


@pytest.mark.parametrize("restart", [False, True])
async def test_a_second_delivery_is_a_duplicate(desk: Desk, restart: bool):
    await desk.post(presence("AVAILABLE", EARLY, "eb-1"))
    await desk.post(presence("BUSY", LATE, "eb-2"))
    if restart:
        await desk.restart()
    assert fate(await desk.post(presence("AVAILABLE", EARLY, "eb-1"))) == "duplicate"
    assert fate(await desk.post(presence("BUSY", LATE, "eb-2"))) == "duplicate"


@pytest.mark.parametrize("restart", [False, True])
async def test_what_is_older_than_what_is_known_is_stale(desk: Desk, restart: bool):
    await desk.post(presence("BUSY", LATE, "eb-2"))
    if restart:
        await desk.restart()
    assert fate(await desk.post(presence("AVAILABLE", EARLY, "eb-1"))) == "stale"


@pytest.mark.parametrize("restart", [False, True])
async def test_the_same_id_with_another_body_is_another_event(desk: Desk, restart: bool):
    await desk.post(presence("AVAILABLE", EARLY, "eb-1"))
    if restart:
        await desk.restart()
    other = presence("BUSY", LATE, "eb-1")
    (event,) = await desk.post(other)
    name, _, mark = event.id.partition("~")
    assert (name, len(mark), event.cause) == ("eb-1", 8, "eb-1")
    assert fate(await desk.post(other)) == "duplicate"
    assert fate(await desk.post(presence("AVAILABLE", EARLY, "eb-1"))) == "duplicate"


async def test_equal_times_are_decided_by_the_larger_id_whichever_comes_first(desk: Desk):
    await desk.post(presence("AVAILABLE", EARLY, "eb-b"))
    assert fate(await desk.post(presence("BUSY", EARLY, "eb-a"))) == "stale"
    assert fate(await desk.post(presence("MEAL", EARLY, "eb-c"))) == "published"


async def test_only_the_newer_facets_are_taken(desk: Desk):
    await desk.post(presence("MEAL", LATE, "eb-2"))
    activity = {
        "id": AGENT,
        "routingStatus": {"status": "IDLE", "startTime": EARLY},
        "presence": {"presenceDefinition": {"id": "x", "systemPresence": "ON_QUEUE"}, "modifiedDate": EARLY},
    }
    (event,) = await desk.post(event_bridge(f"v2.users.{AGENT}.activity", activity, name="eb-1"))
    assert isinstance(event, PresenceUpdated)
    assert (event.presence, event.routing_status, event.state) == ("MEAL", "IDLE", "IDLE")
    assert {name: fence.id for name, fence in event.fences.items()} == {"presence": "eb-2", "routing": "eb-1"}


def words(word: str) -> dict[str, object]:
    """Without an id and without a time."""
    return {"topicName": "v2.users.u-1.presence", "eventBody": {"presenceDefinition": {"systemPresence": word}}}


async def test_the_same_words_without_a_time_come_twice(desk: Desk):
    await desk.post(words("AVAILABLE"))
    desk.now += timedelta(hours=24)
    await desk.restart()
    assert fate(await desk.post(words("AVAILABLE"))) == "duplicate"


async def test_the_same_words_again_after_others_are_a_third_event(desk: Desk):
    published = []
    for word in ("AVAILABLE", "BUSY", "AVAILABLE", "BUSY"):
        desk.now += timedelta(seconds=1)
        published += clean(await desk.post(words(word)))
    first, second, third, fourth = published
    assert third.id == f"{first.id}@0-2"
    assert fourth.id == f"{second.id}@0-3"
    desk.now += timedelta(seconds=1)
    await desk.restart()
    assert fate(await desk.post(words("BUSY"))) == "duplicate"


@pytest.mark.parametrize(
    "order", ["AVAILABLE BUSY", "BUSY AVAILABLE", "BUSY AVAILABLE BUSY", "AVAILABLE BUSY AVAILABLE"]
)
async def test_of_words_that_come_in_one_batch_without_a_time_the_last_counts(desk: Desk, order: str):
    told = order.split()
    published = clean(await desk.post([words(word) for word in told]))
    assert [event.presence for event in published if isinstance(event, PresenceUpdated)] == told
    await desk.restart()
    assert fate(await desk.post(words(told[-1]))) == "duplicate"


async def test_an_id_without_a_time_is_remembered_for_a_day_though_others_came_between(desk: Desk):
    profile = {"event": "routing-profile", "id": "evt-1", "data": {"id": "p-1", "skillAssignments": [1]}}
    await desk.post(profile)
    for number in range(40):
        desk.now += timedelta(minutes=10)
        await desk.post(profile | {"id": f"evt-x{number}", "data": {"id": "p-1", "skillAssignments": [number + 2]}})
    desk.now += timedelta(hours=17)
    await desk.restart()
    assert fate(await desk.post(profile)) == "duplicate"
    desk.now += timedelta(hours=2)
    await desk.post(profile | {"id": "evt-y", "data": {"id": "p-1", "skillAssignments": ["y"]}})
    desk.now += timedelta(seconds=1)
    assert fate(await desk.post(profile)) == "published"


async def test_what_says_the_same_is_not_written_but_moves_the_fence(desk: Desk):
    def away(active: bool, at: str, name: str) -> dict[str, object]:
        body = {"user": {"id": AGENT}, "active": active}
        return event_bridge(f"v2.users.{AGENT}.outofoffice", body, name=name, at=at)

    await desk.post(away(False, EARLY, "eb-1"))
    assert fate(await desk.post(away(False, LATE, "eb-3"))) == "coalesced"
    await desk.restart()
    assert fate(await desk.post(away(True, "2026-03-09T13:02:00.000Z", "eb-2"))) == "stale"


async def test_an_answer_that_says_what_is_known_writes_nothing(desk: Desk):
    queue = {
        "queue": {"id": "q-1", "name": "Email", "mediaSettings": {"email": {"serviceLevel": {"durationMs": 60000}}}}
    }
    assert fate(await desk.answer("queue", "queue/q-1", queue)) == "published"
    desk.now += timedelta(hours=1)
    assert fate(await desk.answer("queue", "queue/q-1", queue)) == "coalesced"
    queue["queue"]["name"] = "Mail"
    desk.now += timedelta(hours=1)
    (event,) = await desk.answer("queue", "queue/q-1", queue)
    assert isinstance(event, QueueUpdated)
    assert event.changed == ("name",)


async def test_several_records_of_one_cause_are_numbered_in_order(desk: Desk):
    intervals = [
        "2026-03-09T13:00:00.000Z/2026-03-09T13:30:00.000Z",
        "2026-03-09T12:30:00.000Z/2026-03-09T13:00:00.000Z",
    ]
    data = [{"interval": one, "metrics": [{"metric": "nOffered", "stats": {"count": 5}}]} for one in intervals]
    body = {"group": {"queueId": "q-1", "mediaType": "email"}, "data": data}
    post = event_bridge("v2.analytics.queues.q-1.observations", body)
    first, second = clean(await desk.post(post))
    assert (first.id, second.id) == ("eb-1/1", "eb-1/2")
    assert isinstance(first, VolumeUpdated)
    assert isinstance(second, VolumeUpdated)
    assert first.interval.start < second.interval.start
    await desk.restart()
    assert fate(await desk.post(post)) == "duplicate"


async def test_a_look_here_is_handed_on_once(desk: Desk):
    notice = event_bridge(
        "v2.workforcemanagement.managementunits.m-1.agentschedules.changed",
        {"agents": [{"agentId": "b"}, {"agentId": "a"}]},
    )
    found = await desk.post(notice)
    assert fate(found) == "looked-up"
    assert lookups(found) == [("shifts", "agent/a"), ("shifts", "agent/b")]
    assert [event.id for event in found[:2]] == ["eb-1/1", "eb-1/2"]
    await desk.restart()
    assert fate(await desk.post(notice)) == "duplicate"


async def test_every_fate_has_a_name_of_its_own(desk: Desk):
    await desk.post(presence("AVAILABLE", EARLY, "eb-1"))
    names = [(await desk.post(presence("AVAILABLE", EARLY, "eb-1")))[0].id for _ in range(2)]
    assert names == ["eb-1@0-1", "eb-1@0-2"]


@pytest.mark.parametrize("body", [5, "text", None, [[1]], {"some": "thing"}])
async def test_what_nobody_knows_is_poison(desk: Desk, body: object):
    with pytest.raises(PoisonError, match=r"^no event that we know: nothing in it says what it is$") as caught:
        await desk.post(body)
    assert caught.value.field == "type"


async def test_an_event_that_nobody_knows_is_poison_by_its_name(desk: Desk):
    with pytest.raises(PoisonError, match=r"^no event that we know: v2\.unheard\.of$"):
        await desk.post({"topicName": "v2.unheard.of", "eventBody": {}})


async def test_a_body_that_lacks_what_it_promises_names_the_field(desk: Desk):
    with pytest.raises(PoisonError) as caught:
        await desk.post(
            event_bridge(f"v2.users.{AGENT}.presence", {"presenceDefinition": {"systemPresence": "ASLEEP"}})
        )
    assert caught.value.field == "presenceDefinition.systemPresence"


@pytest.mark.parametrize(
    "frame",
    [
        {"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}},
        {"result": "200", "status": "subscribed"},
        {"topicName": "v2.system.socket_closing", "eventBody": {}, "metadata": {}},
        {"topicName": "v2.routing.queues.q-1.users", "eventBody": {"joined": True}},
    ],
)
async def test_what_is_for_nobody_is_ignored(desk: Desk, frame: dict[str, object]):
    assert fate(await desk.post(frame)) == "ignored"


async def test_memory_of_a_busy_queue_is_bounded(desk: Desk):
    row = None
    for number in range(120):
        at = desk.now = NOW + timedelta(minutes=30 * number)
        interval = f"{at.isoformat()}/{(at + timedelta(minutes=30)).isoformat()}"
        body = {
            "group": {"mediaType": "email"},
            "data": [{"interval": interval, "metrics": [{"metric": "nOffered", "stats": {"count": 5}}]}],
        }
        await desk.post(
            event_bridge("v2.analytics.queues.q-1.observations", body, name=f"eb-{number}", at=at.isoformat())
        )
    row = desk.tables["genesys.volume"].get("queue/q-1")
    assert row is not None
    assert len(row.fences) == len(row.marks) <= 51
    assert 16 <= len(row.known) <= 24


async def test_a_subject_that_differs_from_the_one_it_is_filed_under_is_poison(desk: Desk):
    group = {"group": {"id": "g-2", "name": "x", "timeZone": "UTC"}, "schedules": []}
    with pytest.raises(PoisonError):
        await desk.answer("schedule-group", "schedule-group/g-1", group)


async def test_a_restart_gives_the_same_verdicts_as_none(desk: Desk):
    """The same deliveries, with a restart before each and with none at all."""
    posts = [
        presence(word, f"2026-03-09T13:00:{second:02}.000Z", f"eb-{second % 7}")
        for second, word in ((5, "BUSY"), (3, "MEAL"), (5, "BUSY"), (9, "AWAY"), (12, "BUSY"), (2, "MEAL"), (9, "AWAY"))
    ]
    steady, restarted = await Desk.open(), desk
    for post in posts:
        await restarted.restart()
        assert [json.loads(e.data()) | {"id": e.id} for e in await steady.post(post)] == [
            json.loads(e.data()) | {"id": e.id} for e in await restarted.post(post)
        ]
    assert steady.now == restarted.now
    assert isinstance(steady.now, datetime)


async def test_the_bare_payload_of_a_topic_that_only_headers_name_is_read(desk: Desk):
    """CloudEvents in binary mode: the body is the data alone."""
    headers = {"ce-specversion": "1.0", "ce-type": f"v2.users.{AGENT}.presence", "ce-id": "a-1", "ce-source": "x"}
    body = {"presenceDefinition": {"systemPresence": "MEAL"}, "modifiedDate": "2026-03-09T13:00:00Z"}
    (event,) = clean(await desk.post(body, headers=headers))
    assert isinstance(event, PresenceUpdated)
    assert (event.id, event.subject, event.presence) == ("a-1", f"agent/{AGENT}", Presence.MEAL)
    attributes = {name.removeprefix("ce-"): value for name, value in headers.items()} | {"id": "a-2"}
    later = json.dumps(body | {"modifiedDate": "2026-03-09T13:00:01Z"}).encode()
    (event,) = clean(await desk.post(attributes | {"data_base64": base64.b64encode(later).decode()}))
    assert (event.id, event.since) == ("a-2", datetime(2026, 3, 9, 13, 0, 1, tzinfo=UTC))
