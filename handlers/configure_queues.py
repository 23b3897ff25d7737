"""`queue-routing` → Genesys: a queue's rules and service level, once its members could keep to them.

A change counts as done when Genesys shows it, not when Genesys has taken it: rules take their way
to the edge, and a queue that is deleted meanwhile is another end than one that is slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handlers.requests.plans import Plan, Result, Story
from handlers.requests.queue import QueueRequest
from handlers.requests.rules import construct, form, skills_of
from handlers.requests.words import Fields, InvalidRequest, Problem
from processor.clients.genesys.jobs import Found, Jobs, Write
from processor.clients.genesys.jobs.changing import Patience, change
from processor.clients.genesys.jobs.queues import Activation, Member, OnShift
from processor.clients.pace import Time
from processor.errors import ConflictError, RefusedError, UnknownEnd
from processor.event import instant

SETTINGS = ("queueType", "slaPercent", "slaTarget", "wrapUpPolicy", "routingRules")
REQUIRED = "required"
"""G4's construction asks agents to wrap up each contact."""
ATTEMPTS, FIRST_WAIT = 4, 2.0
"""G4 tries four times, one second and its doubles apart; what is on its way to the edge is read only seconds later."""
GUIDES_OWN = {"slaPercent": "a share from 0 to 100, such as 90", "slaTarget": "seconds, such as 60"}
"""G4's workflow asks for 90 percent within 60 seconds."""
NO_WEBHOOKS = Problem(
    "webhookUrl",
    "the official API has no webhooks",
    "leave it out: changes of queues come by EventBridge or a trigger (`register`), and any WFM system gets them "
    "from genesys.queues",
)
UNMET = {
    "overtaken": "taken by Genesys, but somebody changed the queue again before it was active: look at what is there",
    "gone": "taken by Genesys, but the queue was deleted before it was active",
    "timeout": "taken by Genesys, but not active within the time that we look for it: it may still come; look again",
}


@dataclass(frozen=True, slots=True)
class ConfigureQueues:
    """The rules of `queue-routing`."""

    jobs: Jobs
    now: Callable[[], datetime]
    clocks: Time = field(default_factory=Time)
    patience: Patience = field(default_factory=lambda: Patience(ATTEMPTS, FIRST_WAIT))

    async def plan(self, request: QueueRequest, /) -> Plan:
        """Everything is read and checked. Raises `ConflictError` when `expected` is not what is there."""
        queues = self.jobs.queues
        self._check_dialect(request)
        found = await queues.get(request.queue_id)
        before, after = self._settings(request, found)
        _check_expected(request, found, before, after)
        facts = {**await self._check_skills(request), **await self._staffing(request, after)}
        if request.on_constraint == "refuse" and facts["constraints"]:
            raise RefusedError(_told(facts["constraints"]), "mend them, or say onConstraint: warn")
        calls = [] if after == before else [queues.write(found, after)]
        creates = request.webhook_url is not None and await self._webhook(request, started=False) is None
        if creates:
            calls.append(queues.register(request.queue_id, request.webhook_url or ""))
        return Plan(before, after, calls, facts, creates=creates)

    async def present(self, request: QueueRequest, /) -> Fields:
        """The settings; a webhook is none of them."""
        return dict(self.jobs.queues.settings(await self.jobs.queues.get(request.queue_id), request.queue_type))

    async def carry_out(self, request: QueueRequest, plan: Plan, /, *, started: bool) -> Result:
        """The settings, then until they are active, then the webhook; each is found done by a repeat."""
        queues = self.jobs.queues

        def merge(found: Found) -> Write | None:
            before, after = self._settings(request, found)
            _check_expected(request, found, before, after)
            return None if before == after else queues.write(found, after)

        try:
            done = await change(lambda: queues.get(request.queue_id), merge, queues.send, self.clocks, self.patience)
        except ConflictError as conflict:
            if isinstance(conflict.found, Found):
                conflict.found = dict(queues.settings(conflict.found, request.queue_type))
            raise
        before, after = self._settings(request, done.before)
        if done.write is None:
            before = plan.before  # the answer to our write was lost, perhaps: it stands, and it was ours
        facts, error = dict(plan.facts), None
        if done.write is not None:
            activation = await queues.arrived(done.before, done.after, after)
            facts["activation"] = _shown(activation)
            error = UNMET.get(activation.state)
        if request.webhook_url is not None and facts.get("activation", {}).get("state") != "gone":
            try:
                facts["webhookId"] = await self._make_webhook(request, started=started)
            except UnknownEnd as unseen:
                raise UnknownEnd(
                    f"the queue is as asked; whether the webhook to {request.webhook_url} was made before we were "
                    f"stopped cannot be seen: {unseen}",
                    "look at the webhooks in Genesys; hand the request in once more only if it is not there",
                ) from unseen
            except RefusedError as refusal:
                part = "the queue is changed" if done.write else "the queue was so already"
                error = "; ".join(filter(None, (error, f"{part}, the webhook is not made: {refusal}")))
        status = "failed" if error else "done"
        return Result(before, after, status, error, done.conflict_retries, facts, look=("queue",))

    def audit(self, request: QueueRequest, story: Story, /) -> Mapping[str, Any]:
        """The guide reads Genesys's audit log and writes none: this has that log's words for the entity."""
        entry = {
            "timestamp": instant(story.at),
            "action": "QUEUE_ROUTING_UPDATE",
            "entityType": "RoutingQueue",
            "entityId": request.queue_id,
            "status": "success" if story.status == "done" else "failure",
            "latencyMs": round(story.latency_ms, 1),
            "conflictRetries": story.conflict_retries,
            "constraints": story.facts.get("constraints", []),
        }
        told = {name: story.facts[name] for name in ("activation", "webhookId") if name in story.facts}
        return {**entry, **told, **({"details": story.error} if story.error else {})}

    def reverse(self, request: QueueRequest, before: Mapping[str, Any], after: Mapping[str, Any], /) -> Fields:
        """The former settings. A webhook stays: the guide shows no way to take one away."""
        changed = {name: before.get(name) for name in SETTINGS if before.get(name) != after.get(name)}
        if not changed:
            raise RefusedError("nothing was changed: there is nothing to take back")
        unsaid = [name for name, value in changed.items() if value is None]
        if unsaid:
            raise RefusedError(f"before, the queue had no {unsaid[0]}: a request cannot say that", "set it in Genesys")
        return {"queueId": request.queue_id, "queueType": before.get("queueType"), **changed}

    def _check_dialect(self, request: QueueRequest) -> None:
        rules, ours = form(request.rules() or ()), self.jobs.queues.rules
        problems = []
        if rules not in (None, ours):
            would = {
                "conditions": "rules with type, conditions and routingStrategy",
                "preferred-agents": "priorities and skills stand on contacts in the official API: set them in the flow "
                "(Architect: Transfer to ACD); a queue takes rules with operator, threshold and waitSeconds",
            }
            problems.append(Problem("routingRules", "rules of the other dialect", would[ours]))
        if ours == "conditions" and (request.wrap_up_policy or "").isupper():
            problems.append(Problem("wrapUpPolicy", "a prompt of the official API", "required or optional"))
        if ours == "preferred-agents" and request.webhook_url is not None:
            problems.append(NO_WEBHOOKS)
        unsaid = {"slaPercent": request.sla_percent, "slaTarget": request.sla_target}
        others = (*unsaid.values(), request.routing_rules, request.wrap_up_policy, request.webhook_url)
        if ours == "preferred-agents" and all(one is None for one in others):
            would_do = "give contacts the skills in the flow; say slaTarget too to have members checked for them"
            problems.append(Problem("skillIds", "a queue of the official API holds no skills", would_do))
        if problems:
            raise InvalidRequest(problems)

    def _settings(self, request: QueueRequest, found: Found) -> tuple[Fields, Fields]:
        """(as they are, as they shall be), in the words that this dialect will answer with."""
        before = self.jobs.queues.settings(found, request.queue_type)
        said: dict[str, Any] = {
            "slaPercent": request.sla_percent,
            "slaTarget": request.sla_target,
            "wrapUpPolicy": request.wrap_up_policy,
            "routingRules": request.rules(),
            "queueType": request.queue_type,
        }
        if self.jobs.queues.rules == "conditions":
            if request.skill_ids is not None and request.routing_rules is None:
                said["routingRules"] = construct(request.skill_ids)
                said["wrapUpPolicy"] = request.wrap_up_policy or REQUIRED
            said |= {name: value for name, value in _defaults(before).items() if said[name] is None}
        after = {**before, **{name: value for name, value in said.items() if value is not None}}
        missing = [name for name in ("slaPercent", "slaTarget") if after[name] is None]
        if missing:
            raise InvalidRequest([Problem(name, "the queue has none yet", GUIDES_OWN[name]) for name in missing])
        return before, self.jobs.queues.wanted(found, after)

    async def _check_skills(self, request: QueueRequest) -> dict[str, Any]:
        """As a fact: skills that nobody lists, so that only Genesys's answer to the write can tell."""
        rules = request.rules() or []
        wanted = list(dict.fromkeys([*(request.skill_ids or ()), *skills_of(rules)]))
        unknown = await self.jobs.queues.unknown_skills(wanted)
        if unknown is None:
            return {"unchecked": wanted}
        problems = [
            Problem(place, f"no skill has the id {skill}", "the id of a skill as GET /api/v2/routing/skills lists it")
            for place, skill in _places(request, rules)
            if skill in unknown
        ]
        if problems:
            raise InvalidRequest(problems)
        return {}

    async def _staffing(self, request: QueueRequest, after: Fields) -> dict[str, Any]:
        """Who serves the queue, and what keeps him from doing it as it is wanted (G4, step 2)."""
        members = await self.jobs.queues.members(request.queue_id)
        if not members:
            raise RefusedError(
                "the queue has no members: nobody would be routed to", "add and join members in Genesys, then try again"
            )
        on_shift = await self.jobs.queues.on_shift([member.user_id for member in members])
        wanted = list(dict.fromkeys([*(request.skill_ids or ()), *skills_of(after["routingRules"])]))
        constraints = [one for member in members for one in _constraints(member, wanted, on_shift.get(member.user_id))]
        unable = {one["agentId"] for one in constraints}
        rules = after["routingRules"] or []
        if form(rules) == "conditions" and not any(rule.get("type") == "default" for rule in rules):
            constraints.append({"type": "no_default_rule"})
        able = sum(on_shift[member.user_id].capacity for member in members if member.user_id not in unable)
        return {"members": len(members), "ableNow": len(members) - len(unable), "capacityNow": able} | {
            "constraints": constraints
        }

    async def _webhook(self, request: QueueRequest, *, started: bool) -> str | None:
        try:
            return await self.jobs.queues.webhook(request.queue_id, request.webhook_url or "")
        except UnknownEnd:
            if started:
                raise
            return None  # it cannot be searched for: that it is made is in the log before it is tried

    async def _make_webhook(self, request: QueueRequest, *, started: bool) -> str:
        found = await self._webhook(request, started=started)
        if found is not None:
            return found
        return await self.jobs.queues.registered(self.jobs.queues.register(request.queue_id, request.webhook_url or ""))


def _defaults(before: Fields) -> Fields:
    """What the guide's construction puts where a queue has nothing."""
    found = {"routingRules": construct(()), "wrapUpPolicy": REQUIRED, "queueType": "email"}
    return {name: value for name, value in found.items() if before.get(name) is None}


def _check_expected(request: QueueRequest, found: Found, before: Fields, after: Fields) -> None:
    """What is so already was perhaps made so by ourselves, before we were stopped: it is no conflict."""
    if request.expected is None or before == after:
        return
    other = {
        name: before.get(name)
        for name, value in request.expected.items()
        if name in SETTINGS and before.get(name) != value
    }
    if other:
        who = f" by {found.by}" if found.by else ""
        told = ", ".join(f"{name} is {value!r}, not {request.expected[name]!r}" for name, value in other.items())
        raise ConflictError(f"the queue was changed{who}: {told}", dict(before), "look at what is there, then decide")


def _places(request: QueueRequest, rules: Sequence[Fields]) -> list[tuple[str, str]]:
    """Each skill that the request names, with its place."""
    found = [(f"skillIds[{at}]", skill) for at, skill in enumerate(request.skill_ids or ())]
    for number, rule in enumerate(rules):
        spot = f"routingRules[{number}].routingStrategy.skills"
        found += [(f"{spot}[{at}]", skill) for at, skill in enumerate(skills_of([rule]))]
    return found


def _constraints(member: Member, wanted: Sequence[str], shift: OnShift | None) -> list[dict[str, Any]]:
    """In the guide's words."""
    found: list[dict[str, Any]] = []
    missing = [skill for skill in wanted if skill not in member.skills]
    if missing:
        found.append({"type": "skill_mismatch", "agentId": member.user_id, "missingSkills": missing})
    if shift is None:
        found.append({"type": "no_active_shift", "agentId": member.user_id})
    elif shift.capacity < 1:
        found.append({"type": "zero_capacity", "agentId": member.user_id, "capacity": shift.capacity})
    return found


def _told(constraints: Sequence[Mapping[str, Any]]) -> str:
    """How many of each kind, and the first agents."""
    by: dict[str, list[str]] = {}
    for one in constraints:
        by.setdefault(one["type"], []).append(one.get("agentId", ""))
    parts = []
    for kind, agents in by.items():
        named = ", ".join(agents[:3]) + (", …" if len(agents) > 3 else "")
        parts.append(f"{kind} ({len(agents)}: {named})" if agents[0] else kind)
    return f"the queue could not keep to it: {'; '.join(parts)}"


def _shown(activation: Activation) -> dict[str, Any]:
    return {"state": activation.state, "polls": activation.polls, "version": activation.seen}
