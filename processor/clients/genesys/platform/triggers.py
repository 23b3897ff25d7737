"""Process automation's triggers: an event starts a workflow, which may post it to our receiver."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from processor.clients.api import Api
from processor.clients.genesys.pages import Entity, path_id
from processor.clients.genesys.registered import Registered
from processor.errors import RefusedError

PATH = "/api/v2/processautomation/triggers"
PAGE = 200
MOST_PAGES = 1_000


def trigger(topic: str, workflow_id: str) -> dict[str, Any]:
    """The body that is asked for; its name tells it from other people's."""
    settings = {"dataFormat": "Json"}
    return {
        "name": f"Event processor: {topic}",
        "topicName": topic,
        "enabled": True,
        "target": {"type": "Workflow", "id": workflow_id, "workflowTargetSettings": settings},
        "matchCriteria": [],
        "description": "Starts the workflow that posts this event to the event processor",
    }


class Triggers:
    """Makes them so; a repeat changes nothing."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def make(self, wanted: Mapping[str, Any]) -> Registered:
        """One trigger with this name. Raises `ConflictError` when somebody changes it at the same moment."""
        name = str(wanted["name"])
        async for there in self._all():
            if there.get("name") != name:
                continue
            key = path_id(str(there["id"]))
            if {field: there.get(field) for field in wanted} == dict(wanted):
                return Registered(key, name, "unchanged")
            body = {**wanted, "version": there.get("version", 1)}
            await self._api.request("PUT", f"{PATH}/{key}", json=body)
            return Registered(key, name, "updated")
        made = (await self._api.request("POST", PATH, json=wanted)).json()
        return Registered(str(made["id"]), name, "created")

    async def _all(self) -> AsyncIterator[Entity]:
        """By cursor: the next page's address is Genesys's to say."""
        path = f"{PATH}?pageSize={PAGE}"
        for _ in range(MOST_PAGES):
            body = (await self._api.request("GET", path)).json()
            for entity in body.get("entities") or ():
                yield entity
            path = str(body.get("nextUri") or "")
            if not path:
                return
        raise RefusedError(f"there are more than {MOST_PAGES * PAGE} triggers", "make ours by hand: register --print")
