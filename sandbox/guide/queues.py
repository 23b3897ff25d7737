"""G4's queues: settings with a version that take their time to be active, members, agents' shifts, the audit log."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.clock import stamp
from sandbox.floor import Floor
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.genesys.skills import NAMES, Skills
from sandbox.guide.hub import Hub
from sandbox.names import ADMIN
from sandbox.options import Options
from sandbox.world import Change, World

READ = ("routing:queue:read",)
WRITE = ("routing:queue:write",)
TYPES = {"call": "voice", "email": "email", "message": "message"}
"""Medium of the floor → the guides' word for the type of a queue."""
REQUIRED = ("routingRules", "slaPercent", "slaTarget", "wrapUpPolicy", "queueType")
AHEAD = timedelta(days=7)
TOKEN = "page-"


def construction(skills: tuple[str, ...] = ()) -> list[Json]:
    """The two rules that the guide constructs: contacts of high priority first, then everybody."""
    high = {"field": "priority", "operator": "equal", "value": "high"}
    return [
        {
            "type": "priority",
            "priority": 1,
            "conditions": [high],
            "routingStrategy": {"type": "longest-idle", "skills": list(skills)},
        },
        {"type": "default", "routingStrategy": {"type": "random", "skills": list(skills)}},
    ]


@dataclass(frozen=True, slots=True)
class Former:
    """What the edge still shows, and until when on the room's clock."""

    shown: Json
    until: float


class Queues:
    """The operations on queues.

    A PUT is answered with the next version at once; a GET shows it `activation_seconds` (real) later.
    `monotonic`, `capacity` (by user id, 1 where nothing is said) and `activation_seconds` are a test's to set.
    """

    def __init__(self, options: Options, world: World, floor: Floor, skills: Skills, hub: Hub) -> None:
        self._options = options
        self._world = world
        self._floor = floor
        self._skills = skills
        self._hub = hub
        self._versions = dict.fromkeys(world.queues, 1)
        self._former: dict[str, Former] = {}
        self.activation_seconds = 0.3
        self.monotonic: Callable[[], float] = time.monotonic
        self.capacity: dict[str, int] = {}
        world.listeners.append(self._changed)

    def routes(self) -> list[Route]:
        """What is served."""
        one = "/api/v2/routing/queues/{queueId}"
        return [
            Route("GET", one, self.queue, READ),
            Route("PUT", one, self.replace, WRITE),
            Route("GET", f"{one}/members", self.members, READ),
            Route("GET", "/api/v2/schedule/agents/{agentId}", self.shifts, ("schedule:agent:read",)),
            Route("GET", "/api/v2/auditlogs", self.audits, ("auditlogs:read",)),
        ]

    def present(self, key: str) -> Json:
        """The settings as they were last written; until then as the guide constructs them."""
        queue, medium = self._world.queues[key], self._floor.queues[key].media
        level = queue["mediaSettings"][medium]["serviceLevel"]
        return {
            "id": key,
            "name": queue["name"],
            "version": f"v-{self._versions[key]}",
            "routingRules": copy.deepcopy(queue["routingRules"]) if "wrapUpPolicy" in queue else construction(),
            "slaPercent": _short(level["percentage"] * 100),
            "slaTarget": _short(level["durationMs"] / 1000),
            "wrapUpPolicy": queue.get("wrapUpPolicy", "required"),
            "queueType": TYPES[medium],
            "members": [],
            "dateModified": queue["dateModified"],
            "modifiedBy": queue["modifiedBy"],
        }

    def _known(self, call: Call) -> str:
        key = call.parameters["queueId"]
        if key not in self._world.queues or key not in self._versions:
            raise not_found("queue")
        return key

    def queue(self, call: Call) -> Json:
        """What the edge shows: the former settings while the new ones are on their way."""
        key = self._known(call)
        former = self._former.get(key)
        if former and self.monotonic() < former.until:
            return former.shown
        return self.present(key)

    def replace(self, call: Call) -> Json:
        """Full replacement. A `version` in the body must be the present one; without one the last writer wins."""
        key = self._known(call)
        body = self._checked(key, call.body)
        present = self.present(key)
        if body.get("version") not in (None, present["version"]):
            message = f"The queue was changed: its version is [{present['version']}], not [{body['version']}]"
            raise Refusal(409, "version.conflict", message)
        former = self.queue(call)
        self._write(key, body, self._options.client_id)
        self._former[key] = Former(former, self.monotonic() + self.activation_seconds)
        return self.present(key)

    def by_a_person(self, queue_id: str, **fields: Any) -> Json:
        """A supervisor changes some of the settings in the user interface; active at once."""
        self._write(queue_id, {**self.present(queue_id), **fields}, ADMIN)
        self._former.pop(queue_id, None)
        return self.present(queue_id)

    def _write(self, key: str, body: Json, by: str) -> None:
        medium, old = self._floor.queues[key].media, self._world.queues[key]
        level = {"percentage": body["slaPercent"] / 100, "durationMs": round(body["slaTarget"] * 1000)}
        setting = {**old["mediaSettings"][medium], "serviceLevel": level}
        media = {**old["mediaSettings"], medium: setting}
        rules = {"routingRules": copy.deepcopy(body["routingRules"]), "wrapUpPolicy": body["wrapUpPolicy"]}
        self._world.put(self._world.queues, key, {**old, **rules, "mediaSettings": media}, by)

    def _changed(self, change: Change) -> None:
        """Whoever changed it, by whichever door: the next version, and whoever asked is told."""
        key = change.entity_id
        if change.entity_type == "Queue" and change.action == "Update" and key in self._versions:
            self._versions[key] += 1
            self._hub.announce("routingQueueUpdated", key, self.present(key))

    def _checked(self, key: str, body: Any) -> Json:
        if not isinstance(body, dict):
            raise Refusal(400, "bad.request", "A queue configuration is expected")
        missing = next((name for name in REQUIRED if body.get(name) is None), None)
        if missing:
            raise Refusal(400, "bad.request", f"Invalid payload: {missing} is required")
        target = body["slaTarget"]
        if isinstance(target, bool) or not isinstance(target, int | float) or target < 1 or target != int(target):
            raise Refusal(400, "bad.request", "Invalid payload: slaTarget must be an integer representing seconds")
        percent = body["slaPercent"]
        if isinstance(percent, bool) or not isinstance(percent, int | float) or not 0 <= percent <= 100:
            raise Refusal(400, "bad.request", "Invalid payload: slaPercent must lie between 0 and 100")
        if body["queueType"] != TYPES[self._floor.queues[key].media]:
            raise Refusal(400, "bad.request", "Invalid payload: queueType cannot be changed")
        _check_rules(body["routingRules"])
        return body

    def members(self, call: Call) -> Json:
        """Who is a member, with his skills; in pages."""
        key = self._known(call)
        entities = [
            {"memberId": user, "skills": [{"id": skill} for skill in self._skills.held[user]]}
            for user in self._world.members[key]
            if user not in self._world.gone
        ]
        return page(call, entities, self._options.most_on_page)

    def shifts(self, call: Call) -> Json:
        """The agent's shifts of the week from `dateFrom` (a UTC date); `active` is the one that is on now."""
        agent = self._world.agent(call.parameters["agentId"])
        if agent is None:
            raise not_found("agent")
        now = self._world.now()
        try:
            start = datetime.fromisoformat(call.first("dateFrom", str(now.date()))).replace(tzinfo=UTC)
        except ValueError as error:
            raise Refusal(400, "bad.request", "dateFrom must be a date: YYYY-MM-DD") from error
        entities = [
            {
                "id": shift.id,
                "status": "active" if shift.start <= now < shift.end else "scheduled" if shift.start > now else "ended",
                "capacity": self.capacity.get(agent.id, 1),
                "startTime": stamp(shift.start),
                "endTime": stamp(shift.end),
            }
            for shift in self._world.roster.between(agent, start, start + AHEAD)
        ]
        return {"entities": entities}

    def audits(self, call: Call) -> Json:
        """Changes of one queue, newest first; `nextPageToken` is what `pageToken` takes for the next page."""
        if call.first("entityType") != "RoutingQueue":
            raise Refusal(400, "bad.request", "entityType must be RoutingQueue")
        key, token = call.first("entityId"), call.first("pageToken")
        number = int(token.removeprefix(TOKEN) or 1) if token else 1  # the token alone leads on
        size = min(int(call.first("pageSize", "50")), self._options.most_on_page)
        told = [
            _audit(n, change)
            for n, change in enumerate(self._world.audits)
            if change.entity_type == "Queue" and change.entity_id == key
        ][::-1]
        more = number * size < len(told)
        return {
            "entities": told[(number - 1) * size : number * size],
            "nextPageToken": f"{TOKEN}{number + 1}" if more else None,
            "pageSize": size,
        }


def _audit(number: int, change: Change) -> Json:
    return {
        "id": f"{change.entity_id}-{number}",
        "entityType": "RoutingQueue",
        "entityId": change.entity_id,
        "action": change.action.upper(),
        "timestamp": stamp(change.at),
        "userId": change.by,
        "changes": list(change.changes),
    }


def _check_rules(rules: Any) -> None:
    """The structure that the guide's errors speak of, and that the skills exist."""
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise Refusal(400, "bad.request", "Invalid payload: routingRules must be a list of rules")
    for number, rule in enumerate(rules):
        strategy = rule.get("routingStrategy")
        if rule.get("type") not in ("priority", "default") or not isinstance(strategy, dict):
            message = f"Invalid payload: routingRules[{number}] needs a type (priority, default) and a routingStrategy"
            raise Refusal(400, "bad.request", message)
        unknown = [skill for skill in strategy.get("skills") or [] if skill not in NAMES]
        if unknown:
            raise Refusal(400, "bad.request", f"Invalid payload: routingRules[{number}] names no skill [{unknown[0]}]")


def _short(value: float) -> float:
    """A whole number as one: the guides write 90 and 60."""
    rounded = round(value, 4)
    return int(rounded) if math.isclose(rounded, round(rounded)) else rounded
