"""Routing profiles, in words that both dialects share: where something is set, what is there, what came of a queue.

The guide has profiles, one place each. The official API has none: a user's skills, a user's
capacity and a queue's wrap-up codes are places of their own that together do the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from processor.clients.genesys.jobs import Found, Write

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A thing that is read and written by itself: `kind` is the dialect's word for it."""

    kind: str
    id: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a queue's contacts over a span."""

    average_wait_seconds: float
    handled: float
    abandoned: float


class Profiles(Protocol):
    """The job. Fields are a request's own words; everything raised is of `processor.errors`."""

    @property
    def lacks(self) -> Mapping[str, str]:
        """By field of a request that this dialect has nothing for: what does the same there."""
        ...

    def places(self, fields: Fields) -> Sequence[Place]:
        """Where the wanted fields are set, for the whole request's fields (`profileId`, `userIds`, `queueId`, …)."""
        ...

    async def read(self, place: Place, /) -> Found:
        """What is there. Raises `RefusedError` when there is no such place."""
        ...

    def told(self, place: Place, found: Found, /) -> Fields:
        """What is there, in a request's own words."""
        ...

    def aim(self, place: Place, found: Found, wanted: Fields, /) -> Fields:
        """What `told` should say afterwards."""
        ...

    def writes(self, place: Place, found: Found, aim: Fields, /) -> Sequence[Write]:
        """The calls that get there, in order; each is sent by itself, after another look."""
        ...

    async def send(self, place: Place, write: Write, /) -> Found:
        """Make the call; what is there then. Raises `ConflictError` when somebody was faster."""
        ...

    async def missing(self, kind: str, ids: Collection[str], /) -> Sequence[str] | None:
        """Which of these ids of a `skill`, `wrap-up-code` or `queue` do not exist. All pages.

        None where Genesys lists none of that kind to us: it judges them itself when it is written.
        """
        ...

    async def sessions(self) -> int | None:
        """How many concurrent sessions the organisation may have; None where this dialect does not tell."""
        ...

    async def load(self, queue_id: str, span: timedelta, /) -> Load | None:
        """What came of the queue's contacts lately; None without data."""
        ...
