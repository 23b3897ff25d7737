"""Queues and their members: settings by full replacement, joining in bulk and with a delay."""

from __future__ import annotations

import asyncio
from typing import Any

from sandbox.floor import Floor
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.genesys.people import routing_status
from sandbox.names import ADMIN
from sandbox.options import Options
from sandbox.world import Change, World

VIEW = ("routing:queue:view",)
EDIT = ("routing:queue:edit",)
MANAGE = ("routing:queue:edit", "routing:queueMember:manage")
SETTLES = 0.2
"""Real seconds until a bulk change of members has taken effect: it is asynchronous at Genesys too."""
KEPT = {"id", "dateCreated", "createdBy", "division", "selfUri"}
WRITABLE = {
    "name",
    "description",
    "mediaSettings",
    "routingRules",
    "conditionalGroupRouting",
    "conditionalGroupActivation",
    "bullseye",
    "scoringMethod",
    "lastAgentRoutingMode",
    "acwSettings",
    "skillEvaluationMethod",
    "memberGroups",
    "queueFlow",
    "autoAnswerOnly",
    "enableTranscription",
    "enableAudioMonitoring",
    "enableManualAssignment",
    "callingPartyName",
    "callingPartyNumber",
    "defaultScripts",
    "suppressInQueueCallRecording",
}


class Routing:
    """The operations on queues."""

    def __init__(self, options: Options, world: World, floor: Floor) -> None:
        self._options = options
        self._world = world
        self._floor = floor

    def routes(self) -> list[Route]:
        """What is served."""
        one = "/api/v2/routing/queues/{queueId}"
        return [
            Route("GET", "/api/v2/routing/queues", self.queues, VIEW),
            Route("GET", one, lambda call: self.shown(self._known(call)), VIEW),
            Route("PUT", one, self.replace, EDIT),
            Route("GET", f"{one}/members", self.members, (*VIEW, *MANAGE)),
            Route("PATCH", f"{one}/members", self.join, MANAGE),
            Route("POST", f"{one}/members", self.enlist, MANAGE, 204),
            Route("PATCH", f"{one}/members/{{memberId}}", self.join_one, MANAGE, 202),
        ]

    def _known(self, call: Call) -> str:
        key = call.parameters["queueId"]
        if key not in self._world.queues:
            raise not_found("queue")
        return key

    def shown(self, key: str) -> Json:
        """A queue with its counts."""
        members = self._world.members.get(key, {})
        counts = {
            "memberCount": len(members),
            "userMemberCount": len(members),
            "joinedMemberCount": sum(members.values()),
        }
        return {**self._world.queues[key], **counts}

    def queues(self, call: Call) -> Json:
        """All, or those with these ids, this name (`*` is a wildcard at its ends) or these divisions."""
        ids, divisions, name = call.query.get("id"), call.query.get("divisionId"), call.first("name").strip("*").lower()
        chosen = [
            self.shown(key)
            for key, queue in self._world.queues.items()
            if (ids is None or key in ids)
            and (divisions is None or queue["division"]["id"] in divisions)
            and name in queue["name"].lower()
        ]
        return page(call, chosen, self._options.most_on_page)

    def replace(self, call: Call) -> Json:
        """Full replacement: what is not sent is gone. Last writer wins, there is no version."""
        key = self._known(call)
        if not isinstance(call.body, dict) or not call.body.get("name"):
            raise Refusal(400, "missing.required.field", "The field [name] is required")
        _check_media(call.body.get("mediaSettings", {}))
        old = self._world.queues[key]
        new = {name: value for name, value in old.items() if name in KEPT | {"modifiedBy", "dateModified"}}
        new |= {name: value for name, value in call.body.items() if name in WRITABLE}
        self._world.put(self._world.queues, key, new, self._options.client_id)
        return self.shown(key)

    def members(self, call: Call) -> Json:
        """All, or those who are joined or not."""
        joined, key = call.first("joined"), self._known(call)
        chosen = [
            self._member(key, user, at)
            for at, (user, is_in) in enumerate(self._world.members[key].items())
            if not joined or (joined == "true") == is_in
        ]
        return page(call, chosen, min(100, self._options.most_on_page), counted=False)

    def _member(self, queue_id: str, user: str, number: int) -> Json:
        agent = self._world.agents[user]
        return {
            "id": user,
            "name": agent.name,
            "ringNumber": number % 6 + 1,
            "joined": self._world.members[queue_id][user],
            "memberBy": "user",
            "routingStatus": routing_status(self._floor, user),
            "selfUri": f"/api/v2/routing/queues/{queue_id}/members/{user}",
        }

    def join(self, call: Call) -> Json:
        """At most 100; who is no member is disregarded. The answer shows the state before it takes effect."""
        key = self._known(call)
        wanted = _ids(call.body, 100)
        known = [entry for entry in wanted if entry["id"] in self._world.members[key]]
        before = [self._member(key, entry["id"], at) for at, entry in enumerate(known)]
        loop = asyncio.get_running_loop()
        loop.call_later(
            SETTLES, self.settle, key, {e["id"]: bool(e.get("joined")) for e in known}, self._options.client_id
        )
        return {"entities": before, "pageSize": len(before), "pageNumber": 1, "selfUri": call.path}

    def join_one(self, call: Call) -> None:
        """One member, joined or not; 404 when he is none."""
        key, user = self._known(call), call.parameters["memberId"]
        if user not in self._world.members[key]:
            raise not_found("member")
        joined = bool((call.body or {}).get("joined"))
        asyncio.get_running_loop().call_later(SETTLES, self.settle, key, {user: joined}, self._options.client_id)

    def enlist(self, call: Call) -> None:
        """Make members (not joined ones are joined), or with `delete=true` take them out."""
        key = self._known(call)
        for entry in _ids(call.body, 100):
            if entry["id"] not in self._world.agents:
                raise not_found("user")
            if call.first("delete") == "true":
                self._world.members[key].pop(entry["id"], None)
            else:
                self._world.members[key].setdefault(entry["id"], True)

    def settle(self, queue_id: str, joined: dict[str, bool], by: str) -> None:
        """What `join` asked for takes effect, and an audit tells it."""
        members, name = self._world.members[queue_id], self._world.queues[queue_id]["name"]
        for user, is_in in joined.items():
            was = members.get(user)
            if was is None or was == is_in:
                continue
            members[user] = is_in
            change = {
                "property": f"QueueMember/{queue_id}:{user}:joined",
                "oldValues": [str(was).lower()],
                "newValues": [str(is_in).lower()],
            }
            at = self._world.now()
            self._world.note(Change(at, by, "ContactCenter", "MemberUpdate", "Queue", queue_id, name, (change,)))

    def by_a_person(self, queue_id: str, media: str, seconds: float) -> Json:
        """A supervisor sets another target in the user interface."""
        old = self._world.queues[queue_id]
        media_settings = {**old["mediaSettings"]}
        level = {**media_settings[media]["serviceLevel"], "durationMs": int(seconds * 1000)}
        media_settings[media] = {**media_settings[media], "serviceLevel": level}
        return self._world.put(self._world.queues, queue_id, {**old, "mediaSettings": media_settings}, ADMIN)


def _ids(body: Any, most: int) -> list[Json]:
    if not isinstance(body, list) or not all(isinstance(entry, dict) and entry.get("id") for entry in body):
        raise Refusal(400, "bad.request", "An array of objects with ids is expected")
    if len(body) > most:
        raise Refusal(400, "too.many.items", f"No more than {most} members may be changed at once")
    return body


def _check_media(settings: Any) -> None:
    if not isinstance(settings, dict):
        raise Refusal(400, "invalid.value", "Value is not valid for field type [mediaSettings]")
    for media, setting in settings.items():
        level = setting.get("serviceLevel") or {}
        percentage, duration = level.get("percentage", 0.8), level.get("durationMs", 20_000)
        if not 0 <= percentage <= 1 or not isinstance(duration, int) or duration < 1000:
            raise Refusal(400, "invalid.service.level", f"The service level of [{media}] is not valid")
