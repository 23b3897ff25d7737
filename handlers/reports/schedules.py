"""What a schedule gives at present, against the contacts that come, and what became of the requests about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import fmean
from typing import Any

from handlers.capacity import Floor, average
from handlers.events import Outcome
from handlers.requests.inbound import Hours, compare
from handlers.requests.working_week import weeks
from processor.clients.genesys.jobs.schedules import Place, Schedules
from processor.errors import PoisonError

UNDECIDED = frozenset({"started", "unknown"})


async def report(
    job: Schedules, place: Place, floor: Floor, queue_ids: Sequence[str], *, now: datetime, days: int
) -> dict[str, Any]:
    """The schedule as it is, its capacity, where it falls short, and with queues the contacts outside its hours."""
    found = await job.get(place)
    fields, uses = job.fields(found), await job.uses(place, found)
    told: dict[str, Any] = {
        "scheduleId": place.schedule_id,
        **({"scheduleGroupId": place.group_id} if place.group_id else {}),
        **fields,
        "groups": [{"groupId": one.group_id, "timeZone": one.time_zone, "role": one.role} for one in uses],
    }
    try:
        hours = weeks(fields, now.date())
    except PoisonError as error:
        return {**told, "unreadable": str(error)}
    told |= {**average(hours, floor.peaks).shown(), "shortfalls": floor.shortfalls(hours)}
    if queue_ids:
        now_open = Hours(hours, [use.time_zone for use in uses])
        told["inboundVolume"] = await compare(job, queue_ids, {"now": now_open}, until=found.asked, days=days)
    return told


def measured(outcomes: Iterable[Outcome], schedule_id: str) -> dict[str, Any]:
    """The guide's two measures over the requests that these outcomes end; None where there was none.

    `validationSuccessRate`: the share of the requests in which nothing was found that is not valid.
    `configLatencyMs`: how long those that were carried out took, on average.
    """
    ended = [one for one in outcomes if one.status not in UNDECIDED and one.audit.get("scheduleId") == schedule_id]
    took = [one.latency_ms for one in ended if one.status == "done"]
    return {
        "requests": len(ended),
        "validationSuccessRate": round(fmean(not one.facts.get("problems") for one in ended), 4) if ended else None,
        "configLatencyMs": round(fmean(took), 1) if took else None,
        "conflictRetries": sum(one.conflict_retries for one in ended),
    }
