"""Volume → decision. Log to log: what it knows it has read, what it decides it writes, nothing else happens here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from handlers.brake import Asked, Brakes, answer
from handlers.decide import decide
from handlers.events import Decision, FreezeRequested, Lookup, PoolUpdated, QueueUpdated, VolumeUpdated
from handlers.give_back import adrift
from handlers.policy import Hours, Mode, Rule, Selection, Verdict, Window, hours, judge
from handlers.silence import Quiet
from handlers.situation import KnownQueue, Memory, Move, Situation, written
from processor.event import Event, Publishable
from processor.table import Table

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Feedback:
    """The loop's mind. `pools`: by queue id or `name:` pattern, who joins while the queue is adjusted.

    `held`: by queue, what of ours the adjuster has put into Genesys. `reaches`: whether there is an
    adjuster at all; without one nothing is decided about what stands. `since`: when this process began to listen.
    """

    windows: Table[VolumeUpdated, Window]
    queues: Table[QueueUpdated, KnownQueue]
    freezes: Table[FreezeRequested, Brakes]
    decisions: Table[Decision, Decision]
    held: Table[PoolUpdated, PoolUpdated]
    mode: Mode = Mode.OBSERVE
    rule: Rule = field(default_factory=Rule)
    selection: Selection = field(default_factory=Selection)
    pools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reaches: bool = True
    since: datetime | None = None

    async def __call__(self, event: VolumeUpdated) -> Iterable[Publishable] | None:
        """Judge the queue by all that is known of it now; a repeated or late record decides nothing new."""
        last = self.decisions.get(event.subject)
        ours = self._is_ours(event.subject, last)
        if Memory.of(last).frozen or (self.mode is Mode.OFF and not ours):
            return None
        known = hours((self.windows.get(event.subject) or {}).get(event.media_type, ()))
        if not known:
            return None
        queue = self.queues.get(event.subject)
        if queue is None:
            return self._look_first(event, known.newest.offered)
        mode = self._mode(queue.queue, event.media_type)
        if queue.queue.deleted or (mode is Mode.OFF and not ours) or (ours and not self.reaches):
            return None
        return self._consider(event, last, self._situation(event, last, queue, mode, known))

    def _mode(self, queue: QueueUpdated, medium: str) -> Mode:
        """How far the loop goes here; what it may no longer touch it only gives back."""
        return self.mode if self.selection.covers(queue, medium) else Mode.OFF

    def _is_ours(self, subject: str, last: Decision | None) -> bool:
        """Whether something on this queue is of our doing."""
        held = self.held.get(subject)
        return bool((last and last.standing) or (held and (held.joined or held.standing)))

    def _situation(
        self, event: VolumeUpdated, last: Decision | None, queue: KnownQueue, mode: Mode, known: Hours
    ) -> Situation:
        held, at = self.held.get(event.subject), max(event.time, last.time) if last else event.time
        left_in = self._left_in(event.subject, last, at)
        return Situation(
            mode=mode,
            rule=self.rule,
            known=queue,
            media_type=event.media_type,
            pool=self._pool(queue.queue),
            joined=held.joined if held else (),
            left_in=left_in if left_in and self._is_calm(queue.queue, last) else (),
            hours=known,
            standing=last.standing.get(event.media_type) if last else None,
            carried=held.standing.get(event.media_type) if held else None,
            memory=Memory.of(last),
            at=at,
        )

    def _consider(self, event: VolumeUpdated, last: Decision | None, situation: Situation) -> list[Publishable]:
        seen = written(situation.hours.newest.seen())
        if found := adrift(situation):
            return [self._decision(event, event.media_type, found, last, seen)]
        if not situation.settled:
            return self._look(event, "the queue was restored; is the baseline there?")
        if situation.baseline_seconds <= 0:
            return self._look_first(event, situation.hours.newest.offered)
        move = decide(situation)
        return [self._decision(event, event.media_type, move, last, seen)] if move else []

    def _pool(self, queue: QueueUpdated) -> tuple[str, ...]:
        for who, members in self.pools.items():
            pattern = who.removeprefix("name:")
            if who == queue.queue_id or (
                who.startswith("name:") and fnmatchcase(queue.name.casefold(), pattern.casefold())
            ):
                return tuple(members)
        return ()

    def _left_in(self, subject: str, last: Decision | None, at: datetime) -> tuple[str, ...]:
        """Members whom we joined and who are still in though we stand for nothing: we have stood back since."""
        held = self.held.get(subject)
        if held is None or held.standing or last is None or last.standing or not self.reaches:
            return ()
        return () if Memory.of(last).restoring(at, self.rule) else held.joined

    def _is_calm(self, queue: QueueUpdated, last: Decision | None) -> bool:
        """Every medium of the queue has recovered, and none is left to a person: members serve them all."""
        if Memory.of(last).stood_back:
            return False
        for medium, records in (self.windows.get(queue.subject) or {}).items():
            known, level = hours(records), queue.media_types.get(medium)
            target = level.service_level_seconds if level else None
            if known and target and judge(self.rule, known.newest, target, adjusted=False) is not Verdict.RECOVERED:
                return False
        return True

    def _look_first(self, event: VolumeUpdated, offered: int) -> list[Publishable]:
        """Nothing is changed on a queue whose settings nobody has told us."""
        if offered <= self.rule.offered_above:
            return []
        return self._look(event, "its settings are not known")

    def _look(self, event: VolumeUpdated, why: str) -> list[Publishable]:
        return [
            Lookup(
                id=event.id,
                time=event.time,
                subject=event.subject,
                source=event.source,
                cause=event.cause,
                trace=event.trace,
                what="queue",
                why=why,
                since=event.time,
            )
        ]

    def _decision(
        self,
        cause: Event,
        media_type: str | None,
        move: Move,
        last: Decision | None,
        seen: Mapping[str, Any] = NOTHING,
    ) -> Decision:
        standing = dict(last.standing) if last else {}
        at = max(cause.time, last.time) if last else cause.time
        if media_type is not None:
            standing.pop(media_type, None)
            if move.stands:
                new = {} if move.stands.decision_id else {"decision_id": cause.id, "since": at}
                standing[media_type] = move.stands.model_copy(update=new)
        return Decision(
            id=cause.id,
            time=at,
            subject=cause.subject,
            source=cause.source,
            cause=cause.cause,
            trace=cause.trace,
            received_at=cause.received_at,
            queue_id=cause.subject.partition("/")[2],
            media_type=media_type,
            action=move.action,
            about=move.about,
            rule=self.rule.name,
            reason=move.reason,
            step=move.step,
            seen=seen,
            baseline=move.baseline,
            target=move.target,
            expected=move.expected,
            standing=standing,
            memory=move.memory.written(),
        )

    def tick(self, partition: int, now: datetime) -> Iterable[Publishable]:
        """Once a second for each partition held: freezes and resumes, and queues that fell silent."""
        latest = dict(self.decisions.items(partition))
        for subject, brake in self.freezes.items(partition):
            for request in brake.unminded(Memory.of(latest.get(subject))):
                for decision in self._answered(request, brake, latest.get(subject)):
                    latest[subject] = decision
                    yield decision
        for last in latest.values():
            if self._is_ours(last.subject, last):
                yield from self._silence(last, now)

    def _answered(self, request: FreezeRequested, brake: Brakes, last: Decision | None) -> Iterable[Decision]:
        clock = self._clock(request)
        memory = brake.minding(Memory.of(last), request)
        left_in = self._left_in(request.subject, last, clock)
        there, held = self.queues.get(request.subject), self.held.get(request.subject)
        for decision_id, medium, move in answer(Asked(request, last, memory, clock, there, held, left_in)):
            theirs = {"id": decision_id, "time": clock, "cause": request.cause or request.id}
            met = last if last and request.decision_id and medium == last.media_type else None
            last = self._decision(request.model_copy(update=theirs), medium, move, last, met.seen if met else NOTHING)
            yield last

    def _clock(self, request: FreezeRequested) -> datetime:
        """When it was asked, on the events' clock as far as this queue's newest volume shows it."""
        window = self.windows.get(request.subject) or {}
        return max((r.time for records in window.values() for r in records), default=request.time)

    def _silence(self, last: Decision, now: datetime) -> Iterable[Decision]:
        known, held = self.queues.get(last.subject), self.held.get(last.subject)
        media = {*last.standing, *(known.queue.media_types if known else ())}
        quiet = Quiet(
            last=last,
            rule=self.rule,
            window=self.windows.get(last.subject) or {},
            known=known,
            since=self.since,
            acts_on=[one for one in sorted(media) if known and self._mode(known.queue, one) is Mode.ACT],
            joined=dict.fromkeys(held.standing, held.joined) if held else {},
            left_in=self._left_in(last.subject, last, now),
            reaches=self.reaches,
        )
        for decision_id, medium, move in quiet.moves(now):
            cause = last.model_copy(update={"id": decision_id, "time": now})
            last = self._decision(cause, medium, move, last)
            yield last
