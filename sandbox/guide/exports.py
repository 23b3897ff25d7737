"""G3's event exports: noted changes of routing profiles, handed out a page at a time after the one last read."""

from __future__ import annotations

from typing import Any

from sandbox.clock import stamp
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.guide.hub import Hub
from sandbox.guide.profiles import CHANGED
from sandbox.names import uid
from sandbox.options import Options
from sandbox.world import World

SCOPE = ("eventstream:export:read",)
EXPORTS = "/api/v2/eventstreams/exports"
TYPE = "ROUTING_PROFILE"
MOST_ON_PAGE = 100


class Exports:
    """`orders` by id, as they were made; `noted` by export: each holds what happened since it was made."""

    def __init__(self, options: Options, world: World, hub: Hub) -> None:
        self._options = options
        self._world = world
        self.orders: dict[str, Json] = {}
        self.noted: dict[str, list[Json]] = {}
        hub.listeners.append(self._note)

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("GET", EXPORTS, self.listed, SCOPE),
            Route("POST", EXPORTS, self.create, SCOPE),
            Route("POST", f"{EXPORTS}/query", self.query, SCOPE),
        ]

    def listed(self, call: Call) -> Json:
        """In pages."""
        return page(call, list(self.orders.values()), self._options.most_on_page)

    def create(self, call: Call) -> Json:
        """Every call makes one more, also under a name that there is already."""
        body = call.body if isinstance(call.body, dict) else {}
        destination = body.get("destination") or {}
        wanted = {"endpoint", "bucket", "prefix"} - (destination.get("configuration") or {}).keys()
        if not body.get("name") or body.get("type") != TYPE or body.get("format") != "JSON" or wanted:
            message = f"An export needs a name, the type {TYPE}, the format JSON and a destination"
            raise Refusal(422, "unprocessable.entity", message)
        key = uid("export", f"{body['name']} {len(self.orders) + 1}")
        self.orders[key] = {"id": key, **body}
        self.noted[key] = []
        return self.orders[key]

    def query(self, call: Call) -> Json:
        """Oldest first; after an id that it does not know it begins at the beginning."""
        body: Any = call.body or {}
        noted = self.noted.get(str(body.get("exportId")))
        if noted is None:
            raise not_found("export")
        limit = body.get("limit", MOST_ON_PAGE)
        if not isinstance(limit, int) or not 1 <= limit <= MOST_ON_PAGE:
            raise Refusal(422, "unprocessable.entity", f"limit must be between 1 and {MOST_ON_PAGE}")
        ids = [event["id"] for event in noted]
        begin = ids.index(body["afterId"]) + 1 if body.get("afterId") in ids else 0
        return {"entities": noted[begin : begin + limit]}

    def _note(self, event: str, entity_id: str, resource: Json) -> None:
        if event != CHANGED:
            return
        for key, noted in self.noted.items():
            number = len(noted) + 1
            noted.append(
                {
                    "id": uid("exported event", f"{key} {number}"),
                    "type": TYPE,
                    "timestamp": stamp(self._world.now()),
                    "profileId": entity_id,
                    "profile": resource,
                }
            )
