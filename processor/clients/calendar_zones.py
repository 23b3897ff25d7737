"""What a calendar says of a time zone (VTIMEZONE), so that programs that do not know its name show the same instants.

Each onset stands there in the local time that was shown until then (RFC 5545, 3.6.5).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

from processor.timezones import Clocks, clocks_at, clocks_set, zone


@lru_cache(maxsize=512)
def time_zone(name: str, first: int, last: int) -> Timezone:
    """The zone from before the year `first` to the start of `last`, its changes written out one by one.

    Made here, since `icalendar.Timezone.from_tzid` gives the onset of summer as the time shown
    after it, an hour late for programs that do not know the zone by its name.
    """
    where, start = zone(name), datetime(first - 1, 12, 31, tzinfo=UTC)  # New Year comes first in the east
    present = clocks_at(start, where)
    onsets: dict[tuple[timedelta, Clocks], list[datetime]] = {
        (present.offset, present): [(start + present.offset).replace(tzinfo=None)]
    }
    for moment, after in clocks_set(where, start, datetime(last, 1, 1, tzinfo=UTC)):
        shown = (moment + present.offset).replace(tzinfo=None)
        onsets.setdefault((present.offset, after), []).append(shown)
        present = after
    described = Timezone()
    described.add("TZID", name)
    for (before, after), walls in onsets.items():
        described.add_component(_observance(before, after, walls))
    return described


def _observance(before: timedelta, after: Clocks, walls: list[datetime]) -> TimezoneStandard | TimezoneDaylight:
    """Where there are several, each has an RDATE of its own, the first too.

    DTSTART and one list would say the same; libical and ical.js then take DTSTART for no onset, the
    latter but the first of a list.
    """
    observance = TimezoneDaylight() if after.summer else TimezoneStandard()
    observance.add("DTSTART", walls[0])
    for wall in walls if walls[1:] else ():
        observance.add("RDATE", wall)
    observance.add("TZNAME", after.name)
    observance.add("TZOFFSETFROM", before)
    observance.add("TZOFFSETTO", after.offset)
    return observance
