"""Wrap-up codes: which there are (in both dialects), and which of them a queue offers."""

from __future__ import annotations

from typing import Any

from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.names import QUEUES, WRAP_UP_CODES
from sandbox.options import Options
from sandbox.world import World

NAMES = {key: name for name, key in WRAP_UP_CODES.items()}
MOST_AT_ONCE = 100


class WrapUpCodes:
    """`of_queue`: by queue id, the ids of its codes in the order in which they were added."""

    def __init__(self, options: Options, world: World) -> None:
        self._options = options
        self._world = world
        self.of_queue: dict[str, list[str]] = {queue.id: [WRAP_UP_CODES["Resolved"]] for queue in QUEUES}

    def listed(self) -> list[Route]:
        """What both dialects serve."""
        return [Route("GET", "/api/v2/routing/wrapupcodes", self.codes, ("routing:wrapupCode:view",))]

    def routes(self) -> list[Route]:
        """What the official API serves."""
        one = "/api/v2/routing/queues/{queueId}/wrapupcodes"
        edit = ("routing:queue:edit",)
        return [
            *self.listed(),
            Route("GET", one, self.offered, ("routing:queue:view",)),
            Route("POST", one, self.offer, edit),
            Route("DELETE", f"{one}/{{codeId}}", self.withdraw, edit, 204),
        ]

    def codes(self, call: Call) -> Json:
        """All of the organisation."""
        return page(call, [_code(key) for key in NAMES], self._options.most_on_page)

    def _queue(self, call: Call) -> list[str]:
        key = call.parameters["queueId"]
        if key not in self._world.queues:
            raise not_found("queue")
        return self.of_queue[key]

    def offered(self, call: Call) -> Json:
        """Those of a queue."""
        return page(call, [_code(key) for key in self._queue(call)], self._options.most_on_page)

    def offer(self, call: Call) -> list[Json]:
        """Add some; the answer shows those that were sent."""
        there, sent = self._queue(call), _ids(call.body)
        if unknown := [one for one in sent if one not in NAMES]:
            raise Refusal(400, "invalid.wrapup.code", f"The wrap-up code [{unknown[0]}] does not exist")
        there += [one for one in sent if one not in there]
        return [_code(one) for one in sent]

    def withdraw(self, call: Call) -> None:
        """Take one away."""
        there, key = self._queue(call), call.parameters["codeId"]
        if key not in there:
            raise not_found("wrap-up code")
        there.remove(key)


def _ids(body: Any) -> list[str]:
    if not isinstance(body, list) or not all(isinstance(one, dict) and one.get("id") for one in body):
        raise Refusal(400, "bad.request", "An array of objects with ids is expected")
    if len(body) > MOST_AT_ONCE:
        raise Refusal(400, "too.many.items", f"No more than {MOST_AT_ONCE} wrap-up codes may be added at once")
    return [str(one["id"]) for one in body]


def _code(key: str) -> Json:
    return {"id": key, "name": NAMES[key], "selfUri": f"/api/v2/routing/wrapupcodes/{key}"}
