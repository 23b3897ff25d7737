"""How a queue is given back: baseline, helpers, and what is said when that has to wait. Pure.

What the loop has changed is the loop's to take back, whatever it may do today: in every mode, and in
queues that it may no longer touch (adr/0008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from handlers.events import Standing
from handlers.situation import Memory, Move, Situation, among
from processor.event import instant

RECOVERED = "recovered: the remembered baseline is put back"
GIVING_BACK = "giving-back"


def back(
    standing: Standing, medium: str, memory: Memory, at: datetime, reason: str, *, joined: Sequence[str] | None = None
) -> Move:
    """The remembered baseline, and nobody of the pool who came with us. `joined`: whom we know to be ours."""
    told = {key: moment for key, moment in memory.told.items() if not key.startswith(medium + ":")}
    seconds = float(standing.baseline["serviceLevelSeconds"])
    ours = [*standing.through, float(standing.target["serviceLevelSeconds"])]
    expected: dict[str, Any] = dict(standing.target)
    if joined is not None:
        expected["memberIds"] = list(joined)
    return Move(
        "restore",
        reason,
        replace(
            memory,
            told=told,
            restored={**memory.restored, medium: instant(at)},
            replaced={**memory.replaced, medium: [one for one in ours if not among(one, [seconds])]},
        ),
        baseline=standing.baseline,
        target=standing.baseline,
        expected=expected,
    )


def restore(situation: Situation) -> Move:
    """After recovery."""
    if situation.standing is None:
        raise AssertionError("nothing stands")
    joined = situation.joined if situation.carried else None
    return back(situation.standing, situation.media_type, situation.memory, situation.at, RECOVERED, joined=joined)


def release(situation: Situation) -> Move:
    """After a stand-back: the target stays a person's; only those whom we had joined are taken out."""
    return let_go(situation.memory, situation.media_type, situation.baseline_seconds, situation.left_in, situation.at)


def let_go(memory: Memory, medium: str, present: float, left_in: Sequence[str], at: datetime) -> Move:
    """The same, from what is known of the queue."""
    stays = {"serviceLevelSeconds": present, "memberIds": []}
    return Move(
        "restore",
        "members whom the loop had joined before it stood back are taken out; the target stays as it is",
        replace(
            memory,
            restored={**memory.restored, medium: instant(at)},
            replaced={**memory.replaced, medium: ()},
        ),
        baseline=stays,
        target=stays,
        expected={"serviceLevelSeconds": present, "memberIds": list(left_in)},
    )


def come_back(situation: Situation) -> Move:
    """A person's target has seen a recovery: the queue is minded again."""
    stood_back = {m: at for m, at in situation.memory.stood_back.items() if m != situation.media_type}
    return Move(
        "resumed",
        "the volume has recovered; what the queue has now is its new baseline",
        replace(situation.memory, stood_back=stood_back),
    )


def giving_back(situation: Situation) -> Move | None:
    """Once for each standing: the loop may act here no longer, and what it had changed waits for the recovery."""
    standing, memory, about = situation.standing, situation.memory, f"{situation.media_type}:{GIVING_BACK}"
    if standing is None or about in memory.told:
        return None
    return Move(
        "suggest",
        "the loop no longer acts on this queue; what it had changed stays until the volume has recovered",
        replace(memory, told={**memory.told, about: instant(situation.at)}),
        about=GIVING_BACK,
        step=standing.step,
        baseline=standing.baseline,
        target=standing.baseline,
        stands=standing,
    )


def adrift(situation: Situation) -> Move | None:
    """The baseline should be back for long and is not: what lies in Genesys is ours still, and stands again."""
    carried, memory, medium = situation.carried, situation.memory, situation.media_type
    restored = memory.restored.get(medium)
    if carried is None or situation.standing or medium in memory.stood_back or restored is None:
        return None
    if situation.at - datetime.fromisoformat(restored) < situation.rule.remind_after:
        return None
    return Move(
        "suggest",
        f"the baseline that was to be put back at {restored} is not back yet; it is tried again after a recovery",
        memory,
        about="refused",
        step=carried.step,
        baseline=carried.baseline,
        target=carried.baseline,
        stands=carried,
    )
