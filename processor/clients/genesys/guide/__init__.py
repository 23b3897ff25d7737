"""Genesys through the endpoints that the five guides show: their paths, headers, status codes and bodies.

No guide lists an organisation's queues or agents. Who there is comes from the settings (`LOOP_QUEUES`
by id), from the members of those queues, from the lists beneath the first guide's paths where they
are there, and from callbacks. The bodies of the answers, as vendor JSON (`{"deleted": true}` where the thing is gone):

    schedule   the schedule itself, one answer each (G1); asked for by the ids in `details`
    queue      {queue} (G4)
    shifts     {userId, from, to, shifts[{startTime, endTime}]}: what G5's call shows, over the span it covers
    presence   {userId, presenceId, …} (G5)
    campaign   {schedules[]} (G2)
    profile    the profile itself (G3)
    volume     {queueId, asked, target, queueType, dateFrom, dateTo, summary}: see `volume.py`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from processor.clients.api import Api, Forbidden, NotAllowed, NotFound, Time
from processor.clients.genesys import Answer, QueueChange, QueueState
from processor.clients.genesys.guide.adjustment import Adjustment, queue_state
from processor.clients.genesys.guide.looks import GROUPS, Looks, listed
from processor.clients.genesys.guide.volume import Volumes
from processor.clients.genesys.pages import path_id
from processor.errors import PoisonError

ATTEMPTS = 4
"""Of one request that comes too fast: three after the first (G1, G4, G5), four in all (G2)."""


class Guide:
    """The protocol `Genesys` in the guides' dialect; `api` carries the credentials."""

    def __init__(self, api: Api, *, queues: Sequence[str] = (), clocks: Time | None = None) -> None:
        """`queues`: the ids that people named; the guides have no way to list them."""
        clocks = clocks or Time()
        self._api = api
        self._named = tuple(sorted(queues))
        self._looks = Looks(api)
        self._volumes = Volumes(api, clocks)
        self._adjustment = Adjustment(api.urgent(), clocks)  # the loop does not wait behind what is asked in bulk
        self._organisation = ""

    def now(self) -> datetime:
        """Genesys's clock as its last answer showed it; our own before the first."""
        return self._api.now()

    async def organisation_id(self) -> str:
        """Asked once, kept (G3's call); `unknown` without the scope for it, which four guides do without."""
        if not self._organisation:
            try:
                body = (await self._api.request("GET", "/api/v2/organizations")).json()
                self._organisation = str(body.get("id") or "unknown")
            except (Forbidden, NotAllowed, NotFound):
                self._organisation = "unknown"
        return self._organisation

    async def subjects(self) -> Sequence[str]:
        """The queues that people named and their members; schedule groups, where the address lists them."""
        groups = [f"schedule-group/{group['id']}" for group in await listed(self._api, GROUPS)]
        agents: set[str] = set()
        for queue_id in self._named:
            members = await listed(self._api, f"/api/v2/routing/queues/{path_id(queue_id)}/members")
            agents |= {str(member["memberId"]) for member in members}
        queues = (f"queue/{queue_id}" for queue_id in self._named)
        return [*groups, *queues, *(f"agent/{user}" for user in sorted(agents))]

    async def look(
        self, what: str, subject: str, since: datetime, until: datetime | None, details: Mapping[str, Any]
    ) -> Sequence[Answer]:
        """See `Genesys.look`. `details["scheduleIds"]`: schedules of a group that may not be listed."""
        del since, until
        return await self._looks.look(what, subject, details)

    async def spread(self, what: str, subject: str, details: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """The guides know no units and no schedule outside its group. Raises `PoisonError`."""
        del details
        raise PoisonError(f"{what!r} of {subject!r}: the guides show no call that spreads to others", "subject")

    async def volume(self, targets: Mapping[str, Mapping[str, float]], queues: Sequence[str]) -> Sequence[Answer]:
        """See `Genesys.volume`. The guide counts against the present target only: `targets` cannot be asked for."""
        del targets
        return await self._volumes.get(queues)

    async def queue(self, queue_id: str) -> QueueState:
        """See `Genesys.queue`."""
        body = (await self._api.request("GET", f"/api/v2/routing/queues/{path_id(queue_id)}")).json()
        return queue_state({**body, "id": queue_id})

    async def joined(self, queue_id: str, user_ids: Sequence[str]) -> frozenset[str]:
        """See `Genesys.joined`: the guides show nobody joined, and no way to join anybody."""
        del queue_id, user_ids
        return frozenset()

    async def change_queue(self, change: QueueChange) -> tuple[QueueState, QueueState]:
        """See `Genesys.change_queue`; waits until the edge shows it."""
        try:
            return await self._adjustment.change(change)
        finally:
            self._volumes.changed(change.queue_id)
