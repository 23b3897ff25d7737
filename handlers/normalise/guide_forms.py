"""The guides' callbacks: which event a body is, though its marker may stand in six places or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from handlers.normalise.words import identifier, moment, reference, spelled
from processor.errors import PoisonError
from processor.timezones import to_utc, zone

SCHEDULE = "schedule:updated"
QUEUE = "routingQueueUpdated"
PRESENCE = "presence:updated"
PRESENCE_UPDATE = "presence.update"
CREATED = "SCHEDULE_CREATED"
CAMPAIGN = "campaign-schedule"
PROFILE = "routing-profile"

NAMES = {
    "scheduleupdated": SCHEDULE,
    "routingqueueupdated": QUEUE,
    "routingsync": QUEUE,
    "presenceupdated": PRESENCE,
    "presenceupdate": PRESENCE_UPDATE,
    "schedulecreated": CREATED,
    "campaignschedule": CAMPAIGN,
    "routingprofile": PROFILE,
    "routingprofileupdated": PROFILE,
}

LONGEST_NAME = 64

MARKERS = ("event", "eventType", "type", "topic")
LISTED_MARKERS = ("events", "eventSubscriptions")
PAYLOADS = ("data", "schedule", "queue", "profile", "entity", "resource", "payload")
TIMES = ("utcTimestamp", "timestamp", "originalTimestamp", "normalizedAt", "dateModified")
OWN_IDS = {
    SCHEDULE: ("scheduleId",),
    QUEUE: ("queueId",),
    PRESENCE: ("userId",),
    PRESENCE_UPDATE: ("userId",),
    CREATED: ("scheduleId", "campaignId"),
    CAMPAIGN: ("scheduleId",),
    PROFILE: ("profileId",),
}


def canonical(word: object) -> str:
    """The event's name in the guides' spelling; empty for a word that names none."""
    return _canonical(word) if isinstance(word, str) and len(word) <= LONGEST_NAME else ""


@lru_cache(maxsize=1024)
def _canonical(word: str) -> str:
    return NAMES.get("".join(filter(str.isalpha, word)).lower(), "")


def name_of(value: Mapping[str, Any], marker: str) -> str:
    """Which callback it is: by its own word, by `marker` (the header's), by its shape. Empty: none."""
    for key in MARKERS:
        if found := canonical(value.get(key)):
            return found
    for key in LISTED_MARKERS:
        listed = value.get(key)
        if isinstance(listed, list) and listed and (found := canonical(listed[0])):
            return found
    return canonical(marker) or _by_shape(value)


def _by_shape(value: Mapping[str, Any]) -> str:
    if "scheduleEntries" in value:
        return SCHEDULE
    if "dailySchedule" in value and "campaignId" in value:
        return CAMPAIGN
    if "skillAssignments" in value and ("profileId" in value or "id" in value):
        return PROFILE
    if ("slaTarget" in value or "slaPercent" in value) and ("queueId" in value or "id" in value):
        return QUEUE
    if "userId" in value and "presenceId" in value and any(key in value for key in TIMES):
        return PRESENCE
    return ""


def payload(name: str, value: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """(the payload, the event's id or empty).

    An id is the event's when the wrapper names an event and the resource has an id of its own.
    """
    wrapped_id, body = identifier(value.get("id")), body_in(value)
    if body is value:
        own = any(identifier(value.get(key)) not in ("", wrapped_id) for key in OWN_IDS.get(name, ()))
        return value, wrapped_id if own else ""
    resource = {identifier(value[_wrapped(value)].get("id")), reference(value.get("entity"))}
    resource |= {identifier(value.get(key)) for key in OWN_IDS.get(name, ())}
    return body, wrapped_id if wrapped_id not in resource else ""


def body_in(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload alone. What only the wrapper says is kept beside what it wraps."""
    wrapped = _wrapped(value)
    if not wrapped:
        return value
    body: dict[str, Any] = {**value, **value[wrapped]}
    if wrapped not in value[wrapped]:
        del body[wrapped]
    if "id" not in value[wrapped]:
        body.pop("id", None)
    if not body.get("id") and (entity := reference(value.get("entity"))):
        body["id"] = entity
    return body


def _wrapped(value: Mapping[str, Any]) -> str:
    for key in PAYLOADS:
        if isinstance(value.get(key), dict):
            return key
    return ""


def subject_of(name: str, body: Mapping[str, Any]) -> str:
    """What the callback is about; empty when it does not say."""
    if name == SCHEDULE and (group := identifier(body.get("scheduleGroupId"))):
        return f"schedule-group/{group}"
    owner, keys = {
        SCHEDULE: ("schedule", ("scheduleId", "id")),
        QUEUE: ("queue", ("queueId", "id")),
        PRESENCE: ("agent", ("userId",)),
        PRESENCE_UPDATE: ("agent", ("userId",)),
        CREATED: ("campaign", ("campaignId",)),
        CAMPAIGN: ("campaign", ("campaignId",)),
        PROFILE: ("profile", ("profileId", "id")),
    }[name]
    found = next((identifier(body.get(key)) for key in keys if identifier(body.get(key))), "")
    return f"{owner}/{found}" if found else ""


def time_of(body: Mapping[str, Any]) -> datetime | None:
    """When it happened, if it says so. A time without an offset is a wall time in `agentTimeZone`."""
    for key in TIMES:
        value = body.get(key)
        found = moment(value)
        if found is None:
            continue
        if key == "utcTimestamp" or "agentTimeZone" not in body or not isinstance(value, str):
            return found
        wall = spelled(value)
        return found if wall.tzinfo else _from_wall(wall, body["agentTimeZone"], found)
    return None


def _from_wall(wall: datetime, name: object, in_utc: datetime) -> datetime:
    try:
        found, _ = to_utc(wall, zone(name))
    except PoisonError:
        return in_utc  # the guide's rule: an unknown zone counts as UTC; the record says it is not trusted
    return found.astimezone(UTC).replace(microsecond=found.microsecond // 1000 * 1000)
