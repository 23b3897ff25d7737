"""Wall time in a zone to UTC, and what we do in the two nights a year when that has no one answer.

A wall time that the clocks skip is moved forward by as much as they skip (`gap`); one that they
show twice is the first of the two (`fold`). The data come from the tzdata package alone, so that
every machine that runs one version of the product works out the same instants.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from processor.errors import PoisonError

Zone = ZoneInfo
"""What `zone` returns; other rooms name it by this."""

DATA_VERSION = version("tzdata")
"""The edition of the IANA data behind every answer. A new one may move future hours."""

NAMES: frozenset[str] = frozenset(files("tzdata").joinpath("zones").read_text("ascii").split())

ABBREVIATIONS: dict[str, tuple[str, ...]] = {
    "EST": ("America/New_York", "America/Panama (never changes its clocks)"),
    "EDT": ("America/New_York",),
    "EST5EDT": ("America/New_York",),
    "CST": ("America/Chicago", "America/Regina (never changes its clocks)", "Asia/Shanghai"),
    "CDT": ("America/Chicago",),
    "CST6CDT": ("America/Chicago",),
    "MST": ("America/Denver", "America/Phoenix (never changes its clocks)"),
    "MDT": ("America/Denver",),
    "MST7MDT": ("America/Denver",),
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "PDT": ("America/Los_Angeles",),
    "PST8PDT": ("America/Los_Angeles",),
    "AKST": ("America/Anchorage",),
    "AKDT": ("America/Anchorage",),
    "HST": ("Pacific/Honolulu", "America/Adak (changes its clocks)"),
    "AST": ("America/Halifax", "America/Puerto_Rico (never changes its clocks)", "Asia/Riyadh"),
    "NST": ("America/St_Johns",),
    "WET": ("Europe/Lisbon", "Africa/Casablanca"),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "IST": ("Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"),
    "CET": ("Europe/Paris", "Europe/Berlin", "Africa/Algiers (never changes its clocks)"),
    "CEST": ("Europe/Paris", "Europe/Berlin"),
    "MET": ("Europe/Paris", "Europe/Berlin"),
    "EET": ("Europe/Athens", "Europe/Helsinki", "Africa/Tripoli (never changes its clocks)"),
    "EEST": ("Europe/Athens", "Europe/Helsinki"),
    "MSK": ("Europe/Moscow",),
    "SGT": ("Asia/Singapore",),
    "JST": ("Asia/Tokyo",),
    "KST": ("Asia/Seoul",),
    "AEST": ("Australia/Sydney", "Australia/Brisbane (never changes its clocks)"),
    "AEDT": ("Australia/Sydney",),
    "ACST": ("Australia/Adelaide", "Australia/Darwin (never changes its clocks)"),
    "AWST": ("Australia/Perth",),
    "NZST": ("Pacific/Auckland",),
    "NZDT": ("Pacific/Auckland",),
}
"""Refused although tzdata knows some: letters say an offset, not a place whose clocks change on known days."""

NO_PLACES = frozenset({"Factory"})


class UnknownZone(PoisonError):
    """The name is no time zone we can work with; the message names ones that are meant perhaps."""


@lru_cache(maxsize=1024)
def _load(name: str) -> ZoneInfo:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def zone(name: object, field: str = "timeZone") -> Zone:
    """The zone of this exact IANA name or alias.

    Raises `UnknownZone` (a PoisonError at `field`) for anything else, also for abbreviations such
    as EST: hours worked out in the wrong zone would be wrong every day and nobody would notice.
    """
    if not isinstance(name, str) or not name.strip():
        raise UnknownZone("there is no time zone: an IANA name such as Europe/London is needed", field)
    if name in NAMES and name not in ABBREVIATIONS and name not in NO_PLACES:
        return _load(name)
    raise UnknownZone(_refusal(name), field)


def _refusal(name: str) -> str:
    shown = repr(name[:60])
    if meant := ABBREVIATIONS.get(name.strip().upper()):
        return f"time zone {shown} is an abbreviation, which does not say whose clocks; use {' or '.join(meant)}"
    meant = _resembling(name.strip()[:60])
    if meant:
        return f"time zone {shown} is not an IANA name; perhaps {' or '.join(meant)}"
    return f"time zone {shown} is not an IANA name; use one such as Europe/London or America/New_York"


def _resembling(name: str) -> tuple[str, ...]:
    """Names that differ in case or spaces only, or end in this city, or are spelled alike."""
    wanted = name.replace(" ", "_").casefold()
    proper = sorted(NAMES - ABBREVIATIONS.keys() - NO_PLACES)
    same = [known for known in proper if known.casefold() == wanted]
    city = [known for known in proper if known.casefold().endswith("/" + wanted)]
    return tuple((same or city or get_close_matches(name, proper, n=3, cutoff=0.75))[:3])


def to_utc(wall: datetime, where: Zone, *, later: bool = False) -> tuple[datetime, str]:
    """The instant at which the clocks of `where` show `wall` (naive), and the rule that was needed.

    The rule is empty, `gap` (moved forward by what the clocks skip) or `fold` (the first of two;
    the second with `later`, for records that say which one they mean).
    """
    first = wall.replace(tzinfo=where, fold=0).utcoffset()
    second = wall.replace(tzinfo=where, fold=1).utcoffset()
    assert first is not None  # noqa: S101 - a ZoneInfo always knows its offset; this tells the type checker
    assert second is not None  # noqa: S101 - as above
    if first == second:
        return (wall - first).replace(tzinfo=UTC), ""
    if first < second:
        return (wall - first).replace(tzinfo=UTC), "gap"
    return (wall - (second if later else first)).replace(tzinfo=UTC), "fold"


def to_wall(moment: datetime, where: Zone) -> datetime:
    """What the clocks of `where` show at this instant: naive, and in a fold the same for two instants."""
    return moment.astimezone(where).replace(tzinfo=None, fold=0)


class Clocks(NamedTuple):
    """How the clocks of a place stand: `offset` is what they show more than UTC."""

    offset: timedelta
    name: str
    summer: bool


def clocks_at(moment: datetime, where: Zone) -> Clocks:
    """How they stand at this instant."""
    local = moment.astimezone(where)
    return Clocks(local.utcoffset() or timedelta(), local.tzname() or where.key, bool(local.dst()))


def clocks_set(where: Zone, first: datetime, last: datetime) -> Iterator[tuple[datetime, Clocks]]:
    """The instants, after `first` and not after `last`, at which the clocks are set to another offset, and to which.

    They are looked for from week to week: what is put back within a week is not seen (no place does that).
    """
    moment, stand = first, clocks_at(first, where)
    while moment < last:
        ahead = min(moment + timedelta(weeks=1), last)
        if clocks_at(ahead, where).offset != stand.offset:
            at = _first_other(where, moment, ahead, stand.offset)
            stand = clocks_at(at, where)
            yield at, stand
        moment = ahead


def _first_other(where: Zone, same: datetime, other: datetime, offset: timedelta) -> datetime:
    """Between an instant at which the offset is this and one at which it is not: the first of the others."""
    while other - same > timedelta(seconds=1):
        middle = (same + (other - same) / 2).replace(microsecond=0)
        same, other = (middle, other) if clocks_at(middle, where).offset == offset else (same, middle)
    return other
