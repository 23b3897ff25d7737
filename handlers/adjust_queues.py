"""Decision → Genesys: writes the decided state, says what came of it, and asks to look at the queue again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.brake import STAND_BACK, Brakes
from handlers.events import Decision, FreezeRequested, Lookup, Outcome
from processor.clients.genesys import Genesys, QueueChange, QueueState
from processor.errors import ConflictError, RefusedError
from processor.event import Publishable
from processor.table import Table


@dataclass(frozen=True, slots=True)
class AdjustQueues:
    """Carries out `adjust` and `restore`. A repeat finds the state already there and changes nothing."""

    genesys: Genesys
    decisions: Table[Decision, Decision]
    freezes: Table[FreezeRequested, Brakes]
    now: Callable[[], datetime]

    async def __call__(self, decision: Decision) -> Iterable[Publishable] | None:
        """Refused when a person has frozen the queue or a later decision overtook this one."""
        if decision.action not in ("adjust", "restore") or decision.media_type is None:
            return None
        obstacle = self._obstacle(decision)
        if obstacle:
            return [_outcome(decision, "refused", error=obstacle)]
        started = self.now()
        try:
            before, after = await self.genesys.change_queue(change(decision))
        except ConflictError as conflict:
            return self._conflict(decision, conflict)
        except RefusedError as refusal:
            remedy = f" ({refusal.remedy})" if refusal.remedy else ""
            return [_outcome(decision, "refused", error=f"{refusal}{remedy}")]
        milliseconds = (self.now() - started).total_seconds() * 1000
        done = _outcome(decision, "done", _shown(decision, before), _shown(decision, after), latency_ms=milliseconds)
        return [done, _look_again(decision, self.genesys.now())]

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
        found = conflict.found
        state = _shown(decision, found) if isinstance(found, QueueState) else {}
        who = f" by {found.modified_by}" if isinstance(found, QueueState) and found.modified_by else ""
        reason = f"the queue was changed{who}: {conflict}"
        stand_back = FreezeRequested(
            id=f"{decision.id}/stand-back",
            time=decision.time,
            subject=decision.subject,
            source=decision.source,
            cause=decision.cause,
            kind=STAND_BACK,
            queue_id=decision.queue_id,
            reason=reason,
            by="loop",
        )
        outcome = _outcome(decision, "conflict", state, state, error=reason)
        return [outcome, stand_back, _look_again(decision, self.genesys.now())]


def change(decision: Decision) -> QueueChange:
    """The state to write: an adjustment brings the pool in, a restore takes out who came with us."""
    target, baseline, expected = decision.target, decision.baseline, decision.expected
    seconds = float(target["serviceLevelSeconds"])
    known = {float(values["serviceLevelSeconds"]) for values in (expected, baseline) if "serviceLevelSeconds" in values}
    members = tuple(target.get("memberIds", ()))
    return QueueChange(
        queue_id=decision.queue_id,
        media_type=decision.media_type or "",
        service_level_seconds=seconds,
        expected_seconds=tuple(sorted(known)),
        join=members,
        leave=tuple(m for m in expected.get("memberIds", ()) if m not in members)
        if decision.action == "restore"
        else (),
        tightened=decision.action == "adjust",
        rules=tuple(baseline["routingRules"]) if decision.action == "restore" and "routingRules" in baseline else None,
    )


def _shown(decision: Decision, state: QueueState) -> dict[str, Any]:
    return {
        "name": state.name,
        "serviceLevelSeconds": state.service_level_seconds.get(decision.media_type or ""),
        "version": state.version,
        "modifiedBy": state.modified_by,
    }


def _outcome(
    decision: Decision,
    status: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    *,
    error: str | None = None,
    latency_ms: float = 0,
) -> Outcome:
    return Outcome(
        id=decision.id,
        time=decision.time,
        subject=decision.subject,
        source=decision.source,
        cause=decision.cause,
        received_at=decision.received_at,
        decision_id=decision.id,
        kind=f"queue-{decision.action}",
        status=status,
        before=before or {},
        after=after or {},
        latency_ms=round(latency_ms, 1),
        error=error,
        audit={
            "rule": decision.rule,
            "reason": decision.reason,
            "step": decision.step,
            "joined": list(decision.target.get("memberIds", ())),
        },
    )


def _look_again(decision: Decision, now: datetime) -> Lookup:
    return Lookup(
        id=f"{decision.id}/look",
        time=now,
        subject=decision.subject,
        source=decision.source,
        cause=decision.cause,
        what="queue",
        why=f"after {decision.action}",
        since=now,
    )
