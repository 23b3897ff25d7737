"""What each part of the product must be allowed to do at Genesys, by dialect, and what these credentials may do.

The official API gives permissions to roles, the guides' tokens carry scopes.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from processor.clients.api import Api, Forbidden, NotFound
from processor.clients.genesys.pages import path_id

Need = tuple[str, ...]
"""Any one of these will do."""

SEE_QUEUE, EDIT_QUEUE = ("routing:queue:view",), ("routing:queue:edit",)
SEE_SKILL = ("routing:skill:view",)
SEE_SCHEDULE, SEE_GROUP = ("routing:schedule:view",), ("routing:scheduleGroup:view",)
SEE_CAMPAIGN_HOURS = ("outbound:schedule:view", "outbound:campaign:viewSchedule")
SEE_SHIFTS = ("wfm:schedule:view", "wfm:publishedSchedule:view")
COUNT = ("analytics:conversationAggregate:view",)
PLATFORM: Mapping[str, tuple[Need, ...]] = {
    "look-up": (SEE_GROUP, SEE_SCHEDULE, SEE_QUEUE, SEE_SHIFTS, SEE_CAMPAIGN_HOURS),
    "volume": (("analytics:queueObservation:view",), COUNT),
    "loop": (SEE_QUEUE, EDIT_QUEUE),
    "register": (
        ("processautomation:trigger:view", "processautomation:trigger:edit"),
        ("processautomation:trigger:add",),
    ),
    "schedule": (SEE_SCHEDULE, ("routing:schedule:edit",), SEE_GROUP, COUNT, SEE_QUEUE),
    "campaign-schedule": (
        ("outbound:campaign:view",),
        SEE_CAMPAIGN_HOURS,
        ("outbound:schedule:edit", "outbound:campaign:editSchedule"),
        ("outbound:schedule:delete", "outbound:campaign:deleteSchedule"),
        SEE_QUEUE,
        SEE_SHIFTS,
    ),
    "routing-profile": (
        ("routing:utilization:manage",),
        ("routing:skill:assign",),
        SEE_SKILL,
        ("routing:wrapupCode:view",),
        SEE_QUEUE,
        EDIT_QUEUE,
        COUNT,
    ),
    "queue-routing": (SEE_QUEUE, EDIT_QUEUE, SEE_SKILL, SEE_SHIFTS, COUNT, ("audits:audit:view",)),
    "presence": (("presence:presenceDefinition:view",), ("routing:skill:assign",), SEE_SHIFTS),
}
"""As the official document declares them for the operations that each part calls."""

READ_QUEUE, WRITE_QUEUE = ("routing:queue:read",), ("routing:queue:write",)
ANALYSE = ("analytics:queue:read", "analytics:queues:read")
"""G4 spells it in the singular, G3 in the plural."""
ORGANISATION = ("organization:read",)
READ_CAMPAIGN = ("outbound:campaign:read",)
GUIDE: Mapping[str, tuple[Need, ...]] = {
    "look-up": (
        ("schedule:read",),
        ("routing:profile:read",),
        READ_QUEUE,
        ("presence:read",),
        ("scheduling:read",),
        READ_CAMPAIGN,
        ORGANISATION,
    ),
    "volume": (ANALYSE, READ_QUEUE),
    "loop": (READ_QUEUE, WRITE_QUEUE),
    "register": (("webhook:write", "webhooks:write"),),
    "schedule": (("schedule:read",), ("schedule:write",), ("analytics:conversations:read",), READ_QUEUE),
    "campaign-schedule": (READ_CAMPAIGN, ("outbound:campaign:write",), READ_QUEUE, ("scheduling:read",)),
    "routing-profile": (
        ("routing:profile:read",),
        ("routing:profile:write",),
        ANALYSE,
        ("eventstream:export:read",),
        SEE_SKILL,
        ("routing:wrapupCode:view",),
        READ_QUEUE,
        ORGANISATION,
    ),
    "queue-routing": (
        READ_QUEUE,
        WRITE_QUEUE,
        ("schedule:agent:read",),
        ("webhook:write", "webhooks:write"),
        ANALYSE,
        ("auditlogs:read",),
        SEE_SKILL,
    ),
    "presence": (
        ("presence:read",),
        ("presence:write",),
        ("routing:write",),
        ("scheduling:read",),
        ("eventstreams:write", "eventstreams:read"),
        ORGANISATION,
    ),
}
"""As the guides name them; skills and wrap-up codes, of which they do not speak, as the official API does."""


async def granted(api: Api) -> frozenset[str] | None:
    """The permissions of the roles that the client has, `*` for any part; None where Genesys does not show them."""
    try:
        grants = (await api.request("GET", "/api/v2/authorization/subjects/me")).json().get("grants") or []
        found: set[str] = set()
        for role in {str(grant["role"]["id"]): grant["role"] for grant in grants if grant.get("role")}.values():
            whole = role
            if not role.get("policies"):
                whole = (await api.request("GET", f"/api/v2/authorization/roles/{path_id(str(role['id']))}")).json()
            found |= set(_policies(whole))
    except (Forbidden, NotFound):
        return None
    return frozenset(found)


def _policies(role: Mapping[str, Any]) -> Iterable[str]:
    """A grant spells them `policies` and `actions`, the role itself `permissionPolicies` and `actionSet`."""
    for policy in role.get("policies") or role.get("permissionPolicies") or ():
        for action in policy.get("actions") or policy.get("actionSet") or ("*",):
            yield f"{policy.get('domain') or '*'}:{policy.get('entityName') or '*'}:{action}"


def scopes_in(authorization: str) -> frozenset[str] | None:
    """The `scope` claim of a bearer token that is a JWT (G5); None where it is none, or does not say."""
    parts = authorization.partition(" ")[2].split(".")
    if len(parts) != 3:
        return None
    try:
        claims = orjson.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    scope = claims.get("scope") if isinstance(claims, dict) else None
    if isinstance(scope, list):
        return frozenset(map(str, scope))
    return frozenset(scope.split()) if isinstance(scope, str) else None


def covers(held: Iterable[str], need: Need) -> bool:
    """Whether one of these will do; `*` in what is held stands for anything."""
    return any(_matches(one, permission) for permission in need for one in held)


def _matches(held: str, permission: str) -> bool:
    if held == permission:
        return True
    ours, wanted = held.split(":"), permission.split(":")
    return len(ours) == len(wanted) and all(a in ("*", b) for a, b in zip(ours, wanted, strict=True))
