"""Process automation's triggers, listed by cursor; a version in the body that is not the present one is refused."""

from __future__ import annotations

import uuid
from typing import Any

from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found

PATH = "/api/v2/processautomation/triggers"
VIEW = ("processautomation:trigger:edit", "processautomation:trigger:view")
REQUIRED = ("name", "topicName", "enabled", "target")


class Triggers:
    """`kept`: by id, in the order they were made."""

    def __init__(self) -> None:
        self.kept: dict[str, Json] = {}

    def routes(self) -> list[Route]:
        """What is served."""
        one = f"{PATH}/{{triggerId}}"
        return [
            Route("GET", PATH, self.listed, VIEW),
            Route("POST", PATH, self.create, ("processautomation:trigger:add",)),
            Route("GET", one, lambda call: self.kept[self._known(call)], VIEW),
            Route("PUT", one, self.replace, ("processautomation:trigger:edit",)),
            Route("DELETE", one, self.remove, ("processautomation:trigger:delete",), 204),
        ]

    def listed(self, call: Call) -> Json:
        """A page after the trigger whose id is the cursor."""
        entities, size, after = list(self.kept.values()), int(call.first("pageSize", "25")), call.first("after")
        start = next((n + 1 for n, one in enumerate(entities) if one["id"] == after), 0)
        page = entities[start : start + size]
        body: Json = {"entities": page, "selfUri": call.path}
        if start + size < len(entities):
            body["nextUri"] = f"{PATH}?pageSize={size}&after={page[-1]['id']}"
        return body

    def create(self, call: Call) -> Json:
        """Two may have one name: it is the caller's to look first."""
        return self.add(_checked(call.body))

    def add(self, body: Json) -> Json:
        """Somebody makes one."""
        key = str(uuid.uuid4())
        self.kept[key] = {**body, "id": key, "version": 1, "selfUri": f"{PATH}/{key}"}
        return self.kept[key]

    def replace(self, call: Call) -> Json:
        """The topic cannot change."""
        key, body = self._known(call), _checked(call.body)
        old = self.kept[key]
        if body.get("version") != old["version"]:
            raise Refusal(409, "general.conflict", "The version is not the present one.")
        if body["topicName"] != old["topicName"]:
            raise Refusal(400, "bad.request", "The topic of a trigger cannot be changed.")
        self.kept[key] = {**body, "id": key, "version": old["version"] + 1, "selfUri": old["selfUri"]}
        return self.kept[key]

    def remove(self, call: Call) -> None:
        """It fires no more."""
        del self.kept[self._known(call)]

    def _known(self, call: Call) -> str:
        key = call.parameters["triggerId"]
        if key not in self.kept:
            raise not_found("trigger")
        return key


def _checked(body: Any) -> Json:
    missing = [name for name in REQUIRED if not isinstance(body, dict) or name not in body]
    if missing:
        raise Refusal(400, "missing.required.field", f"The field [{missing[0]}] is required")
    if body["target"].get("type") != "Workflow" or not body["target"].get("id"):
        raise Refusal(400, "bad.request", "The target of a trigger is a workflow")
    checked: Json = body
    return checked
