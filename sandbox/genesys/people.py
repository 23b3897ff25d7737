"""Users, their presence, routing status and out-of-office."""

from __future__ import annotations

from sandbox.clock import stamp
from sandbox.floor import Floor
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.names import HOME, PRESENCES, uid
from sandbox.options import Options
from sandbox.world import World

SOURCE = uid("presence-source", "PURECLOUD")
NAMES = {definition: name for name, definition in PRESENCES.items()}


def routing_status(floor: Floor, user: str) -> Json:
    """As REST shows it."""
    desk = floor.desks[user]
    return {"userId": user, "status": desk.routing, "startTime": stamp(floor.moment(desk.routing_since))}


def presence(floor: Floor, user: str) -> Json:
    """The primary presence as REST shows it."""
    desk = floor.desks[user]
    definition = PRESENCES[desk.presence]
    return {
        "id": user,
        "source": "PURECLOUD",
        "sourceId": SOURCE,
        "primary": True,
        "presenceDefinition": {
            "id": definition,
            "systemPresence": desk.presence,
            "selfUri": f"/api/v2/presencedefinitions/{definition}",
        },
        "message": desk.message,
        "modifiedDate": stamp(floor.moment(desk.presence_since)),
        "selfUri": f"/api/v2/users/{user}/presences/PURECLOUD",
    }


class People:
    """The operations on users. `away`: user id → the fields of his out-of-office."""

    def __init__(self, options: Options, world: World, floor: Floor) -> None:
        self._options = options
        self._world = world
        self._floor = floor
        self.away: dict[str, Json] = {}

    def routes(self) -> list[Route]:
        """What is served."""
        one = "/api/v2/users/{userId}"
        return [
            Route("GET", "/api/v2/users", self.users),
            Route("GET", one, lambda call: self._shown(self._known(call), call.query.get("expand", []))),
            Route("GET", f"{one}/presences/purecloud", lambda call: presence(self._floor, self._known(call))),
            Route("PATCH", f"{one}/presences/purecloud", self.set_presence),
            Route("GET", f"{one}/presences/{{sourceId}}", lambda call: presence(self._floor, self._known(call))),
            Route("PATCH", f"{one}/presences/{{sourceId}}", self.set_presence),
            Route("GET", f"{one}/routingstatus", lambda call: routing_status(self._floor, self._known(call))),
            Route("GET", f"{one}/outofoffice", lambda call: self.out_of_office(self._known(call))),
            Route("GET", "/api/v2/presence/definitions", self.definitions, ("presence:presenceDefinition:view",)),
        ]

    def _known(self, call: Call) -> str:
        key = call.parameters["userId"]
        if key not in self._world.agents or self._state(key) not in _states(call):
            raise not_found("user")
        return key

    def _state(self, key: str) -> str:
        return "deleted" if key in self._world.gone else "active"

    def users(self, call: Call) -> Json:
        """All users in this state (active unless asked), or those of them with these ids."""
        ids, expand = call.query.get("id"), call.query.get("expand", [])
        chosen = [
            self._shown(key, expand)
            for key in self._world.agents
            if self._state(key) in _states(call) and (ids is None or key in ids)
        ]
        return page(call, chosen, self._options.most_on_page)

    def _shown(self, key: str, expand: list[str]) -> Json:
        agent = self._world.agents[key]
        mail = f"{agent.name.replace(' ', '.').lower()}@sandbox.invalid"
        user: Json = {
            "id": key,
            "name": agent.name,
            "division": {"id": HOME, "name": "Home", "selfUri": f"/api/v2/authorization/divisions/{HOME}"},
            "email": mail,
            "username": mail,
            "state": self._state(key),
            "version": 1,
            "acdAutoAnswer": False,
            "selfUri": f"/api/v2/users/{key}",
        }
        if "presence" in expand:
            user["presence"] = presence(self._floor, key)
        if "routingStatus" in expand:
            user["routingStatus"] = routing_status(self._floor, key)
        if "outOfOffice" in expand:
            user["outOfOffice"] = self.out_of_office(key)
        return user

    def out_of_office(self, user: str) -> Json:
        """Not away unless `away` says so."""
        said = self.away.get(user, {"active": False, "indefinite": False})
        return {"id": user, **said, "selfUri": f"/api/v2/users/{user}/outofoffice"}

    def set_presence(self, call: Call) -> Json:
        """By the id of a definition (a name is refused), with or without a message; or the message alone."""
        user, body = self._known(call), call.body or {}
        desk = self._floor.desks[user]
        wanted = (body.get("presenceDefinition") or {}).get("id", None if "message" not in body else "")
        if wanted not in NAMES and wanted != "":
            raise Refusal(400, "invalid.presence", f"The presence definition [{wanted}] does not exist")
        desk.message = str(body.get("message", desk.message))
        self._floor.set_presence(desk, NAMES[wanted] if wanted else desk.presence)
        return presence(self._floor, user)

    def definitions(self, call: Call) -> Json:
        """The system presences."""
        entities = [
            {
                "id": definition,
                "type": "System",
                "languageLabels": {"en_US": name},
                "systemPresence": name,
                "divisionId": "*",
                "deactivated": False,
                "selfUri": f"/api/v2/presence/definitions/{definition}",
            }
            for name, definition in PRESENCES.items()
        ]
        return {"entities": entities, "total": len(entities), "selfUri": call.path}


def _states(call: Call) -> set[str]:
    asked = call.first("state", "active")
    return {"active", "inactive", "deleted"} if asked == "any" else {asked}
