"""Opening hours and shifts → calendars, as conditional writes: unchanged meaning writes nothing and says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from handlers.calendar_events import collection_of, schedule_calendar, shift_calendar
from handlers.events import Outcome, ScheduleUpdated, ShiftsUpdated
from handlers.outcomes import done
from processor.clients.calendars import Calendars, Wanted

KIND = "calendar-write"


@dataclass(frozen=True, slots=True)
class SyncScheduleCalendar:
    """A schedule group's opening hours; a deleted group's calendar is removed."""

    calendars: Calendars
    now: Callable[[], datetime]

    async def __call__(self, event: ScheduleUpdated, /) -> Iterable[Outcome]:
        """The outcome counts what was created, updated, deleted; `restored`: over a person's edit."""
        return await _sync(self.calendars, event, None if event.deleted else schedule_calendar(event), self.now)


@dataclass(frozen=True, slots=True)
class SyncShiftCalendar:
    """An agent's shifts of the window; those before it stay as they were. A deleted agent's calendar is removed."""

    calendars: Calendars
    now: Callable[[], datetime]

    async def __call__(self, event: ShiftsUpdated, /) -> Iterable[Outcome]:
        """As with schedules."""
        return await _sync(self.calendars, event, None if event.deleted else shift_calendar(event), self.now)


async def _sync(
    calendars: Calendars, event: ScheduleUpdated | ShiftsUpdated, wanted: Wanted | None, now: Callable[[], datetime]
) -> Iterable[Outcome]:
    started = now()
    collection = collection_of(event.subject)
    if wanted is None:
        removed = await calendars.remove(collection)
        return [done(event, KIND, started, now(), {"collection": collection, "removed": True})] if removed else []
    written = await calendars.write(wanted)
    after = {"collection": collection, **written.counts()}
    return [done(event, KIND, started, now(), after)] if written.changed else []
