"""Volume → decision. Log to log: what it knows it has read, what it decides it writes, nothing else happens here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase

from handlers.decide import KnownQueue, Memory, Move, Situation, decide, due
from handlers.events import Decision, FreezeRequested, Lookup, QueueUpdated, Standing, VolumeUpdated
from handlers.policy import Mode, Rule, Selection, Window, hours
from processor.event import Event, Publishable, instant
from processor.table import Table


@dataclass(frozen=True, slots=True)
class Feedback:
    """The loop's mind. `pools`: by queue id or `name:` pattern, who joins while the queue is adjusted."""

    windows: Table[VolumeUpdated, Window]
    queues: Table[QueueUpdated, KnownQueue]
    freezes: Table[FreezeRequested, FreezeRequested]
    decisions: Table[Decision, Decision]
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
        situation = Situation(
            mode=self.mode,
            rule=self.rule,
            known=queue,
            media_type=event.media_type,
            pool=self._pool(queue.queue),
            hours=known,
            standing=last.standing.get(event.media_type) if last else None,
            memory=Memory.of(last),
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
        if media_type is not None:
            standing.pop(media_type, None)
            if move.stands:
                kept = last.standing.get(media_type) if last and move.action != "adjust" else None
                standing[media_type] = kept or Standing(
                    step=move.step, baseline=move.baseline, target=move.target, since=cause.time, decision_id=cause.id
                )
        return Decision(
            id=cause.id,
            time=cause.time,
            subject=cause.subject,
            source=cause.source,
            cause=cause.cause,
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
        for subject, request in self.freezes.items(partition):
            last = self.decisions.get(subject)
            if Memory.of(last).request != request.id:
                yield from self._minded(request, last)
        for _, last in self.decisions.items(partition):
            yield from self._silence(last, now)

    def _minded(self, request: FreezeRequested, last: Decision | None) -> Iterable[Decision]:
        """A freeze stays until somebody resumes, over restarts too; the baseline goes back if asked."""
        memory = replace(Memory.of(last), request=request.id)
        at = instant(request.time)
        if request.kind == "queue-stand-back":
            media = list(last.standing) if last else []
            memory = replace(memory, stood_back={**memory.stood_back, **dict.fromkeys(media, at)})
            for index, medium in enumerate(media, start=1):
                cause = request.model_copy(update={"id": f"{request.id}/{index}" if len(media) > 1 else request.id})
                last = self._decision(cause, medium, Move("stand-back", request.reason, memory), last)
                yield last
            if not media:
                yield self._decision(request, None, Move("stand-back", request.reason, memory), last)
            return
        frozen = {"by": request.by, "at": at, "reason": request.reason} if request.kind == "queue-freeze" else {}
        said = f"{'frozen' if frozen else 'resumed'} by {request.by or 'somebody'} at {at}"
        memory = replace(memory, frozen=frozen, stood_back=memory.stood_back if frozen else {})
        reason = f"{said}: {request.reason}" if request.reason else said
        subject = request.subject
        if request.restore and last:
            for medium, standing in list(last.standing.items()):
                restored = replace(memory, restored={**memory.restored, medium: instant(self._clock(subject, last))})
                cause = request.model_copy(update={"id": f"{request.id}/restore/{medium}"})
                move = Move(
                    "restore",
                    reason,
                    restored,
                    baseline=standing.baseline,
                    target=standing.baseline,
                    expected=standing.target,
                )
                last = self._decision(cause, medium, move, last)
                memory = restored
                yield last
        yield self._decision(request, None, Move("frozen" if frozen else "resumed", reason, memory), last)

    def _clock(self, subject: str, last: Decision) -> datetime:
        """The events' clock of this queue: what its newest volume says."""
        window = self.windows.get(subject) or {}
        return max((r.interval.end for records in window.values() for r in records), default=last.time)

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
