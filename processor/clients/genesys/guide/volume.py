"""The last hour of queues by G4's body: offered contacts, their mean wait, and the share answered in time.

The percentage answers to the target that the queue has at that moment, and no other can be asked
for: the answer carries that target, so that whoever judges knows what was measured. It is read
every few minutes, and at once after a change of ours: between two polls it seldom moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api, NotFound, Time
from processor.clients.genesys import Answer
from processor.clients.genesys.guide.adjustment import queue_state
from processor.clients.genesys.pages import path_id
from processor.clients.genesys.platform.cache import Cache
from processor.event import instant, whole_milliseconds

HOUR = timedelta(hours=1)
KEPT = timedelta(minutes=5)
"""How long a target counts as known; shorter than the loop's cooldown, so that no two steps rest on one reading."""
METRICS = ("offer.count", "offer.avg.wait.time", "offer.avg.handle.time", "sla.percent", "abandon.count")
"""G4's fourth step names three of them, its sixth all five."""


class Volumes:
    """One query for each queue: its answer is one total of all that are asked for together."""

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._targets = Cache[Mapping[str, Any]](KEPT, clocks.monotonic)
        self._changed: set[str] = set()

    def changed(self, queue_id: str) -> None:
        """Its target was perhaps moved by us."""
        self._changed.add(queue_id)

    async def get(self, queue_ids: Sequence[str]) -> list[Answer]:
        """One answer a queue; a queue that is deleted meanwhile has none."""
        found = [await self._one(path_id(queue_id)) for queue_id in queue_ids]
        return [answer for answer in found if answer]

    async def _one(self, queue_id: str) -> Answer | None:
        end = whole_milliseconds(self._api.now())
        path, query = "/api/v2/analytics/queues/details/query", body_of(queue_id, end - HOUR, end)
        reply = await self._api.request("POST", path, json=query, repeatable=True)
        fresh = queue_id in self._changed
        self._changed.discard(queue_id)  # before the look: what we change meanwhile is looked at once more
        try:
            queue = await self._targets.get(queue_id, self._queue, fresh=fresh)
        except NotFound:
            return None
        (target,) = queue_state({**queue, "id": queue_id}).service_level_seconds.values() or (None,)
        body = {
            "queueId": queue_id,
            "asked": instant(whole_milliseconds(reply.asked)),
            "queueType": queue.get("queueType"),
            "target": target,
            "dateFrom": query["dateFrom"],
            "dateTo": query["dateTo"],
            "summary": reply.json().get("summary") or {},
        }
        return Answer("volume", f"queue/{queue_id}", body, whole_milliseconds(reply.asked))

    async def _queue(self, queue_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (await self._api.request("GET", f"/api/v2/routing/queues/{queue_id}")).json()
        return found


def body_of(queue_id: str, start: datetime, end: datetime, interval: str = "1h") -> dict[str, Any]:
    """G4's body for one queue."""
    return {
        "dateFrom": instant(start),
        "dateTo": instant(end),
        "entities": [{"id": queue_id, "type": "queue"}],
        "metrics": list(METRICS),
        "interval": interval,
    }
