"""What an operator is shown of the loop and of effects outside, counted from what was appended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from handlers.events import Decision, Outcome
from processor.event import Envelope, Publishable
from processor.telemetry import Metrics

ANSWER = "answer."
"""How the types of what look-ups brought begin."""


def count(metrics: Metrics, published: Sequence[Publishable], now: datetime) -> None:
    """Decisions by action, effects by kind and status with how long they took, answers of look-ups."""
    for one in published:
        if isinstance(one, Decision):
            metrics.decisions.labels(one.action).inc()
        elif isinstance(one, Outcome):
            _outcome(metrics, one, now)
        elif isinstance(one, Envelope) and one.type.startswith(ANSWER):
            metrics.lookups.labels(one.type.removeprefix(ANSWER), "answered").inc()


def _outcome(metrics: Metrics, outcome: Outcome, now: datetime) -> None:
    """What came of a delivery is late since its receipt; what was asked for took as long as it did."""
    metrics.effects.labels(outcome.kind, outcome.status).inc()
    metrics.effect_conflicts.labels(outcome.kind).inc(outcome.conflict_retries)
    if outcome.status != "done":
        return
    metrics.effect_seconds.labels(outcome.kind).observe(outcome.latency_ms / 1000)
    if outcome.received_at:
        metrics.latency_seconds.labels(outcome.kind).observe(max(0.0, (now - outcome.received_at).total_seconds()))
