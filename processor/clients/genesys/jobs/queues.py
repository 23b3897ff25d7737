"""A queue's routing: its settings read and replaced, who serves it when, whether a change has arrived, how it did.

Settings go by the request's names, whatever the dialect's are: `queueType`, `slaPercent` (0 to 100),
`slaTarget` (seconds), `wrapUpPolicy`, `routingRules` (in the dialect's own form, see `rules`).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from processor.clients.api import NotFound, Time
from processor.clients.genesys.jobs import Found, Write

Settings = Mapping[str, Any]
RuleForm = Literal["conditions", "preferred-agents"]

POLLS = 10
"""G4: so often a new configuration is looked for before it counts as not having arrived."""
POLL_SECONDS = (2.0, 3.0)
"""G4: between two looks, two seconds and up to one more."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody whom the queue may route to, and the ids of his skills."""

    user_id: str
    skills: frozenset[str]


@dataclass(frozen=True, slots=True)
class OnShift:
    """The shift that an agent is on now: `capacity` below one takes no contact."""

    capacity: int


@dataclass(frozen=True, slots=True)
class Activation:
    """How it went to wait for a change to arrive.

    `state`: `active`, `overtaken` (somebody wrote after us), `gone` (the queue was deleted), `timeout`.
    """

    state: Literal["active", "overtaken", "gone", "timeout"]
    polls: int
    seen: str = ""
    """The guard that was seen last."""


@dataclass(frozen=True, slots=True)
class Efficiency:
    """A span of days in numbers; None where Genesys has none. Times in seconds, the percentage 0 to 100."""

    offered: int
    abandoned: int
    average_wait_seconds: float | None
    average_handle_seconds: float | None
    sla_percent: float | None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, as Genesys's own log has it; `changes` one line each."""

    id: str
    at: str
    action: str
    by: str
    changes: tuple[str, ...]


class Queues(Protocol):
    """The job on a queue's routing. Everything raised is of `processor.errors`."""

    @property
    def rules(self) -> RuleForm:
        """`conditions`: the guide's priority and default rules. `preferred-agents`: the official API's."""
        ...

    async def get(self, queue_id: str) -> Found:
        """The queue as it is. Raises `NotFound` (a `RefusedError`)."""
        ...

    def settings(self, found: Found, queue_type: str | None) -> Settings:
        """All that a request may change of it. Raises `RefusedError` where it serves no such type."""
        ...

    def wanted(self, found: Found, settings: Settings) -> Settings:
        """The same settings in the words that this dialect will answer with."""
        ...

    def write(self, found: Found, settings: Settings) -> Write:
        """The full replacement that has these settings and leaves everything else as it is there."""
        ...

    async def send(self, write: Write) -> Found:
        """What Genesys made of it. Raises `ConflictError` when somebody wrote after `found` was read."""
        ...

    async def arrived(self, before: Found, written: Found, settings: Settings) -> Activation:
        """Look until what was written is what is shown, it cannot be any more, or patience ends."""
        ...

    async def unknown_skills(self, skill_ids: Sequence[str]) -> Sequence[str] | None:
        """Those that the organisation does not have; None where it lists its skills to nobody like us."""
        ...

    async def members(self, queue_id: str) -> Sequence[Member]:
        """Who serves it. All pages."""
        ...

    async def on_shift(self, user_ids: Sequence[str]) -> Mapping[str, OnShift]:
        """Of these, who is on a shift now."""
        ...

    async def webhook(self, queue_id: str, url: str) -> str | None:
        """The id of the webhook that tells this address of the queue's changes; None when there is none yet.

        Raises `UnknownEnd` when Genesys does not say which there are, `RefusedError` where none can be.
        """
        ...

    def register(self, queue_id: str, url: str) -> Write:
        """The call that makes this webhook."""
        ...

    async def registered(self, write: Write) -> str:
        """Make it; its id."""
        ...

    async def efficiency(self, queue_id: str, start: datetime, end: datetime) -> Efficiency:
        """How the queue did between the two."""
        ...

    async def audits(self, queue_id: str, start: datetime, end: datetime) -> Sequence[AuditEntry]:
        """Its changes between the two, newest first. All pages."""
        ...


def absent(queue_id: str, missing: NotFound) -> NotFound:
    """Of a queue that is asked for and not there."""
    return missing.named("queueId", f"there is no queue {queue_id}", "the id of one that exists in Genesys")


async def until_active(
    look: Callable[[], Awaitable[Found]],
    judge: Callable[[Found], Literal["active", "overtaken"] | None],
    clocks: Time,
) -> Activation:
    """`judge` says what a look means; None: not yet. The first look is at once, as in the guide."""
    seen = ""
    for number in range(1, POLLS + 1):
        try:
            found = await look()
        except NotFound:
            return Activation("gone", number, seen)
        seen = found.guard
        if state := judge(found):
            return Activation(state, number, seen)
        if number < POLLS:
            await clocks.sleep(random.uniform(*POLL_SECONDS))
    return Activation("timeout", POLLS, seen)
