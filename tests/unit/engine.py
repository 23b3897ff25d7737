"""A small domain for engine tests: facts come in on one topic, notes go out on another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from processor import consumer
from processor.event import Event
from processor.eventlog import EventLog
from processor.pace import Policy
from processor.progress import Progress
from processor.routing import Group
from processor.telemetry import Metrics

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Fact(Event):
    type: ClassVar[str] = "test.facts.updated"
    topic: ClassVar[str] = "test.facts"
    number: int = 0


class Note(Event):
    type: ClassVar[str] = "test.notes.updated"
    topic: ClassVar[str] = "test.notes"
    total: int = 0


class Told(Event):
    type: ClassVar[str] = "genesys.outcomes.updated"
    topic: ClassVar[str] = "genesys.outcomes"
    status: str = "done"


def fact(subject: str, number: int, fact_id: str = "") -> Fact:
    return Fact(id=fact_id or f"{subject}:{number}", time=NOON, subject=subject, number=number)


def note(cause: Fact, total: int) -> Note:
    return Note(id=cause.id, time=cause.time, subject=cause.subject, total=total, cause=cause.id)


def told(cause: Fact, status: str = "done") -> Told:
    return Told(id=cause.id, time=cause.time, subject=cause.subject, cause=cause.id, status=status)


async def put(log: EventLog, facts: Iterable[Event]) -> None:
    await log.append([event.to_message() for event in facts])


QUICK = Policy(
    idle=timedelta(milliseconds=10),
    commit_every=timedelta(milliseconds=5),
    replays_every=timedelta(0),
    lag_every=timedelta(0),
    drain=timedelta(seconds=2),
)


async def no_wait(leaving: asyncio.Event, _: float) -> None:
    """Waits take no time; leaving still ends them."""
    await asyncio.sleep(0)
    if leaving.is_set():
        raise consumer.Interrupted


@asynccontextmanager
async def running(
    group: Group,
    log: EventLog,
    policy: Policy = QUICK,
    *,
    progress: Progress | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    pause: consumer.Pause = no_wait,
    metrics: Metrics | None = None,
) -> AsyncIterator[asyncio.Event]:
    """The group consumes until the block ends (or its event is set); what it raised is raised here."""
    stop = asyncio.Event()
    metrics = metrics or Metrics.build()
    task = asyncio.create_task(
        consumer.run(group, log, stop, policy=policy, metrics=metrics, now=now, progress=progress, pause=pause)
    )
    try:
        yield stop
    finally:
        stop.set()
        await task


async def forever(group: Group, log: EventLog, policy: Policy = QUICK) -> None:
    """Consume until something ends it: for what must."""
    await consumer.run(
        group,
        log,
        asyncio.Event(),
        policy=policy,
        metrics=Metrics.build(),
        now=lambda: datetime.now(UTC),
        pause=no_wait,
    )


async def nothing() -> None:
    """For who is called now and then."""


async def until(condition: Callable[[], bool]) -> None:
    """Let the others run until it holds; the test's own time limit bounds it."""
    while not condition():  # noqa: ASYNC110  # the condition is about many places, none of which knows of tests
        await asyncio.sleep(0.001)
