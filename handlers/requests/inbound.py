"""Working hours against the contacts that really came: which share of them falls outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from handlers.capacity import Opened
from handlers.requests.working_week import Week
from processor.clients.genesys.jobs.schedules import Arrivals, Schedules
from processor.event import instant, whole_milliseconds
from processor.timezones import UnknownZone, Zone, to_wall, zone


async def compare(
    job: Schedules,
    queue_ids: Sequence[str],
    zones: Iterable[str],
    hours: Mapping[str, Sequence[Week] | None],
    *,
    until: datetime,
    days: int,
) -> dict[str, Any]:
    """The contacts of the days before `until` on the clocks of each zone, against each of the `hours`, by their names.

    None as the hours: they could not be read, and nothing is said of them. Days as they were:
    holidays are not left out.
    """
    end = whole_milliseconds(until)
    start = end - timedelta(days=days)
    arrivals = await job.arrivals(queue_ids, start, end)
    return {
        "queueIds": list(queue_ids),
        "from": instant(start),
        "to": instant(end),
        "offered": sum(one.count for one in arrivals),
        "outside": [_on_the_clocks_of(name, arrivals, hours) for name in sorted({name for name in zones if name})],
    }


def _on_the_clocks_of(
    name: str, arrivals: Sequence[Arrivals], hours: Mapping[str, Sequence[Week] | None]
) -> dict[str, Any]:
    try:
        where = zone(name)
    except UnknownZone as error:
        return {"timeZone": name, "error": str(error)}
    judged = {which: _outside(arrivals, weeks, where) for which, weeks in hours.items() if weeks is not None}
    return {"timeZone": name, **judged}


def _outside(arrivals: Sequence[Arrivals], weeks: Sequence[Week], where: Zone) -> dict[str, float]:
    opened, offered = Opened(weeks), sum(one.count for one in arrivals)
    missed = sum(one.count * (1 - opened.share(to_wall(one.start, where), one.end - one.start)) for one in arrivals)
    return {"contacts": round(missed), "share": round(missed / offered, 4) if offered else 0.0}
