"""Volume → decision. Log to log: what it knows it has read, what it decides it writes, nothing else happens here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase

from handlers.brake import Brakes, answer
from handlers.decide import KnownQueue, Memory, Move, Situation, decide, due, restoring
from handlers.events import Decision, FreezeRequested, Lookup, PoolUpdated, QueueUpdated, Standing, VolumeUpdated
from handlers.policy import Mode, Rule, Selection, Verdict, Window, hours, judge
from processor.event import Event, Publishable, instant
from processor.table import Table


@dataclass(frozen=True, slots=True)
class Feedback:
    """The loop's mind. `pools`: by queue id or `name:` pattern, who joins while the queue is adjusted.

    `held`: by queue, whom the adjuster has joined and not yet taken out.
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

    async def __call__(self, event: VolumeUpdated) -> Iterable[Publishable] | None:
        """Judge the queue by all that is known of it now; a repeated or late record decides nothing new."""
        last = self.decisions.get(event.subject)
        known = hours((self.windows.get(event.subject) or {}).get(event.media_type, ()))
        if self.mode is Mode.OFF or Memory.of(last).frozen or not known:
            return None
        queue = self.queues.get(event.subject)
        if queue is None:
            return self._look_first(event, known[-1].offered)
        if queue.queue.deleted or not self.selection.covers(queue.queue, event.media_type):
            return None
        at = max(event.time, last.time) if last else event.time
        situation = Situation(
            mode=self.mode,
            rule=self.rule,
            known=queue,
            media_type=event.media_type,
            pool=self._pool(queue.queue),
            left_in=self._left_in(event.subject, last, at) if self._is_calm(queue.queue, last) else (),
            hours=known,
            standing=last.standing.get(event.media_type) if last else None,
            memory=Memory.of(last),
            at=at,
        )
        return self._consider(event, last, situation)

    def _consider(self, event: VolumeUpdated, last: Decision | None, situation: Situation) -> list[Publishable]:
        if not situation.settled:
            return self._look(event, "the queue was restored; is the baseline there?")
        if situation.baseline_seconds <= 0:
            return self._look_first(event, situation.hours[-1].offered)
        move = decide(situation)
        return [self._decision(event, event.media_type, move, last, situation)] if move else []

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
        if held is None or last is None or last.standing or self.mode is not Mode.ACT:
            return ()
        return () if restoring(Memory.of(last), at, self.rule) else held.joined

    def _is_calm(self, queue: QueueUpdated, last: Decision | None) -> bool:
        """Every medium of the queue has recovered, and none is left to a person: members serve them all."""
        if Memory.of(last).stood_back:
            return False
        for medium, records in (self.windows.get(queue.subject) or {}).items():
            known, level = hours(records), queue.media_types.get(medium)
            target = level.service_level_seconds if level else None
            if known and target and judge(self.rule, known[-1], target, adjusted=False) is not Verdict.RECOVERED:
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
        situation: Situation | None = None,
    ) -> Decision:
        standing = dict(last.standing) if last else {}
        at = max(cause.time, last.time) if last else cause.time
        if media_type is not None:
            standing.pop(media_type, None)
            if move.stands:
                kept = last.standing.get(media_type) if last and move.action != "adjust" else None
                standing[media_type] = kept or Standing(
                    step=move.step, baseline=move.baseline, target=move.target, since=at, decision_id=cause.id
                )
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
            rule=self.rule.name,
            reason=move.reason,
            step=move.step,
            seen=_written(situation.hours[-1].seen()) if situation else {},
            baseline=move.baseline,
            target=move.target,
            expected=move.expected,
            standing=standing,
            memory=move.memory.written(),
        )

    def tick(self, partition: int, now: datetime) -> Iterable[Publishable]:
        """Once a second for each partition held: freezes and resumes, and queues that fell silent."""
        for subject, brake in self.freezes.items(partition):
            last = self.decisions.get(subject)
            for request in brake.unminded(Memory.of(last)):
                clock = self._clock(request)
                there, left_in = self.queues.get(subject), self._left_in(subject, last, clock)
                for decision_id, medium, move in answer(request, last, clock, there, left_in):
                    theirs = {"id": decision_id, "time": clock, "cause": request.cause or request.id}
                    cause = request.model_copy(update=theirs)
                    last = self._decision(cause, medium, move, last)
                    yield last
        for _, last in self.decisions.items(partition):
            yield from self._silence(last, now)

    def _clock(self, request: FreezeRequested) -> datetime:
        """When it was asked, on the events' clock as far as this queue's newest volume shows it."""
        window = self.windows.get(request.subject) or {}
        return max((r.time for records in window.values() for r in records), default=request.time)

    def _silence(self, last: Decision, now: datetime) -> Iterable[Decision]:
        """An adjusted queue of which we hear nothing: nobody would take the change back, so people are told."""
        memory = Memory.of(last)
        if not last.standing or memory.frozen:
            return
        window = self.windows.get(last.subject) or {}
        for medium, standing in last.standing.items():
            heard = max(
                (r.received_at or r.time for r in window.get(medium, ())), default=last.received_at or last.time
            )
            about = f"{medium}:silence"
            if now - heard < self.rule.silence or not due(memory, about, now, self.rule.remind_after):
                continue
            memory = replace(memory, told={**memory.told, about: instant(now)})
            move = Move(
                "suggest",
                f"no volume since {instant(heard)} while the queue is adjusted",
                memory,
                step=standing.step,
                baseline=standing.baseline,
                stands=True,
            )
            cause = last.model_copy(update={"id": f"{last.id}/silence/{medium}/{instant(now)}", "time": now})
            yield self._decision(cause, medium, move, last)


def _written(seen: Mapping[str, object]) -> dict[str, object]:
    return {key: instant(value) if isinstance(value, datetime) else value for key, value in seen.items()}
