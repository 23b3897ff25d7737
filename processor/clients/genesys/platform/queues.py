"""A queue as the loop sees it, and its change: read, compare, write the whole back, then the members.

A queue has no version and no ETag (last writer wins), and no PATCH: the guard is a fresh read right
before the write, and that only the one medium's target differs in what is sent back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import tenacity

from processor.clients.api import Api, Time
from processor.clients.genesys import QueueChange, QueueState
from processor.clients.genesys.pages import chunks, entities, path_id
from processor.errors import ConflictError, RefusedError, RetryableError

TOLD_BY_GENESYS = {"id", "selfUri", "dateCreated", "dateModified", "createdBy", "modifiedBy"} | {
    "memberCount",
    "userMemberCount",
    "joinedMemberCount",
}
MEMBERS_AT_ONCE = 100
NEAR = 0.001


def queue_state(body: Mapping[str, Any]) -> QueueState:
    """Read a queue's body. Media without a service level are left out."""
    targets = {
        medium: settings["serviceLevel"]["durationMs"] / 1000
        for medium, settings in (body.get("mediaSettings") or {}).items()
        if ((settings or {}).get("serviceLevel") or {}).get("durationMs") is not None
    }
    return QueueState(
        queue_id=str(body["id"]),
        name=str(body.get("name") or ""),
        division_id=(body.get("division") or {}).get("id"),
        service_level_seconds=targets,
        version=str(body.get("dateModified") or ""),
        modified_by=body.get("modifiedBy"),
        raw=body,
    )


def with_target(body: Mapping[str, Any], medium: str, seconds: float) -> dict[str, Any]:
    """The body to PUT: as it came, with this medium's target, without what only Genesys may say."""
    sent = {name: value for name, value in body.items() if name not in TOLD_BY_GENESYS}
    media = dict(body.get("mediaSettings") or {})
    settings = dict(media[medium])
    settings["serviceLevel"] = {**settings["serviceLevel"], "durationMs": round(seconds * 1000)}
    media[medium] = settings
    if not (media.get("callback") or {"mode": "-"}).get("mode", "-"):
        media["callback"] = {name: value for name, value in media["callback"].items() if name != "mode"}  # "" is a 400
    return {**sent, "mediaSettings": media}


class Queues:
    """Reads and changes queues. `raw["joinedMembers"]` of a changed queue: who of the named members is in."""

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks

    async def get(self, queue_id: str) -> QueueState:
        """The queue as it is now. Raises `NotFound` (a `RefusedError`)."""
        reply = await self._api.request("GET", f"/api/v2/routing/queues/{path_id(queue_id)}")
        return queue_state(reply.json())

    async def change(self, change: QueueChange) -> tuple[QueueState, QueueState]:
        """See `Genesys.change_queue`. A 409 of Genesys's own is met with a fresh read, four times at most."""
        again = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(4),
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, _Collision)),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=1),
            sleep=self._clocks.sleep,
            reraise=True,
        )
        states: tuple[QueueState, QueueState] = await again(self._set_target, change)
        before, after = states
        joined = await self.members(change.queue_id, {*change.join, *change.leave})
        await self._write_members(change, joined)
        named = (*change.join, *change.leave)
        return (
            _with_members(before, [user for user in named if joined.get(user)]),
            _with_members(after, list(change.join)),
        )

    async def _set_target(self, change: QueueChange) -> tuple[QueueState, QueueState]:
        before = await self.get(change.queue_id)
        target = before.service_level_seconds.get(change.media_type)
        if target is None:
            raise RefusedError(
                f"queue {change.queue_id} has no service level for {change.media_type}",
                "set one in Genesys, or leave this medium out of the loop",
            )
        if abs(target - change.service_level_seconds) < NEAR:
            return before, before
        if not any(abs(target - expected) < NEAR for expected in change.expected_seconds):
            expected = " or ".join(f"{seconds:g}" for seconds in change.expected_seconds)
            raise ConflictError(
                f"the target of {before.name or change.queue_id} is {target:g} s, not {expected} s as we left it",
                found=before,
                remedy="somebody changed it: the loop leaves the queue alone until it is resumed",
            )
        body = with_target(before.raw, change.media_type, change.service_level_seconds)
        path = f"/api/v2/routing/queues/{path_id(change.queue_id)}"
        try:
            reply = await self._api.request("PUT", path, json=body)
        except ConflictError as conflict:
            raise _Collision(f"another change of the same queue was under way: {conflict}") from conflict
        return before, queue_state({**before.raw, **reply.json()})

    async def members(self, queue_id: str, user_ids: Collection[str]) -> Mapping[str, bool]:
        """Of these users: whether each member is joined; who is no member is not in it."""
        if not user_ids:
            return {}
        path = f"/api/v2/routing/queues/{path_id(queue_id)}/members"
        return {
            str(member["id"]): bool(member.get("joined"))
            async for member in entities(self._api, path)
            if member["id"] in user_ids
        }

    async def _write_members(self, change: QueueChange, joined: Mapping[str, bool]) -> None:
        """Only what differs. Who is to join and is no member is made one: Genesys passes over others in silence."""
        path = f"/api/v2/routing/queues/{path_id(change.queue_id)}/members"
        strangers = [user for user in change.join if user not in joined]
        for some in chunks(strangers, MEMBERS_AT_ONCE):
            await self._api.request("POST", path, json=[{"id": user} for user in some], repeatable=True)
        differing = [
            *({"id": user, "joined": True} for user in change.join if not joined.get(user)),
            *({"id": user, "joined": False} for user in change.leave if joined.get(user)),
        ]
        for members in chunks(differing, MEMBERS_AT_ONCE):
            await self._api.request("PATCH", path, json=members, repeatable=True)


class _Collision(RetryableError):
    """409 on the write: read again, compare again."""


def _with_members(state: QueueState, joined: list[str]) -> QueueState:
    return replace(state, raw={**state.raw, "joinedMembers": joined})
