"""What has become of each request so far, as the log tells it: so that a repeat of an id does nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import orjson

from handlers.events import Begun, FreezeRequested, Outcome
from processor.event import Event, Instant, digest
from processor.eventlog import Record
from processor.table import Table, last

STARTED = "started"
REMEMBERED = timedelta(hours=26)
"""Senders repeat for 24 h, and for as long a request that fails is tried: two hours more for clocks and drains."""


class End(NamedTuple):
    """How a request ended, when that was said, and the digest of what it asked for."""

    said: Instant
    status: str
    content: str


def content(kind: str, fields: Mapping[str, Any]) -> str:
    """Equal for two requests that ask for the same, whoever asks."""
    asked = {**fields, "kind": kind, "by": None}
    return digest(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS))[:16]


class Ends(Protocol):
    """What the door asks before it does anything."""

    def end(self, subject: str, request_id: str) -> End | None:
        """How it ended, `started` while that is not known, None for a request that is new."""
        ...

    def first_try(self, subject: str, request_id: str) -> Begun | None:
        """What its first try found and meant, None when none came to a call: it may have ended after one."""
        ...

    def home(self, subject: str) -> int | None:
        """The partition that requests about this subject belong to; None where there are no partitions."""
        ...


class Ended(Event):
    """An outcome, read for a few words only: a partition may hold a hundred thousand of them."""

    type: ClassVar[str] = Outcome.type
    topic: ClassVar[str] = Outcome.topic

    request_id: str = ""
    status: str = ""
    content: str = ""

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Nothing is checked that nobody asks for."""
        data: dict[str, Any] = orjson.loads(record.message.value or b"{}")
        return cls.model_validate(
            {
                "id": "",
                "time": record.timestamp,
                "subject": record.message.key,
                "requestId": data.get("requestId") or "",
                "status": data.get("status") or "",
                "content": content(data.get("kind") or "", data.get("request") or {}) if data.get("requestId") else "",
            }
        )


Known = dict[str, End]
"""By request id, the oldest first."""


def remember(known: Known | None, request_id: str, end: End) -> Known:
    """Adds one and forgets what is old. The row is changed in place: a copy each time would cost its square."""
    known = {} if known is None else known
    if end.status != STARTED or request_id not in known:
        known.pop(request_id, None)
        known[request_id] = end
    while known and next(iter(known.values())).said < end.said - REMEMBERED:
        del known[next(iter(known))]
    return known


def _ended(known: Known | None, event: Ended) -> Known | None:
    if not event.request_id:
        return known
    return remember(known, event.request_id, End(event.time, event.status, event.content))


def _asked(known: Known | None, event: FreezeRequested) -> Known:
    return remember(known, event.id, End(event.time, event.kind, braking(event)))


def braking(event: FreezeRequested) -> str:
    """The content of a word to the loop."""
    return content(event.kind, {"queueId": event.queue_id, "reason": event.reason, "restore": event.restore})


@dataclass(frozen=True, slots=True)
class LogEnds:
    """Folded from the log, for the partitions held. The brake has no outcomes: its own records tell."""

    outcomes: Table[Ended, Known] = field(default_factory=lambda: Table(Ended, fold=_ended, since=REMEMBERED))
    brakes: Table[FreezeRequested, Known] = field(
        default_factory=lambda: Table(FreezeRequested, fold=_asked, since=REMEMBERED)
    )
    begun: Table[Begun, Begun] = field(default_factory=lambda: Table[Begun, Begun](Begun, fold=last))
    """Of each subject one at most: requests about one thing are carried out one after the other."""

    def end(self, subject: str, request_id: str) -> End | None:
        """See `Ends`."""
        for table in (self.outcomes, self.brakes):
            if (found := (table.get(subject) or {}).get(request_id)) is not None:
                return found
        return None

    @property
    def tables(self) -> tuple[Table[Any, Any], ...]:
        """All of it, for the group that follows them."""
        return self.outcomes, self.brakes, self.begun

    def first_try(self, subject: str, request_id: str) -> Begun | None:
        """See `Ends`."""
        begun = self.begun.get(subject)
        return begun if begun and begun.request_id == request_id else None

    def home(self, subject: str) -> int | None:
        """See `Ends`."""
        return self.outcomes.home(subject)
