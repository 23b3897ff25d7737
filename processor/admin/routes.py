"""The operations API: what an operator can ask and order, each path beside what it calls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from processor.admin.operations import Operations
from processor.errors import PoisonError
from processor.web.answers import answer, problem

BY_AT_MOST = 200


def operation_routes(app: web.Application, operations: Operations) -> None:
    """Adds the paths of INTERFACE §3 that need more than the process itself."""
    routes = _Routes(operations)
    app.router.add_get("/overview", routes.overview)
    app.router.add_get("/queues", routes.queues)
    app.router.add_post("/queues/{id}/freeze", routes.freeze)
    app.router.add_post("/queues/{id}/resume", routes.resume)
    app.router.add_get("/dead-letters", routes.dead_letters)
    app.router.add_post("/dead-letters/{id}/replay", routes.replay)
    app.router.add_post("/requests/{name}", routes.request)
    app.router.add_get("/requests/{name}", routes.outcome)
    app.router.add_get("/events/{id}", routes.event)


async def _fields(request: web.Request) -> Mapping[str, Any]:
    """The body's JSON object; empty without a body."""
    body = await request.read()
    if not body:
        return {}
    try:
        content = orjson.loads(body)
    except ValueError:
        raise PoisonError("The body is no JSON.") from None
    if not isinstance(content, dict):
        raise PoisonError("The body must be a JSON object.")
    return content


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise PoisonError(f"{name} must be a text.", name)
    return value


def _by(request: web.Request, fields: Mapping[str, Any]) -> str:
    """Who orders it, for the audit trail: what they say, else where they come from."""
    return (_text(fields, "by") or f"admin API, {request.remote}")[:BY_AT_MOST]


def _key(request: web.Request) -> str | None:
    """The caller's own id for a request that he may have to send again."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[!-~]{1,200}", key):
        raise PoisonError("Idempotency-Key: 1 to 200 visible ASCII characters, such as a UUID.", "Idempotency-Key")
    return key


async def _brake(request: web.Request) -> dict[str, Any]:
    """Why, who, and whether the queue's own settings come back."""
    fields = await _fields(request)
    restore = fields.get("restore", False)
    if not isinstance(restore, bool):
        raise PoisonError("restore must be true or false.", "restore")
    return {"reason": _text(fields, "reason"), "by": _by(request, fields), "restore": restore}


def _braked(name: str, made: Mapping[str, Any] | None) -> web.Response:
    return (
        problem(404, f"No queue is known as {name}; GET /queues has their ids.") if made is None else answer(202, made)
    )


class _Routes:
    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def overview(self, _: web.Request) -> web.Response:
        return answer(200, await self._operations.overview())

    async def queues(self, _: web.Request) -> web.Response:
        return answer(200, {"queues": await self._operations.queues()})

    async def freeze(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        return _braked(name, await self._operations.freeze(name, **await _brake(request)))

    async def resume(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        return _braked(name, await self._operations.resume(name, **await _brake(request)))

    async def dead_letters(self, _: web.Request) -> web.Response:
        return answer(200, {"deadLetters": await self._operations.dead_letters()})

    async def replay(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        made = await self._operations.replay(name)
        return problem(404, f"There is no dead letter {name}.") if made is None else answer(202, made)

    async def request(self, request: web.Request) -> web.Response:
        kind = request.match_info["name"]
        fields = await _fields(request)
        trace = request.headers.get("traceparent", "")
        made = await self._operations.request(kind, fields, by=_by(request, fields), key=_key(request), trace=trace)
        if made is None:
            return problem(404, f"There is no request of kind {kind}.")
        return answer(202, made, headers={"Location": f"/requests/{made['id']}"})

    async def outcome(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = await self._operations.outcome(name)
        return problem(404, f"No request {name} is known.") if found is None else answer(200, found)

    async def event(self, request: web.Request) -> web.Response:
        return answer(200, await self._operations.event(request.match_info["id"], request.query.get("subject")))
