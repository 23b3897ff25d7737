"""Genesys's notification topics: from a concrete name to its template, and to what it is about."""

from __future__ import annotations

import re
from functools import lru_cache

TEMPLATES = (
    "v2.users.{id}.presence",
    "v2.users.{id}.routingStatus",
    "v2.users.{id}.activity",
    "v2.users.{id}.outofoffice",
    "v2.users.{id}.integrationpresence",
    "v2.users.{id}.workforcemanagement.schedules",
    "v2.users.{id}.workforcemanagement.adherence",
    "v2.users.{id}.workforcemanagement.timeoffrequests",
    "v2.routing.queues.{id}.users",
    "v2.audits.entitytype.{id}.entityid.{id}",
    "v2.workforcemanagement.managementunits.{id}.agentschedules.changed",
    "v2.workforcemanagement.managementunits.{id}.schedules",
    "v2.workforcemanagement.businessunits.{id}.schedules",
    "v2.workforcemanagement.users.{id}.schedules.search",
    "v2.businessunits.{id}.workforcemanagement.intraday",
    "v2.analytics.queues.{id}.observations",
    "v2.analytics.queues.{id}.activity",
    "v2.outbound.schedules.campaigns.{id}",
)

KNOWN = tuple((template, tuple(template.split("."))) for template in TEMPLATES)

OWNERS = (
    ("v2.users.", "agent"),
    ("v2.routing.queues.", "queue"),
    ("v2.analytics.queues.", "queue"),
    ("v2.workforcemanagement.businessunits.", "business-unit"),
    ("v2.workforcemanagement.managementunits.", "management-unit"),
    ("v2.workforcemanagement.users.", "agent"),
    ("v2.businessunits.", "business-unit"),
    ("v2.managementunits.", "management-unit"),
    ("v2.outbound.schedules.campaigns.", "campaign"),
    ("v2.outbound.campaigns.", "campaign"),
)

AUDITED = {
    "Queue": "queue",
    "Schedule": "schedule",
    "ScheduleGroup": "schedule-group",
    "UserPresence": "agent",
    "User": "agent",
    "AgentRoutingInfo": "agent",
    "CampaignSchedule": "campaign",
    "Campaign": "campaign",
    "BusinessUnit": "business-unit",
    "ManagementUnit": "management-unit",
}

AUDIT = "v2.audits.entitytype."
LIKE_AN_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9]+|[0-9a-f]{24,}")


@lru_cache(maxsize=65_536)
def read_topic(name: str) -> tuple[str, str]:
    """(template, subject) of a concrete topic; the subject is empty where it is about nothing of ours.

    A template passes through as it is. Unknown topics get `{id}` where a segment looks like one.
    No id of ours has a dot: a topic with a segment too many is another one, which we do not know.
    """
    return _template(name), _subject(name)


def may_be_of(template: str, name: str) -> bool:
    """Whether a concrete topic can be one of this template: not when it has more segments."""
    return name.count(".") <= template.count(".")


def _template(name: str) -> str:
    parts = name.split(".")
    for template, known in KNOWN:
        if len(known) == len(parts) and all(k in ("{id}", p) for k, p in zip(known, parts, strict=True)):
            return template
    if name.startswith(AUDIT) and _audited(name)[0] not in AUDITED:  # what we do not publish may have any id
        return "v2.audits.entitytype.{id}.entityid.{id}"
    return ".".join("{id}" if LIKE_AN_ID.fullmatch(part) else part for part in parts)


def _audited(name: str) -> tuple[str, str]:
    """Type and id of the entity."""
    kind, _, found = name.removeprefix(AUDIT).partition(".entityid.")
    return kind, found


def _subject(name: str) -> str:
    if name.startswith(AUDIT):
        kind, found = _audited(name)
        owner = AUDITED.get(kind, "")
        found = found.partition(".")[0]
        return f"{owner}/{found}" if owner and found and "{" not in found else ""
    for prefix, owner in OWNERS:
        if name.startswith(prefix):
            found = name.removeprefix(prefix).partition(".")[0].partition("?")[0]
            return f"{owner}/{found}" if found and "{" not in found else ""
    return ""
