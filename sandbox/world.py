"""The sandbox's organisation as Genesys would show it: its entities as vendor JSON, with versions and authors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import stamp
from sandbox.entities import campaigns, groups, queue, schedules
from sandbox.names import BUSINESS_UNIT, QUEUES, Agent, agents, members
from sandbox.roster import Roster

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """An edit of an entity, for the audit: `by` is a user's or a client's id."""

    at: datetime
    by: str
    service: str
    action: str
    entity_type: str
    entity_id: str
    name: str
    changes: tuple[Json, ...] = ()


class World:
    """All entities by id. `now` is the sandbox's clock; every change is handed to the listeners."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        begin = now()
        self.roster = Roster(begin)
        self.agents = {agent.id: agent for agent in agents()}
        self.gone: set[str] = set()
        """Users who were deleted."""
        self.queues = {spec.id: queue(spec, begin) for spec in QUEUES}
        self.members = {spec.id: members(spec) for spec in QUEUES}
        self.schedules = {schedule["id"]: schedule for schedule in schedules(begin)}
        self.groups = {group["id"]: group for group in groups(begin)}
        self.campaigns = {campaign["id"]: campaign for campaign in campaigns(begin)}
        self.audits: list[Change] = []
        self.listeners: list[Callable[[Change], None]] = []

    def agent(self, user: str) -> Agent | None:
        """None for those who were deleted, too."""
        return None if user in self.gone else self.agents.get(user)

    def put(self, table: dict[str, Json], key: str, new: Json, by: str) -> Json:
        """Write an entity with author, time and (where it has one) next version; tell what changed."""
        old, now = table[key], self.now()
        new = {**new, "id": key, "dateModified": stamp(max(now, _next(old)))}
        if "version" in old:
            new["version"] = old["version"] + 1
        if "modifiedBy" in old:
            new["modifiedBy"] = by
        table[key] = new
        service, kind = self._kind(table)
        self.note(Change(now, by, service, "Update", kind, key, new["name"], tuple(differences(old, new))))
        return new

    def remove(self, table: dict[str, Json], key: str, by: str) -> None:
        """Delete an entity."""
        service, kind = self._kind(table)
        old = table.pop(key)
        self.note(Change(self.now(), by, service, "Delete", kind, key, old["name"]))

    def note(self, change: Change) -> None:
        """Keep it for the audit and hand it to the listeners."""
        self.audits.append(change)
        for listener in self.listeners:
            listener(change)

    def _kind(self, table: dict[str, Json]) -> tuple[str, str]:
        if table is self.queues:
            return "ContactCenter", "Queue"
        if table is self.schedules:
            return "Telephony", "Schedule"
        return ("Telephony", "ScheduleGroup") if table is self.groups else ("Outbound", "CampaignSchedule")


def _next(old: Json) -> datetime:
    """A dateModified after the last one: it is the only version that a queue has."""
    return datetime.fromisoformat(old["dateModified"]) + timedelta(milliseconds=1)


def differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> list[Json]:
    """What changed, as an audit names it: dotted property, old and new values as text."""
    found: list[Json] = []
    for key in sorted({*old, *new} - {"dateModified", "modifiedBy", "version"}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += differences(before, after, f"{path}{key}.")
        elif before != after:
            found.append({"property": f"{path}{key}", "oldValues": _text(before), "newValues": _text(after)})
    return found


def _text(value: Any) -> list[str]:
    return [] if value is None else [str(value)]


UNITS = {agent.unit: agent.crew.zone for agent in agents()}
"""Management unit id → zone."""
BUSINESS_ZONE = "America/New_York"
BUSINESS = {"id": BUSINESS_UNIT, "name": "Support"}
