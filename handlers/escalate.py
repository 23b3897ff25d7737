"""Decision → people: what was seen, what was done, what comes next, in words that need no manual."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from handlers.events import Decision, QueueUpdated
from handlers.policy import Rule
from processor.event import Event, Publishable
from processor.table import Table

PEOPLE_DECIDE = "a person decides"


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
    """The far side "people": every decision is news to a supervisor. `queues` gives the names.

    What became of a decision is told only where it was not done, and then by the decision that follows.
    """

    people: People
    make: Make
    queues: Table[QueueUpdated, Any]
    rule: Rule

    async def __call__(self, decision: Decision) -> Iterable[Publishable] | None:
        """Breach, change, way back, stand-back, freeze, and what the loop cannot do."""
        data = decision.model_dump(mode="json", by_alias=True, exclude={"memory", *_meta(decision)})
        await self.people.push(self.make(decision, data | self._words(decision)))
        return None

    def _words(self, decision: Decision) -> dict[str, Any]:
        known = self.queues.get(decision.subject)
        name = str(known.queue.name) if known and known.queue.name else decision.queue_id
        medium = f" ({decision.media_type})" if decision.media_type else ""
        return {
            "headline": f"{name}{medium}: {headline(decision)}",
            "queueName": name,
            "threshold": {
                "offeredAbove": self.rule.offered_above,
                "serviceLevelBelow": self.rule.service_level_below,
                "serviceLevelTargetSeconds": decision.baseline.get("serviceLevelSeconds"),
            },
            "done": done(decision),
            "next": following(decision, self.rule),
        }


def _meta(event: Event) -> set[str]:
    return set(Event.model_fields) & set(type(event).model_fields)


def headline(decision: Decision) -> str:
    """What happened and why, with the numbers that were seen."""
    seen, numbers = decision.seen, ""
    if "offered" in seen and seen.get("serviceLevel") is not None:
        numbers = f" ({seen['offered']} offered in the hour, service level {float(seen['serviceLevel']):.1%})"
    words = {
        "adjust": "breach, adjusting",
        "restore": "restored",
        "stand-back": "changed by a person, standing back",
        "suggest": "breach, only observing" if decision.about == "observe" else "needs attention",
    }
    word = words.get(decision.action, decision.action)
    return f"{word}: {decision.reason}{numbers}"


def done(decision: Decision) -> str:
    """What the loop changes by this decision."""
    target, members = decision.target.get("serviceLevelSeconds"), len(decision.target.get("memberIds", ()))
    was = decision.expected.get("serviceLevelSeconds")
    if decision.action == "adjust":
        stays = "stays in" if decision.step > 1 else "joins"
        pool = f", the backup pool of {members} {stays}" if members else ""
        return f"{_target(was, target)} (step {decision.step}){pool}"
    if decision.action == "restore":
        return f"{_target(was, target)}{_leaving(decision)}"
    return "nothing was changed"


def _target(was: float | None, target: float | None) -> str:
    if was is None or target is None or was == target:
        return "the target stays" if target is None else f"the target stays at {target:g} s"
    return f"target from {was:g} s to {target:g} s"


def _leaving(decision: Decision) -> str:
    members = len(decision.expected.get("memberIds", ()))
    if not members:
        return ""
    if decision.standing:
        return ", the backup pool stays in for the other media"
    return f", {members} members of the backup pool leave whom the loop had joined"


def following(decision: Decision, rule: Rule) -> str:
    """What happens next, and what a person may do about it."""
    say: Mapping[str, Callable[[Decision, Rule], str]] = {
        "adjust": _after_adjusting,
        "stand-back": _after_standing_back,
        "suggest": _after_a_word,
    }
    plain = {
        "restore": "nothing: the queue is as it was",
        "frozen": "the loop leaves this queue alone until somebody resumes it",
        "resumed": "the loop minds this queue again",
    }
    told = say.get(decision.action)
    return told(decision, rule) if told else plain.get(decision.action, "")


def _after_adjusting(_: Decision, rule: Rule) -> str:
    minutes = rule.cooldown.total_seconds() / 60
    return f"another step after {minutes:g} minutes if the breach lasts; the baseline goes back after recovery"


def _after_standing_back(decision: Decision, _: Rule) -> str:
    then = "; then members whom it had joined are taken out" if decision.expected.get("memberIds") else ""
    return f"the loop leaves this queue alone until its volume has recovered or somebody resumes it{then}"


def _after_a_word(decision: Decision, rule: Rule) -> str:
    minutes = rule.remind_after.total_seconds() / 60
    at_once = f"`genesys-processor queues resume {decision.queue_id} --restore` gives it back at once"
    back = (
        f"the target of {decision.baseline.get('serviceLevelSeconds', 0):g} s goes back when the volume has recovered"
    )
    retry = f"mend what was refused; the loop tries again after {minutes:g} minutes, or once the queue is resumed"
    if decision.standing.get(decision.media_type or ""):
        return {
            "floor": f"{PEOPLE_DECIDE}: the loop can do no more; {back}",
            "cap": f"{PEOPLE_DECIDE}: the loop goes on when an hour has passed since its first change; {back}",
            "silence": f"{PEOPLE_DECIDE}: without volume nobody sees a recovery; {at_once}",
            "giving-back": f"{back}; {at_once}",
            "refused": f"{retry}; the queue is adjusted until then",
            "not-done": f"{back}; {at_once}",
            "gone": "nothing",
        }.get(decision.about, PEOPLE_DECIDE)
    return {
        "observe": f"{PEOPLE_DECIDE}: with LOOP_MODE=act the loop would do this",
        "refused": retry,
        "not-done": "nothing: the queue is as it was",
    }.get(decision.about, PEOPLE_DECIDE)
