"""Working hours against the contacts that really came: which share of them falls outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from handlers.capacity import Opened
from handlers.requests.working_week import Week
from processor.clients.genesys.jobs.schedules import Arrivals, Schedules
from processor.event import instant, whole_milliseconds
from processor.timezones import UnknownZone, Zone, to_wall, zone


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours to be judged, on the clocks of each zone; `weeks` None: they could not be read, and nothing is said."""

    weeks: Sequence[Week] | None
    zones: Collection[str]


async def compare(
    job: Schedules, queue_ids: Sequence[str], hours: Mapping[str, Hours], *, until: datetime, days: int
) -> dict[str, Any]:
    """The contacts of the days before `until` against each of the `hours`, by their names.

    Days as they were: holidays are not left out.
    """
    end = whole_milliseconds(until)
    start = end - timedelta(days=days)
    arrivals = await job.arrivals(queue_ids, start, end)
    zones = sorted({name for one in hours.values() for name in one.zones if name})
    return {
        "queueIds": list(queue_ids),
        "from": instant(start),
        "to": instant(end),
        "offered": sum(one.count for one in arrivals),
        "outside": [_on_the_clocks_of(name, arrivals, hours) for name in zones],
    }


def _on_the_clocks_of(name: str, arrivals: Sequence[Arrivals], hours: Mapping[str, Hours]) -> dict[str, Any]:
    try:
        where = zone(name)
    except UnknownZone as error:
        return {"timeZone": name, "error": str(error)}
    judged = {
        which: _outside(arrivals, one.weeks, where)
        for which, one in hours.items()
        if one.weeks is not None and name in one.zones
    }
    return {"timeZone": name, **judged}


def _outside(arrivals: Sequence[Arrivals], weeks: Sequence[Week], where: Zone) -> dict[str, float]:
    opened, offered = Opened(weeks), sum(one.count for one in arrivals)
    missed = sum(one.count * (1 - opened.share(to_wall(one.start, where), one.end - one.start)) for one in arrivals)
    return {"contacts": round(missed), "share": round(missed / offered, 4) if offered else 0.0}
