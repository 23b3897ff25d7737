"""`report profile`: what a profile (or an agent) may be used for, what is recommended, and how its changes went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from handlers.events import Outcome
from handlers.requests.profile_words import under
from handlers.requests.utilization import Thresholds, recommend
from processor.clients.genesys.jobs.profiles import Profiles

DONE = "done"
TRIED = frozenset({DONE, "failed", "conflict"})
"""Others never came to a write that could have met one of somebody else."""


async def report(
    job: Profiles, key: str, outcomes: Sequence[Outcome], queues: Sequence[str], rule: Thresholds, *, days: int
) -> dict[str, Any]:
    """`queues`: whose history recommends; without any, the queue that the last change named.

    `outcomes`: of the requests about it, the oldest first. Raises `RefusedError` when there is no such thing.
    """
    state = await _state(job, key)
    named = [str(outcome.request["queueId"]) for outcome in outcomes if outcome.request.get("queueId")]
    advice = []
    for queue in queues or named[-1:]:
        load = await job.load(queue, timedelta(days=days))
        found = recommend(load, rule)
        advice.append({"queueId": queue, "utilizationPercent": found.percent, "reason": found.reason})
    sessions = await job.sessions()
    skills = len(state.get("skillAssignments") or ())
    quota = {} if sessions is None else {"quota": {"skills": skills, "maxConcurrentSessions": sessions}}
    first = {"recommendedUtilization": advice[0]["utilizationPercent"]} if advice else {}
    return {"id": key, "days": days, **state, **quota, **first, "recommended": advice, **measured(outcomes)}


async def _state(job: Profiles, key: str) -> dict[str, Any]:
    """What there is, in a request's words; an agent has skills and capacities, a profile is one thing."""
    state: dict[str, Any] = {}
    whole = {"skillAssignments": (), "utilizationPercent": 0}
    for place in job.places({"profileId": key, "userIds": [key], **whole}):
        under(state, place, job.told(place, await job.read(place)), alone=True)
    return state


def measured(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """The guide's metrics of the updater: how many changes, how quick, lost races for each update that was tried."""
    done = [outcome for outcome in outcomes if outcome.status == DONE]
    latency = sum(outcome.latency_ms for outcome in done) / len(done) if done else None
    tried = [outcome for outcome in outcomes if outcome.status in TRIED]
    conflicts = sum(outcome.conflict_retries for outcome in tried)
    return {
        "totalUpdates": len(done),
        "averageLatencyMs": round(latency, 1) if latency is not None else None,
        "conflictRate": round(conflicts / len(tried), 4) if tried else 0.0,
        "audit": [dict(outcome.audit) for outcome in outcomes],
    }
