"""When a campaign may dial: what is planned for it already, one more schedule for it, and one taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from processor.clients.api import NotFound
from processor.clients.genesys.jobs import Write

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Slot:
    """On these days (0 = Monday) from `start` to `end` after midnight, on the clocks of the campaign's zone."""

    days: tuple[int, ...]
    start: timedelta
    end: timedelta


def clock_text(after_midnight: timedelta) -> str:
    """`09:00:00`, with milliseconds only where there are some; `24:00:00` ends a day."""
    minutes, rest = divmod(after_midnight, timedelta(minutes=1))
    seconds, millis = divmod(rest // timedelta(milliseconds=1), 1000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}" + (f".{millis:03}" if millis else "")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A schedule as it shall be. `schedule_id` follows from all the rest: asked for twice it is the same one."""

    campaign_id: str
    schedule_id: str
    start: datetime
    end: datetime
    """The first instant that is no longer part of it."""
    time_zone: str
    slots: tuple[Slot, ...]
    calls: int
    agents: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """What the campaign itself allows; None where Genesys does not say. `agents`: who takes its calls."""

    name: str
    calls: int | None = None
    most_agents: int | None = None
    agents: tuple[str, ...] = ()
    unread: str = ""
    """Why nothing is known of it, when nothing is."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is planned: `source` is the vendor's JSON, as `handlers.normalise` reads its hours."""

    schedule_id: str
    name: str
    source: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Present:
    """Everything that is planned for a campaign. `guard`: what the next write is conditional on, if anything."""

    campaign_id: str
    entries: tuple[Entry, ...]
    asked: datetime
    guard: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Added:
    """Under which id it stands. `adopted`: it was there already when we came."""

    schedule_id: str
    adopted: bool = False
    conflict_retries: int = 0


Shift = tuple[datetime, datetime]
Admit = Callable[[Present], None]
"""Raises what forbids the change, judged by what is there now; asked again after every look."""


def absent(campaign_id: str, missing: NotFound) -> NotFound:
    """Of a campaign that is asked for and not there."""
    return missing.named("campaignId", f"there is no campaign {campaign_id}", "the id of one that exists in Genesys")


class Campaigns(Protocol):
    """The job of the campaign guide. Raises `NotFound` for a campaign that is not there."""

    keeps_limits: bool
    """Whether a schedule has limits of its own."""
    removes: bool
    """Whether one schedule can be taken out again."""

    async def campaign(self, campaign_id: str) -> Campaign:
        """Its name and limits, as far as they can be read."""
        ...

    async def present(self, campaign_id: str) -> Present:
        """All schedules of the campaign as they are now."""
        ...

    def standing(self, present: Present, wanted: Wanted) -> str | None:
        """The id under which exactly this already stands."""
        ...

    def addition(self, present: Present, wanted: Wanted) -> Write:
        """The call that plans it beside what is there."""
        ...

    async def add(self, wanted: Wanted, admit: Admit) -> Added:
        """Plan it once, whatever happens on the way; what stands already is adopted."""
        ...

    def removal(self, present: Present, wanted: Wanted) -> Write | None:
        """The call that takes it out, None when nothing of it is there. Raises `RefusedError` where there is none."""
        ...

    async def remove(self, wanted: Wanted, admit: Admit) -> int:
        """Take it out; returns how often somebody else was faster."""
        ...

    async def shifts(self, agents: Sequence[str], start: datetime, end: datetime) -> Mapping[str, Sequence[Shift]]:
        """By agent, who is unknown left out: when he is to work within the window."""
        ...
