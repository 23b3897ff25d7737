"""The trace that an effect on another system leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers.events import Outcome
from processor.event import Event


def done(event: Event, kind: str, started: datetime, now: datetime, after: Mapping[str, Any]) -> Outcome:
    """The trace of an effect on another system: `kind` says which, `latencyMs` how long the effect itself took."""
    return Outcome(
        id=f"{event.id}/{kind}",
        time=now,
        subject=event.subject,
        source=event.source,
        cause=event.cause or event.id,
        trace=event.trace,
        received_at=event.received_at,
        kind=kind,
        status="done",
        after=after,
        latency_ms=round((now - started).total_seconds() * 1000, 1),
    )
