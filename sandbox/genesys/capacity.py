"""How much of an agent may be used: conversations at once by medium, and all his skills in one call."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.skills import NAMES, Skills
from sandbox.world import World

MANAGE = ("routing:utilization:manage",)
SEE = (*MANAGE, "routing:utilization:view")
MOST_AT_ONCE = {"call": 25, "callback": 25, "chat": 25, "email": 25, "message": 25}
MOST_SKILLS = 50
BEST = 5


def _medium(most: int, *interrupting: str) -> Json:
    return {"maximumCapacity": most, "interruptableMediaTypes": list(interrupting), "includeNonAcd": False}


class Capacity:
    """`organisation` holds for whoever has no setting of his own in `own`."""

    def __init__(self, world: World, skills: Skills) -> None:
        self._world = world
        self._skills = skills
        self.organisation: Json = {
            "call": _medium(1),
            "callback": _medium(1),
            "chat": _medium(4),
            "email": _medium(4, "call", "callback"),
            "message": _medium(4),
        }
        self.own: dict[str, Json] = {}

    def routes(self) -> list[Route]:
        """What is served."""
        one = "/api/v2/routing/users/{userId}/utilization"
        assign = ("routing:skill:assign",)
        return [
            Route(
                "GET", "/api/v2/routing/utilization", lambda _: {"utilization": copy.deepcopy(self.organisation)}, SEE
            ),
            Route("GET", one, lambda call: self._shown(self._user(call)), SEE),
            Route("PUT", one, self.replace, MANAGE),
            Route("PUT", "/api/v2/users/{userId}/routingskills/bulk", self.replace_skills, assign),
        ]

    def _user(self, call: Call) -> str:
        key = call.parameters["userId"]
        if self._world.agent(key) is None:
            raise not_found("user")
        return key

    def _everybodys(self) -> Json:
        return {"utilization": copy.deepcopy(self.organisation)}

    def _shown(self, user: str) -> Json:
        own = self.own.get(user)
        if own is None:
            return {**self._everybodys(), "level": "Organization"}
        return {**copy.deepcopy(own), "level": "Agent"}

    def replace(self, call: Call) -> Json:
        """The whole of the user's own settings; media that are left out keep those of the organisation."""
        user = self._user(call)
        media = (call.body or {}).get("utilization")
        if not isinstance(media, dict):
            raise Refusal(400, "missing.required.field", "The field [utilization] is required")
        for medium, said in media.items():
            most = said.get("maximumCapacity")
            if medium not in MOST_AT_ONCE or not isinstance(most, int) or not 0 <= most <= MOST_AT_ONCE[medium]:
                raise Refusal(400, "invalid.value", f"The maximumCapacity of [{medium}] is not valid")
        self.own[user] = {**copy.deepcopy(call.body), "utilization": {**copy.deepcopy(self.organisation), **media}}
        return self._shown(user)

    def replace_skills(self, call: Call) -> Json:
        """Exactly these skills from now on."""
        user = self._user(call)
        self._skills.held[user] = {str(one["id"]): float(one["proficiency"]) for one in _checked(call.body)}
        return self._skills.of_user(call)


def _checked(body: Any) -> list[Json]:
    if not isinstance(body, list) or len(body) > MOST_SKILLS:
        raise Refusal(400, "bad.request", f"An array of at most {MOST_SKILLS} skills is expected")
    for one in body:
        if not isinstance(one, dict) or one.get("id") not in NAMES:
            raise Refusal(400, "invalid.skill", "A skill of the list does not exist")
        if not isinstance(one.get("proficiency"), int | float) or not 0 <= one["proficiency"] <= BEST:
            raise Refusal(400, "invalid.value", f"A proficiency is a number from 0 to {BEST}")
    return body
