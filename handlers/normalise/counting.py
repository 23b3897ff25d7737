"""What an operator is shown of normalising, counted from what was committed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from handlers.events import Fate, Lookup, PresenceUpdated, ScheduleUpdated
from handlers.normalise.agents import ZONE
from handlers.normalise.effective import NOT_FOUND
from processor.event import Publishable, Written
from processor.telemetry import Metrics
from processor.written import Kind

TIMED = 5
"""Events of a batch whose latency is measured, evenly chosen: under load the others say the same."""


def count(metrics: Metrics, published: Sequence[Publishable], now: datetime) -> None:
    """Add up one batch. Latency is from the delivery's receipt to its clean record's commit."""
    kinds: dict[Kind, list[Written]] = defaultdict(list)
    for event in published:
        if isinstance(event, Written):
            kinds[event.kind].append(event)
    for kind, events in kinds.items():
        metrics.published.labels(kind.topic).inc(len(events))
    for fate, number in Counter([event.data["fate"] for event in kinds.pop(Fate, ())]).items():
        metrics.fates.labels(fate).inc(number)
    kinds.pop(Lookup, None)
    clean = [event for events in kinds.values() for event in events]
    metrics.id_conflicts.inc(sum(map(_conflicts, clean)))
    metrics.untrusted_zones.inc(sum(map(_untrusted, kinds[PresenceUpdated])))
    metrics.unknown_holidays.inc(sum(map(_unknown_holidays, kinds[ScheduleUpdated])))
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
    if event.data["timeZoneTrusted"] is not False:
        return False
    fence = event.fences.get(ZONE)
    return fence is not None and fence.id == event.id


def _unknown_holidays(event: Written) -> int:
    return sum(one["date"] is None and one["reason"] != NOT_FOUND for one in event.data["exceptions"])
