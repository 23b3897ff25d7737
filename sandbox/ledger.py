"""The sandbox's own account: what it emitted, who took it when, and what the floor saw of breaches and adjustments."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sandbox.clock import stamp
from sandbox.events import Emission
from sandbox.floor import Floor
from sandbox.measure import offered
from sandbox.names import QueueSpec
from sandbox.world import Change, World

Json = dict[str, Any]
KEPT = 200_000
"""Entries; the oldest settled ones are forgotten beyond that."""
MANY, LOW = 500, 0.85
"""What the floor itself calls a breach: more offered in the hour, and a lower service level, than these."""


@dataclass(slots=True)
class Entry:
    """One emitted event. Times `posted`, `acked` are real (epoch seconds); `at` is when it happened."""

    id: str
    type: str
    subject: str
    at: str
    posted: float | None = None
    acked: float | None = None
    posts: int = 0
    copies: int = 0
    """How often it was taken: 2 where it was sent twice on purpose, or an answer was lost."""
    refused: int | None = None
    """The status that made us give it up, as EventBridge does."""


@dataclass(slots=True)
class Breach:
    """The floor's own judgement of a rolling hour, against the target that people had set."""

    queue_id: str
    start: str
    offered: int
    service_level: float
    lowest: float
    end: str | None = None


@dataclass(slots=True)
class Seen:
    """A change of a queue. `kind`: tighten, loosen, restore (the target is the people's again), members, person."""

    at: str
    queue_id: str
    kind: str
    by: str
    target_seconds: float
    joined: int


@dataclass(slots=True)
class Ledger:
    """All accounts. `state`: by subject and facet, what the last emitted event said."""

    entries: dict[str, Entry] = field(default_factory=dict)
    state: dict[str, dict[str, Json]] = field(default_factory=dict)
    pending: int = 0

    def emitted(self, emission: Emission) -> Entry:
        """A new event, before its first post."""
        entry = Entry(emission.id, emission.type, emission.subject, stamp(emission.at))
        self.entries[entry.id] = entry
        self.pending += 1
        for facet, said in emission.facets.items():
            self.state.setdefault(emission.subject, {})[facet] = said
        oldest = next(iter(self.entries.values()))
        if len(self.entries) > KEPT and (oldest.acked or oldest.refused):
            del self.entries[oldest.id]
        return entry


class Witness:
    """Watches the queues each minute of the sandbox's clock."""

    def __init__(self, world: World, floor: Floor, client_id: str) -> None:
        self._world = world
        self._floor = floor
        self._client = client_id
        self.people_want = {key: self._target(key) for key in floor.queues}
        """By queue: the target in seconds that people have set."""
        self.breaches: list[Breach] = []
        self.changes: list[Seen] = []
        self._open: dict[str, Breach] = {}
        self._looked: datetime | None = None
        world.listeners.append(self._changed)

    def _target(self, queue_id: str) -> float:
        level = self._world.queues[queue_id]["mediaSettings"][self._floor.queues[queue_id].media]["serviceLevel"]
        return float(level["durationMs"] / 1000)

    def look(self, now: datetime) -> None:
        """Judge every queue's last hour, once a minute."""
        if self._looked and (now - self._looked).total_seconds() < 60:
            return
        self._looked = now
        for key, queue in self._floor.queues.items():
            self._judge(key, queue, now)

    def hour(self, queue_id: str) -> tuple[int, float | None]:
        """Offered in the last hour, and the share answered within the people's target."""
        measured = offered(self._floor.contacts[queue_id], self._floor.time - 3600, self._floor.time)
        return measured.offered, measured.service_level(self.people_want[queue_id])

    def _judge(self, key: str, queue: QueueSpec, now: datetime) -> None:
        count, level = self.hour(queue.id)
        current = self._open.get(key)
        if level is not None and count > MANY and level < LOW:
            if current is None:
                current = self._open[key] = Breach(key, stamp(now), count, level, level)
                self.breaches.append(current)
            current.lowest = min(current.lowest, level)
        elif current:
            current.end = stamp(now)
            del self._open[key]

    def _changed(self, change: Change) -> None:
        key = change.entity_id
        if change.entity_type != "Queue" or key not in self._floor.queues or key not in self._world.queues:
            return
        target, wanted = self._target(key), self.people_want[key]
        before = [seen.target_seconds for seen in self.changes if seen.queue_id == key]
        last = before[-1] if before else wanted
        if change.by != self._client:
            kind = "person"
            self.people_want[key] = target
        elif target == last:
            kind = "members"
        elif target == wanted:
            kind = "restore"
        else:
            kind = "tighten" if target < last else "loosen"
        joined = sum(self._world.members[key].values())
        latest = self.changes[-1] if self.changes else None
        if kind == "members" and latest and (latest.kind, latest.queue_id, latest.by) == (kind, key, change.by):
            latest.joined = joined  # one by one they come and go: that is one change
        else:
            self.changes.append(Seen(stamp(change.at), key, kind, change.by, target, joined))

    def shown(self) -> Json:
        """As JSON."""
        kinds = [seen.kind for seen in self.changes]
        return {
            "breaches": [_camel(asdict(breach)) for breach in self.breaches],
            "changes": [_camel(asdict(seen)) for seen in self.changes],
            "adjustments": kinds.count("tighten"),
            "restores": kinds.count("restore"),
            "queues": {key: self._queue(key) for key in self._floor.queues},
        }

    def _queue(self, key: str) -> Json:
        count, level = self.hour(key)
        return {
            "name": self._floor.queues[key].name,
            "offered": count,
            "serviceLevel": level,
            "waiting": len(self._floor.waiting[key]),
            "joined": sum(self._world.members[key].values()),
            "targetSeconds": self._target(key) if key in self._world.queues else None,
            "peopleWantSeconds": self.people_want[key],
        }


def _camel(facts: Json) -> Json:
    """Names as the product's JSON has them."""
    return {re.sub("_(.)", lambda found: found[1].upper(), name): value for name, value in facts.items()}
