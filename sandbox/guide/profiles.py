"""G3's routing profiles: a version that `If-Match` must name, 409 when it does not, 422 for what the schema forbids."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from sandbox.clock import stamp
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.skills import NAMES as SKILL_NAMES
from sandbox.genesys.wrapup import NAMES as CODE_NAMES
from sandbox.guide.hub import Hub
from sandbox.names import ADMIN, CHAT, PROFILES, SKILLS, WRAP_UP_CODES
from sandbox.options import Options
from sandbox.world import World

READ = ("routing:profile:read",)
WRITE = ("routing:profile:write",)
CHANGED = "routing-profile"
"""What the hub is told, with the profile's id."""
MOST = {"skillAssignments": 50, "wrapUpCodes": 20, "overflowRoutingTargets": 10}
LONGEST_NAME = 100
KEPT = {"id", "version", "dateModified", "modifiedBy"}


def _profile(name: str, skills: tuple[str, ...], percent: int) -> Json:
    return {
        "id": PROFILES[name],
        "name": name,
        "version": 5,
        "skillAssignments": [
            {"skill": {"id": SKILLS[skill], "name": skill}, "utilizationPercent": 80} for skill in skills
        ],
        "wrapUpCodes": [{"id": WRAP_UP_CODES["Resolved"], "default": True}],
        "overflowRoutingTargets": [{"target": {"id": CHAT.id}, "overflowType": "QUEUE"}],
        "utilizationPercent": percent,
        "modifiedBy": ADMIN,
    }


class Profiles:
    """`table`: the profiles by id, as they are served."""

    def __init__(self, options: Options, world: World, hub: Hub) -> None:
        self._options = options
        self._world = world
        self._hub = hub
        profiles = (_profile("Tier 1", ("English",), 85), _profile("Billing Desk", ("Billing", "English"), 80))
        self.table: dict[str, Json] = {profile["id"]: profile for profile in profiles}
        self.interruptions: list[Json] = []
        """What persons write, one at each PATCH, right before it is looked at: as if they had been faster."""

    def routes(self) -> list[Route]:
        """What is served."""
        one = "/api/v2/routing/profiles/{profileId}"
        return [
            Route("GET", one, lambda call: copy.deepcopy(self.table[self._known(call)]), READ),
            Route("PATCH", one, self.change, WRITE),
        ]

    def _known(self, call: Call) -> str:
        key = call.parameters["profileId"]
        if key not in self.table:
            raise not_found("routing profile")
        return key

    def change(self, call: Call) -> Json:
        """Merge what is sent, if the version is still the one that the caller has seen."""
        key = self._known(call)
        if self.interruptions:
            self.by_a_person(key, self.interruptions.pop(0))
        present = self.table[key]
        seen = call.headers.get("if-match", "").strip('"')
        if not seen:
            raise Refusal(400, "missing.required.header", "The header [If-Match] is required")
        if seen != str(present["version"]):
            message = f"The routing profile was changed meanwhile: its version is {present['version']}, not {seen}"
            raise Refusal(409, "conflict", message)
        if not isinstance(call.body, dict):
            raise Refusal(400, "bad.request", "The request could not be understood by the server.")
        merged = {**present, **{name: value for name, value in call.body.items() if name not in KEPT}}
        if wrong := next(self._wrong(merged), ""):
            raise Refusal(422, "unprocessable.entity", wrong)
        return self._put(key, merged, self._options.client_id)

    def by_a_person(self, key: str, fields: Json) -> Json:
        """Somebody edits the profile in the user interface."""
        return self._put(key, {**self.table[key], **fields}, ADMIN)

    def _put(self, key: str, profile: Json, by: str) -> Json:
        now = stamp(self._world.now())
        new = {**copy.deepcopy(profile), "version": profile["version"] + 1, "modifiedBy": by, "dateModified": now}
        self.table[key] = new
        self._hub.announce(CHANGED, key, copy.deepcopy(new))
        return copy.deepcopy(new)

    def _wrong(self, profile: Json) -> Iterator[str]:
        name, percent = profile.get("name"), profile.get("utilizationPercent")
        if not isinstance(name, str) or not 1 <= len(name) <= LONGEST_NAME:
            yield f"name must have 1 to {LONGEST_NAME} characters"
        for field, most in MOST.items():
            if not isinstance(profile.get(field, []), list) or len(profile.get(field, [])) > most:
                yield f"{field} must be a list of at most {most}"
        shares = [percent, *(one.get("utilizationPercent") for one in profile["skillAssignments"])]
        if not all(share is None or (isinstance(share, int | float) and 0 <= share <= 100) for share in shares):
            yield "utilizationPercent must be between 0 and 100"
        yield from self._strangers(profile)

    def _strangers(self, profile: Json) -> Iterator[str]:
        known: tuple[tuple[str, set[str], list[Any]], ...] = (
            ("skill", set(SKILL_NAMES), [one["skill"]["id"] for one in profile["skillAssignments"]]),
            ("wrap-up code", set(CODE_NAMES), [one["id"] for one in profile["wrapUpCodes"]]),
            (
                "queue",
                set(self._world.queues),
                [one["target"]["id"] for one in profile.get("overflowRoutingTargets", [])],
            ),
        )
        for kind, there, named in known:
            yield from (f"the {kind} {one} does not exist" for one in named if one not in there)
