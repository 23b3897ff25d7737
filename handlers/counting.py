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
    """Decisions by action, effects by kind and status with their latency since receipt, answers of look-ups."""
    for one in published:
        if isinstance(one, Decision):
            metrics.decisions.labels(one.action).inc()
        elif isinstance(one, Outcome):
            metrics.effects.labels(one.kind, one.status).inc()
            if one.status == "done" and one.received_at:
                metrics.latency_seconds.labels(one.kind).observe(max(0.0, (now - one.received_at).total_seconds()))
        elif isinstance(one, Envelope) and one.type.startswith(ANSWER):
            metrics.lookups.labels(one.type.removeprefix(ANSWER), "answered").inc()
