"""What happens, in the words of Genesys's event topics and inside EventBridge's envelope."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import stamp
from sandbox.floor import Floor, Happening
from sandbox.measure import offered
from sandbox.names import ADMIN, ORGANISATION, PRESENCES, Agent, event_spelling
from sandbox.roster import Shift
from sandbox.world import Change, World

Json = dict[str, Any]
SOURCE = f"aws.partner/genesys.com/cloud/{ORGANISATION}/sandbox"
HALF_HOUR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Emission:
    """One event. `facets`: what it says of its subject, for the ledger."""

    id: str
    type: str
    subject: str
    at: datetime
    body: Json
    facets: Mapping[str, Json] = field(default_factory=dict)


class Reporter:
    """Makes events. Ids are drawn from the seed."""

    def __init__(self, seed: int, world: World, floor: Floor) -> None:
        self._random = random.Random(f"{seed}/ids")
        self._world = world
        self._floor = floor

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def _emission(
        self, template: str, ids: Iterable[str], subject: str, at: datetime, body: Json, **facets: Json
    ) -> Emission:
        topic, key = template, self._id()
        for value in ids:
            topic = topic.replace("{id}", value, 1)
        detail = {
            "topicName": topic,
            "version": "2",
            "eventBody": body,
            "metadata": {"CorrelationId": self._id()},
            "timestamp": stamp(at + timedelta(milliseconds=80)),
        }
        envelope = {
            "version": "0",
            "id": key,
            "detail-type": template,
            "source": SOURCE,
            "account": "123456789012",
            "time": stamp(at).partition(".")[0] + "Z",
            "region": "us-east-1",
            "resources": [],
            "detail": detail,
        }
        return Emission(key, template, subject, at, envelope, facets)

    def presence(self, happening: Happening) -> list[Emission]:
        """An agent's presence: by itself, and once more as his activity."""
        user, at = happening.id, happening.at
        definition = {"id": PRESENCES[happening.presence], "systemPresence": event_spelling(happening.presence)}
        body = {
            "source": "PURECLOUD",
            "presenceDefinition": definition,
            "primary": True,
            "message": happening.message,
            "modifiedDate": stamp(at),
        }
        shown = {"presenceDefinition": definition, "presenceMessage": happening.message, "modifiedDate": stamp(at)}
        activity = {
            "id": user,
            "routingStatus": {"status": happening.routing, "startTime": stamp(happening.routing_since or at)},
            "presence": shown,
            "outOfOffice": {"active": False, "modifiedDate": stamp(self._floor.roster.midnight)},
            "activeQueueIds": [key for key, members in self._world.members.items() if members.get(user)],
            "dateActiveQueuesChanged": stamp(at),
        }
        said = {"value": definition["systemPresence"], "since": stamp(at)}
        subject = f"agent/{user}"
        return [
            self._emission("v2.users.{id}.presence", [user], subject, at, body, presence=said),
            self._emission("v2.users.{id}.activity", [user], subject, at, activity, presence=said),
        ]

    def routing(self, happening: Happening) -> Emission:
        """An agent's routing status."""
        user, at, since = happening.id, happening.at, stamp(happening.routing_since or happening.at)
        status = {"status": happening.routing, "startTime": since}
        said = {"value": happening.routing, "since": since}
        body = {"id": user, "routingStatus": status}
        return self._emission("v2.users.{id}.routingStatus", [user], f"agent/{user}", at, body, routing=said)

    def observations(self, queue_id: str, at: datetime, half_hour: datetime) -> Emission:
        """A queue's counts of the half hour so far; contacts count where they began."""
        floor, queue = self._floor, self._floor.queues[queue_id]
        start = floor.seconds(half_hour)
        measured = offered(floor.contacts[queue_id], start, start + 1800)
        level = self._world.queues[queue_id]["mediaSettings"][queue.media]["serviceLevel"]
        seconds = level["durationMs"] / 1000
        desks = floor.joined(queue_id)
        metrics: list[Json] = [
            {"metric": "oWaiting", "stats": {"count": len(floor.waiting[queue_id])}},
            {"metric": "nOffered", "stats": {"count": measured.offered}},
        ]
        if measured.waits:
            waits = [int(wait * 1000) for wait in measured.waits]
            times = {"count": len(waits), "min": min(waits), "max": max(waits), "sum": sum(waits)}
            in_time = measured.within(seconds)
            share = {"numerator": in_time, "denominator": len(waits), "ratio": in_time / len(waits)}
            metrics.append({"metric": "tAnswered", "stats": times})
            metrics.append({"metric": "oServiceLevel", "stats": {**share, "target": level["percentage"]}})
        for status in ("IDLE", "INTERACTING", "OFF_QUEUE"):
            count = sum(desk.routing == status for desk in desks)
            metrics.append({"metric": "oUserRoutingStatuses", "qualifier": status, "stats": {"count": count}})
        body = {
            "group": {"queueId": queue_id, "mediaType": queue.media},
            "data": [{"interval": f"{stamp(half_hour)}/{stamp(half_hour + HALF_HOUR)}", "metrics": metrics}],
        }
        topic = "v2.analytics.queues.{id}.observations"
        said = {"offered": measured.offered, "at": stamp(at)}
        return self._emission(topic, [queue_id], f"queue/{queue_id}", at, body, **{f"volume {stamp(half_hour)}": said})

    def change(self, change: Change) -> list[Emission]:
        """An edit: the audit of it, and what else Genesys tells about it."""
        kind = {"Queue": "queue", "Schedule": "schedule", "ScheduleGroup": "schedule-group"}.get(change.entity_type)
        subject = f"{kind or 'campaign'}/{change.entity_id}"
        person = {"id": change.by, "name": "Ana Admin"}
        by_a_client = change.by != ADMIN
        body = {
            "id": self._id(),
            "userId": change.by,
            "username": person,
            "userDisplay": person["name"],
            "clientId": {"id": change.by} if by_a_client else {},
            "serviceName": change.service,
            "level": "USER",
            "eventTime": stamp(change.at),
            "message": {},
            "action": change.action,
            "entityType": change.entity_type,
            "entity": {"id": change.entity_id, "name": change.name},
            "propertyChanges": list(change.changes),
            "context": {},
        }
        ids = [change.entity_type, change.entity_id]
        told = [self._emission("v2.audits.entitytype.{id}.entityid.{id}", ids, subject, change.at, body)]
        campaign = self._world.campaigns.get(change.entity_id)
        if campaign:
            shown = {name: value for name, value in campaign.items() if name != "selfUri"}
            topic = "v2.outbound.schedules.campaigns.{id}"
            told.append(self._emission(topic, [change.entity_id], subject, change.at, shown))
        if change.action == "MemberUpdate":
            told += self._members(change)
        return told

    def _members(self, change: Change) -> list[Emission]:
        told = []
        for edit in change.changes:
            user = edit["property"].split(":")[1]
            joined = edit["newValues"] == ["true"]
            body = {"id": user, "user": {"id": user}, "queueId": change.entity_id, "joined": joined}
            topic, subject = "v2.routing.queues.{id}.users", f"queue/{change.entity_id}"
            told.append(self._emission(topic, [change.entity_id], subject, change.at, body))
        return told

    def shifts(self, agent: Agent, shift: Shift, edit: str, at: datetime) -> list[Emission]:
        """An agent's shifts were edited: both notifications, neither carries the shifts. `edit`: Edited or Deleted."""
        start, end = shift.start - timedelta(hours=12), shift.end + timedelta(hours=12)
        horizon = at + timedelta(days=28)
        visible = {"endBusinessUnitDate": str(horizon.date()), "endDate": stamp(horizon)}
        span = {"startDate": stamp(start), "endDate": stamp(end)}
        updates = [{"type": edit, "shiftStartDates": [stamp(shift.start)]}]
        own = {"user": {"id": agent.id}, **span, "updates": updates, "visibilityRange": visible}
        unit = {"agents": [{"agentId": agent.id, **span}], "visibilityRange": visible}
        topic = "v2.workforcemanagement.managementunits.{id}.agentschedules.changed"
        subject = f"agent/{agent.id}"
        said = {"shift": shift.id, "start": stamp(shift.start), "edit": edit}
        return [
            self._emission("v2.users.{id}.workforcemanagement.schedules", [agent.id], subject, at, own, shifts=said),
            self._emission(topic, [agent.unit], f"management-unit/{agent.unit}", at, unit),
        ]
