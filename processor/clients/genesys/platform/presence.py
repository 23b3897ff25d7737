"""An agent's presence in the official API: a definition by its id, a message, and skills that are active or not.

Nothing guards a write there: the state is read right before it, and 409 says that an earlier change
of the same agent is still under way. A skill has no presence of its own: `active` and `inactive`
stand for the statuses in which contacts for it are taken and those in which they are not, and a
number from 0 to 5 is the proficiency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processor.clients.api import Api, Forbidden, NotFound, Reply, Time
from processor.clients.genesys.jobs import Found, Write
from processor.clients.genesys.jobs.changing import change
from processor.clients.genesys.jobs.presence import (
    PATIENCE,
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
    same_word,
)
from processor.clients.genesys.pages import entities, path_id, whole
from processor.clients.genesys.platform.agents import Shifts
from processor.clients.genesys.platform.cache import Cache
from processor.clients.genesys.platform.units import Units
from processor.errors import NotValid, RefusedError

ACTIVE = frozenset(map(letters, ("active", "Available", "On Queue")))
INACTIVE = frozenset(
    map(letters, ("inactive", "Busy", "Away", "Break", "Meal", "Meeting", "Training", "Idle", "Offline"))
)
MOST_PROFICIENCY = 5.0
AROUND = timedelta(days=1)
Definitions = Sequence[Mapping[str, Any]]


class Presences:
    """The job `Presences` in the official dialect."""

    streams = False

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._clocks = clocks
        self._kept = Cache[Definitions](timedelta(hours=1), clocks.monotonic)
        units = Units(api, clocks)
        self._units = units
        self._shifts = Shifts(api, units, clocks)
        self._organisation = ""

    async def organisation(self) -> str:
        """Asked once, kept."""
        if not self._organisation:
            try:
                self._organisation = str((await self._api.request("GET", "/api/v2/organizations/me")).json()["id"])
            except Forbidden:
                self._organisation = UNKNOWN
        return self._organisation

    async def definition(self, said: str) -> Definition:
        """A system presence in any spelling, or the id of any definition that is in use."""
        for fresh in (False, True):  # somebody may just have made it
            for one in await self._definitions(fresh=fresh):
                if said in (one["id"], _name(one)) or same_word(said, _name(one)):
                    return Definition(str(one["id"]), str(one.get("systemPresence") or ""), _name(one))
        known = [f"{_label(one)} ({_name(one)})" if _label(one) else _name(one) for one in await self._definitions()]
        what = f"there is no presence {said!r}"
        raise NotValid(what, f"one of {', '.join(known)}", places=(("presenceId", what),))

    async def _definitions(self, *, fresh: bool = False) -> Definitions:
        return await self._kept.get("all", self._load, fresh=fresh)

    async def _load(self, _: str) -> Definitions:
        listed = [one async for one in whole(self._api, "/api/v2/presence/definitions") if not one.get("deactivated")]
        return sorted(listed, key=lambda one: one.get("type") != "System")

    async def get(self, user_id: str) -> State:
        """See `Presences.get`; the guard is the date of the last change."""
        return _state(user_id, await self._read(user_id), await self._definitions())

    async def _read(self, user_id: str) -> Found:
        try:
            return _found(await self._api.request("GET", _presence(user_id)))
        except NotFound as missing:
            raise absent(user_id, missing) from missing

    def write(self, state: State, wanted: Wanted) -> Write:
        """PATCH: the definition's id, and the message where one is wanted."""
        body: dict[str, Any] = {"presenceDefinition": {"id": wanted.definition.id}}
        if wanted.message is not None:
            body["message"] = wanted.message
        return Write("PATCH", _presence(state.user_id), body)

    async def set(self, user_id: str, wanted: Wanted, admit: Admit) -> Changed:
        """See `Presences.set`."""
        definitions = await self._definitions()
        return await change_presence(
            read=lambda: self._read(user_id),
            state_of=lambda found: _state(user_id, found, definitions),
            write=self.write,
            send=self._send,
            wanted=wanted,
            admit=admit,
            clocks=self._clocks,
        )

    async def _send(self, write: Write) -> Found:
        """A state, not a delta: repeated without harm."""
        return _found(await self._api.request(write.method, write.path, json=write.body, repeatable=True))

    async def duty(self, user_id: str, around: datetime) -> Duty:
        """His published shifts, and the zone of his management unit."""
        try:
            unit = await self._units.of(user_id)
        except NotFound:
            return Duty()
        today = around.replace(hour=0, minute=0, second=0, microsecond=0)
        found = await self._shifts.get(user_id, today - AROUND, today + AROUND)
        shifts = found[0]["shifts"] if found else ()
        return Duty(unit.zone, tuple(_span(shift) for shift in shifts))

    async def overriding(self, user_id: str, override: Override) -> Overriding:
        """PUT of the skill's state, or PATCH of the proficiency, which also assigns a skill that he lacks."""
        return _overriding(user_id, override, await self._skill(user_id, override.skill_id))

    async def override(self, user_id: str, override: Override) -> int:
        """409: somebody changed the same agent; read again, write again."""

        async def read() -> Found:
            skill = await self._skill(user_id, override.skill_id)
            return Found(skill.body if skill else {}, "", self._api.now())

        def merge(found: Found) -> Write | None:
            return _overriding(user_id, override, found if found.body else None).write

        return (await change(read, merge, self._send, self._clocks, PATIENCE)).conflict_retries

    async def _skill(self, user_id: str, skill_id: str) -> Found | None:
        path = f"/api/v2/users/{path_id(user_id)}/routingskills"
        async for skill in entities(self._api, path):
            if skill["id"] == skill_id:
                return Found(skill, "", self._api.now())
        return None

    def export(self, stream_id: str, export: Export) -> Write:
        """There are none (`streams`)."""
        del export
        raise RefusedError(f"the official API has no event streams to send to ({stream_id})")

    async def send(self, export: Write) -> None:
        """There is nothing that could be sent: `export` refuses."""
        raise RefusedError(f"the official API has no event streams to send to ({export.path})")


def _presence(user_id: str) -> str:
    return f"/api/v2/users/{path_id(user_id)}/presences/purecloud"


def _name(definition: Mapping[str, Any]) -> str:
    """The word of a system presence; others only have an id that is theirs alone."""
    return str(definition["systemPresence"] if definition.get("type") == "System" else definition["id"])


def _label(definition: Mapping[str, Any]) -> str:
    labels = definition.get("languageLabels") or {}
    return "" if definition.get("type") == "System" else str(labels.get("en_US") or next(iter(labels.values()), ""))


def _found(reply: Reply) -> Found:
    body = reply.json()
    return Found(body, str(body.get("modifiedDate") or ""), reply.asked)


def _state(user_id: str, found: Found, definitions: Definitions) -> State:
    set_to = found.body.get("presenceDefinition") or {}
    key, system = str(set_to.get("id") or ""), str(set_to.get("systemPresence") or "")
    known = next((one for one in definitions if one["id"] == key), None)
    return State(
        user_id,
        name=_name(known) if known else key,
        system=system or str((known or {}).get("systemPresence") or ""),
        message=str(found.body.get("message") or ""),
        since=found.body.get("modifiedDate"),
        etag=None,
        asked=found.asked,
        answer={"userId": user_id, "presence": found.body} if system else None,
    )


def _span(shift: Mapping[str, Any]) -> tuple[datetime, datetime]:
    start = datetime.fromisoformat(shift["startDate"])
    return start, start + timedelta(minutes=shift["lengthMinutes"])


def _overriding(user_id: str, override: Override, skill: Found | None) -> Overriding:
    path = f"/api/v2/users/{path_id(user_id)}/routingskills"
    proficiency = _proficiency(override.status)
    held = skill.body if skill else {}
    if proficiency is not None:
        level = held.get("proficiency")
        write = Write("PATCH", f"{path}/bulk", [{"id": override.skill_id, "proficiency": proficiency}])
        before = None if level is None else f"{level:g}"
        return Overriding(before, f"{proficiency:g}", None if level == proficiency else write)
    if skill is None:
        what = f"the agent has no skill {override.skill_id}"
        raise NotValid(
            what, "a statusId from 0 to 5 assigns it with that proficiency", places=(("skillOverrides", what),)
        )
    state = "active" if letters(override.status) in ACTIVE else "inactive"
    now = str(held.get("state") or "active")
    body = {"proficiency": held.get("proficiency"), "state": state}
    write = Write("PUT", f"{path}/{path_id(override.skill_id)}", body)
    return Overriding(now, state, None if now == state else write)


def _proficiency(status: str) -> float | None:
    """Raises `NotValid` for what is neither a number from 0 to 5 nor a word."""
    try:
        number = float(status)
    except ValueError:
        if letters(status) in ACTIVE | INACTIVE:
            return None
        raise _unsaid(f"statusId {status!r} says nothing of a skill") from None
    if not 0 <= number <= MOST_PROFICIENCY:
        raise _unsaid(f"statusId {status} is no proficiency")
    return number


def _unsaid(what: str) -> NotValid:
    does = "active, inactive, a system presence such as Available, or a proficiency from 0 to 5"
    return NotValid(what, does, places=(("skillOverrides", what),))
