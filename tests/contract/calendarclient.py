"""What calendars show, read by other programs' libraries: none of our code is in between."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import caldav
import recurring_ical_events

from tests.contract.caldavserver import PASSWORD, USER


class Occurrence(NamedTuple):
    start: datetime
    end: datetime
    title: str


def occurrences(calendars: Iterable[Any], start: datetime, end: datetime) -> list[Occurrence]:
    """In order; `calendars` are icalendar's."""
    found = [one for calendar in calendars for one in recurring_ical_events.of(calendar).between(start, end)]
    return sorted(
        Occurrence(one.start.astimezone(UTC), one.end.astimezone(UTC), str(one.get("SUMMARY", ""))) for one in found
    )


def read_back(home: str, collection: str, start: datetime, end: datetime) -> list[Occurrence]:
    """From the server. Raises caldav's NotFoundError where there is no such calendar."""
    with caldav.DAVClient(url=home + "/", username=USER, password=PASSWORD) as client:
        resources = client.calendar(url=f"{home}/{collection}/").events()
        return occurrences([resource.icalendar_instance for resource in resources], start, end)


def spans(shown: Iterable[Occurrence]) -> list[tuple[datetime, datetime]]:
    """When, whatever it is called."""
    return [(one.start, one.end) for one in shown]
