"""What the adjuster writes: the change for Genesys, what of it is ours, its outcome, and its word to the loop. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from handlers.events import Decision, FreezeRequested, Lookup, Outcome, PoolUpdated, Standing
from processor.clients.genesys import QueueChange, QueueState

JOINED = "memberIds"


@dataclass(frozen=True, slots=True)
class Ours:
    """What of the loop is in Genesys on one queue, as far as we know; unsure things count as there."""

    joined: frozenset[str] = frozenset()
    standing: Mapping[str, Standing] = field(default_factory=dict)

    @classmethod
    def of(cls, known: PoolUpdated | None) -> Self:
        """As it is in the log."""
        return cls(frozenset(known.joined), dict(known.standing)) if known else cls()

    def adding(self, medium: str, standing: Standing, joined: Collection[str]) -> Self:
        """About to be put there."""
        return replace(self, joined=self.joined | frozenset(joined), standing={**self.standing, medium: standing})

    def without(self, medium: str, left: Collection[str] = ()) -> Self:
        """The medium's target is no longer ours, and those have left."""
        others = {name: standing for name, standing in self.standing.items() if name != medium}
        return replace(self, joined=self.joined - frozenset(left), standing=others)

    def before(self, decision: Decision, medium: str) -> Self:
        """Without this decision, of which no attempt got through: what stood until then is in it."""
        standing = self.standing.get(medium)
        if standing is None or standing.decision_id != decision.id:
            return self
        if not standing.through:
            return self.without(medium)
        *through, seconds = standing.through
        target = {**standing.target, "serviceLevelSeconds": seconds}
        changed = {"step": standing.step - 1, "target": target, "through": tuple(through)}
        return replace(self, standing={**self.standing, medium: standing.model_copy(update=changed)})

    def written(self, decision: Decision, part: str = "") -> PoolUpdated:
        """For the log."""
        return PoolUpdated(
            id=f"{decision.id}{part}",
            time=decision.time,
            subject=decision.subject,
            source=decision.source,
            cause=decision.cause,
            trace=decision.trace,
            queue_id=decision.queue_id,
            joined=tuple(sorted(self.joined)),
            standing=self.standing,
        )


def change(decision: Decision, carried: Standing | None) -> QueueChange:
    """The target to write. What may be there instead: the baseline, and whatever we had set on the way."""
    known = [decision.expected, decision.baseline, *((carried.target,) if carried else ())]
    seconds = {float(values["serviceLevelSeconds"]) for values in known if "serviceLevelSeconds" in values}
    seconds |= set(carried.through) if carried else set()
    rules = decision.baseline.get("routingRules") if decision.action == "restore" else None
    return QueueChange(
        queue_id=decision.queue_id,
        media_type=decision.media_type or "",
        service_level_seconds=float(decision.target["serviceLevelSeconds"]),
        expected_seconds=tuple(sorted(seconds)),
        tightened=decision.action == "adjust",
        rules=None if rules is None else tuple(rules),
    )


def with_members(wanted: QueueChange, decision: Decision, leaving: Collection[str]) -> QueueChange | None:
    """The same with who shall be in and who shall be out; None when nobody is named."""
    join = tuple(decision.target.get(JOINED, ())) if decision.action == "adjust" else ()
    return replace(wanted, join=join, leave=tuple(sorted(leaving))) if join or leaving else None


def outcome(
    decision: Decision,
    status: str,
    before: QueueState | None = None,
    after: QueueState | None = None,
    *,
    error: str | None = None,
    latency_ms: float = 0,
    moved: Mapping[str, Collection[str]] | None = None,
) -> Outcome:
    """For the audit trail. `moved`: who `joined` and who `left`."""
    who = moved or {"joined": [], "left": []}
    return Outcome(
        id=decision.id,
        time=decision.time,
        subject=decision.subject,
        source=decision.source,
        cause=decision.cause,
        trace=decision.trace,
        received_at=decision.received_at,
        decision_id=decision.id,
        kind=f"queue-{decision.action}",
        status=status,
        before=_shown(decision, before),
        after=_shown(decision, after),
        latency_ms=round(latency_ms, 1),
        error=error,
        audit={
            "rule": decision.rule,
            "reason": decision.reason,
            "step": decision.step,
            **{way: sorted(users) for way, users in who.items()},
        },
    )


def _shown(decision: Decision, state: QueueState | None) -> dict[str, Any]:
    if state is None:
        return {}
    return {
        "name": state.name,
        "serviceLevelSeconds": state.service_level_seconds.get(decision.media_type or ""),
        "version": state.version,
        "modifiedBy": state.modified_by,
    }


def met(kind: str, decision: Decision, reason: str) -> FreezeRequested:
    """The adjuster's word to the loop, which alone writes decisions."""
    return FreezeRequested(
        id=f"{decision.id}/{kind.removeprefix('queue-')}",
        time=decision.time,
        subject=decision.subject,
        source=decision.source,
        cause=decision.cause,
        trace=decision.trace,
        kind=kind,
        queue_id=decision.queue_id,
        reason=reason,
        by="loop",
        restore=decision.action == "restore",
        media_type=decision.media_type,
        decision_id=decision.id,
    )


def look_again(decision: Decision, now: datetime) -> Lookup:
    """Genesys itself tells what the queue is like now."""
    return Lookup(
        id=f"{decision.id}/look",
        time=now,
        subject=decision.subject,
        source=decision.source,
        cause=decision.cause,
        trace=decision.trace,
        what="queue",
        why=f"after {decision.action}",
        since=now,
    )
