"""Outbound: campaigns with their lines and queue, and the one schedule that each may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.clock import stamp
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.names import VOICE, uid
from sandbox.options import Options
from sandbox.world import Change, World

NAMES = ("Autumn push", "Call-backs", "Renewals")
"""The last has no schedule at first."""
LINES = 50
WRITABLE = ("name", "intervals", "recurrences", "timeZone", "campaign")
VIEW = ("outbound:schedule:view", "outbound:campaign:viewSchedule")
EDIT = ("outbound:schedule:edit", "outbound:campaign:editSchedule")
DELETE = ("outbound:schedule:delete", "outbound:campaign:deleteSchedule")
ROOT = "/api/v2/outbound/schedules/campaigns"


class Outbound:
    """The operations on campaigns and their schedules: a version in the body, 409 when it is not the last one."""

    def __init__(self, options: Options, world: World) -> None:
        self._client = options.client_id
        self._world = world
        self.campaigns: dict[str, Json] = {uid("campaign", name): _campaign(name) for name in NAMES}

    def routes(self) -> list[Route]:
        """What is served."""
        one = f"{ROOT}/{{campaignId}}"
        return [
            Route("GET", "/api/v2/outbound/campaigns/{campaignId}", self.campaign, ("outbound:campaign:view",)),
            Route("GET", ROOT, lambda _: list(self._world.campaigns.values()), VIEW),
            Route("GET", one, self.read, VIEW),
            Route("PUT", one, self.write, EDIT),
            Route("DELETE", one, self.delete, DELETE),
        ]

    def campaign(self, call: Call) -> Json:
        """The campaign itself."""
        key = call.parameters["campaignId"]
        if key not in self.campaigns:
            raise not_found("campaign")
        return self.campaigns[key]

    def read(self, call: Call) -> Json:
        """Its schedule."""
        key = call.parameters["campaignId"]
        if key not in self._world.campaigns:
            raise not_found("campaign schedule")
        return self._world.campaigns[key]

    def write(self, call: Call) -> Json:
        """Replace its schedule, or make the first one."""
        key, body = self.campaign(call)["id"], call.body
        for name in ("campaign", "intervals"):
            if not isinstance(body, dict) or name not in body:
                raise Refusal(400, "missing.required.field", f"The field [{name}] is required")
        old = self._world.campaigns.get(key)
        if body.get("version") != (old["version"] if old else body.get("version")):
            message = "The version of the campaign schedule does not match that of the most recent update."
            raise Refusal(409, "invalid.update.wrong.version", message)
        new = {name: body[name] for name in WRITABLE if name in body}
        return (
            self._world.put(self._world.campaigns, key, {**old, **new}, self._client) if old else self._make(key, new)
        )

    def _make(self, key: str, new: Mapping[str, Any]) -> Json:
        now, world = self._world.now(), self._world
        name = str(new.get("name") or self.campaigns[key]["name"])
        made = {
            "id": key,
            "dateCreated": stamp(now),
            "dateModified": stamp(now),
            "version": 1,
            "timeZone": "UTC",
            "recurrences": [],
            **new,
            "name": name,
            "campaign": {"id": key, "name": name},
            "selfUri": f"{ROOT}/{key}",
        }
        world.campaigns[key] = made
        world.note(Change(now, self._client, "Outbound", "Create", "CampaignSchedule", key, name))
        return made

    def delete(self, call: Call) -> Json:
        """Take its schedule away."""
        self.read(call)
        self._world.remove(self._world.campaigns, call.parameters["campaignId"], self._client)
        return {}


def _campaign(name: str) -> Json:
    key = uid("campaign", name)
    return {
        "id": key,
        "name": name,
        "dateCreated": "2025-11-01T10:00:00.000Z",
        "dateModified": "2025-11-01T10:00:00.000Z",
        "version": 1,
        "dialingMode": "progressive",
        "campaignStatus": "off",
        "outboundLineCount": LINES,
        "queue": {"id": VOICE.id, "name": VOICE.name},
        "selfUri": f"/api/v2/outbound/campaigns/{key}",
    }
