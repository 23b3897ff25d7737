"""What a wall time means, found by walking through UTC with the clocks in view: shares no code with the product."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

QUARTER = timedelta(minutes=15)

ZONES = (
    "America/New_York",
    "Europe/London",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Chatham",
    "America/St_Johns",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Santiago",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)


@cache
def clocks(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, name)


def shown(name: str, moment: datetime) -> datetime:
    return moment.astimezone(clocks(name)).replace(tzinfo=None, fold=0)


@cache
def nights(name: str, year: int) -> tuple[datetime, ...]:
    """UTC midnights of the days in which the offset changes."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(367)]
    offsets = [shown(name, day) - day.replace(tzinfo=None) for day in days]
    return tuple(day for day, before, after in zip(days, offsets, offsets[1:], strict=False) if before != after)


class Walk:
    """Every quarter of an hour from `start` for so many days."""

    def __init__(self, name: str, start: datetime, days: int) -> None:
        self.moments = [start + n * QUARTER for n in range(days * 96)]
        self.walls = [shown(name, moment) for moment in self.moments]
        self.first: dict[datetime, datetime] = {}
        self.twice: set[datetime] = set()
        self.skipped: dict[datetime, datetime] = {}
        for moment, wall, before in zip(self.moments, self.walls, [None, *self.walls], strict=False):
            if wall in self.first:
                self.twice.add(wall)
            self.first.setdefault(wall, moment)
            if before is not None and wall - before > QUARTER:
                jump = wall - before - QUARTER
                for n in range(1, jump // QUARTER + 1):
                    self.skipped[before + n * QUARTER] = before + n * QUARTER + jump

    def instant(self, wall: datetime) -> datetime | None:
        """The first showing; moved on by what is skipped where it is never shown; None outside the walk."""
        return self.first.get(self.skipped.get(wall, wall))

    def rule(self, wall: datetime) -> str:
        return "gap" if wall in self.skipped else "fold" if wall in self.twice else ""

    def quarters(self, start: datetime, end: datetime) -> set[datetime]:
        """The instants from one wall time to another."""
        begins, ends = self.instant(start), self.instant(end)
        if begins is None or ends is None:
            return set()
        return {begins + n * QUARTER for n in range((ends - begins) // QUARTER)}


def midnights(first: date, days: int) -> Iterator[datetime]:
    return (datetime.combine(first + timedelta(days=n), time()) for n in range(days))
