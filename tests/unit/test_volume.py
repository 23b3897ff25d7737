"""Volume from observations, activity and the polled hour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.events import VolumeUpdated
from processor.errors import PoisonError
from tests.unit.normalisedesk import Desk, clean, event_bridge, fate

ASKED = datetime(2026, 3, 9, 14, 7, tzinfo=UTC)
HOUR = "2026-03-09T13:07:00.000Z/2026-03-09T14:07:00.000Z"
HALVES = ("2026-03-09T13:00:00.000Z/2026-03-09T13:30:00.000Z", "2026-03-09T13:30:00.000Z/2026-03-09T14:00:00.000Z")
LAST_HALF = HALVES[1]


@pytest.fixture
async def desk() -> Desk:
    desk = await Desk.open()
    desk.now = ASKED
    return desk


def metric(name: str, **stats: float) -> dict[str, Any]:
    return {"metric": name, "stats": stats}


def row(interval: str, *metrics: dict[str, Any], views: dict[str, int] | None = None) -> dict[str, Any]:
    named = [{"name": name, "stats": {"count": found}} for name, found in (views or {}).items()]
    return {"interval": interval, "metrics": list(metrics), "views": named}


def answer(
    *rows: dict[str, Any],
    medium: str = "email",
    targets: dict[str, float] | None = None,
    observed: list[Any] | None = None,
) -> dict[str, Any]:
    return {
        "queueId": "q-1",
        "asked": "2026-03-09T14:07:00.000Z",
        "targets": targets or {"email": 60},
        "observations": observed or [],
        "aggregates": [{"group": {"queueId": "q-1", "mediaType": medium}, "data": list(rows)}],
    }


async def volumes(found: list[Any]) -> list[VolumeUpdated]:
    events = clean(found)
    assert all(isinstance(event, VolumeUpdated) for event in events)
    return [event for event in events if isinstance(event, VolumeUpdated)]


COUNTED = (
    metric("nOffered", count=600),
    metric("tAnswered", count=500, sum=20_000_000),
    metric("tAbandon", count=40),
    metric("tHandle", count=490, sum=147_000_000),
    metric("oServiceLevel", ratio=0.99, numerator=535, denominator=540, target=0.9),
)


async def test_the_polled_hour_is_judged_against_the_target_we_asked_for(desk: Desk):
    observed = [
        {"group": {"queueId": "q-1", "mediaType": "email"}, "data": [metric("oWaiting", count=37)]},
        {
            "group": {"queueId": "q-1"},
            "data": [
                metric("oOnQueueUsers", count=3) | {"qualifier": "IDLE"},
                metric("oOnQueueUsers", count=4) | {"qualifier": "INTERACTING"},
            ],
        },
    ]
    body = answer(row(HOUR, *COUNTED, views={"within-60": 405, "within-45": 300}), observed=observed)
    (found,) = await volumes(await desk.answer("volume", "queue/q-1", body))
    assert (found.offered, found.answered, found.abandoned, found.answered_in_target) == (600, 500, 40, 405)
    assert (found.service_level, found.service_level_target_seconds) == (0.75, 60)
    assert found.service_level_formula == "answeredInTarget/serviceLevelDenominator"
    assert (found.average_wait_seconds, found.average_handle_seconds) == (40, 300)
    assert (found.waiting, found.on_queue_agents) == (37, 7)
    assert (found.origin, found.final, found.time) == ("aggregates", False, ASKED)
    assert found.interval.end - found.interval.start == datetime(2026, 1, 1, 1, tzinfo=UTC) - datetime(
        2026, 1, 1, tzinfo=UTC
    )


async def test_without_a_denominator_all_that_was_answered_or_left_counts(desk: Desk):
    body = answer(row(HOUR, *COUNTED[:3], views={"within-60": 405}))
    (found,) = await volumes(await desk.answer("volume", "queue/q-1", body))
    assert found.service_level == 405 / 540
    assert found.service_level_formula == "answeredInTarget/(answered+abandoned)"


async def test_nothing_answered_at_all_is_a_service_level_of_zero(desk: Desk):
    body = answer(row(HOUR, metric("nOffered", count=10), metric("tAbandon", count=10), views={"within-45": 0}))
    (found,) = await volumes(await desk.answer("volume", "queue/q-1", body))
    assert (found.answered, found.service_level) == (0, 0)


async def test_half_hours_are_final_when_they_have_settled(desk: Desk):
    body = answer(*(row(half, metric("nOffered", count=5)) for half in HALVES), row(HOUR, metric("nOffered", count=11)))
    found = await volumes(await desk.answer("volume", "queue/q-1", body))
    assert [(v.interval.start.minute, v.final) for v in found] == [(0, True), (7, False), (30, True)]


async def test_a_half_hour_that_has_just_ended_is_not_final(desk: Desk):
    desk.now = datetime(2026, 3, 9, 14, 2, tzinfo=UTC)
    body = answer(row(LAST_HALF, metric("nOffered", count=5))) | {"asked": "2026-03-09T14:02:00.000Z"}
    found = await volumes(await desk.answer("volume", "queue/q-1", body))
    assert [v.final for v in found if v.interval.start.minute == 30] == [False]


async def test_a_medium_without_contacts_was_offered_none(desk: Desk):
    body = answer(row(HOUR, *COUNTED, views={"within-60": 1}), targets={"email": 60, "call": 20})
    found = {v.media_type: v for v in await volumes(await desk.answer("volume", "queue/q-1", body))}
    assert (found["call"].offered, found["call"].service_level, found["call"].service_level_target_seconds) == (
        0,
        None,
        20,
    )


async def test_analytics_says_voice_where_the_queue_says_call(desk: Desk):
    body = answer(row(HOUR, *COUNTED, views={"within-20": 540}), medium="voice", targets={"call": 20})
    (found,) = await volumes(await desk.answer("volume", "queue/q-1", body))
    assert (found.media_type, found.service_level) == ("call", 1)


async def test_a_half_hour_polled_again_unchanged_writes_nothing(desk: Desk):
    half = row(HALVES[0], metric("nOffered", count=5))
    await desk.answer("volume", "queue/q-1", answer(half), name="a")
    desk.now = ASKED.replace(minute=8)
    later = answer(half) | {"asked": "2026-03-09T14:08:00.000Z"}
    assert fate(await desk.answer("volume", "queue/q-1", later, name="b")) == "coalesced"


def silent(minutes: int, **more: Any) -> dict[str, Any]:
    asked = ASKED + timedelta(minutes=minutes)
    return answer() | {"asked": asked.isoformat(), "aggregates": []} | more


async def told(desk: Desk, minutes: int, body: dict[str, Any] | None = None) -> bool:
    desk.now = ASKED + timedelta(minutes=minutes)
    return bool(clean(await desk.answer("volume", "queue/q-1", body or silent(minutes))))


async def test_a_silent_medium_is_told_every_five_minutes_and_later_every_hour(desk: Desk):
    assert [minute for minute in range(20) if await told(desk, minute)] == [0, 5, 10, 15]
    await desk.restart()
    assert [minute for minute in range(20, 360) if await told(desk, minute)][-5:] == [115, 120, 180, 240, 300]


async def test_what_breaks_the_silence_is_told_at_once_and_so_is_the_next_silence(desk: Desk):
    assert await told(desk, 0)
    at = [(ASKED + timedelta(minutes=minute)).isoformat() for minute in (-59, 1)]
    busy = answer(row("/".join(at), *COUNTED)) | {"asked": at[1]}
    assert await told(desk, 1, busy)
    assert await told(desk, 2)
    assert not await told(desk, 3)
    assert await told(desk, 4, silent(4, targets={"email": 45}))
    waits = {"group": {"mediaType": "email"}, "data": [metric("oWaiting", count=1)]}
    assert await told(desk, 5, silent(5, targets={"email": 45}, observations=[waits]))


def observations(*metrics: dict[str, Any], name: str = "eb-1", at: str = "2026-03-09T13:12:31.000Z") -> dict[str, Any]:
    body = {"group": {"queueId": "q-1", "mediaType": "email"}, "data": [row(HALVES[0], *metrics)]}
    return event_bridge("v2.analytics.queues.q-1.observations", body, name=name, at=at)


async def test_an_observation_says_only_what_it_says(desk: Desk):
    (found,) = await volumes(await desk.post(observations(metric("oWaiting", count=3))))
    assert (found.waiting, found.offered, found.answered, found.abandoned, found.service_level) == (
        3,
        None,
        None,
        None,
        None,
    )
    assert (found.origin, found.time_source, found.final) == ("observations", "envelope", False)


async def test_genesys_own_service_level_is_against_the_queues_present_target(desk: Desk):
    level = metric("oServiceLevel", numerator=31, denominator=40, ratio=0.775, target=0.9)
    (found,) = await volumes(await desk.post(observations(level)))
    assert (found.service_level, found.service_level_target_seconds, found.answered_in_target) == (0.775, None, 31)
    queue = {"queue": {"id": "q-1", "mediaSettings": {"email": {"serviceLevel": {"durationMs": 45_000}}}}}
    await desk.answer("queue", "queue/q-1", queue)
    (found,) = await volumes(await desk.post(observations(level, name="eb-2", at="2026-03-09T13:13:00.000Z")))
    assert found.service_level_target_seconds == 45
    waits = observations(metric("oWaiting", count=3), name="eb-3", at="2026-03-09T13:14:00.000Z")
    (found,) = await volumes(await desk.post(waits))
    assert (found.service_level, found.service_level_target_seconds) == (None, None)


async def test_an_hour_that_is_long_over_is_counted_to_its_end_and_not_the_rolling_one(desk: Desk):
    over = row("2026-03-09T12:00:00.000Z/2026-03-09T13:00:00.000Z", metric("nOffered", count=5))
    found = await volumes(await desk.answer("volume", "queue/q-1", answer(over)))
    (past,) = [one for one in found if one.final]
    assert (past.offered, list(past.fences)) == (5, ["email/2026-03-09T12:00:00+00:00/aggregates"])


async def test_the_later_word_about_an_interval_wins_by_medium_and_origin(desk: Desk):
    await desk.post(observations(metric("nOffered", count=9), name="b", at="2026-03-09T13:20:00.000Z"))
    assert fate(await desk.post(observations(metric("nOffered", count=5), name="a"))) == "stale"
    assert (
        fate(await desk.answer("volume", "queue/q-1", answer(row(HALVES[0], metric("nOffered", count=5)))))
        == "published"
    )


async def test_activity_counts_what_waits_now(desk: Desk):
    body = {
        "results": [
            {"mediaType": "email", "data": [{"metric": "oWaiting", "count": 37}]},
            {"mediaType": "chat", "data": []},
        ]
    }
    (found,) = await volumes(await desk.post(event_bridge("v2.analytics.queues.q-1.activity", body)))
    assert (found.media_type, found.waiting, found.offered, found.origin) == ("email", 37, None, "activity")


async def test_an_interval_that_is_none_is_poison(desk: Desk):
    with pytest.raises(PoisonError) as caught:
        await desk.answer("volume", "queue/q-1", answer(row("yesterday")))
    assert caught.value.field == "aggregates.data.interval"


async def test_the_same_volume_after_a_restart_is_no_news(desk: Desk):
    body = observations(metric("nOffered", count=5), name="eb-1")
    assert clean(await desk.post(body))
    await desk.restart()
    again = observations(metric("nOffered", count=5), name="eb-2", at="2026-03-09T13:12:32.000Z")
    assert fate(await desk.post(again)) == "coalesced"
