"""What the product asks of Genesys, in words that both dialects share.

`platform.py` speaks the official API, `guide.py` the endpoints of the five guides. Everything
raised is of `processor.errors`; answers come back as vendor JSON, to go into raw untouched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """What Genesys said about one subject. `what` names the body's shape (`answer.<what>` in raw).

    `asked`: Genesys's own clock when the question left, so that clocks need not agree.
    `body` is composed of vendor JSON; `platform.py` lists the shapes.
    """

    what: str
    subject: str
    body: Mapping[str, Any]
    asked: datetime


@dataclass(frozen=True, slots=True)
class QueueState:
    """The parts of a queue that the loop reads and writes, and the whole as it came (`raw`)."""

    queue_id: str
    name: str
    division_id: str | None
    service_level_seconds: Mapping[str, float]
    """By media type."""
    version: str
    """Changes with any change: the version, the ETag, or dateModified."""
    modified_by: str | None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueueChange:
    """A state to write, not a delta: the media's target in seconds, who shall be in, who shall be out.

    `expected_seconds`: what the target must still be, else `ConflictError` (a person was here).
    """

    queue_id: str
    media_type: str
    service_level_seconds: float
    expected_seconds: tuple[float, ...]
    join: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    tightened: bool = False
    """Guide dialect only: put the priority rule first (True) or back (False)."""
    rules: tuple[Mapping[str, Any], ...] | None = None
    """Guide dialect only: the routing rules of the baseline, which are put back. None: they are not known."""


class Genesys(Protocol):
    """One organisation, through one set of credentials."""

    def now(self) -> datetime:
        """Genesys's clock as its last answer showed it; our own before the first."""
        ...

    async def organisation_id(self) -> str:
        """The id that stands in `ce_source`."""
        ...

    async def subjects(self) -> Sequence[str]:
        """Everything whose state we publish: `schedule-group/…`, `queue/…`, `agent/…`, `campaign/…`. All pages."""
        ...

    async def look(
        self, what: str, subject: str, since: datetime, until: datetime | None, details: Mapping[str, Any]
    ) -> Sequence[Answer]:
        """The present state of one subject. Deleted at the far side: an answer with `{"deleted": true}`.

        `what`: `schedule-group`, `queue`, `shifts`, `presence` (presence, routing status, out of
        office of one agent), `campaign`; and the ones that spread, whose answers name other
        subjects (see `spread`).
        """
        ...

    async def spread(self, what: str, subject: str, details: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """Look-heres that touch many: (what, subject) for each group of a schedule, each agent of a unit."""
        ...

    async def volume(self, targets: Mapping[str, Mapping[str, float]], queues: Sequence[str]) -> Sequence[Answer]:
        """The last hour of these queues, one answer a queue (`volume`).

        `targets`: by queue and media type, the service level target in seconds to judge against
        (the baseline of an adjusted queue); others are judged against their present target.
        """
        ...

    async def queue(self, queue_id: str) -> QueueState:
        """The queue as it is now. Raises `RefusedError` when it does not exist."""
        ...

    async def joined(self, queue_id: str, user_ids: Sequence[str]) -> frozenset[str]:
        """Of these users, who is a member of the queue and joined to it."""
        ...

    async def change_queue(self, change: QueueChange) -> tuple[QueueState, QueueState]:
        """Write the state, with the vendor's own guard against lost updates; returns (before, after).

        Already so: nothing is written. Raises `ConflictError` (found = the QueueState) when the
        target is neither expected nor the wanted one.
        """
        ...
