"""Opening hours and shifts as the calendar entries that show exactly their instants. Pure.

Opening hours become recurring entries in the schedule's own zone. A day on which the recurrence
would not show what is in effect (holiday, closing, a night in which the clocks change within or
at the edge of the hours) is excluded from it, and what is open then stands as single entries.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from handlers.events import Activity, SchedulePattern, ScheduleUpdated, Shift, ShiftsUpdated
from handlers.opening_series import Series, series_of
from processor.clients.calendar_entries import Entry, canonical
from processor.clients.calendars import Wanted
from processor.errors import PoisonError
from processor.event import instant
from processor.timezones import Zone, to_utc, to_wall, zone

Spans = list[tuple[datetime, datetime]]


def collection_of(subject: str) -> str:
    """`schedule-group-<id>` or `agent-<id>`: the collection and feed of a subject."""
    kind, _, identity = subject.partition("/")
    return f"{kind}-{_plain(identity)}"


def schedule_calendar(event: ScheduleUpdated) -> Wanted:
    """The opening hours over the horizon; recurrences go on beyond it.

    One schedule may open several groups, each with its own hours: the names of their entries differ,
    since what a server or a reader of several calendars sees twice under one UID is one event to it.
    """
    title = _words(event.name) or f"Schedule group {_words(event.group_id)}"
    in_effect = _joined((one.start, one.end) for one in event.intervals)
    shown: Spans = []
    entries: list[Entry] = []
    for pattern in event.schedules:
        if pattern.role == "open":
            for number, series in enumerate(_series(pattern, event)):
                name = f"opening-{_plain(event.group_id)}-{_plain(pattern.schedule_id)}-{number}"
                entry, spans = _recurring(name, _words(pattern.name) or title, series, event, in_effect)
                shown += spans
                entries += [entry] if entry else []
    entries += _single(event, _joined(shown), title)
    return Wanted(collection_of(event.subject), title, tuple(entries), event.horizon.start)


def _series(pattern: SchedulePattern, event: ScheduleUpdated) -> Sequence[Series]:
    where = _zone(pattern.time_zone or event.time_zone)
    return series_of(pattern, where, to_wall(event.horizon.start, where)) if where else ()


def _recurring(
    name: str, summary: str, series: Series, event: ScheduleUpdated, in_effect: Spans
) -> tuple[Entry | None, Spans]:
    """The entry, and the spans within the horizon that it shows truly; no entry when it shows none."""
    where = series.where
    first = to_wall(event.horizon.start, where) - series.length - timedelta(days=1)
    last = to_wall(event.horizon.end, where)
    shown: Spans = []
    excluded: set[datetime] = set()
    for wall in series.starts(first, last):
        start, end = to_utc(wall, where)[0], to_utc(wall + series.length, where)[0]
        if end <= event.horizon.start or start >= event.horizon.end:
            continue
        if series.same_everywhere(wall) and any(a <= start and end <= b for a, b in in_effect):
            shown.append((start, end))
        else:
            excluded.add(wall)
    if not shown and (excluded or not series.goes_on(last)):
        return None, []
    start = to_wall(shown[0][0], where) if shown and series.open_start else series.start
    entry = Entry(
        name=name,
        summary=summary,
        start=start,
        end=start + series.length,
        zone=_key(where),
        rule=canonical(series.rule),
        excluded=frozenset(excluded) if series.rule else frozenset(),
        open_start=series.open_start,
    )
    return entry, shown


def _single(event: ScheduleUpdated, shown: Spans, title: str) -> Iterator[Entry]:
    """What the recurrences do not show, each span on its own, cut where one schedule's hours give way to another's."""
    patterns = {pattern.schedule_id: pattern for pattern in event.schedules}
    for one in event.intervals:
        pattern = patterns.get(one.schedule_id)
        where = _zone((pattern.time_zone if pattern else "") or event.time_zone)
        for start, end in _less((one.start, one.end), shown):
            if end <= event.horizon.start:
                continue  # history
            owner = f"{_plain(event.group_id)}-{_plain(one.schedule_id)}" if one.schedule_id else _plain(event.group_id)
            name = f"hours-{owner}-{start:%Y%m%dT%H%M%SZ}"
            yield _at(name, _words(pattern.name if pattern else "") or title, start, end, where)


def shift_calendar(event: ShiftsUpdated) -> Wanted:
    """One entry a shift. Its activities: in the description on the agent's clocks, beside it exactly, in UTC."""
    where = _zone(event.time_zone)
    entries: dict[str, Entry] = {}
    for shift in event.shifts:
        own = _plain(shift.id) if shift.id else f"{_plain(event.user_id)}-{shift.start:%Y%m%dT%H%M%SZ}"
        name = f"shift-{own}"
        if name in entries:
            name = f"{name}-{shift.start:%Y%m%dT%H%M%SZ}"
        entries[name] = _shift(name, shift, where)
    title = f"Shifts of agent {_words(event.user_id)}"
    return Wanted(collection_of(event.subject), title, tuple(entries.values()), event.from_)


def _shift(name: str, shift: Shift, where: Zone | None) -> Entry:
    entry = _at(name, "Shift", shift.start, shift.end, where)
    lines = (_line(activity, where) for activity in shift.activities)
    details = (_detail(activity) for activity in shift.activities)
    return replace(entry, description="\n".join(lines), details=tuple(details))


def _line(activity: Activity, where: Zone | None) -> str:
    clocks = where or zone("UTC")
    words = _words(activity.description) or (f"activity {_words(activity.code)}" if activity.code else "work")
    paid = "" if activity.paid is None else (" (paid)" if activity.paid else " (unpaid)")
    return f"{to_wall(activity.start, clocks):%H:%M}-{to_wall(activity.end, clocks):%H:%M} {words}{paid}"


def _detail(activity: Activity) -> str:
    paid = "" if activity.paid is None else f" paid={str(activity.paid).lower()}"
    return f"{instant(activity.start)}/{instant(activity.end)} code={_words(activity.code)}{paid}"


def _at(name: str, summary: str, start: datetime, end: datetime, where: Zone | None) -> Entry:
    """One span on the zone's clocks; in UTC where they do not tell its instants."""
    key, walls = "UTC", (start.astimezone(UTC).replace(tzinfo=None), end.astimezone(UTC).replace(tzinfo=None))
    if where:
        local = (to_wall(start, where), to_wall(end, where))
        if [to_utc(wall, where) for wall in local] == [(start, ""), (end, "")] and local[1] - local[0] == end - start:
            key, walls = _key(where), local
    first, last = (wall.replace(microsecond=0) for wall in walls)
    return Entry(name, summary, first, last, key)


def _zone(name: str) -> Zone | None:
    """None where we know no such zone: the instants are in UTC all the same."""
    try:
        return zone(name)
    except PoisonError:
        return None


def _key(where: Zone) -> str:
    return "UTC" if where.key in {"UTC", "Etc/UTC", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT"} else where.key


def _joined(spans: Iterable[tuple[datetime, datetime]]) -> Spans:
    """In order; what overlaps or touches is one."""
    out: Spans = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def _less(whole: tuple[datetime, datetime], cuts: Spans) -> Spans:
    start, end = whole
    out: Spans = []
    for a, b in cuts:
        if b <= start or a >= end:
            continue
        if a > start:
            out.append((start, a))
        start = max(start, b)
    return [*out, (start, end)] if start < end else out


def _words(text: str) -> str:
    """One line that reads back as it was written."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _plain(identity: str) -> str:
    """Fit for a file name and an address; an id that is not gets a digest of itself, so that no two meet."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,100}", identity):
        return identity
    mark = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', identity)[:60]}-{mark}"
