"""What the calendars show, read by other programs' libraries: none of our code is in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import caldav
import recurring_ical_events

from tests.chaos.callers import stamp
from tests.chaos.history import Row, Shown
from tests.contract.caldavserver import PASSWORD, USER


def calendars(home: str, log: Iterable[Row]) -> Mapping[str, Sequence[Shown]]:
    """By collection what it shows within the horizon that was published last for its group."""
    windows = {row.key.replace("/", "-"): row.data["horizon"] for row in log if row.topic == "genesys.schedules"}
    found: dict[str, list[Shown]] = {}
    with caldav.DAVClient(url=home + "/", username=USER, password=PASSWORD) as client:
        for name, window in windows.items():
            calendar = client.calendar(url=f"{home}/{name}/")
            within = datetime.fromisoformat(window["start"]), datetime.fromisoformat(window["end"])
            for resource in calendar.events():
                for one in recurring_ical_events.of(resource.icalendar_instance).between(*within):
                    start, end = (stamp(moment.astimezone(UTC)) for moment in (one.start, one.end))
                    found.setdefault(name, []).append(Shown(str(one["SUMMARY"]), start, end))
    return found
