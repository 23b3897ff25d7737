"""Now and then everything is compared: events tell of changes only, and one of them may have been lost.

Answers whose meaning is unchanged write nothing downstream, so asking is all there is to do:
at the first start, every hour, and by hand (`reconcile --once`). Volume is polled, since no event
tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from handlers.events import (
    CampaignUpdated,
    Lookup,
    PresenceUpdated,
    ProfileUpdated,
    QueueUpdated,
    ScheduleUpdated,
    ShiftsUpdated,
)
from processor.clients.genesys import Genesys
from processor.event import Envelope, Event, Publishable, instant
from processor.routing import Tick
from processor.table import Table
from processor.verbatim import read

OTHERS = (ShiftsUpdated, PresenceUpdated, QueueUpdated, CampaignUpdated, ProfileUpdated)

LOOKS: Mapping[str, tuple[str, ...]] = {
    "schedule-group": ("schedule-group",),
    "queue": ("queue",),
    "agent": ("presence", "shifts"),
    "campaign": ("campaign",),
    "profile": ("profile",),
}
"""By kind of subject, what there is to ask about it."""

Known = Callable[[], Iterable[str]]
"""The subjects that the clean topics hold."""
Parts = Callable[[str], Mapping[str, Any]]
"""What else is to be said about a look-here at this subject: the parts of it that only the clean topics know."""


class Held:
    """What the clean topics hold. Whoever uses it keeps its `tables` loaded."""

    def __init__(self) -> None:
        self._groups: Table[ScheduleUpdated, tuple[str, ...]] = Table(ScheduleUpdated, fold=_schedule_ids)
        self.tables: tuple[Table[Any, Any], ...] = (self._groups, *(_subjects_of(event) for event in OTHERS))

    def subjects(self) -> set[str]:
        """All but what was deleted."""
        return {subject for table in self.tables for subject, _ in table.items()}

    def parts(self, subject: str) -> Mapping[str, Any]:
        """Of a schedule group: the schedules that are known of it."""
        return {"scheduleIds": list(ids)} if (ids := self._groups.get(subject)) else {}


def _schedule_ids(_: tuple[str, ...] | None, group: ScheduleUpdated) -> tuple[str, ...] | None:
    """Which schedules are known of a group; one may be asked for by itself only in the guides' dialect."""
    return None if group.deleted else tuple(schedule.schedule_id for schedule in group.schedules)


def _subjects_of(event: type[Event]) -> Table[Any, bool]:
    """Only which subjects there are."""
    return Table(event, fold=lambda _, one: None if one.data["deleted"] else True, read=read)


def no_parts(_: str) -> Mapping[str, Any]:
    """Genesys itself knows the parts."""
    return {}


async def lookups_for_all(genesys: Genesys, why: str, known: Known = tuple, parts: Parts = no_parts) -> list[Lookup]:
    """A look-here for everything that Genesys has, and for what only we still have: it may be deleted."""
    since = genesys.now()
    source = f"genesys/{await genesys.organisation_id()}"
    subjects = sorted({*await genesys.subjects(), *known()})
    pairs = [(what, subject) for subject in subjects for what in LOOKS.get(subject.partition("/")[0], ())]
    return [
        Lookup(
            id=f"{why}@{instant(since)}/{number}",
            time=since,
            subject=subject,
            source=source,
            what=what,
            why=why,
            since=since,
            details=parts(subject),
        )
        for number, (what, subject) in enumerate(pairs, 1)
    ]


def state_tick(
    genesys: Genesys, known: Known = tuple, parts: Parts = no_parts, every: timedelta = timedelta(hours=1)
) -> Tick:
    """Looks at everything, from the start and then each hour."""

    async def work() -> Iterable[Publishable]:
        return await lookups_for_all(genesys, "reconcile", known, parts)

    return Tick("reconcile", "reconcile", every, work)


def volume_tick(
    genesys: Genesys,
    targets: Callable[[], Mapping[str, Mapping[str, float]]],
    queues: Callable[[], Sequence[str]],
    now: Callable[[], datetime],
    every: timedelta = timedelta(seconds=30),
) -> Tick:
    """Polls the volume of `queues()` (ids), judged against `targets()` where the loop has adjusted one."""

    async def work() -> Iterable[Publishable]:
        answers = await genesys.volume(targets(), queues())
        source = f"genesys/{await genesys.organisation_id()}" if answers else ""
        return [
            Envelope(
                id=f"volume@{instant(answer.asked)}/{answer.subject}",
                source=source,
                type=f"answer.{answer.what}",
                subject=answer.subject,
                time=answer.asked,
                received_at=now(),
                data=orjson.dumps(answer.body),
            )
            for answer in answers
        ]

    return Tick("volume", "volume", every, work)
