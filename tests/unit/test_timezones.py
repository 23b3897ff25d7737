"""Every zone, every night on which its clocks change: against a walk through UTC that never asks the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest

from processor.errors import PoisonError
from processor.timezones import ABBREVIATIONS, NAMES, UnknownZone, to_utc, to_wall, zone

QUARTER = timedelta(minutes=15)
PROPER = sorted(NAMES - ABBREVIATIONS.keys() - {"Factory"})


def file_of(name: str):
    return files("tzdata").joinpath("zoneinfo", *name.split("/"))


@cache
def clocks(name: str) -> ZoneInfo:
    with file_of(name).open("rb") as data:
        return ZoneInfo.from_file(data, name)


def shown(name: str, moment: datetime) -> datetime:
    return moment.astimezone(clocks(name)).replace(tzinfo=None, fold=0)


def offset(name: str, moment: datetime) -> timedelta:
    return shown(name, moment) - moment.replace(tzinfo=None)


@cache
def transitions(name: str) -> list[datetime]:
    """The instants of 2020 to 2035 at which the offset changes, to the quarter of an hour."""
    found = []
    fortnights = [datetime(2020, 1, 1, tzinfo=UTC) + n * timedelta(days=14) for n in range(418)]
    offsets = [offset(name, moment) for moment in fortnights]
    for moment, before, after in zip(fortnights, offsets, offsets[1:], strict=False):
        if before != after:
            days = next(n for n in range(1, 15) if offset(name, moment + n * timedelta(days=1)) != before)
            eve = moment + (days - 1) * timedelta(days=1)
            found.append(next(eve + n * QUARTER for n in range(1, 97) if offset(name, eve + n * QUARTER) != before))
    return found


def distinct() -> list[str]:
    """One name for each content: aliases are the same clocks."""
    return sorted({file_of(name).read_bytes(): name for name in PROPER}.values())


@pytest.mark.parametrize("name", [name for name in distinct() if transitions(name)])
def test_every_quarter_hour_around_every_change_of_clocks(name):
    where = zone(name)
    for change in transitions(name):
        first = change - timedelta(hours=4)
        moments = [first + n * QUARTER for n in range(32)]
        seen: dict[datetime, list[datetime]] = {}
        for moment in moments:
            seen.setdefault(shown(name, moment), []).append(moment)
        skipped = shown(name, change) - (shown(name, change - QUARTER) + QUARTER)
        begin, end = shown(name, moments[0]), shown(name, moments[-1])
        for n in range((end - begin) // QUARTER + 1):
            wall = begin + n * QUARTER
            if wall not in seen:
                assert to_utc(wall, where) == (seen[wall + skipped][0], "gap"), (name, wall)
            elif len(seen[wall]) == 2:
                assert to_utc(wall, where) == (seen[wall][0], "fold"), (name, wall)
                assert to_utc(wall, where, later=True) == (seen[wall][1], "fold"), (name, wall)
            elif abs(seen[wall][0] - change) < timedelta(hours=3):  # further out its twin may lie outside our walk
                assert to_utc(wall, where) == (seen[wall][0], ""), (name, wall)
        assert all(to_wall(moment, where) == shown(name, moment) for moment in moments)


def test_there_are_such_nights_to_test():
    assert sum(len(transitions(name)) for name in distinct()) > 2000


@pytest.mark.parametrize("name", PROPER)
def test_every_proper_name_and_alias_is_taken(name):
    assert zone(name).key == name
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert to_wall(noon, zone(name)) == shown(name, noon)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EST", "America/New_York"),
        ("MST", "America/Phoenix"),
        ("HST", "Pacific/Honolulu"),
        ("CST", "America/Chicago"),
        ("EST5EDT", "America/New_York"),
        ("est", "America/New_York"),
        ("CET", "Europe/Paris"),
        ("america/new_york", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("New_York", "America/New_York"),
        ("Kolkata", "Asia/Kolkata"),
        ("America/NewYork", "America/New_York"),
        ("Mars/Olympus", "Europe/London"),
        ("+02:00", "Europe/London"),
    ],
)
def test_what_is_no_zone_is_refused_with_one_that_may_be_meant(name, meant):
    with pytest.raises(UnknownZone, match=meant) as refused:
        zone(name, "timezoneId")
    assert refused.value.field == "timezoneId"
    assert isinstance(refused.value, PoisonError)


@pytest.mark.parametrize(
    "name", [None, "", "  ", 5, [], "../zones", "Europe", "Europe/", "Europe/London/", "x" * 9000, "Factory"]
)
def test_junk_is_refused_briefly(name):
    with pytest.raises(UnknownZone) as refused:
        zone(name)
    assert len(str(refused.value)) < 300


def test_no_suggestion_is_refused_itself():
    for meant in ABBREVIATIONS.values():
        for name in meant:
            zone(name.partition(" (")[0])


def test_the_data_are_those_of_the_package_whatever_the_machine_has():
    for name in ("Asia/Kathmandu", "Africa/Casablanca", "America/Vancouver"):
        where = zone(name)
        for month in range(1, 193):
            moment = datetime(2020 + (month - 1) // 12, (month - 1) % 12 + 1, 15, tzinfo=UTC)
            assert to_wall(moment, where) == shown(name, moment)
