"""Routing skills: which there are, and who has them; the same operations in both dialects."""

from __future__ import annotations

from sandbox.genesys.guard import Call, Json, Route, not_found
from sandbox.genesys.pages import page
from sandbox.names import SKILLS
from sandbox.options import Options
from sandbox.world import World

VIEW = ("routing:skill:view",)
NAMES = {key: name for name, key in SKILLS.items()}


class Skills:
    """`held`: by user id, the proficiency (0 to 5) in each skill that he has. `inactive`: (user, skill)."""

    def __init__(self, options: Options, world: World) -> None:
        self._options = options
        self._world = world
        self.held: dict[str, dict[str, float]] = {
            agent.id: {SKILLS[skill.capitalize()]: 4.0 for skill in sorted(agent.skills)} | {SKILLS["English"]: 5.0}
            for agent in world.agents.values()
        }
        self.inactive: set[tuple[str, str]] = set()

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("GET", "/api/v2/routing/skills", self.skills, VIEW),
            Route("GET", "/api/v2/routing/skills/{skillId}", self.skill, VIEW),
            Route("GET", "/api/v2/users/{userId}/routingskills", self.of_user),
        ]

    def skills(self, call: Call) -> Json:
        """All, or those with these ids or this name."""
        ids, name = call.query.get("id"), call.first("name").strip("*").lower()
        chosen = [
            _skill(key) for key in NAMES if (ids is None or key in ids) and (not name or name in NAMES[key].lower())
        ]
        return page(call, chosen, self._options.most_on_page)

    def skill(self, call: Call) -> Json:
        """One of them."""
        key = call.parameters["skillId"]
        if key not in NAMES:
            raise not_found("skill")
        return _skill(key)

    def of_user(self, call: Call) -> Json:
        """The skills of one user."""
        user = call.parameters["userId"]
        if self._world.agent(user) is None:
            raise not_found("user")
        held = [self.assigned(user, key) for key in self.held[user]]
        return page(call, held, self._options.most_on_page)

    def assigned(self, user: str, key: str) -> Json:
        """A skill as this user has it."""
        shown = {name: value for name, value in _skill(key).items() if name != "version"}
        state = "inactive" if (user, key) in self.inactive else "active"
        uri = f"/api/v2/routing/skills/{key}"
        return {**shown, "state": state, "proficiency": self.held[user][key], "skillUri": uri}


def _skill(key: str) -> Json:
    return {
        "id": key,
        "name": NAMES[key],
        "state": "active",
        "version": "1",
        "selfUri": f"/api/v2/routing/skills/{key}",
    }
