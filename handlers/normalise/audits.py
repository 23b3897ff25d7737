"""`v2.audits…`: what somebody changed in Genesys. It names the thing; mostly that is where to look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.normalise import agents, queues
from handlers.normalise.reading import Context, Reading, look
from handlers.normalise.words import objects
from processor.errors import PoisonError
from processor.event import Raw

LOOKS = {
    "ScheduleGroup": "schedule-group",
    "Schedule": "groups-of",
    "CampaignSchedule": "campaign",
    "BusinessUnit": "agents-of",
    "ManagementUnit": "agents-of",
}
"""By entity type: what to ask. `…-of` spreads: the answer names the subjects to look at."""

WORKFORCE_MANAGEMENT = "WorkforceManagement"


def read(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """The audited entity's new state, a look-here, or nothing for anybody."""
    kind = body.get("entityType")
    if not isinstance(kind, str):
        raise PoisonError("an audit that does not say of what", "entityType")
    if kind == "Schedule" and body.get("serviceName") == WORKFORCE_MANAGEMENT:
        return Reading(ignored="a WFM schedule's audit; its agents are named by the WFM notifications")
    if not raw.subject:
        return Reading(ignored=f"an audit of {kind[:40]}, which we do not publish")
    if kind == "Queue":
        return queues.audited(raw, body)
    if kind == "UserPresence":
        return _presence(raw, body)
    what = LOOKS.get(kind)
    if what is None:
        return Reading(ignored=f"an audit of {kind[:40]}, which we do not publish")
    why = f"audit: {kind} {str(body.get('action'))[:40]}"
    details = {"then": "shifts"} if what == "agents-of" else {}
    return Reading(lookups=(look(raw, what, why, details=details),))


def _presence(raw: Raw, body: Mapping[str, Any]) -> Reading:
    for change in objects(body.get("propertyChanges")):
        new = change.get("newValues")
        if str(change.get("property")).upper() == "PRESENCE" and isinstance(new, list) and new:
            return agents.audited_presence(raw, new[0])
    return Reading(ignored="a presence audit without the new presence")
