"""Decision → people: what was seen, what was done, what comes next, in words that need no manual."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from handlers.events import Decision, Outcome, QueueUpdated
from handlers.policy import Rule
from processor.event import Event, Publishable, instant
from processor.table import Table

TOLD_OUTCOMES = ("refused", "failed", "unknown")
"""A conflict is told by the stand-back that follows it."""


class People(Protocol):
    """Where escalations go."""

    async def push(self, event: Any, /) -> None:
        """Returns when it was taken; raises by remedy."""
        ...


class Make(Protocol):
    """Makes what `push` takes from an event and the data that people shall see."""

    def __call__(self, event: Event, data: dict[str, Any], /) -> Any:
        """`event` gives id, type, subject, time and sequence."""
        ...


@dataclass(frozen=True, slots=True)
class Escalate:
    """Both handlers of the far side "people". `queues` gives the names."""

    people: People
    make: Make
    queues: Table[QueueUpdated, Any]
    rule: Rule

    async def decided(self, decision: Decision) -> Iterable[Publishable] | None:
        """Every decision is news to a supervisor: breach, change, way back, stand-back, freeze."""
        data = decision.model_dump(mode="json", by_alias=True, exclude={"memory", *_meta(decision)})
        await self.people.push(self.make(decision, data | self._words(decision)))
        return None

    async def came_of_it(self, outcome: Outcome) -> Iterable[Publishable] | None:
        """An adjustment that Genesys did not take leaves the queue undefended: people must know."""
        if outcome.status not in TOLD_OUTCOMES or not outcome.kind.startswith("queue-"):
            return None
        name = self._name(outcome.subject)
        words = {
            "headline": f"{name}: {outcome.kind.removeprefix('queue-')} {outcome.status}: {outcome.error}",
            "queueName": name,
            "done": "nothing was changed",
            "next": "look at the queue in Genesys; the loop decides again with the next volume",
        }
        data = outcome.model_dump(mode="json", by_alias=True, exclude=_meta(outcome))
        await self.people.push(self.make(outcome, data | words))
        return None

    def _name(self, subject: str) -> str:
        known = self.queues.get(subject)
        return str(known.queue.name) if known and known.queue.name else subject.partition("/")[2]

    def _words(self, decision: Decision) -> dict[str, Any]:
        name, medium = self._name(decision.subject), decision.media_type or "all media"
        return {
            "headline": f"{name} ({medium}): {_headline(decision)}",
            "queueName": name,
            "threshold": {
                "offeredAbove": self.rule.offered_above,
                "serviceLevelBelow": self.rule.service_level_below,
                "serviceLevelTargetSeconds": decision.baseline.get("serviceLevelSeconds"),
            },
            "done": _done(decision),
            "next": _next(decision, self.rule),
        }


def _meta(event: Event) -> set[str]:
    return set(Event.model_fields) & set(type(event).model_fields)


def _headline(decision: Decision) -> str:
    seen = decision.seen
    numbers = ""
    if "offered" in seen and seen.get("serviceLevel") is not None:
        numbers = f" ({seen['offered']} offered in the hour, service level {float(seen['serviceLevel']):.1%})"
    word = {
        "adjust": "breach, adjusting",
        "restore": "restored",
        "stand-back": "changed by a person, standing back",
        "suggest": "needs attention",
        "frozen": "frozen",
        "resumed": "resumed",
    }.get(decision.action, decision.action)
    return f"{word}: {decision.reason}{numbers}"


def _done(decision: Decision) -> str:
    target = decision.target.get("serviceLevelSeconds")
    if decision.action == "adjust":
        members = len(decision.target.get("memberIds", ()))
        joined = f", {members} members of the backup pool joined" if members else ""
        return (
            f"target {decision.expected.get('serviceLevelSeconds'):g} s to {target:g} s (step {decision.step}){joined}"
        )
    if decision.action == "restore":
        members = len(decision.expected.get("memberIds", ()))
        left = f", {members} members of the backup pool taken out again" if members else ""
        return f"target back to {target:g} s{left}"
    return "nothing was changed"


def _next(decision: Decision, rule: Rule) -> str:
    minutes = rule.cooldown.total_seconds() / 60
    then = "; then members whom it had joined are taken out" if decision.expected.get("memberIds") else ""
    until = "until its volume has recovered or somebody resumes it"
    return {
        "adjust": f"another step after {minutes:g} minutes if the breach lasts; the baseline goes back after recovery",
        "restore": "nothing: the queue is as it was",
        "stand-back": f"the loop leaves this queue alone {until}{then}",
        "suggest": "a person decides",
        "frozen": "the loop leaves this queue alone until somebody resumes it",
        "resumed": "the loop minds this queue again",
    }.get(decision.action, "")


def summary(decision: Decision) -> str:
    """One line for a terminal or a page."""
    return f"{instant(decision.time)} {decision.queue_id} {_headline(decision)}"
