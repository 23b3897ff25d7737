"""An agent's presence as the guide has it: set under an ETag, a status for single skills, streams that take events.

The guide names methods of a client (getUserPresence, updatePresence, getUserSchedules,
updateUserRoutingStatus, postEventStreamsStreamEvents) and shows no path: the paths here are those
that the same names have in the official API.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from processor.clients.api import Api, Forbidden, NotAllowed, NotFound, Reply, Time
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.presence import (
    UNKNOWN,
    Admit,
    Changed,
    Definition,
    Duty,
    Export,
    Override,
    Overriding,
    State,
    Wanted,
    absent,
    change_presence,
    letters,
)
from processor.clients.genesys.pages import path_id
from processor.errors import RefusedError

WORDS: Mapping[str, str] = {
    letters(word): word
    for word in ("Available", "Busy", "Away", "Break", "Meal", "Meeting", "Training", "OnQueue", "Idle", "Offline")
}
"""System presences by their letters, as the guide spells them."""


class Presences:
    """The job `Presences` in the guide dialect."""

    streams = True

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks
        self._organisation = ""

    async def organisation(self) -> str:
        """Asked once, kept."""
        if not self._organisation:
            try:
                body = (await self._api.request("GET", "/api/v2/organizations")).json()
                self._organisation = str(body.get("id") or UNKNOWN)
            except (Forbidden, NotAllowed, NotFound):
                self._organisation = UNKNOWN
        return self._organisation

    async def definition(self, said: str) -> Definition:
        """A word in the guide's spelling; anything else is taken as an id, since there is no list to look into."""
        word = WORDS.get(letters(said), "")
        return Definition(word or said, word, word or said)

    async def get(self, user_id: str) -> State:
        """See `Presences.get`."""
        return _state(user_id, await self._read(user_id))

    async def _read(self, user_id: str) -> Found:
        try:
            return _found(await self._api.request("GET", _presence(user_id)))
        except NotFound as missing:
            raise absent(user_id, missing) from missing

    def write(self, state: State, wanted: Wanted) -> Write:
        """PUT with the ETag that was read, if there was one."""
        body: dict[str, Any] = {"presenceId": wanted.definition.id}
        if wanted.message is not None:
            body["customStatusMessage"] = wanted.message
        return Write("PUT", _presence(state.user_id), body, {"If-Match": state.etag} if state.etag else {})

    async def set(self, user_id: str, wanted: Wanted, admit: Admit) -> Changed:
        """See `Presences.set`: 412 means that somebody was faster."""

        async def send(write: Write) -> Found:
            return _found(await self._call(write))

        return await change_presence(
            read=lambda: self._read(user_id),
            state_of=lambda found: _state(user_id, found),
            write=self.write,
            send=send,
            wanted=wanted,
            admit=admit,
            clocks=self._clocks,
        )

    async def _call(self, write: Write) -> Reply:
        return await self._api.request(write.method, write.path, json=write.body, headers=write.headers)

    async def duty(self, user_id: str, around: datetime) -> Duty:
        """The shifts that the guide's schedules list; of his zone they say nothing."""
        del around
        path = f"/api/v2/users/{path_id(user_id)}/schedules"
        try:
            body = (await self._api.request("GET", path, params={"expand": "shifts"})).json()
        except NotFound:
            return Duty()
        shifts = body.get("shifts") or ()
        return Duty(shifts=tuple((_moment(one["startTime"]), _moment(one["endTime"])) for one in shifts))

    async def overriding(self, user_id: str, override: Override) -> Overriding:
        """The status of a skill cannot be read: it is always written."""
        path = f"/api/v2/users/{path_id(user_id)}/routingstatus"
        status = WORDS.get(letters(override.status), override.status)
        return Overriding(None, status, Write("PUT", path, {"skillId": override.skill_id, "statusId": status}))

    async def override(self, user_id: str, override: Override) -> int:
        """Unconditional, as the guide shows it."""
        overriding = await self.overriding(user_id, override)
        if overriding.write:
            await self._call(overriding.write)
        return 0

    def export(self, stream_id: str, export: Export) -> Write:
        """POST of G5's event."""
        return Write("POST", f"/api/v2/eventstreams/streams/{path_id(stream_id)}/events", export.event())

    async def send(self, export: Write) -> None:
        """Repeated where it may not have arrived: the same event tells nobody anything new."""
        try:
            await self._api.request(export.method, export.path, json=export.body, repeatable=True)
        except NotFound as missing:
            stream = export.path.split("/")[-2]
            raise RefusedError(f"there is no event stream {stream}", "check streamId, or leave it out") from missing


def _presence(user_id: str) -> str:
    return f"/api/v2/users/{path_id(user_id)}/presences/purecloud"


def _found(reply: Reply) -> Found:
    return Found(reply.json(), reply.headers.get("etag", ""), reply.asked)


def _state(user_id: str, found: Found) -> State:
    said = str(found.body.get("presenceId") or "")
    word = WORDS.get(letters(said), "")
    message = str(found.body.get("customStatusMessage") or "")
    since = found.body.get("modifiedDate")
    answer = {**found.body, "userId": user_id} if word else None
    return State(user_id, word or said, word, message, since, found.guard or None, found.asked, answer)


def _moment(said: str) -> datetime:
    """UTC where no offset is given, as G5 compares them."""
    read = datetime.fromisoformat(said)
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
