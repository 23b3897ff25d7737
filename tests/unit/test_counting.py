"""What an operator is shown of normalising."""

from __future__ import annotations

from datetime import timedelta

from handlers.events import ScheduleUpdated
from handlers.normalise.counting import TIMED, count
from processor.event import Event
from processor.telemetry import Metrics
from tests.unit.normalisedesk import NOW, Desk, event_bridge, presence


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"processor_{name}", labels) or 0


async def counted(*bodies: object) -> Metrics:
    desk, metrics = await Desk.open(), Metrics.build()
    found: list[Event] = []
    for body in bodies:
        found += await desk.post(body)
    count(metrics, [event.as_written() for event in found], NOW + timedelta(seconds=0.2))
    return metrics


async def test_events_by_topic_and_fates():
    twice = presence("BUSY", "2026-03-09T13:00:00Z", "1")
    metrics = await counted(twice, twice, presence("AVAILABLE", "2026-03-09T13:01:00Z", "2"))
    assert value(metrics, "published_events_total", topic="genesys.presence") == 2
    assert value(metrics, "fates_total", fate="duplicate") == 1
    assert value(metrics, "latency_seconds_count", stage="clean") == 2
    assert 0.39 < value(metrics, "latency_seconds_sum", stage="clean") < 0.41


async def test_an_id_that_came_with_another_body():
    metrics = await counted(
        presence("BUSY", "2026-03-09T13:00:00Z", "1"), presence("AWAY", "2026-03-09T13:01:00Z", "1")
    )
    assert value(metrics, "id_conflicts_total") == 1


async def test_of_several_records_of_one_body_one_counts():
    def halves(offered: int, at: str) -> object:
        metrics = [{"metric": "nOffered", "stats": {"count": offered}}]
        spans = ("2026-03-09T12:00:00Z/2026-03-09T12:30:00Z", "2026-03-09T12:30:00Z/2026-03-09T13:00:00Z")
        data = [{"interval": span, "metrics": metrics} for span in spans]
        body = {"group": {"queueId": "q-1", "mediaType": "voice"}, "data": data}
        return event_bridge("v2.analytics.queues.q-1.observations", body, name="1", at=at)

    metrics = await counted(halves(5, "2026-03-09T13:00:00Z"), halves(6, "2026-03-09T13:01:00Z"))
    assert value(metrics, "published_events_total", topic="genesys.volume") == 4
    assert value(metrics, "id_conflicts_total") == 1


async def test_a_zone_nobody_knows_counts_when_it_comes():
    body = {"event": "presence:updated", "userId": "u", "presenceId": "Busy", "timestamp": "2026-03-09T13:00:00Z"}
    other = presence("AWAY", "2026-03-09T13:05:00Z", "2", agent="u")
    assert value(await counted(body | {"agentTimeZone": "EST"}, other), "untrusted_zones_total") == 1


async def test_a_holiday_that_the_settings_lack():
    data = {
        "scheduleId": "s",
        "scheduleGroupId": "g",
        "timezoneId": "Europe/London",
        "scheduleEntries": [{"daysOfWeek": ["monday"], "startTime": "08:00", "endTime": "17:00"}],
        "holidays": ["h-1", "h-2"],
    }
    metrics = await counted({"event": "schedule:updated", "id": "e", "timestamp": "2026-03-09T13:00:00Z", "data": data})
    assert value(metrics, "unknown_holidays_total") == 2


async def test_a_schedule_that_a_group_names_and_lacks_is_no_holiday():
    desk, metrics = await Desk.open(), Metrics.build()
    group = {"id": "g", "timeZone": "Europe/London", "openSchedules": [{"id": "s"}]}
    (event,) = await desk.answer("schedule-group", "schedule-group/g", {"group": group, "schedules": []})
    count(metrics, [event.as_written()], NOW)
    assert isinstance(event, ScheduleUpdated)
    assert [one.date for one in event.exceptions] == [None]
    assert value(metrics, "unknown_holidays_total") == 0


async def test_of_a_large_batch_some_latencies_are_measured():
    events = [presence("BUSY", f"2026-03-09T13:00:00.{n:03}Z", str(n), agent=f"a-{n}") for n in range(100)]
    metrics = await counted(*events)
    assert value(metrics, "published_events_total", topic="genesys.presence") == 100
    assert TIMED / 2 < value(metrics, "latency_seconds_count", stage="clean") <= TIMED


async def test_what_is_looked_up_or_ignored_has_no_latency():
    metrics = await counted(event_bridge("v2.routing.queues.q-1.users", {"id": "q-1"}))
    assert value(metrics, "fates_total", fate="ignored") == 1
    assert value(metrics, "latency_seconds_count", stage="clean") == 0
