"""The bodies of the guides' callbacks: their own names around their own resources, since no guide shows what comes."""

from __future__ import annotations

import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

from sandbox.clock import stamp
from sandbox.events import Emission
from sandbox.genesys.guard import Json
from sandbox.names import PRESENCES, event_spelling

SPELLING = {definition: event_spelling(name) for name, definition in PRESENCES.items()}
SPELLING |= {name: event_spelling(name) for name in PRESENCES}


def called(event: str, entity_id: str, resource: Json, at: datetime, zone: str) -> Emission:
    """One call: an id of its own, and the moment of the change."""
    key = f"evt-{uuid.uuid4()}"
    if event == "presence:updated":
        return _presence(key, entity_id, resource, at, zone)
    if event == "routingQueueUpdated":
        entity = {"id": entity_id, "type": "queue"}
        body: Json = {"eventType": event, "id": key, "timestamp": stamp(at), "entity": entity, "data": resource}
        return Emission(key, event, f"queue/{entity_id}", at, body)
    body = {"event": event, "id": key, "timestamp": stamp(at), "data": resource}
    return Emission(key, event, f"schedule-group/{resource.get('scheduleGroupId')}", at, body)


def _presence(key: str, user: str, resource: Json, at: datetime, zone: str) -> Emission:
    """G5's event before it is normalised: the agent's wall time beside UTC."""
    body: Json = {
        "event": "presence:updated",
        "id": key,
        "userId": user,
        "presenceId": resource["presenceId"],
        "agentTimeZone": zone,
        "originalTimestamp": at.astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(timespec="seconds"),
        "utcTimestamp": stamp(at),
    }
    if resource.get("customStatusMessage"):
        body["customStatusMessage"] = resource["customStatusMessage"]
    said = {"value": SPELLING[resource["presenceId"]], "since": stamp(at)}
    return Emission(key, "presence:updated", f"agent/{user}", at, body, {"presence": said})
