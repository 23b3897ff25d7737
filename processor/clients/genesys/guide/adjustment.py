"""A queue as the loop sees it in the guides' words, and its change: a PUT with a target and the rules' priorities.

A body that names the version it was read at is refused with 409 when another is there by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from processor.clients.api import Api, Time
from processor.clients.genesys import QueueChange, QueueState
from processor.clients.genesys.guide.queues import Queues
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.changing import Patience, change
from processor.errors import ConflictError, RefusedError, RetryableError

EVERY_MEDIUM = "all"
"""A queue that names no type has one target for all that comes."""
MEDIA = {"voice": "call"}
"""The guides' word for a type of queue → ours, where they differ."""
PATIENCE = Patience(attempts=4, first=0.1, longest=1.0)
NEAR = 0.001
Rule = Mapping[str, Any]


def medium_of(body: Mapping[str, Any]) -> str:
    """The one medium that a queue of the guides has."""
    kind = str(body.get("queueType") or EVERY_MEDIUM).lower()
    return MEDIA.get(kind, kind)


def queue_state(body: Mapping[str, Any]) -> QueueState:
    """Read a queue's body."""
    target = body.get("slaTarget")
    return QueueState(
        queue_id=str(body["id"]),
        name=str(body.get("name") or ""),
        division_id=None,
        service_level_seconds={} if target is None else {medium_of(body): float(target)},
        version=str(body.get("version") or ""),
        modified_by=body.get("modifiedBy"),
        raw=body,
    )


def boosted(rules: Sequence[Rule]) -> list[Rule]:
    """G4's fourth step: rules for contacts of priority come first, all others second."""
    return [{**rule, "priority": 1 if rule.get("type") == "priority" else 2} for rule in rules]


def settled(present: Sequence[Rule], baseline: Sequence[Rule] | None) -> list[Rule]:
    """The baseline's rules where what is there is what we made of them; a person's rules stay a person's."""
    if baseline is not None and list(present) == boosted(baseline):
        return list(baseline)
    return list(present)


class Adjustment:
    """The loop's change of a queue, waited for until the edge shows it."""

    def __init__(self, api: Api, clocks: Time) -> None:
        self._queues = Queues(api, clocks)
        self._clocks = clocks

    async def change(self, wanted: QueueChange) -> tuple[QueueState, QueueState]:
        """See `Genesys.change_queue`. A 409 is met with a fresh read, four times at most.

        Raises `RefusedError` when members are to join or leave: the guides show no call for it. Raises
        `RetryableError` when the change is not shown in time; the next try finds it there, or writes again.
        """
        if wanted.join or wanted.leave:
            raise RefusedError(
                "the guides show no way to join members to a queue, or to take them out",
                "take LOOP_POOLS out, or use the platform dialect",
            )
        done = await change(
            lambda: self._queues.get(wanted.queue_id),
            lambda found: self._write(wanted, found),
            self._queues.send,
            self._clocks,
            PATIENCE,
        )
        if done.write:
            await self._arrived(done.before, done.after, done.write)
        return queue_state(done.before.body), queue_state(done.after.body)

    def _write(self, wanted: QueueChange, found: Found) -> Write | None:
        before = queue_state(found.body)
        target = before.service_level_seconds.get(wanted.media_type)
        if target is None:
            raise RefusedError(
                f"queue {wanted.queue_id} has no slaTarget for {wanted.media_type}",
                "set one in Genesys, or leave this medium out of the loop",
            )
        if not _among(target, (wanted.service_level_seconds, *wanted.expected_seconds)):
            expected = " or ".join(f"{seconds:g}" for seconds in wanted.expected_seconds)
            raise ConflictError(
                f"the target of {before.name or wanted.queue_id} is {target:g} s, not {expected} s as we left it",
                found=before,
                remedy="somebody changed it: the loop leaves the queue alone until it is resumed",
            )
        present = found.body.get("routingRules") or []
        rules = boosted(present) if wanted.tightened else settled(present, wanted.rules)
        if _among(target, (wanted.service_level_seconds,)) and rules == list(present):
            return None
        return self._queues.write(found, {"slaTarget": _whole(wanted.service_level_seconds), "routingRules": rules})

    async def _arrived(self, before: Found, after: Found, write: Write) -> None:
        settings = {name: write.body[name] for name in ("slaTarget", "routingRules")}
        activation = await self._queues.arrived(before, after, settings)
        if activation.state == "timeout":
            raise RetryableError(
                f"the change of queue {after.body.get('id')} is not active after {activation.polls} looks"
            )


def _among(seconds: float, known: Sequence[float]) -> bool:
    return any(abs(seconds - one) < NEAR for one in known)


def _whole(seconds: float) -> float:
    """G4: the target is an integer."""
    return int(seconds) if seconds == int(seconds) else seconds
