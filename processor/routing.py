"""Which handler gets which event: a consumer group is a topic, its routes, and what it must remember."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, cast

from processor.event import RAW, Event, Publishable, Raw
from processor.eventlog import Record
from processor.table import Table
from processor.telemetry import Metrics

Steps = AsyncGenerator[Iterable[Publishable], None]
Returned = Iterable[Publishable] | None | Awaitable[Iterable[Publishable] | None] | Steps

E = TypeVar("E", bound=Event | Raw)
E_contra = TypeVar("E_contra", bound=Event | Raw, contravariant=True)


class Handler(Protocol[E_contra]):
    """Decides about one event, then acts. What it returns is appended before the offset is committed.

    One that only decides is best a plain function: nothing has to be scheduled for it. An
    asynchronous generator acts in steps: each batch that it yields is in the log before it goes on,
    so that an effect can be announced before it is tried. Groups with effects only.
    """

    def __call__(self, event: E_contra, /) -> Returned:
        """Raise by remedy (`processor.errors`); catch nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Route:
    """Made by `on`, which checks the pair."""

    event: type[Event | Raw]
    handler: Handler[Any]


def on(event: type[E], handler: Handler[E]) -> Route:
    """This handler gets these events; mypy refuses a pair that does not fit."""
    return Route(cast("type[Event | Raw]", event), handler)


@dataclass(frozen=True, slots=True)
class Tick:
    """Periodic work, done by the process that owns the partition of `key`, from the start and then `every`.

    Work that is an asynchronous generator goes on when what it yielded is in the log.
    """

    name: str
    key: str
    every: timedelta
    work: Callable[[], Awaitable[Iterable[Publishable] | None] | Steps]


@dataclass(frozen=True, slots=True)
class PartitionTick:
    """Periodic and pure, once for each owned partition: (partition, now) → what to append as its owner."""

    name: str
    every: timedelta
    work: Callable[[int, datetime], Iterable[Publishable]]


Observe = Callable[[Metrics, Sequence[Publishable], datetime], None]
"""(metrics, what was published, now)."""


@dataclass(frozen=True, slots=True)
class Group:
    """One consumer group, so that one outage stops one group.

    `pure`: log to log, outputs and offsets are committed together, in order per partition.
    Otherwise effects happen outside: lanes by key, outcomes appended, then the commit.
    `owns`: tables over topics that only this group writes (it applies its own outputs);
    `follows`: tables over topics that others write (caught up before each batch).
    `watches`: the same for `ticks`, over all partitions: a tick runs in one process, the partitions
    that it looks at belong to many. Caught up before each run.
    `observe`: told of what was committed (pure: a batch at a time; else a record's outputs), for counting.
    `states`: the topic's records are states: the replay of a dead letter does the key's present
    record, not the parked one.
    `far`: the far side that its handlers call. Groups of one process that name the same know together
    when it went down and is back.
    `reads`: for a topic that other programs write to as well: how any of its records becomes an
    event of the one route, or None for none. Raises PoisonError.
    """

    name: str
    topic: str
    routes: tuple[Route, ...]
    pure: bool = False
    states: bool = False
    owns: tuple[Table[Any, Any], ...] = ()
    follows: tuple[Table[Any, Any], ...] = ()
    watches: tuple[Table[Any, Any], ...] = ()
    observe: Observe | None = None
    ticks: tuple[Tick, ...] = ()
    partition_ticks: tuple[PartitionTick, ...] = ()
    reads: Callable[[Record], Event | None] | None = None
    far: str = ""

    def decode(self, record: Record) -> tuple[Event | Raw, Handler[Any]] | None:
        """The event and its handler; None when no route takes it (another kind, or a tombstone)."""
        if record.topic == RAW:
            return Raw.from_record(record), self.routes[0].handler
        if record.message.value is None:
            return None
        if self.reads:
            event = self.reads(record)
            return (event, self.routes[0].handler) if event else None
        kind = record.message.headers.get("ce_type")
        for route in self.routes:
            if issubclass(route.event, Event) and route.event.type == kind:
                return route.event.from_record(record), route.handler
        return None
