"""The time zones that stand in calendars, as programs read them that do not know a zone by its name."""
# ruff: noqa: DTZ001, DTZ007 - wall times are what is tested here

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from dateutil.tz import tzical

from processor.clients.calendar_entries import Entry, ics
from processor.clients.calendar_zones import time_zone
from processor.timezones import ABBREVIATIONS, NAMES, NO_PLACES
from tests.unit.zoneoracle import ZONES, Walk, nights, shown

BERLIN = """\
BEGIN:DAYLIGHT
DTSTART:20260329T020000
TZNAME:CEST
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:20261025T030000
TZNAME:CET
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
END:STANDARD
"""
MINUTE = timedelta(minutes=1)


def onsets(text: str) -> list[tuple[datetime, timedelta, timedelta]]:
    """(local time, offset until then, offset from then on) of all observances, as the strictest programs read the text.

    Where there are RDATEs these are all there is, and each counts for one.
    """
    found = []
    for block in re.findall(r"BEGIN:(?:STANDARD|DAYLIGHT)\n(.*?)END:", text, re.DOTALL):
        said = dict(line.split(":", 1) for line in block.split())
        before, after = (offset(said[name]) for name in ("TZOFFSETFROM", "TZOFFSETTO"))
        walls = re.findall("^RDATE:(.*)$", block, re.MULTILINE) or [said["DTSTART"]]
        assert walls[0] == said["DTSTART"], "some programs heed it, others only the dates"
        found += [(datetime.strptime(wall, "%Y%m%dT%H%M%S"), before, after) for wall in walls]
    return sorted(found)


def offset(text: str) -> timedelta:
    size = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]), seconds=int(text[5:7] or 0))
    return -size if text[0] == "-" else size


def written(name: str, first: int = 2026, last: int = 2027) -> str:
    return time_zone(name, first, last).to_ical().decode().replace("\r\n ", "").replace("\r\n", "\n")


def test_summer_begins_at_the_time_that_the_clocks_showed_until_then() -> None:
    assert written("Europe/Berlin").endswith(BERLIN + "END:VTIMEZONE\n")


def test_each_date_stands_on_its_own_for_programs_that_read_the_first_of_a_list_only() -> None:
    text = written("Europe/Berlin", last=2029)
    assert re.findall("RDATE:.*", text) == [
        *("RDATE:20260329T020000", "RDATE:20270328T020000", "RDATE:20280326T020000"),
        *("RDATE:20261025T030000", "RDATE:20271031T030000", "RDATE:20281029T030000"),
    ]


@pytest.mark.parametrize("name", ZONES)
def test_each_onset_is_when_the_clocks_are_set_and_none_is_missing(name: str) -> None:
    _, *changes = onsets(written(name, 2020, 2037))
    for wall, before, after in changes:
        moment = (wall - before).replace(tzinfo=UTC)
        assert shown(name, moment - MINUTE) == wall - MINUTE
        assert shown(name, moment) == wall - before + after
    found = [night.date() for year in range(2020, 2037) for night in nights(name, year) if night.year == year]
    assert [(wall - before).date() for wall, before, _ in changes] == found


@pytest.mark.parametrize("name", ZONES)
def test_a_program_that_goes_by_the_text_alone_reads_the_instants_that_we_mean(name: str) -> None:
    """Quarter by quarter around the changes; at what is skipped or shown twice programs differ, and nothing of ours is."""
    text = ics(
        [Entry("e", "x", datetime(2026, 1, 5, 9), datetime(2026, 1, 5, 17), name)], datetime(2026, 1, 1, tzinfo=UTC)
    )
    read = tzical(StringIO(text.decode().replace("\r\n ", ""))).get(name)
    for night in nights(name, 2026) or (datetime(2026, 3, 29, tzinfo=UTC),):
        walk = Walk(name, night - timedelta(days=1), 3)
        for moment, wall in zip(walk.moments, walk.walls, strict=True):
            if not walk.rule(wall):
                assert wall.replace(tzinfo=read).astimezone(UTC) == moment, wall


def test_the_first_hours_of_the_year_are_told_too() -> None:
    for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        ((wall, *_), *_) = onsets(written(name))
        assert wall <= datetime(2026, 1, 1)


def test_every_zone_can_be_told() -> None:
    for name in NAMES - ABBREVIATIONS.keys() - NO_PLACES:
        assert f"TZID:{name}\n" in written(name, 2026, 2028)
