"""The guides' audit entries for requests that no rules ever saw: what can be known of them, from their raw fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from handlers.requests.plans import Story
from handlers.requests.words import Fields
from processor.event import instant

LONGEST = 200
PROFILE_CONTENT = ("name", "skillAssignments", "wrapUpCodes", "overflowRoutingTargets", "utilizationPercent")


def entry(kind: str, fields: Fields, story: Story) -> Mapping[str, Any]:
    """In the fields of the kind's own guide; empty for a kind that no guide has."""
    written = ENTRIES.get(kind)
    return written(fields, story) if written else {}


def _said(fields: Fields, name: str) -> str | None:
    """A word that was said; None for what is no word."""
    value = fields.get(name)
    return value[:LONGEST] if isinstance(value, str) else None


def _schedule(fields: Fields, story: Story) -> dict[str, Any]:
    return {
        "timestamp": instant(story.at),
        "action": "SCHEDULE_UPDATE",
        "scheduleId": _said(fields, "scheduleId"),
        "status": "failure",
        "latencyMs": round(story.latency_ms),
        "details": story.error or "",
    }


def _campaign(fields: Fields, story: Story) -> dict[str, Any]:
    return {
        "timestamp": instant(story.at),
        "campaignId": _said(fields, "campaignId"),
        "status": "FAILURE",
        "error": story.error or "",
        "latencyMs": round(story.latency_ms),
    }


def _profile(fields: Fields, story: Story) -> dict[str, Any]:
    return {
        "timestamp": instant(story.at),
        "profileId": _said(fields, "profileId"),
        "changes": {name: fields[name] for name in PROFILE_CONTENT if name in fields},
        "latencyMs": round(story.latency_ms, 1),
        "conflictCount": 0,
        "status": "NON_COMPLIANT",
        "auditVersion": "1.0",
    }


def _queue(fields: Fields, story: Story) -> dict[str, Any]:
    return {
        "timestamp": instant(story.at),
        "action": "QUEUE_ROUTING_UPDATE",
        "entityType": "RoutingQueue",
        "entityId": _said(fields, "queueId"),
        "status": "failure",
        "latencyMs": round(story.latency_ms, 1),
        "conflictRetries": 0,
        "constraints": [],
        "details": story.error or "",
    }


def _presence(fields: Fields, story: Story) -> dict[str, Any]:
    return {
        "userId": _said(fields, "userId"),
        "action": "presence_update",
        "targetState": _said(fields, "presenceId"),
        "timestamp": instant(story.at),
        "latencyMs": round(story.latency_ms, 1),
        "conflictRetries": 0,
        "success": False,
        "etag": None,
    }


ENTRIES: Mapping[str, Callable[[Fields, Story], Mapping[str, Any]]] = {
    "schedule": _schedule,
    "campaign-schedule": _campaign,
    "routing-profile": _profile,
    "queue-routing": _queue,
    "presence": _presence,
}
