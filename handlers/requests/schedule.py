"""`schedule`: the working hours that somebody wants, by days of the week (guide) or by a recurrence (official API).

Which form a request has is decided by its fields, and each form is whole: what is needed of it is
all there, and nothing of the other. Rules from the working-hours guide: an IANA zone, days,
start before end, no overlap on a day, at least one entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.alias_generators import to_camel

from handlers.normalise.recurrence import DAYS, clock, wall
from handlers.normalise.rrule import occurrences
from handlers.requests.remedies import would_do
from handlers.requests.words import Fields, Id, Part, Problem, Request
from processor.errors import PoisonError
from processor.timezones import zone

WEEKLY = ("scheduleGroupId", "scheduleEntries", "timezoneId", "holidays")
RECURRING = ("start", "end", "rrule")
NEEDED: Mapping[str, tuple[str, ...]] = {
    "weekly": ("scheduleGroupId", "scheduleEntries", "timezoneId"),
    "recurring": ("start", "end"),
}
ABOUT_THE_SCHEDULE = ("name", "description", "timezoneId", "scheduleEntries", "holidays", *RECURRING)
"""The fields that are written; the others say where, and how the change is judged."""
LOOKED_AHEAD = timedelta(days=366)
UTC_ZONE = zone("UTC")
_CLOCK = re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?", re.ASCII)


def shown_clock(value: timedelta) -> str:
    """As the guide writes a time of day: `08:00:00.000`."""
    seconds, left = divmod(value, timedelta(seconds=1))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{left // timedelta(milliseconds=1):03}"


def _something(value: object) -> object:
    """Told apart from a list whose items are wrong."""
    if isinstance(value, list | tuple) and not value:
        raise ValueError("is empty", "at least one")
    return value


def _time_of_day(value: object) -> str:
    if isinstance(value, int | float):
        raise ValueError(f"{value!r} is a number: YAML reads a time without quotes so", 'put it in quotes: "10:00"')  # noqa: TRY004 - pydantic wants ValueError
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError(f"{str(value)[:40]!r} is no time of day", '"08:00", "08:00:00" or "08:00:00.000"')
    try:
        return shown_clock(clock(value, ""))
    except PoisonError as error:
        raise ValueError(f"{value!r} is no time of day", 'from "00:00" to "24:00"') from error


def _day_of_week(value: str) -> str:
    if value.strip().lower() not in DAYS:
        raise ValueError(f"{value[:40]!r} is no day of the week", f"one of {', '.join(DAYS)}")
    return value.strip().lower()


def _zone_name(value: str) -> str:
    try:
        return zone(value, "timezoneId").key
    except PoisonError as error:
        message, _, remedy = str(error).partition("; ")
        raise ValueError(message, remedy or "America/New_York") from error


def _local_time(value: object) -> object:
    """YAML makes a datetime of a time without quotes."""
    text = value.isoformat() if isinstance(value, date) else value
    if not isinstance(text, str):
        return value
    try:
        moment, only_date = wall(text, "", UTC_ZONE)
    except PoisonError as error:
        raise ValueError(f"{text[:40]!r} is no date and time", "2026-01-05T08:00:00.000") from error
    if only_date or datetime.fromisoformat(text).tzinfo:
        raise ValueError(
            f"{text[:40]!r} is no local date and time: the zone is that of the group", f"{moment.isoformat()[:19]}.000"
        )
    return moment.isoformat(timespec="milliseconds")


TimeOfDay = Annotated[str, BeforeValidator(_time_of_day), Field(examples=["09:00:00.000"])]
DayOfWeek = Annotated[str, AfterValidator(_day_of_week), Field(examples=["monday"])]
ZoneName = Annotated[str, AfterValidator(_zone_name), Field(examples=["America/New_York"])]
LocalTime = Annotated[str, BeforeValidator(_local_time), Field(examples=["2026-01-05T09:00:00.000"])]
Hours = Annotated[float, Field(ge=0, le=168, examples=[40])]
A_RULE = "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR"


class WeeklyEntry(Part):
    """On these days from one time of day to a later one; `24:00` is the midnight that ends the day."""

    days_of_week: Annotated[tuple[DayOfWeek, ...], BeforeValidator(_something)]
    """Names of days of the week, in English, in any case."""
    start_time: TimeOfDay
    """`09:00`, `09:00:00` or `09:00:00.000`."""
    end_time: Annotated[TimeOfDay, Field(examples=["17:00:00.000"])]
    """Later on the same day."""


class ScheduleRequest(Request):
    """What a schedule's working hours shall be. What is not said of it stays as it is there."""

    kind: ClassVar[str] = "schedule"

    schedule_id: Id
    """The schedule to change."""
    schedule_group_id: Id | None = None
    """Guide: the group that the schedule belongs to."""
    schedule_entries: Annotated[tuple[WeeklyEntry, ...] | None, BeforeValidator(_something)] = None
    """Guide: all entries of the week; they replace those that are there."""
    timezone_id: ZoneName | None = None
    """Guide: the IANA zone whose clocks the entries are read on."""
    holidays: tuple[Id, ...] | None = None
    """Guide: ids of the holidays on which the schedule does not hold; they replace those that are there."""
    start: LocalTime | None = None
    """Official API: the first opening, on the clocks of the schedule's groups, without a zone."""
    end: Annotated[LocalTime, Field(examples=["2026-01-05T17:00:00.000"])] | None = None
    """Official API: the end of the first opening."""
    rrule: str | None = Field(default=None, examples=[A_RULE])
    """Official API: how the opening recurs (RFC 5545); empty: once. What is not said stays as it is there."""
    name: str | None = Field(default=None, min_length=1, max_length=256)
    """A new name."""
    description: str | None = None
    """A new description."""
    minimum_weekly_hours: Hours | None = None
    """Refuse when the hours of an ordinary week come to less than this (or than the settings say)."""
    minimum_peak_hours: Hours | None = None
    """Refuse when the hours within the peak periods come to less than this (or than the settings say)."""
    peak_periods: tuple[WeeklyEntry, ...] = ()
    """When most contacts come; in place of those of the settings."""
    queue_ids: tuple[Id, ...] = ()
    """Compare the hours with the contacts that these queues were offered."""
    volume_days: int = Field(default=7, ge=1, le=31)
    """… in so many days past."""

    def subject(self) -> str:
        """The group in the weekly form, where requests about all its schedules keep their order."""
        return f"schedule-group/{self.schedule_group_id}" if self.form == "weekly" else f"schedule/{self.schedule_id}"

    @property
    def form(self) -> str:
        """`weekly` or `recurring`."""
        return "weekly" if self.schedule_entries is not None else "recurring"

    def wanted(self) -> dict[str, Any]:
        """The fields to write, and no others."""
        return {
            name: value
            for name, value in self.fields().items()
            if name in ABOUT_THE_SCHEDULE and (value is not None or name == "description")
        }

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        """The form, and what entries say together."""
        said = {to_camel(str(name)): value for name, value in fields.items()}
        yield from _form(said)
        for name in ("scheduleEntries", "peakPeriods"):
            yield from _entries(said.get(name), name)
        if said.get("start") is not None and said.get("end") is not None:
            yield from review_recurrence(said)


def _form(said: Fields) -> Iterator[Problem]:
    weekly, recurring = ([name for name in names if said.get(name) is not None] for names in (WEEKLY, RECURRING))
    if weekly and recurring:
        yield Problem(
            "",
            f"{weekly[0]} is of the guide's form of a schedule, {recurring[0]} of the official API's",
            f"say either {', '.join(WEEKLY)}, or {', '.join(RECURRING)}",
        )
    elif not weekly and not recurring:
        yield Problem(
            "scheduleEntries",
            "no working hours are given",
            f"say {', '.join(NEEDED['weekly'])} (guide), or {', '.join(RECURRING)} (official API)",
        )
    else:
        for name in NEEDED["weekly" if weekly else "recurring"]:
            if said.get(name) is None:
                yield Problem(name, "Field required", would_do(ScheduleRequest, [name]))


def _entries(written: object, field: str) -> Iterator[Problem]:
    """Start before end, and no two entries at once on a day; entries that cannot be read are told of elsewhere."""
    found: list[tuple[str, frozenset[str], timedelta, timedelta]] = []
    for number, one in enumerate(written if isinstance(written, Sequence) and not isinstance(written, str) else ()):
        entry = _read(one)
        if entry is None:
            continue
        days, start, end = entry
        place = f"{field}[{number}]"
        if start >= end:
            yield Problem(
                f"{place}.endTime",
                f"startTime {shown_clock(start)} is not before endTime {shown_clock(end)}",
                "hours over midnight are two entries: one to 24:00, one from 00:00 on the next day",
            )
            continue
        for other, their_days, begins, ends in found:
            if (shared := days & their_days) and start < ends and begins < end:
                yield Problem(
                    place,
                    f"overlaps with {other} on {', '.join(day for day in DAYS if day in shared)}: "
                    f"{shown_clock(begins)} to {shown_clock(ends)} and {shown_clock(start)} to {shown_clock(end)}",
                    f"begin it at {shown_clock(ends)}, or end it at {shown_clock(begins)}",
                )
        found.append((place, days, start, end))


def _read(written: object) -> tuple[frozenset[str], timedelta, timedelta] | None:
    if not isinstance(written, Mapping):
        return None
    said = {to_camel(str(name)): value for name, value in written.items()}
    days = said.get("daysOfWeek")
    try:
        start, end = (clock(_time_of_day(said.get(name)), name) for name in ("startTime", "endTime"))
    except ValueError:
        return None
    known = {day.strip().lower() for day in days if isinstance(day, str)} if isinstance(days, Sequence) else set()
    return frozenset(known & set(DAYS)), start, end


def review_recurrence(said: Fields) -> Iterator[Problem]:
    """What a first opening and a rule say together: it ends after it begins, happens, and does not overlap."""
    try:
        start, end = (datetime.fromisoformat(str(_local_time(said[name]))) for name in ("start", "end"))
    except ValueError:
        return  # told of at its field
    if start >= end:
        yield Problem("end", f"the schedule ends at {end}, not after its start at {start}", "a later end")
        return
    rule = said.get("rrule")
    if not isinstance(rule, str) or not rule.strip():
        return
    try:
        begins = occurrences(rule, start, start, start + LOOKED_AHEAD, UTC_ZONE)
    except PoisonError as error:
        yield Problem("rrule", str(error), f"for instance {A_RULE}")
        return
    if not begins:
        yield Problem("rrule", f"never happens in the year after {start}", "another rule, or another start")
    elif overlap := next((pair for pair in pairwise(begins) if pair[1] - pair[0] < end - start), None):
        lasts = (end - start) / timedelta(hours=1)
        yield Problem(
            "end",
            f"each opening lasts {lasts:g} h, and the one of {overlap[0]} overlaps with that of {overlap[1]}",
            f"an end by {start + (overlap[1] - overlap[0])}",
        )
