"""`report campaign`: what a campaign may dial, when it does so next, and how requests about it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from handlers.events import Horizon, Outcome
from handlers.requests.campaign_times import readable
from handlers.requests.ends import STARTED
from processor.clients.genesys.jobs.campaigns import Campaigns, Entry
from processor.event import instant

AHEAD = timedelta(days=28)
"""How far ahead the hours of a schedule without an end are worked out."""


async def report(job: Campaigns, campaign_id: str, outcomes: Sequence[Outcome], *, now: datetime) -> Mapping[str, Any]:
    """Asked of Genesys, and folded from the log. Raises `NotFound` for a campaign that is not there."""
    present = await job.present(campaign_id)
    campaign = await job.campaign(campaign_id)
    return {
        "campaignId": campaign_id,
        "name": campaign.name,
        "maxConcurrentCalls": campaign.calls,
        "maxConcurrentAgents": campaign.most_agents,
        "agents": len(campaign.agents),
        "schedules": [_schedule(entry, now) for entry in present.entries],
        **measured(outcomes),
    }


def measured(outcomes: Sequence[Outcome]) -> Mapping[str, Any]:
    """G2's metrics, step 4: `total`, `success`, `failures` and the `latencies` of the successes in milliseconds."""
    ended = [one for one in outcomes if one.status != STARTED]
    done = [one for one in ended if one.status == "done"]
    latencies = [round(one.latency_ms) for one in done]
    return {
        "total": len(ended),
        "success": len(done),
        "failures": len(ended) - len(done),
        "latencies": latencies,
        "averageLatencyMs": round(sum(latencies) / len(latencies)) if latencies else None,
    }


def _schedule(entry: Entry, now: datetime) -> Mapping[str, Any]:
    spans = readable(entry, Horizon(start=now, end=now + AHEAD))
    coming = min((one for one in spans if one.end > now), key=lambda one: one.start, default=None)
    following = f"{instant(coming.start)} to {instant(coming.end)}" if coming else None
    return {"scheduleId": entry.schedule_id, "name": entry.name, "next": following}
