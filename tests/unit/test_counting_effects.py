"""What an operator is shown of changes made outside: how many, how they ended, how long, how often overtaken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.counting import count
from handlers.events import Outcome
from processor.telemetry import Metrics

NOW = datetime(2026, 3, 9, 13, tzinfo=UTC)


def outcome(status: str, **more: Any) -> Outcome:
    return Outcome(id=status, time=NOW, subject="profile/p-1", kind="routing-profile", status=status, **more)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"processor_{name}", {"kind": "routing-profile", **labels}) or 0


def test_effects_are_counted_with_what_they_took_and_met() -> None:
    metrics = Metrics.build()
    ends = [
        outcome("done", latency_ms=300, conflict_retries=2),
        outcome("conflict", latency_ms=9000, conflict_retries=4),
        outcome("refused", latency_ms=20),
    ]
    count(metrics, ends, NOW)
    assert [value(metrics, "effects_total", status=one) for one in ("done", "conflict", "refused")] == [1, 1, 1]
    assert value(metrics, "effect_conflicts_total") == 6
    assert (value(metrics, "effect_seconds_count"), value(metrics, "effect_seconds_sum")) == (1, 0.3)
    assert metrics.registry.get_sample_value("processor_latency_seconds_count", {"stage": "routing-profile"}) is None


def test_what_came_of_a_delivery_is_late_since_its_receipt() -> None:
    metrics = Metrics.build()
    count(metrics, [outcome("done", latency_ms=5, received_at=NOW - timedelta(seconds=2))], NOW)
    assert metrics.registry.get_sample_value("processor_latency_seconds_sum", {"stage": "routing-profile"}) == 2
