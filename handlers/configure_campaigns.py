"""`campaign-schedule` → Genesys: checked against limits, shifts and what is planned, then made once.

A schedule that stands exactly so already is adopted, whoever made it: the same request is never
done twice. One that shares time with another is a conflict, explained with the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from handlers.normalise.guide_forms import CREATED
from handlers.requests.campaign import CampaignScheduleRequest
from handlers.requests.campaign_times import bare, first_overlap, sums, wall_text
from handlers.requests.plans import Plan, Result, Story
from handlers.requests.words import InvalidRequest, Problem
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.jobs.campaigns import Admit, Campaign, Present, Wanted
from processor.errors import ConflictError, RefusedError
from processor.event import Envelope, instant

NAMESPACE = uuid.UUID("5c1c4b0e-6b6f-4c0a-9d64-0f6f3d0a3c52")
"""Schedule ids are made of what the schedule says: the same wish has the same id after a restart."""
LOOK_AHEAD = timedelta(days=28)
"""How far ahead agents' shifts are compared: who plans further ahead has mostly not published it."""
SOURCE = "genesys-outbound-automation"
"""G2, step 4: how the notice to the WFM system names its sender."""


@dataclass(frozen=True, slots=True)
class ConfigureCampaigns:
    """The rules of `campaign-schedule`."""

    jobs: Jobs
    now: Callable[[], datetime]

    async def plan(self, request: CampaignScheduleRequest, /) -> Plan:
        """Everything is read and checked. Raises `InvalidRequest` with every limit that is exceeded."""
        wanted = wanted_of(request)
        if request.remove:
            return await self._plan_removal(request, wanted)
        campaigns = self.jobs.campaigns
        present = await campaigns.present(request.campaign_id)
        standing = campaigns.standing(present, wanted)
        before = {**request.wanted(), "scheduleId": standing} if standing else {}
        _check_expected(request, before)
        if standing and campaigns.keeps_limits:
            return Plan(before, before, facts={"hours": sums(wanted)}, creates=True)
        campaign = await campaigns.campaign(request.campaign_id)
        facts = {"campaign": campaign.name, "hours": sums(wanted), "limits": self._limits(request, campaign)}
        if standing:
            return Plan(before, before, facts=facts, creates=True)
        if wanted.end <= self.now():
            raise InvalidRequest([Problem("endDate", f"{instant(wanted.end)} is over", "an end in the future")])
        self._admit(wanted)(present)
        facts["shifts"] = await self._shifts(request, campaign, wanted)
        _check_constraints(request, facts)
        call = campaigns.addition(present, wanted)
        # announced before it is tried, where it is conditional too: the notice must follow a try that was cut off
        return Plan(before, request.wanted(), (call,), facts, creates=True)

    async def present(self, request: CampaignScheduleRequest, /) -> Mapping[str, Any]:
        """This one schedule, nothing where it does not stand."""
        found = await self.jobs.campaigns.present(request.campaign_id)
        standing = self.jobs.campaigns.standing(found, wanted_of(request))
        return {**request.wanted(), "scheduleId": standing} if standing else {}

    async def carry_out(self, request: CampaignScheduleRequest, plan: Plan, /, *, started: bool) -> Result:
        """What stands already is adopted; after an unfinished try it is announced all the same."""
        if request.remove:
            return await self._remove(request, plan)
        if not plan.calls and not started:
            return Result(plan.before, plan.after, facts=plan.facts)
        wanted = wanted_of(request)
        added = await self.jobs.campaigns.add(wanted, self._admit(wanted))
        notice = self._notice(added.schedule_id, request.campaign_id)
        return Result(
            {},
            {**request.wanted(), "scheduleId": added.schedule_id},
            conflict_retries=added.conflict_retries,
            facts={**plan.facts, "adopted": added.adopted},
            publish=(notice,),
        )

    def audit(self, request: CampaignScheduleRequest, story: Story, /) -> Mapping[str, Any]:
        """G2, step 4: one line for a success, another for a failure."""
        entry = {"timestamp": instant(story.at), "campaignId": request.campaign_id}
        if story.status != "done":
            return {**entry, "status": "FAILURE", "error": story.error or "", "latencyMs": round(story.latency_ms)}
        return {
            **entry,
            "scheduleId": story.after.get("scheduleId") or story.before.get("scheduleId"),
            "status": "SUCCESS",
            "latencyMs": round(story.latency_ms),
            "timezone": request.timezone,
            "maxConcurrentCalls": request.max_concurrent_calls,
        }

    def reverse(
        self, request: CampaignScheduleRequest, before: Mapping[str, Any], after: Mapping[str, Any], /
    ) -> Mapping[str, Any]:
        """What was made is taken out, what was taken out is made again."""
        if dict(before) == dict(after):
            raise RefusedError("it changed nothing: there is nothing to take back", "nothing needs to be done")
        if not request.remove and not self.jobs.campaigns.removes:
            raise RefusedError(
                f"this dialect has no call that deletes a campaign's schedule: {after.get('scheduleId')} stays",
                "delete it in Genesys's administration",
            )
        return {**request.wanted(), "remove": not request.remove}

    async def _plan_removal(self, request: CampaignScheduleRequest, wanted: Wanted) -> Plan:
        campaigns = self.jobs.campaigns
        present = await campaigns.present(request.campaign_id)
        call = campaigns.removal(present, wanted)
        if call is None:
            return Plan({}, {})
        before = {**request.wanted(), "scheduleId": campaigns.standing(present, wanted)}
        _check_expected(request, before)
        return Plan(before, {}, (call,), {"hours": sums(wanted)})

    async def _remove(self, request: CampaignScheduleRequest, plan: Plan) -> Result:
        retries = 0
        if plan.calls:
            retries = await self.jobs.campaigns.remove(wanted_of(request), lambda _: None)
        look = ("campaign",) if plan.calls else ()
        return Result(plan.before, {}, conflict_retries=retries, facts=plan.facts, look=look)

    def _admit(self, wanted: Wanted) -> Admit:
        def admit(present: Present) -> None:
            overlap = first_overlap(wanted, present.entries)
            if overlap is None:
                return
            when = wall_text(overlap.start, wanted.time_zone)
            until = wall_text(overlap.end, wanted.time_zone).rpartition(" ")[2]
            raise ConflictError(
                f"it overlaps with {overlap} of the campaign: first on {when} to {until} {wanted.time_zone}",
                found=overlap.found(wanted.time_zone),
                remedy="choose slots or dates that leave the other's hours out, or take the other schedule out first",
            )

        return admit

    def _limits(self, request: CampaignScheduleRequest, campaign: Campaign) -> Mapping[str, Any]:
        """The campaign's own, else the request's; what nobody tells is not checked and says so."""
        problems: list[Problem] = []
        told: dict[str, Any] = {}
        for name, asked, own, given in (
            ("maxConcurrentCalls", request.max_concurrent_calls, campaign.calls, request.limits.max_concurrent_calls),
            (
                "maxConcurrentAgents",
                request.max_concurrent_agents,
                campaign.most_agents,
                request.limits.max_concurrent_agents,
            ),
        ):
            limit = own if own is not None else given
            whose = "the campaign" if own is not None else "the request's limits"
            told[name] = {"asked": asked, "limit": limit, "from": whose if limit is not None else "nobody"}
            if limit is not None and asked > limit:
                problems.append(Problem(name, f"{asked} is more than {whose} allows: {limit}", f"at most {limit}"))
        if problems:
            raise InvalidRequest(problems)
        if campaign.unread:
            told["unread"] = campaign.unread
        if not self.jobs.campaigns.keeps_limits:
            told["notKept"] = "Genesys keeps these limits for the campaign as a whole, not for one of its schedules"
        return told

    async def _shifts(self, request: CampaignScheduleRequest, campaign: Campaign, wanted: Wanted) -> Mapping[str, Any]:
        agents = request.agent_ids or campaign.agents
        if not agents:
            return {"compared": "no agents are known: name them in agentIds"}
        now = self.now()
        start, end = max(now, wanted.start), min(wanted.end, now + LOOK_AHEAD)
        if start >= end:
            return {"compared": f"it begins more than {LOOK_AHEAD.days} days from now: no shifts are compared"}
        try:
            shifts = await self.jobs.campaigns.shifts(agents, start, end)
        except RefusedError as refusal:
            return {"compared": f"the agents' shifts could not be read: {refusal} ({refusal.remedy})"}
        told = bare(wanted, request.drawn().places, shifts, now)
        return {**told, "unknownAgents": unknown} if (unknown := [one for one in agents if one not in shifts]) else told

    def _notice(self, schedule_id: str, campaign_id: str) -> Envelope:
        """G2's `SCHEDULE_CREATED`, as a delivery: the WFM system is told of it through the log, and never dropped."""
        now = self.now()
        body = {
            "scheduleId": schedule_id,
            "campaignId": campaign_id,
            "event": CREATED,
            "timestamp": instant(now),
            "source": SOURCE,
        }
        return Envelope(
            id=f"{campaign_id}/{schedule_id}/{instant(now)}",
            source="genesys/unknown",
            type=CREATED,
            subject=f"campaign/{campaign_id}",
            time=now,
            received_at=now,
            data=orjson.dumps(body),
        )


def wanted_of(request: CampaignScheduleRequest) -> Wanted:
    """The schedule that is asked for."""
    drawn = request.drawn()
    said = orjson.dumps(request.wanted(), option=orjson.OPT_SORT_KEYS).decode()
    return Wanted(
        request.campaign_id,
        str(uuid.uuid5(NAMESPACE, said)),
        drawn.start,
        drawn.end,
        drawn.time_zone,
        drawn.slots,
        request.max_concurrent_calls,
        request.max_concurrent_agents,
    )


def _check_expected(request: CampaignScheduleRequest, before: Mapping[str, Any]) -> None:
    expected = request.expected or {}
    differing = sorted(name for name, value in expected.items() if before.get(name) != value)
    if differing:
        raise ConflictError(
            f"{', '.join(differing)}: not what was expected to be there",
            found=before,
            remedy="look at what is there now, then hand the request in without `expected` if it is still wanted",
        )


def _check_constraints(request: CampaignScheduleRequest, facts: Mapping[str, Any]) -> None:
    """Only with `onConstraint: refuse`."""
    if request.on_constraint == "refuse" and (told := list(_constraints(facts))):
        raise RefusedError("; ".join(told), "change the slots or the shifts, or hand it in with onConstraint: warn")


def _constraints(facts: Mapping[str, Any]) -> Iterator[str]:
    for one in facts["shifts"].get("outside", ()):
        yield f"{one['slot']}: nobody is at work from {one['from']} to {one['to']}"
    if "notKept" in facts["limits"]:
        yield str(facts["limits"]["notKept"])
