"""Decision → Genesys: writes the decided state, says what came of it, and asks to look at the queue again.

Of a backup pool only those are taken out again whom the loop had joined: whoever was in before is
there by himself. Who that is goes into the log before anybody is joined, so that a crash forgets nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.brake import STAND_BACK, Brakes
from handlers.events import Decision, FreezeRequested, Lookup, Outcome, PoolUpdated
from processor.clients.genesys import Genesys, QueueChange, QueueState
from processor.errors import ConflictError, RefusedError
from processor.event import Publishable
from processor.routing import Steps
from processor.table import Table


@dataclass(frozen=True, slots=True)
class AdjustQueues:
    """Carries out `adjust` and `restore`. A repeat finds the state already there and changes nothing."""

    genesys: Genesys
    decisions: Table[Decision, Decision]
    freezes: Table[FreezeRequested, Brakes]
    pools: Table[PoolUpdated, PoolUpdated]
    now: Callable[[], datetime]

    async def __call__(self, decision: Decision) -> Steps:
        """Refused when a person has frozen the queue or a later decision overtook this one."""
        if decision.action not in ("adjust", "restore") or decision.media_type is None:
            return
        obstacle = self._obstacle(decision)
        if obstacle:
            yield [_outcome(decision, "refused", error=obstacle)]
            return
        started, held = self.now(), self._held(decision)
        joining: frozenset[str] = frozenset()
        try:
            joining = await self._joining(decision, held)
            if joining:
                yield [_pool(decision, held | joining)]
            leaving = held - self._needed(decision) if decision.action == "restore" else frozenset()
            before, after = await self.genesys.change_queue(change(decision, leaving))
        except ConflictError as conflict:
            yield [*([_pool(decision, held, "/kept")] if joining else []), *self._conflict(decision, conflict)]
            return
        except RefusedError as refusal:
            remedy = f" ({refusal.remedy})" if refusal.remedy else ""
            yield [_outcome(decision, "refused", error=f"{refusal}{remedy}")]
            return
        milliseconds = (self.now() - started).total_seconds() * 1000
        ours = (held | joining).intersection(decision.target.get("memberIds", ()))  # also by a try that broke off
        moved = {"joined": sorted(ours), "left": sorted(leaving)}
        done = _outcome(decision, "done", before, after, latency_ms=milliseconds, moved=moved)
        kept = [_pool(decision, held - leaving, "/left")] if leaving else []
        yield [done, *kept, _look_again(decision, self.genesys.now())]

    def _held(self, decision: Decision) -> frozenset[str]:
        """Whom we joined and have not taken out. Before that was written down it was the whole pool."""
        known = self.pools.get(decision.subject)
        return frozenset(known.joined if known else decision.expected.get("memberIds", ()))

    async def _joining(self, decision: Decision, held: Collection[str]) -> frozenset[str]:
        """Of the pool, who is not in yet: those are ours from now on."""
        members = decision.target.get("memberIds", ()) if decision.action == "adjust" else ()
        strangers = [user for user in members if user not in held]
        if not strangers:
            return frozenset()
        return frozenset(strangers) - await self.genesys.joined(decision.queue_id, strangers)

    def _needed(self, decision: Decision) -> frozenset[str]:
        """Whom another medium of the queue still needs."""
        latest = self.decisions.get(decision.subject)
        others = (s for medium, s in (latest.standing if latest else {}).items() if medium != decision.media_type)
        return frozenset(user for standing in others for user in standing.target.get("memberIds", ()))

    def _obstacle(self, decision: Decision) -> str:
        """What has happened since the decision; a state is written only while it is the latest word."""
        medium = decision.media_type or ""
        latest = self.decisions.get(decision.subject)
        stands = latest.standing.get(medium) if latest else None
        if decision.action == "adjust":
            brake = self.freezes.get(decision.subject)
            if brake is not None and brake.frozen_by:
                return f"the queue was frozen by {brake.frozen_by}"
            if latest is not None and (stands is None or stands.step != decision.step):
                return "a later decision has overtaken this one"
        elif stands is not None:
            return "the queue was adjusted again by a later decision"
        return ""

    def _conflict(self, decision: Decision, conflict: ConflictError) -> list[Publishable]:
        """A person was here: leave the queue alone, and let the loop know that it stands back."""
        found = conflict.found if isinstance(conflict.found, QueueState) else None
        who = f" by {found.modified_by}" if found and found.modified_by else ""
        reason = f"the queue was changed{who}: {conflict}"
        stand_back = FreezeRequested(
            id=f"{decision.id}/stand-back",
            time=decision.time,
            subject=decision.subject,
            source=decision.source,
            cause=decision.cause,
            trace=decision.trace,
            kind=STAND_BACK,
            queue_id=decision.queue_id,
            reason=reason,
            by="loop",
        )
        outcome = _outcome(decision, "conflict", found, found, error=reason)
        return [outcome, stand_back, _look_again(decision, self.genesys.now())]


def change(decision: Decision, leaving: Collection[str]) -> QueueChange:
    """The state to write: an adjustment brings the pool in, a restore takes out who came with us."""
    target, baseline, expected = decision.target, decision.baseline, decision.expected
    known = {float(values["serviceLevelSeconds"]) for values in (expected, baseline) if "serviceLevelSeconds" in values}
    return QueueChange(
        queue_id=decision.queue_id,
        media_type=decision.media_type or "",
        service_level_seconds=float(target["serviceLevelSeconds"]),
        expected_seconds=tuple(sorted(known)),
        join=tuple(target.get("memberIds", ())),
        leave=tuple(sorted(leaving)),
        tightened=decision.action == "adjust",
        rules=tuple(baseline["routingRules"]) if decision.action == "restore" and "routingRules" in baseline else None,
    )


def _pool(decision: Decision, joined: Collection[str], part: str = "") -> PoolUpdated:
    return PoolUpdated(
        id=f"{decision.id}{part}",
        time=decision.time,
        subject=decision.subject,
        source=decision.source,
        cause=decision.cause,
        trace=decision.trace,
        queue_id=decision.queue_id,
        joined=tuple(sorted(joined)),
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


def _outcome(
    decision: Decision,
    status: str,
    before: QueueState | None = None,
    after: QueueState | None = None,
    *,
    error: str | None = None,
    latency_ms: float = 0,
    moved: Mapping[str, list[str]] | None = None,
) -> Outcome:
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
            **(moved or {"joined": [], "left": []}),
        },
    )


def _look_again(decision: Decision, now: datetime) -> Lookup:
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
