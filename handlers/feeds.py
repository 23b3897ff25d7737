"""The read-only `.ics` feeds: the same entries as in the calendars, under addresses that cannot be guessed. Pure."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from handlers.calendar_events import collection_of, schedule_calendar, shift_calendar
from handlers.events import ScheduleUpdated, ShiftsUpdated
from processor.clients.calendar_entries import ics
from processor.signing import same

V_co = TypeVar("V_co", covariant=True)

MARKED = re.compile("-[0-9a-f]{12}$")
"""An id that no address can hold stands in it with a digest: such a row is found by comparing them all."""


class Rows(Protocol[V_co]):
    """What a `Table` offers: the last event of each subject."""

    def get(self, subject: str) -> V_co | None:
        """The row of one; KeyError when its partition is not held here."""
        ...

    def items(self) -> Iterable[tuple[str, V_co]]:
        """All rows held here."""
        ...


def feed_token(secret: str, name: str) -> str:
    """The unguessable part of an address: an HMAC of `schedule-group-<id>` or `agent-<id>`."""
    return hmac.digest(secret.encode(), name.encode(errors="replace"), "sha256").hex()


def feed_path(secret: str, subject: str) -> str:
    """Where the feed of a subject is served."""
    name = collection_of(subject)
    return f"/calendars/{name}.{feed_token(secret, name)}.ics"


def schedule_feed(event: ScheduleUpdated) -> bytes:
    """The opening hours as a calendar; the same bytes for the same event."""
    wanted = schedule_calendar(event)
    return ics(wanted.entries, event.time, name=wanted.title)


def shift_feed(event: ShiftsUpdated) -> bytes:
    """The shifts as a calendar; the same bytes for the same event."""
    wanted = shift_calendar(event)
    return ics(wanted.entries, event.time, name=wanted.title)


@dataclass(frozen=True, slots=True)
class Feed:
    """Answers for the addresses, from what the topics say now."""

    schedules: Rows[ScheduleUpdated]
    shifts: Rows[ShiftsUpdated]
    secret: str

    async def get(self, file: str) -> bytes | None:
        """`<name>.<token>.ics` → the calendar; None when the token is not its own, or there is no such subject."""
        name, _, token = file.removesuffix(".ics").rpartition(".")
        if not file.endswith(".ics") or not same(token, feed_token(self.secret, name)):
            return None
        if name.startswith("schedule-group-"):
            return _text(name, "schedule-group", self.schedules, schedule_feed)
        return _text(name, "agent", self.shifts, shift_feed)

    def paths(self) -> Iterator[tuple[str, str]]:
        """(subject, path) of every feed there is, for those who may know."""
        for rows in (self.schedules, self.shifts):
            for subject, event in rows.items():
                if not event.deleted:
                    yield subject, feed_path(self.secret, subject)


V = TypeVar("V", ScheduleUpdated, ShiftsUpdated)


def _text(name: str, kind: str, rows: Rows[V], feed: Callable[[V], bytes]) -> bytes | None:
    event = _row(name, kind, rows)
    return None if event is None or event.deleted else feed(event)


def _row(name: str, kind: str, rows: Rows[V]) -> V | None:
    try:
        found = rows.get(f"{kind}/{name.removeprefix(kind + '-')}")
    except KeyError:
        found = None
    if found is None and MARKED.search(name):
        return next((event for subject, event in rows.items() if collection_of(subject) == name), None)
    return found
