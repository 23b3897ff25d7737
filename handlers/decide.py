"""What the loop does about a queue now: one pure function from what is known to a move, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from handlers.events import Standing
from handlers.give_back import come_back, giving_back, release, restore
from handlers.policy import HOUR, Mode, Rule, Verdict, judge
from handlers.situation import Move, Situation, among
from processor.event import instant

REFUSED = "refused"
"""What Genesys has refused it will refuse again: it is tried anew only when people are due to be reminded."""


def decide(situation: Situation) -> Move | None:
    """The move, or None. The newest hour decides; recovery must have held for a while."""
    now = situation.hours.newest
    verdict = judge(situation.rule, now, situation.baseline_seconds, adjusted=situation.standing is not None)
    recovered = verdict is Verdict.RECOVERED and _lasting(situation)
    if situation.media_type in situation.memory.stood_back:
        return come_back(situation) if recovered else None
    if situation.standing is not None and _someone_else_was_here(situation):
        return _stand_back(situation)
    if recovered and not _refused(situation):
        if situation.standing is not None:
            return restore(situation)
        if situation.left_in:
            return release(situation)
    if situation.mode is not Mode.ACT and situation.standing is not None and (told := giving_back(situation)):
        return told
    return _tighten(situation) if verdict is Verdict.BREACH and situation.mode is not Mode.OFF else None


def _lasting(situation: Situation) -> bool:
    """Every hour that ended in the last minutes says recovered, and the last one before them too."""
    since, adjusted = situation.hours.newest.end - situation.rule.recover_for, situation.standing is not None
    for hour in situation.hours.back_to(since):
        if judge(situation.rule, hour, situation.baseline_seconds, adjusted=adjusted) is not Verdict.RECOVERED:
            return False
        if hour.end <= since:
            return True
    return False


def _refused(situation: Situation) -> bool:
    """Whether Genesys refused our last change of the medium, and it is not yet time to try again."""
    memory, about = situation.memory, f"{situation.media_type}:{REFUSED}"
    return not memory.due(about, situation.at, situation.rule.remind_after)


def _someone_else_was_here(situation: Situation) -> bool:
    """The target is neither the baseline nor one of our steps; or it was ours, and somebody put the baseline back."""
    standing, present = situation.standing, situation.present_seconds
    if standing is None or present is None:
        return False
    baseline = situation.baseline_seconds
    ours = targets_of(standing, situation.rule)
    if not among(present, (baseline, *ours)):
        return True
    if situation.known.queue.time <= standing.since:
        return False  # what was there when we decided; a target that was ours before is an older story
    moved = [seconds for seconds in ours if not among(seconds, (baseline,))]
    return among(present, (baseline,)) and among(situation.known.before.get(situation.media_type), moved)


def targets_of(standing: Standing, rule: Rule) -> Sequence[float]:
    """Every target that the loop has set on the way to this step; the rule may have been another one then."""
    baseline = float(standing.baseline["serviceLevelSeconds"])
    steps = [tightened(rule, baseline, step) for step in range(1, standing.step + 1)]
    return [*standing.through, float(standing.target["serviceLevelSeconds"]), *steps]


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


def _tighten(situation: Situation) -> Move | None:
    standing, rule = situation.standing, situation.rule
    step = standing.step if standing else 0
    target = tightened(rule, situation.baseline_seconds, step + 1)
    present = float(standing.target["serviceLevelSeconds"]) if standing else situation.baseline_seconds
    members = list(situation.pool)
    brings = bool(members) and standing is None
    if _cooling(situation) or _refused(situation) or not situation.settled:
        return None
    if target >= present and not brings:
        return _tell(situation, "floor", f"the breach lasts, and the target of {present:g} s is at its floor")
    if situation.mode is Mode.OBSERVE:
        return _tell(situation, "observe", _would(situation, present, min(target, present)), min(target, present))
    recent = _recent(situation)
    if len(recent) >= rule.changes_per_hour:
        return _tell(situation, "cap", f"the breach lasts, and {len(recent)} changes in an hour are spent")
    baseline = standing.baseline if standing else _baseline(situation, present)
    wanted = {"serviceLevelSeconds": min(target, present), "memberIds": members}
    told = {key: at for key, at in situation.memory.told.items() if key != f"{situation.media_type}:giving-back"}
    return Move(
        "adjust",
        _breach(rule),
        replace(situation.memory, changes=(*recent, instant(situation.at)), told=told),
        step=step + 1,
        baseline=baseline,
        target=wanted,
        expected={"serviceLevelSeconds": present},
        stands=Standing(
            step=step + 1,
            baseline=baseline,
            target=wanted,
            since=situation.at,
            decision_id="",
            through=(*standing.through, present) if standing else (),
        ),
    )


def _breach(rule: Rule) -> str:
    return f"more than {rule.offered_above} offered and service level under {rule.service_level_below:.0%}"


def _would(situation: Situation, present: float, target: float) -> str:
    """What acting would do: the target, where there is room, and the pool, where it is not in yet."""
    target_moves = [f"set the target from {present:g} s to {target:g} s"] if target < present else []
    joins = situation.pool and situation.standing is None
    pool_joins = [f"join the backup pool of {len(situation.pool)}"] if joins else []
    return f"{_breach(situation.rule)}; acting would {' and '.join([*target_moves, *pool_joins])}"


def _baseline(situation: Situation, present: float) -> dict[str, Any]:
    """What a restore puts back. Rules are part of it only where the queue has some."""
    rules = situation.known.queue.routing.rules
    whole: dict[str, Any] = {"serviceLevelSeconds": present, "memberIds": []}
    return {**whole, "routingRules": list(rules)} if rules else whole


def _cooling(situation: Situation) -> bool:
    """Our last change is young, or the hour that we judge ended before it and says nothing of what it did."""
    memory = situation.memory
    moved = [*memory.changes[-1:], memory.restored.get(situation.media_type, "")]
    last = max((datetime.fromisoformat(moment) for moment in moved if moment), default=None)
    if last is None:
        return False
    return situation.at - last < situation.rule.cooldown or situation.hours.newest.end <= last


def _recent(situation: Situation) -> tuple[str, ...]:
    since = situation.at - HOUR
    return tuple(change for change in situation.memory.changes if datetime.fromisoformat(change) > since)


def _tell(situation: Situation, about: str, reason: str, target: float | None = None) -> Move | None:
    """Say so, but not again before the reminder is due."""
    memory, key = situation.memory, f"{situation.media_type}:{about}"
    if not memory.due(key, situation.at, situation.rule.remind_after):
        return None
    standing = situation.standing
    return Move(
        "suggest",
        reason,
        replace(memory, told={**memory.told, key: instant(situation.at)}),
        about=about,
        step=standing.step if standing else 0,
        baseline=standing.baseline if standing else {"serviceLevelSeconds": situation.baseline_seconds},
        target={"serviceLevelSeconds": target, "memberIds": list(situation.pool)} if target is not None else {},
        stands=standing,
    )
