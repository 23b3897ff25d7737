"""`routing-profile` → Genesys: what agents may be used for, and how far.

The guide's optimiser always writes the recommended utilisation; here a number in the request wins
and the recommendation stands beside it in the facts: who writes a number means it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handlers.requests.plans import Plan, Result, Story
from handlers.requests.profile import ProfileRequest, check_whole
from handlers.requests.profile_checks import check_dialect, check_ids, check_quota
from handlers.requests.profile_words import differing, same, under
from handlers.requests.utilization import LOOK_BACK, Recommendation, Thresholds, recommend
from handlers.requests.words import Fields, InvalidRequest, Problem
from processor.clients.genesys.jobs import Found, Jobs, Write
from processor.clients.genesys.jobs.changing import Changed, Patience, change
from processor.clients.genesys.jobs.profiles import Place
from processor.clients.pace import Time
from processor.errors import ConflictError, RefusedError
from processor.event import instant

ATTEMPTS = 5
"""How often the guide tries when others change the profile meanwhile (G3, step 5)."""
FIRST_WAIT, LONGEST_WAIT = 2.0, 32.0
"""Seconds: the guide waits 2, 4, 8, … (G3, step 2); we draw from nothing to that, so that two do not keep step."""
SOME_ADVICE = Recommendation(0, "")
"""To find where a recommendation would be set."""
MOST_STEPS = 250
"""Calls at one place: a queue's codes are taken away one by one."""


@dataclass(frozen=True, slots=True)
class ConfigureProfiles:
    """The rules of `routing-profile`."""

    jobs: Jobs
    now: Callable[[], datetime]
    thresholds: Thresholds = field(default_factory=Thresholds)
    clocks: Time = field(default_factory=Time)
    patience: Patience = field(default_factory=lambda: Patience(ATTEMPTS, FIRST_WAIT, LONGEST_WAIT))

    async def plan(self, request: ProfileRequest, /) -> Plan:
        """Everything is read and checked. Raises `ConflictError` when `expected` is not what is there."""
        check_dialect(self.jobs.profiles, request)
        advice = await self._advice(request)
        wanted = _wanted(request, advice)
        places = self.jobs.profiles.places({**_whom(request), **wanted})
        found = {place: await self.jobs.profiles.read(place) for place in places}
        told = {place: self.jobs.profiles.told(place, found[place]) for place in places}
        before, after = dict[str, Any](), dict[str, Any]()
        calls = list[Write]()
        for place in places:
            aim = self.jobs.profiles.aim(place, found[place], wanted)
            under(before, place, told[place], alone=request.profile_id is not None)
            under(after, place, aim, alone=request.profile_id is not None)
            if not same(told[place], aim):
                _check_expected(request, place, told[place], found[place])
                calls += self.jobs.profiles.writes(place, found[place], aim)
        if request.profile_id is not None:
            check_whole(after)
        facts = {**_advised(advice, wanted), **await check_ids(self.jobs.profiles, wanted)}
        facts |= await check_quota(self.jobs.profiles, after if request.profile_id else wanted)
        return Plan(before, after, calls, facts)

    async def present(self, request: ProfileRequest, /) -> Fields:
        """Every place that it sets, whatever would be recommended now."""
        wanted, found = _wanted(request, SOME_ADVICE if request.queue_id else None), dict[str, Any]()
        for place in self.jobs.profiles.places({**_whom(request), **wanted}):
            told = self.jobs.profiles.told(place, await self.jobs.profiles.read(place))
            under(found, place, told, alone=request.profile_id is not None)
        return found

    async def carry_out(self, request: ProfileRequest, plan: Plan, /, *, started: bool) -> Result:
        """Place by place; each is read again right before it is written, so a repeat finds the rest to do."""
        del started  # nothing is created
        wanted = _wanted(request, None, plan)
        account = _Account(dict(plan.before), dict(plan.after), plan.facts, alone=request.profile_id is not None)
        for place in self.jobs.profiles.places({**_whom(request), **wanted}):
            try:
                done = await self._settle(request, place, wanted)
            except RefusedError as refusal:
                if isinstance(refusal, ConflictError) and isinstance(refusal.found, Found):
                    refusal.found = dict(self.jobs.profiles.told(place, refusal.found))
                if not account.written:
                    raise
                return account.half(place, refusal)
            told = self.jobs.profiles.told
            account.add(place, told(place, done.before), told(place, done.after), done)
        return account.whole(("profile",) if request.profile_id is not None else ())

    async def _settle(self, request: ProfileRequest, place: Place, wanted: Fields) -> Changed:
        """One place, until nothing is left to write."""
        profiles, retries = self.jobs.profiles, 0
        first: Changed | None = None

        def merge(found: Found) -> Write | None:
            told, aim = profiles.told(place, found), profiles.aim(place, found, wanted)
            if same(told, aim):
                return None
            if first is None:
                _check_expected(request, place, told, found)
            if request.profile_id is not None:
                check_whole(aim)
            return profiles.writes(place, found, aim)[0]

        for _ in range(MOST_STEPS):
            done = await change(
                lambda: profiles.read(place),
                merge,
                lambda write: profiles.send(place, write),
                self.clocks,
                self.patience,
            )
            retries += done.conflict_retries
            first = first or done
            if done.write is None or merge(done.after) is None:
                return Changed(first.before, done.after, first.write, retries)
        raise RefusedError(
            f"{place}: Genesys takes the change and shows another state", "look at the place in Genesys, then try again"
        )

    def audit(self, request: ProfileRequest, story: Story, /) -> Mapping[str, Any]:
        """The guide's entry. It knows only COMPLIANT; what is not as it was asked for is NON_COMPLIANT."""
        whom: dict[str, Any] = {"profileId": request.profile_id}
        if request.user_ids is not None:
            whom["userIds"] = list(request.user_ids)
        return {
            "timestamp": instant(story.at),
            **whom,
            "changes": _wanted(request, None, story),
            "latencyMs": round(story.latency_ms, 1),
            "conflictCount": story.conflict_retries,
            "status": "COMPLIANT" if story.status == "done" else "NON_COMPLIANT",
            "auditVersion": "1.0",
        }

    def reverse(self, request: ProfileRequest, before: Mapping[str, Any], after: Mapping[str, Any], /) -> Fields:
        """What was there, for all that was changed. Raises `RefusedError` where one request cannot say it."""
        if request.profile_id is not None:
            return {"profileId": request.profile_id, **_taken_back(before, after)}
        fields: dict[str, Any] = {"userIds": list(request.user_ids or ())}
        if not same(before.get("wrapUpCodes"), after.get("wrapUpCodes")):
            fields |= {"queueId": request.queue_id, "wrapUpCodes": before["wrapUpCodes"]}
        earlier, later = before.get("users") or {}, after.get("users") or {}
        states = [state for user, state in earlier.items() if not same(state, later.get(user))]
        if any(not same(state, states[0]) for state in states):
            raise RefusedError(
                "the agents had different skills or capacities before: one request cannot give each his own back",
                "hand in one request for each agent, with what stands under `before` in the outcome",
            )
        touched = [user for user, state in earlier.items() if not same(state, later.get(user))]
        if not states and "wrapUpCodes" not in fields:
            raise RefusedError("nothing was changed: there is nothing to take back")
        return {**fields, **({"userIds": touched, **states[0]} if states else {})}

    async def _advice(self, request: ProfileRequest) -> Recommendation | None:
        if request.queue_id is None:
            return None
        load = await self.jobs.profiles.load(request.queue_id, LOOK_BACK)
        if load is None and await self.jobs.profiles.missing("queue", [request.queue_id]):
            raise InvalidRequest([Problem("queueId", f"there is no queue {request.queue_id}", "one that exists")])
        return recommend(load, self.thresholds)


@dataclass(slots=True)
class _Account:
    """What was found and what stands, while place after place is written."""

    before: dict[str, Any]
    after: dict[str, Any]
    facts: Mapping[str, Any]
    alone: bool
    retries: int = 0
    written: list[str] = field(default_factory=list)

    def add(self, place: Place, before: Fields, after: Fields, done: Changed) -> None:
        """One place is as it should be. Not written: so since the plan, perhaps by a write whose answer was lost."""
        under(self.after, place, after, alone=self.alone)
        self.retries += done.conflict_retries
        if done.write is not None:
            under(self.before, place, before, alone=self.alone)
            self.written.append(str(place))

    def whole(self, look: tuple[str, ...]) -> Result:
        """All of it."""
        return Result(self.before, self.after, conflict_retries=self.retries, facts=self.facts, look=look)

    def half(self, place: Place, refusal: RefusedError) -> Result:
        """The rest was refused; which part stands is said."""
        remedy = f" ({refusal.remedy})" if refusal.remedy else ""
        error = f"{place}: {refusal}{remedy}; what stands: {', '.join(self.written)}"
        return Result(self.before, self.after, "failed", error, self.retries, self.facts)


def _whom(request: ProfileRequest) -> dict[str, Any]:
    said = {"profileId": request.profile_id, "userIds": request.user_ids, "queueId": request.queue_id}
    return {name: value for name, value in said.items() if value is not None}


def _wanted(request: ProfileRequest, advice: Recommendation | None, told: Plan | Story | None = None) -> dict[str, Any]:
    """The request's content, with the recommended utilisation where it says none; `told` remembers that one."""
    wanted = dict(request.wanted())
    if advice is not None:
        percent: Any = advice.percent
    else:
        percent = (told.facts.get("utilization") or {}).get("recommended") if told else None
    says_one = wanted.keys() & {"utilizationPercent", "maximumCapacities"}
    codes_only = request.user_ids is not None and request.wrap_up_codes is not None
    if percent is not None and not says_one and not codes_only:
        wanted["utilizationPercent"] = percent
    return wanted


def _advised(advice: Recommendation | None, wanted: Fields) -> dict[str, Any]:
    if advice is None:
        return {}
    is_set = wanted.get("utilizationPercent") == advice.percent
    return {"utilization": {"recommended": advice.percent, "reason": advice.reason, "isSet": is_set}}


def _check_expected(request: ProfileRequest, place: Place, told: Fields, found: Found) -> None:
    """Of a place that is to be written: one that is so already may be so by an earlier try of ours."""
    state: dict[str, Any] = {}
    under(state, place, told, alone=request.profile_id is not None)
    fields = differing(request.expected or {}, state)
    if fields:
        raise ConflictError(
            f"changed{f' by {found.by}' if found.by else ''} since: {', '.join(fields)}",
            state,
            "look at what is there now, and decide whether the change should still be made",
        )


def _taken_back(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in before.items() if not same(value, after.get(name))}
    if not fields:
        raise RefusedError("nothing was changed: there is nothing to take back")
    nothing = [name for name, value in fields.items() if value is None or value == ""]
    if nothing:
        raise RefusedError(
            f"the profile had no {nothing[0]} before, and there is no way to take a value away",
            "hand in a request with the value that it shall have",
        )
    return fields
