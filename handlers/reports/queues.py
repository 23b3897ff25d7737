"""A queue over days: how it did, who changed it, and what our own requests came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from handlers.events import Outcome
from processor.clients.genesys.jobs.queues import Queues
from processor.errors import RefusedError
from processor.event import instant


async def report(
    job: Queues, queue_id: str, outcomes: Sequence[Outcome], *, now: datetime, days: int
) -> dict[str, Any]:
    """G4's sixth step, in its words. An audit log that is not for us is said so; the rest is told."""
    found = await job.get(queue_id)
    start = now - timedelta(days=days)
    did = await job.efficiency(queue_id, start, now)
    told = {
        "queueId": queue_id,
        "name": found.body.get("name"),
        "from": instant(start),
        "to": instant(now),
        "performance": {
            "offer.count": did.offered,
            "offer.avg.wait.time": did.average_wait_seconds,
            "offer.avg.handle.time": did.average_handle_seconds,
            "sla.percent": did.sla_percent,
            "abandon.count": did.abandoned,
            "abandonPercent": round(100 * did.abandoned / did.offered, 2) if did.offered else None,
        },
        "settings": dict(job.settings(found, None)),
    }
    ended = {one.request_id: one for one in outcomes}  # what was announced has its end after it
    return {**told, **await _trail(job, queue_id, start, now), "requests": [_request(one) for one in ended.values()]}


async def _trail(job: Queues, queue_id: str, start: datetime, now: datetime) -> dict[str, Any]:
    try:
        entries = await job.audits(queue_id, start, now)
    except RefusedError as refusal:
        return {
            "auditTrail": [],
            "auditTrailMissing": f"{refusal} ({refusal.remedy})" if refusal.remedy else str(refusal),
        }
    return {
        "auditTrail": [
            {"id": one.id, "at": one.at, "action": one.action, "by": one.by, "changes": list(one.changes)}
            for one in entries
        ]
    }


def _request(outcome: Outcome) -> Mapping[str, Any]:
    return {
        "requestId": outcome.request_id,
        "at": instant(outcome.time),
        "status": outcome.status,
        "latencyMs": outcome.latency_ms,
        "error": outcome.error,
    }
