"""Decision → Genesys: writes the decided state, says what came of it, and asks to look at the queue again.

Of a backup pool only those are taken out again whom the loop had joined: whoever was in before is
there by himself. What is ours goes into the log before it is put into Genesys, so that a crash forgets
nothing; and what could not be done is told to the loop, so that it does not build on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from handlers.adjustments import JOINED, Ours, change, look_again, met, outcome, with_members
from handlers.brake import NOT_DONE, REFUSED, STAND_BACK, Brakes
from handlers.events import Decision, FreezeRequested, PoolUpdated, QueueUpdated, Standing
from handlers.policy import Mode, Selection
from handlers.situation import among
from processor.clients.genesys import Genesys, QueueChange, QueueState
from processor.errors import ConflictError, RefusedError
from processor.event import Publishable
from processor.routing import Steps
from processor.table import Table


@dataclass(frozen=True, slots=True)
class AdjustQueues:
    """Carries out `adjust` and `restore`. A repeat finds the state already there and changes nothing.

    `mode` and `selection` bound what is adjusted; what is ours is given back whatever they say.
    """

    genesys: Genesys
    decisions: Table[Decision, Decision]
    freezes: Table[FreezeRequested, Brakes]
    pools: Table[PoolUpdated, PoolUpdated]
    queues: Table[QueueUpdated, QueueUpdated]
    now: Callable[[], datetime]
    mode: Mode = Mode.ACT
    selection: Selection = field(default_factory=Selection)

    async def __call__(self, decision: Decision) -> Steps:
        """Refused when people or the settings are against it by now, or a later decision has overtaken it."""
        medium, ours = decision.media_type, Ours.of(self.pools.get(decision.subject))
        if medium is None or decision.action not in ("adjust", "restore", "stand-back"):
            return
        if decision.action == "stand-back":
            yield self._kept(decision, ours, ours.without(medium))
        elif overtaken := self._overtaken(decision, medium):
            yield [outcome(decision, "refused", error=overtaken)]
        elif obstacle := self._obstacle(decision, medium):
            told = met(NOT_DONE, decision, f"{decision.action} not done: {obstacle}")
            yield [outcome(decision, "refused", error=obstacle), told]
        elif decision.action == "adjust":
            async for batch in self._adjust(decision, medium, ours):
                yield batch
        else:
            async for batch in self._restore(decision, medium, ours):
                yield batch

    async def _adjust(self, decision: Decision, medium: str, before: Ours) -> Steps:
        """The target first, then the pool: who may not join leaves a target that is ours."""
        started, ours = self.now(), before
        wanted, states = change(decision, before.standing.get(medium)), list[QueueState]()
        try:
            ours = before.adding(medium, self._standing(decision, medium), await self._joining(decision, before))
            if ours != before:
                yield [ours.written(decision)]
            states = [*await self.genesys.change_queue(wanted)]
            if pool := with_members(wanted, decision, ()):
                states[1] = (await self.genesys.change_queue(pool))[1]
        except ConflictError as conflict:
            yield self._kept(decision, ours, before.without(medium))
            yield self._conflict(decision, conflict)
        except RefusedError as refusal:
            there = states or await self._may_be_there(wanted)
            yield self._kept(decision, ours, ours if there else before.before(decision, medium))
            yield self._refused(decision, refusal, states)
        else:
            joined = ours.joined & set(decision.target.get(JOINED, ()))  # also by a try that broke off
            yield self._done(decision, states, started, joined=joined)

    async def _restore(self, decision: Decision, medium: str, before: Ours) -> Steps:
        """The baseline first, then those leave whom we had joined and no other medium needs."""
        started, leaving = self.now(), before.joined - self._needed(decision)
        undone = before
        wanted, states = change(decision, before.standing.get(medium)), list[QueueState]()
        try:
            states = [*await self.genesys.change_queue(wanted)]
            undone = before.without(medium)
            if pool := with_members(wanted, decision, leaving):
                states[1] = (await self.genesys.change_queue(pool))[1]
        except ConflictError as conflict:
            yield self._kept(decision, before, before.without(medium))
            yield self._conflict(decision, conflict)
        except RefusedError as refusal:
            yield self._kept(decision, before, undone)
            yield self._refused(decision, refusal, states)
        else:
            kept = self._kept(decision, before, before.without(medium, leaving))
            yield [*kept, *self._done(decision, states, started, left=leaving)]

    def _standing(self, decision: Decision, medium: str) -> Standing:
        """What stands by this decision: it is the latest word about the medium."""
        latest = self.decisions.get(decision.subject)
        return (latest or decision).standing[medium]

    async def _joining(self, decision: Decision, ours: Ours) -> frozenset[str]:
        """Of the pool, who is not in yet: those are ours from now on."""
        strangers = [user for user in decision.target.get(JOINED, ()) if user not in ours.joined]
        if not strangers:
            return frozenset()
        return frozenset(strangers) - await self.genesys.joined(decision.queue_id, strangers)

    async def _may_be_there(self, wanted: QueueChange) -> bool:
        """Whether a change that was refused got through in an earlier attempt; where nobody can tell, it counts so."""
        try:
            state = await self.genesys.queue(wanted.queue_id)
        except RefusedError:
            return True
        return among(state.service_level_seconds.get(wanted.media_type), [wanted.service_level_seconds])

    def _needed(self, decision: Decision) -> frozenset[str]:
        """Whom another medium of the queue still needs."""
        latest = self.decisions.get(decision.subject)
        others = (s for medium, s in (latest.standing if latest else {}).items() if medium != decision.media_type)
        return frozenset(user for standing in others for user in standing.target.get(JOINED, ()))

    def _overtaken(self, decision: Decision, medium: str) -> str:
        """A state is written only while it is the latest word."""
        latest = self.decisions.get(decision.subject)
        stands = latest.standing.get(medium) if latest else None
        if decision.action == "restore":
            return "" if stands is None else "the queue was adjusted again by a later decision"
        is_latest = stands is not None and stands.decision_id == decision.id
        return "" if is_latest else "a later decision has overtaken this one"

    def _obstacle(self, decision: Decision, medium: str) -> str:
        """What people or the settings have said since."""
        brake = self.freezes.get(decision.subject) or Brakes()
        if decision.action == "restore":
            return f"the queue was frozen by {by}" if (by := brake.leaves_as_it_is) else ""
        if brake.frozen_by:
            return f"the queue was frozen by {brake.frozen_by}"
        if self.mode is not Mode.ACT:
            return f"the loop no longer acts (LOOP_MODE={self.mode})"
        queue = self.queues.get(decision.subject)
        if queue is not None and not self.selection.covers(queue, medium):
            return "LOOP_QUEUES no longer names the queue"
        return ""

    def _kept(self, decision: Decision, before: Ours, after: Ours) -> Sequence[Publishable]:
        """What of the loop is there now, where that is no longer what the log says."""
        return [] if before == after else [after.written(decision, "/kept")]

    def _done(
        self,
        decision: Decision,
        states: Sequence[QueueState],
        started: datetime,
        *,
        joined: frozenset[str] = frozenset(),
        left: frozenset[str] = frozenset(),
    ) -> Sequence[Publishable]:
        milliseconds = (self.now() - started).total_seconds() * 1000
        moved = {"joined": joined, "left": left}
        done = outcome(decision, "done", *states, latency_ms=milliseconds, moved=moved)
        return [done, look_again(decision, self.genesys.now())]

    def _refused(
        self, decision: Decision, refusal: RefusedError, states: Sequence[QueueState]
    ) -> Sequence[Publishable]:
        """What Genesys did take before it refused is in the outcome."""
        error = f"{refusal} ({refusal.remedy})" if refusal.remedy else str(refusal)
        part = " the members, though the target is set" if states else ""
        reason = f"Genesys refused to {decision.action}{part}: {error}"
        looks = [look_again(decision, self.genesys.now())] if states else []
        return [outcome(decision, "refused", *states, error=error), met(REFUSED, decision, reason), *looks]

    def _conflict(self, decision: Decision, conflict: ConflictError) -> Sequence[Publishable]:
        """A person was here: leave the queue alone, and let the loop know that it stands back."""
        found = conflict.found if isinstance(conflict.found, QueueState) else None
        who = f" by {found.modified_by}" if found and found.modified_by else ""
        reason = f"the queue was changed{who}: {conflict}"
        stand_back = met(STAND_BACK, decision, reason)
        return [
            outcome(decision, "conflict", found, found, error=reason),
            stand_back,
            look_again(decision, self.genesys.now()),
        ]
