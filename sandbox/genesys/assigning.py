"""Single skills of a user: assigned with a proficiency, made active or not."""

from __future__ import annotations

from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.skills import NAMES, Skills
from sandbox.world import World

ASSIGN = ("routing:skill:assign",)
MOST = 50


class Assigning:
    """The operations that change some of a user's skills and leave the others."""

    def __init__(self, world: World, skills: Skills) -> None:
        self._world = world
        self._skills = skills

    def routes(self) -> list[Route]:
        """What is served."""
        one = "/api/v2/users/{userId}/routingskills"
        return [
            Route("PATCH", f"{one}/bulk", self.assign, ASSIGN),
            Route("PUT", f"{one}/{{skillId}}", self.update, ASSIGN),
        ]

    def _user(self, call: Call) -> str:
        key = call.parameters["userId"]
        if self._world.agent(key) is None:
            raise not_found("user")
        return key

    def assign(self, call: Call) -> Json:
        """These skills with these proficiencies; the others stay."""
        user = self._user(call)
        if not isinstance(call.body, list) or len(call.body) > MOST:
            raise Refusal(400, "bad.request", f"An array of no more than {MOST} skills is expected")
        for one in call.body:
            if one.get("id") not in NAMES:
                raise not_found("skill")
            _check(one.get("proficiency"))
        self._skills.held[user] |= {one["id"]: float(one["proficiency"]) for one in call.body}
        return self._skills.of_user(call)

    def update(self, call: Call) -> Json:
        """Proficiency and state of one skill that he has."""
        user, key, body = self._user(call), call.parameters["skillId"], call.body or {}
        if key not in self._skills.held[user]:
            raise not_found("skill")
        if body.get("state", "active") not in ("active", "inactive"):
            raise Refusal(400, "invalid.value", "The state is not valid")
        if "proficiency" in body:
            _check(body["proficiency"])
            self._skills.held[user][key] = float(body["proficiency"])
        if body.get("state") == "inactive":
            self._skills.inactive.add((user, key))
        elif "state" in body:
            self._skills.inactive.discard((user, key))
        return self._skills.assigned(user, key)


def _check(proficiency: object) -> None:
    if isinstance(proficiency, bool) or not isinstance(proficiency, int | float) or not 0 <= proficiency <= 5:
        raise Refusal(400, "invalid.value", "The proficiency must lie between 0 and 5")
