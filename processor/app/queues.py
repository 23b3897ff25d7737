"""The loop's brake, and what it is doing: the queues as the log knows them."""

from __future__ import annotations

import getpass
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from handlers.brake import Brakes, brakes
from handlers.events import Decision, FreezeRequested, PoolUpdated, QueueUpdated, VolumeUpdated
from handlers.policy import Hour, hours
from handlers.situation import Memory, written
from processor.event import instant
from processor.eventlog import EventLog
from processor.table import Table, last

LATELY = timedelta(minutes=5)
"""Of volume only this much is read, to show the last hour as it was told last."""
LIKE_AN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How Genesys's ids look: in capitals it would be another queue's."""


def may_be_braked(queue_id: str, known: Collection[str]) -> bool:
    """Whether a brake on it is meant: it is known, or has the form of an id, or nothing is known yet.

    A brake is honoured before the first event of a queue that Genesys knows already; a slip of the
    pen is not, since who wrote it would believe the queue to be frozen.
    """
    return queue_id in known or not known or LIKE_AN_ID.fullmatch(queue_id) is not None


class Queues:
    """Tables of its own over the log, caught up at each question."""

    def __init__(self, log: EventLog, now: Callable[[], datetime]) -> None:
        self._log = log
        self._now = now
        self._queues: Table[QueueUpdated, QueueUpdated] = Table(QueueUpdated, fold=last)
        self._decisions: Table[Decision, Decision] = Table(Decision, fold=last)
        self._freezes: Table[FreezeRequested, Brakes] = Table(FreezeRequested, fold=brakes)
        self._pools: Table[PoolUpdated, PoolUpdated] = Table(PoolUpdated, fold=last)
        self._hours: Table[VolumeUpdated, Mapping[str, Hour]] = Table(VolumeUpdated, fold=_last_hour, since=LATELY)
        self._loaded = False

    async def _refresh(self) -> None:
        for partition in range(self._log.partitions):
            for table in (self._queues, self._decisions, self._freezes, self._pools, self._hours):
                if self._loaded:
                    await table.catch_up(self._log, partition)
                else:
                    await table.load(self._log, partition)
        self._loaded = True

    async def list(self) -> list[dict[str, Any]]:
        """Every queue that is known or was decided about, by name."""
        await self._refresh()
        known = dict(self._queues.items())
        decided = dict(self._decisions.items())
        shown = [self._shown(subject, known.get(subject), decided.get(subject)) for subject in {*known, *decided}]
        return sorted(shown, key=lambda queue: (str(queue["name"]).casefold(), queue["queueId"]))

    def _shown(self, subject: str, queue: QueueUpdated | None, decision: Decision | None) -> dict[str, Any]:
        memory, ours = Memory.of(decision), self._pools.get(subject)
        frozen = dict(memory.frozen)
        brake = self._freezes.get(subject) or Brakes()
        if brake.people is not None and brake.people in brake.unminded(memory):
            asked = brake.people
            at = instant(asked.time)
            frozen = {"by": asked.by, "at": at, "reason": asked.reason} if brake.frozen_by else {}
        return {
            "queueId": subject.partition("/")[2],
            "name": queue.name if queue else "",
            "deleted": bool(queue and queue.deleted),
            "mediaTypes": {
                medium: level.model_dump(by_alias=True)
                for medium, level in (queue.media_types if queue else {}).items()
            },
            "standing": {
                medium: standing.model_dump(by_alias=True, mode="json")
                for medium, standing in (decision.standing if decision else {}).items()
            },
            "givingBack": [
                one for one in (ours.standing if ours else ()) if not (decision and one in decision.standing)
            ],
            "joinedByLoop": list(ours.joined) if ours else [],
            "lastHour": {medium: written(hour.seen()) for medium, hour in (self._hours.get(subject) or {}).items()},
            "frozen": frozen or None,
            "last": {
                "action": decision.action,
                "about": decision.about,
                "reason": decision.reason,
                "mediaType": decision.media_type,
                "time": instant(decision.time),
                "seen": decision.seen,
                "target": decision.target,
            }
            if decision
            else None,
        }

    async def brake(
        self, kind: str, queue_ids: Iterable[str], *, reason: str = "", by: str = "", restore: bool = False
    ) -> Sequence[str]:
        """Ask the loop to leave the queues alone (`queue-freeze`) or to mind them again; returns the requests' ids."""
        requests = [
            FreezeRequested(
                id=str(uuid.uuid4()),
                time=self._now(),
                subject=f"queue/{queue_id}",
                kind=kind,
                queue_id=queue_id,
                reason=reason,
                by=by or getpass.getuser(),
                restore=restore,
            )
            for queue_id in queue_ids
        ]
        await self._log.append([request.to_message() for request in requests])
        return [request.id for request in requests]


def _last_hour(known: Mapping[str, Hour] | None, event: VolumeUpdated) -> Mapping[str, Hour] | None:
    """By medium, the newest whole hour that was told."""
    covered, before = hours([event]), (known or {}).get(event.media_type)
    if not covered or (before and before.end > covered.newest.end):
        return known
    return {**(known or {}), event.media_type: covered.newest}
