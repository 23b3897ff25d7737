"""G5's agents: presence under an ETag, shifts, the status of single skills, and streams that take events.

The guide shows methods of a client, no paths: these are the paths that their names mean in the official API.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from sandbox.clock import parse, stamp
from sandbox.floor import Desk, Floor
from sandbox.genesys.guard import Answered, Call, Json, Refusal, Route, not_found
from sandbox.genesys.skills import NAMES as SKILLS
from sandbox.guide.hub import Hub
from sandbox.names import PRESENCES, uid
from sandbox.world import World

STREAM = uid("event-stream", "Presence export")
READ, WRITE = ("presence:read",), ("presence:write",)
BY_ID = {definition: name for name, definition in PRESENCES.items()}
AROUND = timedelta(days=1)


class Presences:
    """The operations on agents. `streams`: what each event stream took; `statuses`: by user and skill id."""

    def __init__(self, world: World, floor: Floor, hub: Hub) -> None:
        self._world = world
        self._floor = floor
        self._hub = hub
        self._versions: dict[str, tuple[tuple[object, ...], int]] = {}
        self._rivals: list[str] = []
        self.streams: dict[str, list[Json]] = {STREAM: []}
        self.statuses: dict[str, dict[str, str]] = {}

    def routes(self) -> list[Route]:
        """What is served."""
        user = "/api/v2/users/{userId}"
        return [
            Route("GET", f"{user}/presences/purecloud", self.presence, READ),
            Route("PUT", f"{user}/presences/purecloud", self.replace, WRITE),
            Route("GET", f"{user}/schedules", self.schedules, ("scheduling:read",)),
            Route("PUT", f"{user}/routingstatus", self.override, ("routing:write",)),
            Route(
                "POST",
                "/api/v2/eventstreams/streams/{streamId}/events",
                self.take,
                ("eventstreams:read", "eventstreams:write"),
                202,
            ),
        ]

    def _desk(self, call: Call) -> Desk:
        user = call.parameters["userId"]
        if self._world.agent(user) is None:
            raise not_found("user")
        return self._floor.desks[user]

    def shown(self, user: str) -> Json:
        """An agent's presence, in the guide's own words."""
        desk = self._floor.desks[user]
        return {
            "userId": user,
            "presenceId": desk.presence,
            "customStatusMessage": desk.message,
            "modifiedDate": stamp(self._floor.moment(desk.presence_since)),
        }

    def etag(self, user: str) -> str:
        """Another one after every change, whoever made it."""
        desk = self._floor.desks[user]
        state = (desk.presence, desk.presence_since, desk.message)
        known, number = self._versions.get(user, (None, 0))
        if known != state:
            number += 1
            self._versions[user] = state, number
        return f'"p-{number}"'

    def presence(self, call: Call) -> Answered:
        """With its ETag."""
        user = self._desk(call).agent.id
        return Answered(self.shown(user), {"ETag": self.etag(user)})

    def replace(self, call: Call) -> Answered:
        """By a word or an id. `If-Match` must be the present ETag; without it the last writer wins."""
        desk = self._desk(call)
        user = desk.agent.id
        if self._rivals:
            self.by_a_person(user, self._rivals.pop(0))
        body = call.body if isinstance(call.body, dict) else {}
        wanted = str(body.get("presenceId"))
        name = BY_ID.get(wanted, wanted)
        if name not in PRESENCES:
            raise Refusal(400, "invalid.presence", f"The presence [{wanted}] does not exist")
        condition = call.headers.get("if-match")
        if condition is not None and condition != self.etag(user):
            raise Refusal(412, "precondition.failed", "The presence was changed: If-Match is not its current ETag")
        desk.message = str(body.get("customStatusMessage", desk.message))
        self._floor.set_presence(desk, name)
        self._hub.announce("presence:updated", user, self.shown(user))
        return Answered(self.shown(user), {"ETag": self.etag(user)})

    def by_a_person(self, user: str, presence: str) -> None:
        """The agent himself changes his presence on another device."""
        self._floor.set_presence(self._floor.desks[user], presence)

    def rivals(self, *presences: str) -> None:
        """Before each of the next writes the agent is faster, and sets these."""
        self._rivals = list(presences)

    def schedules(self, call: Call) -> Json:
        """The shifts of yesterday, today and tomorrow; only when they are asked for."""
        desk, now = self._desk(call), self._world.now()
        if "shifts" not in call.query.get("expand", []):
            return {"userId": desk.agent.id}
        shifts = self._world.roster.between(desk.agent, now - AROUND, now + AROUND)
        return {"shifts": [{"startTime": stamp(shift.start), "endTime": stamp(shift.end)} for shift in shifts]}

    def override(self, call: Call) -> Json:
        """The status of one skill of the agent."""
        user = self._desk(call).agent.id
        body: Mapping[str, object] = call.body if isinstance(call.body, dict) else {}
        skill, status = body.get("skillId"), body.get("statusId")
        if skill not in SKILLS:
            raise not_found("skill")
        if status not in PRESENCES and status not in BY_ID:
            raise Refusal(400, "invalid.status", f"The status [{status}] does not exist")
        self.statuses.setdefault(user, {})[str(skill)] = str(status)
        return {"userId": user, "skillId": skill, "statusId": status}

    def take(self, call: Call) -> Json:
        """An event for whoever reads this stream."""
        stream = call.parameters["streamId"]
        if stream not in self.streams:
            raise not_found("event stream")
        event = call.body if isinstance(call.body, dict) else {}
        missing = [name for name in ("eventType", "source", "timestamp", "data") if not event.get(name)]
        if missing:
            raise Refusal(400, "bad.request", f"The field [{missing[0]}] is required")
        try:
            parse(str(event["timestamp"]))
        except ValueError as error:
            raise Refusal(400, "bad.request", "The timestamp must be UTC") from error
        self.streams[stream].append(event)
        return {"id": uid("stream-event", f"{stream}/{len(self.streams[stream])}")}
