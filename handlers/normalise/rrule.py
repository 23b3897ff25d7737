"""iCalendar recurrence rules as Genesys writes them, made safe for a server and worked out on wall times.

The work itself is python-dateutil's. What stands here: UNTIL and EXDATE in either form, and a
refusal of rules that would keep a process busy for ever (by the second, every nought days, never).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

from dateutil.rrule import rrule, rrulestr

from processor.errors import PoisonError
from processor.timezones import Zone, to_wall

FIELD = "rrule"
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
LONGEST = 8192
MOST = 20_000
EARLIEST, LATEST = datetime(1900, 1, 1), datetime(9000, 1, 1)  # noqa: DTZ001 - "for ever" must not overflow in a zone
_VALUE = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)
_COUNTED = re.compile(r"\d{1,20}", re.ASCII)
_PROBED = ("BYMONTH", "BYMONTHDAY", "BYDAY", "BYYEARDAY", "BYWEEKNO", "BYEASTER")


def occurrences(text: str, start: datetime, first: datetime, last: datetime, where: Zone) -> list[datetime]:
    """The starts between `first` and `last` of this rule (RRULE, EXDATE and RDATE lines; `RRULE:` may be missing).

    All times are wall times in the zone. Raises PoisonError at `rrule`.
    """
    if len(text) > LONGEST:
        raise PoisonError(f"a recurrence rule of {len(text)} characters", FIELD)
    found: set[datetime] = set()
    left_out: set[datetime] = set()
    days_out: set[datetime] = set()
    for name, value in _lines(text):
        if name == "RRULE":
            found.update(_starts(_parts(value), start, first, last, where))
        elif name == "RDATE":
            found.update(moment for moment, _ in _moments(value, where) if first <= moment <= last)
        elif name == "EXDATE":
            for moment, whole_day in _moments(value, where):
                (days_out if whole_day else left_out).add(moment)
        elif name != "DTSTART":  # the schedule's own `start` says that
            raise PoisonError(f"{name[:20]} is not understood in a recurrence rule", FIELD)
    return sorted(
        one for one in found - left_out if one.replace(hour=0, minute=0, second=0, microsecond=0) not in days_out
    )


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"[\r\n]+|\\n", text.strip()):
        head, colon, value = line.strip().upper().rpartition(":")
        if value:
            yield (head.split(";")[0] if colon else "RRULE"), value


def _moments(values: str, where: Zone) -> Iterator[tuple[datetime, bool]]:
    for value in values.split(","):
        found = _VALUE.fullmatch(value.strip())
        if not found:
            raise PoisonError(f"{value[:40]!r} is no time in a recurrence rule", FIELD)
        try:
            moment = datetime.strptime(found[1] + (found[2] or "000000"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - wall time
        except ValueError as error:
            raise PoisonError(f"{value[:40]!r}: {error}", FIELD) from error
        moment = min(max(moment, EARLIEST), LATEST)
        yield (to_wall(moment.replace(tzinfo=UTC), where) if found[3] else moment), found[2] is None


def _parts(value: str) -> dict[str, str]:
    parts = {}
    for part in value.strip(";").split(";"):
        name, equals, content = part.strip().partition("=")
        if not equals or not content:
            raise PoisonError(f"{part[:40]!r} is no part of a recurrence rule", FIELD)
        parts[name.strip()] = content.strip()
    if parts.get("FREQ") not in FREQUENCIES:
        raise PoisonError(f"FREQ must be one of {', '.join(FREQUENCIES)}", FIELD)
    for name in ("INTERVAL", "COUNT"):
        if name in parts and not (_COUNTED.fullmatch(parts[name]) and int(parts[name]) > 0):
            raise PoisonError(f"{name} must be a number from 1", FIELD)
    if any("," in parts.get(name, "") for name in ("BYMINUTE", "BYSECOND")):
        raise PoisonError("several occurrences within an hour are not understood", FIELD)
    return parts


def _starts(parts: dict[str, str], start: datetime, first: datetime, last: datetime, where: Zone) -> list[datetime]:
    if "UNTIL" in parts:
        moment, whole_day = next(_moments(parts["UNTIL"], where))
        until = moment + timedelta(days=1, seconds=-1) if whole_day else moment
        parts = {**parts, "UNTIL": f"{until:%Y%m%dT%H%M%S}"}
        if until < start:
            return []
    begin = start.replace(microsecond=0)
    try:
        _happens_at_all(parts, begin)
        rule = _rule(parts, begin)
        found = list(islice(takewhile(lambda one: one <= last, rule.xafter(first, inc=True)), MOST))
    except (IndexError, OverflowError) as error:  # the 99th Monday of a month, Easter and 100,000 days
        raise PoisonError("a number in the recurrence rule is out of its range", FIELD) from error
    return [one.replace(microsecond=start.microsecond) for one in found]


def _rule(parts: dict[str, str], start: datetime) -> rrule:
    text = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        made = rrulestr(text, dtstart=start)
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise PoisonError(f"the recurrence rule {text[:120]!r} is not valid: {error}", FIELD) from error
    assert isinstance(made, rrule)  # noqa: S101 - one RRULE and nothing else gives no rruleset
    return made


def _happens_at_all(parts: dict[str, str], start: datetime) -> None:
    """A rule such as "daily on 30 February" would be searched to the year 9999, for seconds: refuse it by the year."""
    probed = {name: value for name, value in parts.items() if name in _PROBED}
    if parts["FREQ"] in {"DAILY", "WEEKLY"} and probed.keys() == {"BYMONTH"}:
        return  # by the year this would mean the start's day of the month, which need not be in that month
    if probed and next(iter(_rule({"FREQ": "YEARLY", **probed}, start)), None) is None:
        raise PoisonError("the recurrence rule names a day that never comes", FIELD)
