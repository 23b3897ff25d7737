"""The whole loop over a log of lists and a Genesys of two dictionaries, where everything may happen in any order.

What a person wants (`wanted`) and what the loop did (`writes`, `moves`) are kept beside it, to be judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers import FarSides, Policy, loop
from handlers.adjust_queues import AdjustQueues
from handlers.events import (
    Decision,
    FreezeRequested,
    Interval,
    Lookup,
    Outcome,
    PoolUpdated,
    QueueUpdated,
    ServiceLevel,
    VolumeUpdated,
)
from handlers.feedback import Feedback
from handlers.policy import Mode, Rule, Selection
from processor.app.errands.backtesting import Blank
from processor.clients.genesys import QueueChange, QueueState
from processor.errors import ConflictError, RefusedError, RetryableError
from processor.event import Event
from processor.table import Table

NINE = datetime(2026, 3, 9, 9, tzinfo=UTC)
SUBJECT, QUEUE = "queue/q-1", "q-1"
POOL = ("backup-1", "backup-2")
MEDIA = ("email", "call")
RULE = Rule()


class Crash(Exception):
    """The process died in the middle of an effect."""


@dataclass
class Centre:
    """Genesys: targets and members, its faults, and a ledger of what the loop wrote and whom it moved."""

    now: Callable[[], datetime]
    targets: dict[str, float] = field(default_factory=lambda: {"email": 60.5, "call": 20.5})
    wanted: dict[str, float] = field(default_factory=lambda: {"email": 60.5, "call": 20.5})
    members: set[str] = field(default_factory=set)
    by_the_loop: set[str] = field(default_factory=set)
    writes: list[tuple[str, float]] = field(default_factory=list)
    moves: list[tuple[str, str, bool]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    gone: bool = False

    async def change_queue(self, change: QueueChange) -> tuple[QueueState, QueueState]:
        self._fault("before")
        if self.gone:
            raise RefusedError("no such queue")
        before, present = self._state(), self.targets[change.media_type]
        if abs(present - change.service_level_seconds) > 0.001:
            if not any(abs(present - known) < 0.001 for known in change.expected_seconds):
                raise ConflictError("it is another", found=before)
            self.targets[change.media_type] = change.service_level_seconds
            self.writes.append((change.media_type, change.service_level_seconds))
            self._fault("between")
        for user in change.join:
            if user not in self.members:
                self.members.add(user)
                self.by_the_loop.add(user)
                self.moves.append(("in", user, True))
        for user in change.leave:
            if user in self.members:
                self.members.discard(user)
                self.moves.append(("out", user, user in self.by_the_loop))
                self.by_the_loop.discard(user)
        self._fault("after")
        return before, self._state()

    async def queue(self, _: str) -> QueueState:
        self._fault("look")
        if self.gone:
            raise RefusedError("no such queue")
        return self._state()

    async def joined(self, _: str, users: Sequence[str]) -> frozenset[str]:
        self._fault("joined")
        return frozenset(users) & self.members

    def _fault(self, where: str) -> None:
        """`place:kind`, once; a place that is not reached keeps its fault."""
        for fault in list(self.faults):
            place, kind = fault.split(":")
            if place == where:
                self.faults.remove(fault)
                if kind == "refused":
                    raise RefusedError("403 missing permission")
                if kind == "crash":
                    raise Crash
                raise RetryableError("503")

    def _state(self) -> QueueState:
        return QueueState(QUEUE, "Email Support", None, dict(self.targets), "1", "ana")


class World:
    """One queue with two media; the clock moves when it is told to."""

    def __init__(self, mode: Mode = Mode.ACT, *, named: bool = True) -> None:
        self.at = NINE
        self.genesys = Centre(lambda: self.at)
        self.topics: dict[type[Event], list[Any]] = {
            kind: [] for kind in (VolumeUpdated, QueueUpdated, FreezeRequested, PoolUpdated, Decision, Outcome, Lookup)
        }
        self.lane: list[Decision] = []
        self.count = 0
        self.configured = (mode, named)

    def minutes(self, minutes: int) -> None:
        """They pass."""
        self.at += timedelta(minutes=minutes)

    async def start(
        self,
        mode: Mode,
        *,
        named: bool = True,
        pool: tuple[str, ...] = POOL,
        step_seconds: float = RULE.step_seconds,
        reaches: bool = True,
    ) -> None:
        """A new process: all it knows it reads from the log. It `reaches` Genesys, or has no credentials."""
        self.configured = (mode, named)
        policy = Policy(
            timedelta(weeks=8),
            mode=mode,
            rule=replace(RULE, step_seconds=step_seconds),
            selection=Selection.parse([QUEUE if named else "another"]),
            pools={QUEUE: pool},
        )
        genesys: Any = self.genesys if reaches else None
        feedback, *adjusting = loop(policy, FarSides(genesys=genesys), lambda: self.at)
        self.mind = _handler(feedback, Feedback)
        self.hand = _handler(adjusting[0], AdjustQueues) if adjusting else None
        self.tables: list[Table[Any, Any]] = [*feedback.owns]
        for group in (feedback, *adjusting):
            self.tables += group.follows
        blank: Any = Blank()
        for table in self.tables:
            await table.load(blank, 0)
            for events in self.topics.values():
                for event in events:
                    if table.takes(event):
                        table.apply(event)

    def append(self, events: Iterable[Any]) -> None:
        for event in events:
            assert event.subject == SUBJECT
            self.topics[type(event)].append(event)
            for table in self.tables:
                if table.takes(event):
                    table.apply(event)
            if isinstance(event, Decision):
                self.lane.append(event)

    async def volume(
        self, medium: str, offered: int | None, level: float | None, *, late: int = 0, part: bool = False
    ) -> None:
        """What came in the hour until now, or until `late` minutes ago, measured as Genesys is asked to."""
        self.count += 1
        end = self.at - timedelta(minutes=late)
        standing = self.latest.standing.get(medium) if self.latest else None
        target = standing.baseline["serviceLevelSeconds"] if standing else self.genesys.targets[medium]
        event = VolumeUpdated(
            id=f"volume-{self.count}",
            time=end,
            subject=SUBJECT,
            received_at=self.at,
            queue_id=QUEUE,
            media_type=medium,
            interval=Interval(
                start=end - timedelta(minutes=30 if part else 60), end=end + timedelta(minutes=20 if part else 0)
            ),
            origin="aggregates",
            offered=offered,
            answered=offered,
            service_level=level,
            service_level_target_seconds=target,
        )
        await self.hear(event)

    async def hear(self, event: VolumeUpdated) -> None:
        self.append([event])
        self.append(await self.mind(event) or ())

    def look(self) -> None:
        """Genesys is asked; what has not changed in meaning is not published."""
        known = self.topics[QueueUpdated]
        centre = self.genesys
        media = {m: ServiceLevel(service_level_seconds=s) for m, s in sorted(centre.targets.items())}
        if known and known[-1].media_types == media and known[-1].deleted == centre.gone:
            return
        self.count += 1
        self.append(
            [
                QueueUpdated(
                    id=f"queue-{self.count}",
                    time=self.at,
                    subject=SUBJECT,
                    queue_id=QUEUE,
                    name="Email Support",
                    media_types=media,
                    modified_by="ana",
                    deleted=centre.gone,
                )
            ]
        )

    def tick(self) -> None:
        self.append(list(self.mind.tick(0, self.at)))

    def ask(self, kind: str, *, restore: bool = False) -> None:
        self.count += 1
        self.append(
            [
                FreezeRequested(
                    id=f"ask-{self.count}",
                    time=self.at,
                    subject=SUBJECT,
                    kind=kind,
                    queue_id=QUEUE,
                    by="ana",
                    restore=restore,
                )
            ]
        )

    async def work(self, *, until: int | None = None) -> None:
        """The adjuster does what lies in its lane; `until`: it dies when so many batches are in the log."""
        while self.lane and self.hand:
            batches = 0
            try:
                async with aclosing(self.hand(self.lane[0])) as steps:
                    async for batch in steps:
                        self.append(batch)
                        batches += 1
                        if batches == until:
                            return
            except (RetryableError, Crash):
                return
            self.lane.pop(0)

    @property
    def latest(self) -> Decision | None:
        made = self.topics[Decision]
        return made[-1] if made else None

    @property
    def decisions(self) -> list[Decision]:
        return self.topics[Decision]

    @property
    def volumes(self) -> list[VolumeUpdated]:
        return self.topics[VolumeUpdated]

    @property
    def held(self) -> PoolUpdated | None:
        rows = self.topics[PoolUpdated]
        return rows[-1] if rows else None


def _handler(group: Any, kind: type) -> Any:
    (found,) = [route.handler for route in group.routes if isinstance(route.handler, kind)]
    return found
