"""One member of a consumer group: what both ways of consuming share about a record, its tables and its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from prometheus_client import Counter

from processor.deadletters import DeadLetterLimit, dead_letter, error_text, told, unreadable, where
from processor.errors import PoisonError, ProcessorError
from processor.event import Event, Publishable, Raw
from processor.eventlog import EventLog, Message, Record
from processor.pace import Policy
from processor.progress import Progress
from processor.replays import Replay, Replays
from processor.retry import FarSide, Interrupted, Outcome, Patience, Sleep, Verdict, insist, sleep_unless
from processor.routing import Group, Handler, Returned
from processor.tables import Tables
from processor.telemetry import Metrics

T = TypeVar("T")
Pause = Callable[[asyncio.Event, float], Awaitable[None]]
"""(leaving, seconds): as `retry.sleep_unless`."""
Append = Callable[[int, Sequence[Message]], Awaitable[None]]
"""(partition, messages): as its owner; ends when they are in the log."""

log = logging.getLogger("processor.consumer")


class Done(NamedTuple):
    """What a handler returned: the events, and the same as records."""

    events: Sequence[Publishable] = ()
    messages: Sequence[Message] = ()


@dataclass(slots=True)
class Member:
    """A group's dependencies and its memory of this process; no loop of its own."""

    group: Group
    log: EventLog
    policy: Policy
    metrics: Metrics
    now: Callable[[], datetime]
    progress: Progress
    redact: Callable[[str], str] = str
    pause: Pause = sleep_unless
    far_side: FarSide = field(default_factory=FarSide)
    tables: Tables = field(init=False)
    limit: DeadLetterLimit = field(init=False)
    replays: Replays = field(init=False)
    leaving: dict[int, asyncio.Event] = field(default_factory=dict)
    """Of each partition that is ours: set when it goes, so that waits end."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process leaves."""
    _done: Counter = field(init=False)
    _uncounted: int = 0

    def __post_init__(self) -> None:
        """What follows from the group's name."""
        self._done = self.metrics.records.labels(self.group.name, Outcome.DONE.value)
        self.tables = Tables(self.group, self.log)
        self.limit = DeadLetterLimit(self.group.name, self.policy.limit)
        self.replays = Replays(self.log, self.group.name)

    def leave(self) -> None:
        """The process stops: every wait ends now."""
        self.gone.set()
        for leaving in self.leaving.values():
            leaving.set()

    def sleep(self, leaving: asyncio.Event) -> Sleep:
        """Waiting is a sign of life: it is bounded, and the far side's fault."""

        async def sleep(seconds: float) -> None:
            self.progress.waiting += 1
            self.metrics.waiting.labels(self.group.name).inc()
            self.progress.beat = self.now()
            try:
                await self.pause(leaving, seconds)
            finally:
                self.progress.waiting -= 1
                self.metrics.waiting.labels(self.group.name).dec()
                self.progress.beat = self.now()

        return sleep

    async def insist(self, what: str, leaving: asyncio.Event, work: Callable[[], Awaitable[T]]) -> T:
        """Our own log must do it; Interrupted when we leave before it could."""

        def note(error: BaseException, attempt: int) -> None:
            self.tell_failure(what, error, attempt, {})

        return await insist(work, self.sleep(leaving), note)

    async def take(self, partition: int) -> int:
        """The partition is ours: rebuild its tables; returns the offset to go on from."""
        leaving = self.leaving[partition] = asyncio.Event()
        if self.gone.is_set():
            leaving.set()
        for table in self.tables.begin(partition):
            await self.insist("load-table", leaving, partial(table.load, self.log, partition))
            self.metrics.table_loads.labels(table.topic).inc()
        self.tables.loaded(partition)
        topic = self.group.topic
        committed = await self.insist("committed", leaving, partial(self.log.committed, self.group.name, topic))
        first, _ = await self.insist("bounds", leaving, partial(self.log.bounds, topic, partition))
        return max(first, committed.get(partition, 0))

    def drop(self, partition: int) -> None:
        """The partition has left: forget what was known of it."""
        self.tables.drop(partition)
        self.replays.forget(partition)
        self.leaving.pop(partition, None)
        self.progress.lag.pop(partition, None)
        self.progress.paused.discard(partition)

    def decide(self, record: Record, partition: int) -> Verdict[Done] | Awaitable[Verdict[Done]]:
        """Log to log: the verdict about a record, at once where its handler is a plain function that succeeds.

        Raises Interrupted when the partition has left; what is awaited raises as `attempt` does.
        """
        leaving = self._staying(partition)
        found = self._decode(record)
        if isinstance(found, Verdict):
            return found
        event, handler = found
        try:
            returned = handler(event)
            if isinstance(returned, list):
                return Verdict(Outcome.DONE, 1, self.written(partition, returned))
        except Exception as error:
            again = partial(self._handle, handler, event, partition)
            return self._patience(record, leaving).attempt_again(again, error)
        again = partial(self._handle, handler, event, partition)
        return self._patience(record, leaving).attempt_from(self._end(returned, partition), again)

    async def attempt(self, record: Record, partition: int, slot: asyncio.Semaphore, append: Append) -> Verdict[Done]:
        """Read it, hand it to its handler until there is a verdict; tells of failures.

        `slot` is held during each attempt and free during waits; `append` takes the steps of a handler that
        acts in steps. Raises Interrupted when the partition leaves first, FatalError when the handler says so.
        """
        leaving = self._staying(partition)
        found = self._decode(record)
        if isinstance(found, Verdict):
            return found
        event, handler = found

        async def work() -> Done:
            async with slot:
                await self.tables.catch_up(partition)
                return await self._handle(handler, event, partition, append)

        return await self._patience(record, leaving).attempt(work)

    def _staying(self, partition: int) -> asyncio.Event:
        """What is set when the partition leaves; Interrupted when it has."""
        leaving = self.leaving.get(partition)
        if leaving is None or leaving.is_set():
            raise Interrupted
        return leaving

    def _patience(self, record: Record, leaving: asyncio.Event) -> Patience:
        def note(error: BaseException, attempt: int) -> None:
            self.tell_failure("attempt-failed", error, attempt, where(record))

        return Patience(self.policy.retry, self.far_side, self.now, self.sleep(leaving), note)

    def _decode(self, record: Record) -> tuple[Event | Raw, Handler[Any]] | Verdict[Done]:
        try:
            found = self.group.decode(record)
        except PoisonError as error:
            return Verdict(Outcome.POISON, 1, error=error)
        except (KeyError, TypeError, ValueError) as error:
            return Verdict(Outcome.POISON, 1, error=unreadable(error, record))
        return found or Verdict(Outcome.DONE, 0, Done())

    async def _handle(
        self, handler: Handler[Any], event: Event | Raw, partition: int, append: Append | None = None
    ) -> Done:
        return await self._end(handler(event), partition, append)

    async def _end(self, returned: Returned, partition: int, append: Append | None = None) -> Done:
        if not isinstance(returned, AsyncGenerator):
            return self.written(partition, (await returned if isinstance(returned, Awaitable) else returned) or ())
        if append is None:
            raise TypeError(f"{self.group.name}: log to log there are no steps, only what is committed with the offset")
        events: list[Publishable] = []
        async with aclosing(returned) as steps:
            async for batch in steps:
                step = self.written(partition, batch)
                await append(partition, step.messages)
                events += step.events
        return Done(events)  # its records are in the log already

    def written(self, partition: int, returned: Iterable[Publishable]) -> Done:
        """The outputs as records. Raises as `Tables.check`."""
        events = returned if isinstance(returned, list) else list(returned)
        messages = [event.to_message() for event in events]
        self.tables.check(messages, partition)
        return Done(events, messages)

    async def present(self, replay: Replay) -> Record:
        """What is to be done for a replay: of a state the key's newest record, else the parked one."""
        record = replay.record
        if self.group.states:
            first, end = await self.log.bounds(record.topic, record.partition)
            async for later in self.log.read(record.topic, record.partition, max(first, record.offset + 1), end):
                if later.message.key == record.message.key:
                    record = later
        return record

    def settle(self, record: Record, verdict: Verdict[Done], replay: Replay | None = None) -> Sequence[Message]:
        """What is to be appended for this end: the outputs, or the dead letter; and of a replay that it was done.

        Raises FatalError when bugs have passed their limit. What was done is counted by `count`.
        """
        outcome = verdict.outcome
        self.limit.count(outcome, verdict.error)
        messages = verdict.result.messages if verdict.result else ()
        if outcome is Outcome.DONE:
            self._uncounted += 1
            self.progress.done += 1
        else:
            self.progress.parked += 1
            self.metrics.records.labels(self.group.name, outcome.value).inc()
            self.metrics.dead_letters.labels(self.group.name, outcome.value).inc()
            parked = replay.record if replay else record
            times = replay.times if replay else int(record.message.headers.get("dlq_replayed", "0"))
            messages = [
                dead_letter(parked, self.group.name, verdict, now=self.now(), redact=self.redact, replayed=times)
            ]
            facts = told(record, self.group.name, verdict, self.redact)
            bug = verdict.error if outcome is Outcome.BUG else None
            log.log(logging.ERROR if bug else logging.WARNING, "dead-letter", extra=facts, exc_info=bug)
        return [*messages, replay.done(self.group.name, outcome)] if replay else messages

    def count(self) -> None:
        """Add what was done since the last time to the metrics."""
        self._done.inc(self._uncounted)
        self._uncounted = 0

    def tell_failure(self, what: str, error: BaseException, attempt: int, facts: dict[str, Any]) -> None:
        """One line and one count for a failure that will be tried again."""
        kind = type(error).__name__
        self.metrics.attempts.labels(self.group.name, kind).inc()
        level = logging.INFO if isinstance(error, ProcessorError) else logging.WARNING
        self.progress.failure = error_text(error, self.redact)
        facts = facts | {"group": self.group.name, "attempt": attempt, "error": self.progress.failure}
        log.log(level, what, extra=facts)
