"""What the loop knows of a queue when it has to decide, what it remembers, and what a move is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from handlers.events import Decision, QueueUpdated, Standing
from handlers.policy import Hours, Mode, Rule
from processor.event import instant

NEAR = 0.001


@dataclass(frozen=True, slots=True)
class Memory:
    """What the loop must not forget over a restart; it travels in every decision of the queue.

    `changes`: times of our changes in the last hour. `told`: by medium and reason, when people
    were last told. `stood_back`: media that a person changed, and when we saw it. `frozen`: who
    froze the queue, when and why. `minded`: the last requests that were answered.
    `restored`: by medium, when the baseline was put back. `replaced`: by medium, our targets
    that it took the place of: a record that still says one of them may be older than it looks.
    """

    changes: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    stood_back: Mapping[str, str] = field(default_factory=dict)
    frozen: Mapping[str, str] = field(default_factory=dict)
    minded: tuple[str, ...] = ()
    restored: Mapping[str, str] = field(default_factory=dict)
    replaced: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, decision: Decision | None) -> Self:
        """As the last decision left it."""
        memory = decision.memory if decision else {}
        return cls(
            tuple(memory.get("changes", ())),
            dict(memory.get("told", {})),
            dict(memory.get("stoodBack", {})),
            dict(memory.get("frozen", {})),
            tuple(memory.get("minded", ())),
            dict(memory.get("restored", {})),
            dict(memory.get("replaced", {})),
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
            "replaced": {medium: list(seconds) for medium, seconds in self.replaced.items()},
        }

    def due(self, about: str, now: datetime, again_after: timedelta) -> bool:
        """Whether people have not been told about this for a while."""
        last = self.told.get(about)
        return last is None or now - datetime.fromisoformat(last) >= again_after

    def restoring(self, at: datetime, rule: Rule) -> bool:
        """Whether a restore of any medium may still be on its way: it takes our members out itself."""
        return any(at - datetime.fromisoformat(moment) < rule.cooldown for moment in self.restored.values())


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
    """What the loop may do here. OFF: give back what is ours, and nothing else."""
    rule: Rule
    known: KnownQueue
    media_type: str
    pool: tuple[str, ...]
    joined: tuple[str, ...]
    """Whom the adjuster has joined to the queue and not yet taken out."""
    left_in: tuple[str, ...]
    """Whom of them nothing that stands has to do with, while the whole queue is calm: we have stood back since."""
    hours: Hours
    standing: Standing | None
    carried: Standing | None
    """What the adjuster has put into Genesys and not taken back; without `standing` its restore is on its way."""
    memory: Memory
    at: datetime
    """The events' clock: when what we judge was told; never before the last decision."""

    @property
    def settled(self) -> bool:
        """Whether the baseline is known: remembered, or what is there, which is none of ours any more."""
        if self.standing is not None or self.carried is not None:
            return self.standing is not None
        restored, ours = self.memory.restored.get(self.media_type), self.memory.replaced.get(self.media_type, ())
        if restored is None or not among(self.present_seconds, ours):
            return True
        return self.known.queue.time > datetime.fromisoformat(restored)

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
    about: str = ""
    step: int = 0
    baseline: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    expected: Mapping[str, Any] = field(default_factory=dict)
    stands: Standing | None = None
    """What stands on the medium afterwards (a new one has no `decision_id` yet); None: it is free of us."""


def among(seconds: float | None, known: Sequence[float]) -> bool:
    """Whether it is one of these."""
    return seconds is not None and any(abs(seconds - one) < NEAR for one in known)


def written(seen: Mapping[str, object]) -> dict[str, object]:
    """An hour as it stands in JSON."""
    return {key: instant(value) if isinstance(value, datetime) else value for key, value in seen.items()}
