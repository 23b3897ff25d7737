"""How the changes of one agent's presence went: G5's metrics, folded from their outcomes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from handlers.events import Outcome


def report(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """G5's `getMetrics`: every end counts, refused ones too. `conflictRate`: lost races for each update."""
    records = [record for outcome in outcomes for record in _records(outcome)]
    updates = [record for record in records if record.get("action") == "presence_update"]
    total = len(updates)
    return {
        "averageLatencyMs": round(sum(float(one["latencyMs"]) for one in updates) / total, 2) if total else 0,
        "conflictRate": round(sum(int(one["conflictRetries"]) for one in updates) / total, 4) if total else 0,
        "totalUpdates": total,
        "auditLogs": records,
    }


def _records(outcome: Outcome) -> Iterator[Mapping[str, Any]]:
    """The agent's own, and those of his skills; a request that was never understood has none."""
    audit = outcome.audit
    if "userId" in audit:
        yield from audit.get("auditLogs") or [audit]
