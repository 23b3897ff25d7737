"""What an operator is shown of normalising, counted from what was committed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from handlers.events import Fate, Lookup, PresenceUpdated, ScheduleUpdated
from handlers.normalise.agents import ZONE
from handlers.normalise.effective import NOT_FOUND
from processor.event import Publishable, Written
from processor.telemetry import Metrics

TIMED = 20
"""Events of a batch whose latency is measured, evenly chosen: under load the others say the same."""


def count(metrics: Metrics, published: Sequence[Publishable], now: datetime) -> None:
    """Add up one batch. Latency is from the delivery's receipt to its clean record's commit."""
    events = [event for event in published if isinstance(event, Written)]
    clean = [event for event in events if event.kind is not Fate and event.kind is not Lookup]
    for topic, number in Counter([event.kind.topic for event in events]).items():
        metrics.published.labels(topic).inc(number)
    for fate, number in Counter([event.data["fate"] for event in events if event.kind is Fate]).items():
        metrics.fates.labels(fate).inc(number)
    metrics.id_conflicts.inc(sum(map(_conflicts, clean)))
    metrics.untrusted_zones.inc(sum(map(_untrusted, clean)))
    metrics.unknown_holidays.inc(sum(map(_unknown_holidays, clean)))
    latency = metrics.latency_seconds.labels("clean")
    for event in clean[:: len(clean) // TIMED + 1]:
        if event.received_at:
            passed = now - datetime.fromisoformat(event.received_at)
            latency.observe(max(0.0, passed.total_seconds()))


def _conflicts(event: Written) -> bool:
    """The same id came with another body; of several records of one cause the first counts."""
    if len(event.id) <= len(event.cause):
        return False
    name = f"{event.cause}~{event.cause_digest}"
    return event.id in (name, f"{name}/1")


def _untrusted(event: Written) -> bool:
    """This very event brought a zone that nobody knows."""
    if event.kind is not PresenceUpdated or event.data["timeZoneTrusted"] is not False:
        return False
    fence = event.fences.get(ZONE)
    return fence is not None and fence.id == event.id


def _unknown_holidays(event: Written) -> int:
    if event.kind is not ScheduleUpdated:
        return 0
    return sum(one["date"] is None and one["reason"] != NOT_FOUND for one in event.data["exceptions"])
