"""Working hours: one schedule read with its guard and written on condition, and the contacts that came meanwhile.

A schedule has one of two forms. `weekly`: entries by day of the week with a zone of its own, in a
group (the guide). `recurring`: a start, an end and an RRULE on the clocks of every group that
refers to it (the official API). Fields go by the request's names, whatever the dialect's are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from processor.clients.genesys.jobs import Found, Write

Form = Literal["weekly", "recurring"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a schedule is: in the weekly form beneath its group."""

    schedule_id: str
    group_id: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """A group whose clocks a schedule follows. `role`: `open`, `closed` or `holiday`."""

    group_id: str
    name: str
    time_zone: str
    role: str


@dataclass(frozen=True, slots=True)
class Arrivals:
    """So many contacts were offered between two instants."""

    start: datetime
    end: datetime
    count: int


class Schedules(Protocol):
    """The job on schedules. Everything raised is of `processor.errors`."""

    @property
    def form(self) -> Form:
        """The form that this dialect knows; a request of the other cannot be carried out."""
        ...

    async def get(self, place: Place) -> Found:
        """The schedule as it is. Raises `NotFound` (a `RefusedError`), also for a deleted one."""
        ...

    def fields(self, found: Found) -> Mapping[str, Any]:
        """All that a request may change of it, as Genesys has it now."""
        ...

    def write(self, place: Place, found: Found, fields: Mapping[str, Any]) -> Write:
        """The call that puts these fields into what was found and leaves everything else as it is there."""
        ...

    async def send(self, write: Write) -> Found:
        """What Genesys made of it. Raises `ConflictError` when somebody wrote after `found` was read."""
        ...

    async def uses(self, place: Place, found: Found) -> Sequence[Use]:
        """The groups that it opens or closes. All pages."""
        ...

    async def holidays(self, place: Place) -> Mapping[str, str] | None:
        """Id → name of the holidays that a weekly schedule may name; None where Genesys lists none."""
        ...

    async def arrivals(self, queue_ids: Sequence[str], start: datetime, end: datetime) -> Sequence[Arrivals]:
        """The inbound contacts that these queues were offered, by when they began. All pages."""
        ...
