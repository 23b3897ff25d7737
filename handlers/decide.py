"""What the loop does about a queue now: one pure function from what is known to a move, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from handlers.events import Decision, QueueUpdated, Standing
from handlers.policy import HOUR, Hour, Mode, Rule, Verdict, judge
from processor.event import instant


@dataclass(frozen=True, slots=True)
class Memory:
    """What the loop must not forget over a restart; it travels in every decision of the queue.

    `changes`: times of our changes in the last hour. `told`: by medium and reason, when people
    were last told. `stood_back`: media that a person changed, and when we saw it. `frozen`: who
    froze the queue, when and why. `minded`: the last requests that were answered.
    `restored`: by medium, when the baseline was put back.
    """

    changes: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    stood_back: Mapping[str, str] = field(default_factory=dict)
    frozen: Mapping[str, str] = field(default_factory=dict)
    minded: tuple[str, ...] = ()
    restored: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, decision: Decision | None) -> Memory:
        """As the last decision left it."""
        memory = decision.memory if decision else {}
        return cls(
            tuple(memory.get("changes", ())),
            dict(memory.get("told", {})),
            dict(memory.get("stoodBack", {})),
            dict(memory.get("frozen", {})),
            tuple(memory.get("minded", ())),
            dict(memory.get("restored", {})),
        )

    def written(self) -> dict[str, Any]:
        """As it stands in the record."""
        return {
            "changes": list(self.changes),
            "told": dict(self.told),
            "stoodBack": dict(self.stood_back),
            "frozen": dict(self.frozen),
            "minded": list(self.minded),
            "restored": dict(self.restored),
        }


@dataclass(frozen=True, slots=True)
class KnownQueue:
    """The queue's last record, and what its targets were in the one before: who put one back is told by both."""

    queue: QueueUpdated
    before: Mapping[str, float | None] = field(default_factory=dict)


def know(known: KnownQueue | None, queue: QueueUpdated) -> KnownQueue:
    """The fold of `genesys.queues` that the loop keeps."""
    media = known.queue.media_types if known else {}
    return KnownQueue(queue, {name: level.service_level_seconds for name, level in media.items()})


@dataclass(frozen=True, slots=True)
class Situation:
    """One medium of one queue, and all that is known of it."""

    mode: Mode
    rule: Rule
    known: KnownQueue
    media_type: str
    pool: tuple[str, ...]
    left_in: tuple[str, ...]
    """Whom we had joined before we stood back, and who are in the queue still."""
    hours: Sequence[Hour]
    standing: Standing | None
    memory: Memory
    at: datetime
    """The events' clock: when what we judge was told; never before the last decision."""

    @property
    def settled(self) -> bool:
        """Whether the queue's record is younger than our last restore, so that its target is a person's."""
        restored = self.memory.restored.get(self.media_type)
        return restored is None or self.known.queue.time > datetime.fromisoformat(restored)

    @property
    def present_seconds(self) -> float | None:
        """The target that the queue has now, as its last record says."""
        level = self.known.queue.media_types.get(self.media_type)
        return level.service_level_seconds if level else None

    @property
    def baseline_seconds(self) -> float:
        """The target that a person set."""
        standing = self.standing
        return float(standing.baseline["serviceLevelSeconds"]) if standing else self.present_seconds or 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """What to do: the words of a decision, and the standing and memory after it."""

    action: str
    reason: str
    memory: Memory
    step: int = 0
    baseline: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)
    stands: bool = False
    """Whether the target stands afterwards; else the medium is free of us."""


def decide(situation: Situation) -> Move | None:
    """The move, or None. The newest hour decides; recovery must have held for a while."""
    now = situation.hours[-1]
    verdict = judge(situation.rule, now, situation.baseline_seconds, adjusted=situation.standing is not None)
    if situation.media_type in situation.memory.stood_back:
        return _come_back(situation) if verdict is Verdict.RECOVERED and _lasting(situation) else None
    if situation.standing is not None and _someone_else_was_here(situation):
        return _stand_back(situation)
    if verdict is Verdict.RECOVERED and situation.standing is not None and _lasting(situation):
        return _restore(situation)
    if verdict is Verdict.RECOVERED and situation.left_in and _lasting(situation):
        return release(
            situation.memory, situation.media_type, situation.baseline_seconds, situation.left_in, situation.at
        )
    return _tighten(situation) if verdict is Verdict.BREACH else None


def _lasting(situation: Situation) -> bool:
    """Every hour that ended in the last minutes says recovered, and the last one before them too."""
    since = situation.hours[-1].end - situation.rule.recover_for
    before = [hour for hour in situation.hours if hour.end <= since]
    recent = [*before[-1:], *(hour for hour in situation.hours if hour.end > since)]
    adjusted = situation.standing is not None
    return bool(before) and all(
        judge(situation.rule, hour, situation.baseline_seconds, adjusted=adjusted) is Verdict.RECOVERED
        for hour in recent
    )


def _someone_else_was_here(situation: Situation) -> bool:
    """The target is neither the baseline nor one of our steps; or it was ours, and somebody put the baseline back."""
    standing, present = situation.standing, situation.present_seconds
    if standing is None or present is None:
        return False
    baseline = situation.baseline_seconds
    ours = [tightened(situation.rule, baseline, step) for step in range(1, standing.step + 1)]
    if not _among(present, (baseline, *ours)):
        return True
    if situation.known.queue.time <= standing.since:
        return False  # what was there when we decided; a target that was ours before is an older story
    moved = [seconds for seconds in ours if not _among(seconds, (baseline,))]
    return _among(present, (baseline,)) and _among(situation.known.before.get(situation.media_type), moved)


def _among(seconds: float | None, known: Sequence[float]) -> bool:
    return seconds is not None and any(abs(seconds - one) < 0.001 for one in known)


def tightened(rule: Rule, baseline: float, step: int) -> float:
    """The target after this many steps: never under the floor, and never above the baseline."""
    return min(baseline, max(rule.floor_seconds, baseline - step * rule.step_seconds))


def _stand_back(situation: Situation) -> Move:
    by = situation.known.queue.modified_by
    who = f" by {by}" if by else ""
    stood_back = {**situation.memory.stood_back, situation.media_type: instant(situation.at)}
    return Move(
        "stand-back",
        f"the target was changed{who} to {situation.present_seconds:g} s; the queue is left as it is",
        replace(situation.memory, stood_back=stood_back),
        baseline=situation.standing.baseline if situation.standing else {},
        target={"serviceLevelSeconds": situation.present_seconds},
        expected=situation.standing.target if situation.standing else {},
    )


def _come_back(situation: Situation) -> Move:
    stood_back = {m: at for m, at in situation.memory.stood_back.items() if m != situation.media_type}
    return Move(
        "resumed",
        "the volume has recovered; what the queue has now is its new baseline",
        replace(situation.memory, stood_back=stood_back),
    )


def _restore(situation: Situation) -> Move:
    standing, memory = situation.standing, situation.memory
    if standing is None:
        raise AssertionError("nothing stands")
    told = {key: at for key, at in memory.told.items() if not key.startswith(situation.media_type + ":")}
    restored = {**memory.restored, situation.media_type: instant(situation.at)}
    return Move(
        "restore",
        "recovered: the remembered baseline is put back",
        replace(memory, told=told, restored=restored),
        step=0,
        baseline=standing.baseline,
        target=standing.baseline,
        expected=standing.target,
    )


def release(memory: Memory, medium: str, present: float, left_in: Sequence[str], at: datetime) -> Move:
    """After a stand-back: the target stays a person's; only those whom we had joined are taken out."""
    stays = {"serviceLevelSeconds": present, "memberIds": []}
    return Move(
        "restore",
        "members whom the loop had joined before it stood back are taken out; the target stays as it is",
        replace(memory, restored={**memory.restored, medium: instant(at)}),
        baseline=stays,
        target=stays,
        expected={"serviceLevelSeconds": present, "memberIds": list(left_in)},
    )


def _tighten(situation: Situation) -> Move | None:
    standing, rule = situation.standing, situation.rule
    step = standing.step if standing else 0
    target = tightened(rule, situation.baseline_seconds, step + 1)
    present = float(standing.target["serviceLevelSeconds"]) if standing else situation.baseline_seconds
    members = list(situation.pool)
    brings = bool(members) and standing is None
    if _cooling(situation) or not situation.settled:
        return None
    if target >= present and not brings:
        return _tell(situation, "floor", f"the breach lasts, and the target of {present:g} s is at its floor")
    if situation.mode is Mode.OBSERVE:
        return _tell(situation, "observe", "only observing: this is what acting would do", target)
    recent = _recent(situation.memory, situation.at)
    if len(recent) >= rule.changes_per_hour:
        return _tell(situation, "cap", f"the breach lasts, and {len(recent)} changes in an hour are spent")
    return Move(
        "adjust",
        f"more than {rule.offered_above} offered and service level under {rule.service_level_below:.0%}",
        replace(situation.memory, changes=(*recent, instant(situation.at))),
        step=step + 1,
        baseline=standing.baseline if standing else _baseline(situation, present),
        target={"serviceLevelSeconds": min(target, present), "memberIds": members},
        expected={"serviceLevelSeconds": present},
        stands=True,
    )


def _baseline(situation: Situation, present: float) -> dict[str, Any]:
    """What a restore puts back. Rules are part of it only where the queue has some."""
    rules = situation.known.queue.routing.rules
    whole: dict[str, Any] = {"serviceLevelSeconds": present, "memberIds": []}
    return {**whole, "routingRules": list(rules)} if rules else whole


def _cooling(situation: Situation) -> bool:
    memory, at = situation.memory, situation.at
    moved = [*memory.changes[-1:], memory.restored.get(situation.media_type, "")]
    return any(at - datetime.fromisoformat(moment) < situation.rule.cooldown for moment in moved if moment)


def _recent(memory: Memory, at: datetime) -> tuple[str, ...]:
    return tuple(change for change in memory.changes if datetime.fromisoformat(change) > at - HOUR)


def _tell(situation: Situation, about: str, reason: str, target: float | None = None) -> Move | None:
    """Say so, but not again before the reminder is due."""
    memory = situation.memory
    if not due(memory, f"{situation.media_type}:{about}", situation.at, situation.rule.remind_after):
        return None
    told = {**memory.told, f"{situation.media_type}:{about}": instant(situation.at)}
    standing = situation.standing
    return Move(
        "suggest",
        reason,
        replace(memory, told=told),
        step=standing.step if standing else 0,
        baseline=standing.baseline if standing else {"serviceLevelSeconds": situation.baseline_seconds},
        target={"serviceLevelSeconds": target, "memberIds": list(situation.pool)} if target is not None else {},
        stands=standing is not None,
    )


def restoring(memory: Memory, at: datetime, rule: Rule) -> bool:
    """Whether a restore of any medium may still be on its way: it takes our members out itself."""
    return any(at - datetime.fromisoformat(moment) < rule.cooldown for moment in memory.restored.values())


def due(memory: Memory, about: str, now: datetime, again_after: timedelta) -> bool:
    """Whether people have not been told about this for a while."""
    last = memory.told.get(about)
    return last is None or now - datetime.fromisoformat(last) >= again_after
