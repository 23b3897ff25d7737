"""What has become of each request so far, as the log tells it: so that a repeat of an id does nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import orjson

from handlers.events import Begun, FreezeRequested, Outcome
from processor.breathing import with_breaks
from processor.event import Event, Instant, digest
from processor.eventlog import EventLog, Record
from processor.table import Table, last

STARTED = "started"
REMEMBERED = timedelta(hours=26)
"""Senders repeat for 24 h, and for as long a request that fails is tried: two hours more for clocks and drains."""
CLOCKS = timedelta(hours=2)
"""By so much a request's own time may be wrong."""


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

    async def long_ago(self, subject: str, request_id: str, when: datetime) -> End | None:
        """How one ended that was handed in `when`, which `end` may have forgotten."""
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


@dataclass(slots=True)
class _Old:
    """All ends that a partition tells of from `since` to before `position`, by subject and id."""

    since: datetime
    position: int
    ends: dict[tuple[str, str], End] = field(default_factory=dict)


class LongAgo:
    """Ends that the table of outcomes has forgotten: its topic holds them for a year."""

    def __init__(self, outcomes: Table[Ended, Known]) -> None:
        self._outcomes = outcomes
        self._old: dict[int, _Old] = {}
        self._turn = asyncio.Lock()

    async def end(self, subject: str, request_id: str, when: datetime) -> End | None:
        """One reading serves all that were handed in later: whose group has lost its place asks for many of them."""
        event_log, partition, since = self._outcomes.event_log, self._outcomes.home(subject), when - CLOCKS
        if event_log is None:
            return None
        async with self._turn:
            old = self._old.get(partition)
            if old is None or since < old.since:
                first = await self._outcomes.first_since(event_log, partition, since)
                old = self._old[partition] = _Old(since, first)
            await self._go_on(event_log, partition, old)
        return old.ends.get((subject, request_id))

    async def _go_on(self, event_log: EventLog, partition: int, old: _Old) -> None:
        _, end = await event_log.bounds(self._outcomes.topic, partition)
        async for record in with_breaks(event_log.read(self._outcomes.topic, partition, old.position, end)):
            old.position = record.offset + 1
            with suppress(ValueError, KeyError, TypeError):  # the table has told of it
                event = Ended.from_record(record)
                key = (event.subject, event.request_id)
                if event.request_id and (event.status != STARTED or key not in old.ends):
                    old.ends[key] = End(event.time, event.status, event.content)


@dataclass(frozen=True, slots=True)
class LogEnds:
    """Folded from the log, for the partitions held. The brake has no outcomes: its own records tell."""

    outcomes: Table[Ended, Known] = field(default_factory=lambda: Table(Ended, fold=_ended, since=REMEMBERED))
    brakes: Table[FreezeRequested, Known] = field(
        default_factory=lambda: Table(FreezeRequested, fold=_asked, since=REMEMBERED)
    )
    begun: Table[Begun, Begun] = field(default_factory=lambda: Table[Begun, Begun](Begun, fold=last))
    """Of each subject one at most: requests about one thing are carried out one after the other."""
    older: LongAgo = field(init=False)

    def __post_init__(self) -> None:
        """What follows from the table of outcomes."""
        object.__setattr__(self, "older", LongAgo(self.outcomes))

    def end(self, subject: str, request_id: str) -> End | None:
        """See `Ends`."""
        for table in (self.outcomes, self.brakes):
            if (found := (table.get(subject) or {}).get(request_id)) is not None:
                return found
        return None

    async def long_ago(self, subject: str, request_id: str, when: datetime) -> End | None:
        """See `Ends`."""
        return await self.older.end(subject, request_id, when)

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
