"""`presence` → Genesys: an agent's presence, then his skills, then the stream that wants to be told.

What Genesys answers goes into raw like any delivery, so that the event it sends afterwards tells nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from handlers.requests.agent_day import AgentDay, agent_day
from handlers.requests.operating_hours import Hours
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.presence import PresenceRequest
from handlers.requests.presence_story import Account, audit, reverse, words
from handlers.requests.words import Fields, InvalidRequest, Problem
from processor.clients.genesys.jobs import Jobs, Write
from processor.clients.genesys.jobs.presence import (
    RETRIES,
    Definition,
    Export,
    Override,
    Overriding,
    Overtaken,
    State,
    Wanted,
    same_word,
)
from processor.errors import ConflictError, RefusedError
from processor.event import Envelope, Publishable, digest, instant

OFFLINE = "Offline"
AS_ANSWERED = "when Genesys has set it"
"""What a plan shows where only Genesys's answer will tell."""
NO_STREAMS = Problem(
    "streamId",
    "the official API has no event streams to send to",
    "leave it out: Genesys tells of the change by v2.users.{id}.presence, we by genesys.presence",
)
Clock = Callable[[], datetime]
Overrides = Sequence[tuple[Override, Overriding]]


@dataclass(frozen=True, slots=True)
class SetPresence:
    """The rules of `presence`."""

    jobs: Jobs
    now: Clock
    hours: Hours = field(default_factory=Hours)

    async def plan(self, request: PresenceRequest, /) -> Plan:
        """Raises `RefusedError` outside operating hours and shifts, `ConflictError` when `expected` is not there."""
        presences = self.jobs.presences
        if request.stream_id is not None and not presences.streams:
            raise InvalidRequest([NO_STREAMS])
        definition = await presences.definition(request.presence_id)
        state = await presences.get(request.user_id)
        overrides = [(one, await presences.overriding(request.user_id, one)) for one in _overrides(request)]
        wanted = Wanted(definition, request.custom_status_message)
        _check_expected(request, wanted, state, overrides)
        day = await self._day(request, definition, state.asked)
        calls = [] if wanted.is_so(state) else [presences.write(state, wanted)]
        calls += [overriding.write for _, overriding in overrides if overriding.write]
        calls += self._export(request, wanted, state)
        before = words(state, {one.skill_id: there.before for one, there in overrides})
        message = state.message if wanted.message is None else wanted.message
        after = {**before, "presenceId": definition.name, "customStatusMessage": message}
        if overrides:
            after["skillOverrides"] = [{"skillId": o.skill_id, "statusId": there.after} for o, there in overrides]
        return Plan(before, after, calls, {"systemPresence": definition.system or None, **day.facts()})

    async def present(self, request: PresenceRequest, /) -> Fields:
        """The presence, its message, and those skills that can be read."""
        state = await self.jobs.presences.get(request.user_id)
        skills = {
            one.skill_id: (await self.jobs.presences.overriding(request.user_id, one)).before
            for one in _overrides(request)
        }
        return words(state, skills)

    async def _day(self, request: PresenceRequest, definition: Definition, moment: datetime) -> AgentDay:
        """Offline is always allowed, so nobody is asked for shifts then."""
        if same_word(definition.system or definition.name, OFFLINE):
            return agent_day(self.hours, request.agent_time_zone, None, moment)
        duty = await self.jobs.presences.duty(request.user_id, moment)
        day = agent_day(self.hours, request.agent_time_zone, duty, moment)
        day.check(request.user_id)
        return day

    def _export(self, request: PresenceRequest, wanted: Wanted, state: State) -> list[Write]:
        if request.stream_id is None:
            return []
        so = wanted.is_so(state)
        etag, at = (state.etag, state.since or instant(state.asked)) if so else (AS_ANSWERED, AS_ANSWERED)
        export = Export(request.user_id, wanted.definition.name, at, etag)
        return [self.jobs.presences.export(request.stream_id, export)]

    async def carry_out(self, request: PresenceRequest, plan: Plan, /, *, started: bool) -> Result:
        """The presence first. What fails after it stands in the outcome as `failed`, with what stands."""
        del started  # nothing is created
        presences = self.jobs.presences
        wanted = Wanted(await presences.definition(request.presence_id), request.custom_status_message)
        source = f"genesys/{await presences.organisation()}"  # what may fail is asked before anything is changed
        try:
            changed = await presences.set(
                request.user_id, wanted, lambda state: _check_expected(request, wanted, state, ())
            )
        except Overtaken as overtaken:
            return _overtaken(overtaken)
        account = Account(plan, changed)
        for override in _overrides(request):
            begun = self.now()
            retries, error = 0, ""
            try:
                retries = await presences.override(request.user_id, override)
            except RefusedError as refusal:
                error = _said(refusal)
            account.overridden(override, begun, self.now(), retries, error)
        if request.stream_id is not None:
            await self._tell(request.stream_id, account)
        return account.result(self._deliveries(request, changed.after, source) if changed.written else [])

    async def _tell(self, stream_id: str, account: Account) -> None:
        """G5, step 3. Told again after a crash it is the same event, down to its ETag."""
        state = account.changed.after
        export = Export(state.user_id, state.name, state.since or instant(state.asked), state.etag)
        try:
            await self.jobs.presences.send(self.jobs.presences.export(stream_id, export))
        except RefusedError as refusal:
            account.untold(stream_id, _said(refusal))

    def _deliveries(self, request: PresenceRequest, state: State, source: str) -> list[Publishable]:
        """Genesys's answer, as a delivery of its own, beside it the zone that the request knows."""
        if state.answer is None:
            return []
        zone = {} if request.agent_time_zone is None else {"timeZone": request.agent_time_zone}
        data = orjson.dumps({**state.answer, **zone})
        return [
            Envelope(
                id=f"presence.{digest(data)[:32]}",
                source=source,
                type="answer.presence",
                subject=f"agent/{state.user_id}",
                time=state.asked,
                received_at=self.now(),
                data=data,
            )
        ]

    def audit(self, request: PresenceRequest, story: Story, /) -> Mapping[str, Any]:
        """The guide's record of the presence, and one for each skill beside it."""
        return audit(request, story)

    def reverse(self, request: PresenceRequest, before: Mapping[str, Any], after: Mapping[str, Any], /) -> Fields:
        """Back to what was there. Raises `RefusedError` where nobody could read what that was."""
        return reverse(request, before, after)


def _overrides(request: PresenceRequest) -> list[Override]:
    return [Override(one.skill_id, one.status_id) for one in request.skill_overrides]


def _check_expected(request: PresenceRequest, wanted: Wanted, state: State, overrides: Overrides) -> None:
    """Raises `ConflictError` with what is there. What is so already may be so by an earlier try of ours."""
    expected = request.expected
    if expected is None:
        return
    there: dict[str, str | None] = {one.skill_id: found.before for one, found in overrides}
    left = {one.skill_id for one, found in overrides if found.write}
    found = words(state, there)
    differing = [
        f"{name} is {found[name]!r}, not {expected[name]!r}"
        for name in ("presenceId", "customStatusMessage")
        if name in expected and not wanted.is_so(state) and not _same(name, found[name], expected[name])
    ]
    statuses = {one.get("skillId"): one.get("statusId") for one in expected.get("skillOverrides") or ()}
    differing += [
        f"skill {skill} is {there[skill]}, not {status}"
        for skill, status in statuses.items()
        if there.get(skill) is not None and there[skill] != status and skill in left
    ]
    if differing:
        since = f" (since {state.since})" if state.since else ""
        raise ConflictError(
            f"somebody has changed agent {state.user_id} meanwhile{since}: {'; '.join(differing)}",
            found,
            "look at what is there now; hand in a request of its own if it shall change all the same",
        )


def _same(name: str, found: str, expected: object) -> bool:
    return same_word(found, str(expected)) if name == "presenceId" else found == expected


def _overtaken(overtaken: Overtaken) -> Result:
    """As a conflict, with the number of attempts, which the metrics of the guide count."""
    state = overtaken.found if isinstance(overtaken.found, State) else None
    there = words(state, {}) if state else {}
    facts = {"etag": state.etag} if state else {}
    return Result(there, there, "conflict", _said(overtaken), conflict_retries=RETRIES, facts=facts)


def _said(refusal: RefusedError) -> str:
    return f"{refusal} ({refusal.remedy})" if refusal.remedy else str(refusal)
