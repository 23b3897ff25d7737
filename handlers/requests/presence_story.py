"""What came of a presence request: which parts stand, how G5's audit tells it, and the way back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handlers.requests.plans import Plan, Result, Story
from handlers.requests.presence import PresenceRequest
from handlers.requests.words import Fields
from processor.clients.genesys.jobs.presence import Changed, Override, State
from processor.errors import RefusedError
from processor.event import Publishable, instant


def words(state: State, skills: Mapping[str, str | None]) -> dict[str, Any]:
    """In the request's own words; a skill whose status nobody can read is left out."""
    told: dict[str, Any] = {"presenceId": state.name, "customStatusMessage": state.message}
    if skills:
        known = ((skill, status) for skill, status in skills.items() if status is not None)
        told["skillOverrides"] = [{"skillId": skill, "statusId": status} for skill, status in known]
    return told


@dataclass(slots=True)
class Account:
    """Filled as the parts are done; `result` is what the outcome says."""

    plan: Plan
    changed: Changed
    overrides: list[dict[str, Any]] = field(default_factory=list)
    """One for each skill, in their order."""
    failures: list[str] = field(default_factory=list)

    def overridden(self, override: Override, begun: datetime, ended: datetime, retries: int, error: str) -> None:
        """A skill was done, or `error` says why not."""
        self.overrides.append(
            {
                "skillId": override.skill_id,
                "statusId": override.status,
                "timestamp": instant(ended),
                "latencyMs": round((ended - begun).total_seconds() * 1000, 1),
                "conflictRetries": retries,
                "success": not error,
            }
        )
        if error:
            self.failures.append(f"skill {override.skill_id}: {error}")

    def untold(self, stream_id: str, error: str) -> None:
        """The stream did not take it."""
        self.failures.append(f"event stream {stream_id}: {error}")

    def result(self, publish: Sequence[Publishable]) -> Result:
        """`failed` when a part of it failed: the error says what stands and what does not."""
        after = words(self.changed.after, self._statuses())
        before = dict(self.plan.before)
        if self.changed.written:  # else it is so since the plan, perhaps by a write whose answer was lost
            before |= words(self.changed.before, {})
        error = None
        if self.failures:
            stands = [
                f"presence {after['presenceId']}",
                *(f"skill {s['skillId']}" for s in self.overrides if s["success"]),
            ]
            error = f"{'; '.join(self.failures)}; what stands: {', '.join(stands)}"
        return Result(
            before,
            after,
            status="failed" if error else "done",
            error=error,
            conflict_retries=self.changed.conflict_retries + sum(one["conflictRetries"] for one in self.overrides),
            facts={"etag": self.changed.after.etag, "presenceStands": True, "overrides": self.overrides},
            publish=publish,
        )

    def _statuses(self) -> dict[str, str | None]:
        """What each skill is at now: the wanted status where it was set, else the one before."""
        before = {one["skillId"]: one["statusId"] for one in self.plan.before.get("skillOverrides") or ()}
        wanted = {one["skillId"]: one["statusId"] for one in self.plan.after.get("skillOverrides") or ()}
        return {
            one["skillId"]: wanted[one["skillId"]] if one["success"] else before.get(one["skillId"])
            for one in self.overrides
        }


def audit(request: PresenceRequest, story: Story) -> dict[str, Any]:
    """G5's AuditRecord of the presence; where skills were set too, `auditLogs` has all records in their order."""
    overrides = story.facts.get("overrides") or ()
    own = sum(one["conflictRetries"] for one in overrides)
    record = {
        "userId": request.user_id,
        "action": "presence_update",
        "targetState": request.presence_id,
        "timestamp": instant(story.at),
        "latencyMs": round(story.latency_ms, 1),
        "conflictRetries": story.conflict_retries - own,
        "success": story.status == "done" or bool(story.facts.get("presenceStands")),
        "etag": story.facts.get("etag"),
    }
    further = [_override(request.user_id, one, record["etag"]) for one in overrides]
    return {**record, "auditLogs": [record, *further]} if further else record


def _override(user_id: str, one: Mapping[str, Any], etag: object) -> dict[str, Any]:
    return {
        "userId": user_id,
        "action": "skill_override",
        "targetState": f"{one['skillId']}={one['statusId']}",
        "timestamp": one["timestamp"],
        "latencyMs": one["latencyMs"],
        "conflictRetries": one["conflictRetries"],
        "success": one["success"],
        "etag": etag,
    }


def reverse(request: PresenceRequest, before: Mapping[str, Any], after: Mapping[str, Any]) -> Fields:
    """The request that puts `before` back; the stream that was told is told again."""
    statuses = {one["skillId"]: one["statusId"] for one in before.get("skillOverrides") or ()}
    changed = [one["skillId"] for one in after.get("skillOverrides") or ()]
    unread = [skill for skill in changed if skill not in statuses]
    if unread:
        raise RefusedError(
            f"what skill {unread[0]} was before cannot be read, so it cannot be put back",
            "hand in a request with the presence and the skillOverrides that you want",
        )
    fields: dict[str, Any] = {
        "userId": request.user_id,
        "presenceId": before["presenceId"],
        "customStatusMessage": before["customStatusMessage"],
    }
    if changed:
        fields["skillOverrides"] = [{"skillId": skill, "statusId": statuses[skill]} for skill in changed]
    if request.agent_time_zone is not None:
        fields["agentTimeZone"] = request.agent_time_zone
    if request.stream_id is not None:
        fields["streamId"] = request.stream_id
    return fields
