"""What stands before every operation: outages, token, rate limit, permission; and what stands on every answer."""

from __future__ import annotations

import asyncio
import json
import math
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from sandbox.clock import SimClock
from sandbox.options import Options

Json = dict[str, Any]


class Refusal(Exception):
    """An answer that is an error, in Genesys's words."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})

    def body(self, correlation: str) -> Json:
        """As `ErrorBody`."""
        return {
            "message": str(self),
            "code": self.code,
            "status": self.status,
            "contextId": correlation,
            "details": [],
            "errors": [],
        }


def not_found(what: str = "resource") -> Refusal:
    """404."""
    return Refusal(404, "not.found", f"The requested {what} was not found.")


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read: path parameters, all values of the query, parsed body."""

    method: str
    template: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, list[str]]
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True, slots=True)
class Answered:
    """What an operation may return where the body alone does not say it all."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """An operation. `any_of`: one of these permissions is needed (none: a token is enough)."""

    method: str
    path: str
    work: Callable[[Call], Any]
    any_of: tuple[str, ...] = ()
    status: int = 200


@dataclass(slots=True)
class Failure:
    """A planted failure for the next `times` requests whose method and path begin so."""

    path: str
    method: str = ""
    times: int = 1
    status: int = 500
    code: str = "internal.server.error"
    message: str = "planted by a test"
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    """Break the connection instead of answering; with `after` only when the work is done."""
    after: bool = False
    delay: float = 0.0


class Guard:
    """Wraps every operation of the Genesys stand-in."""

    def __init__(self, options: Options, clock: SimClock) -> None:
        self._options = options
        self._clock = clock
        self.tokens: dict[str, float] = {}
        """Token → when it expires, on the real monotone clock."""
        self.missing: set[str] = set()
        """Permissions that the client lacks."""
        self.failures: list[Failure] = []
        self.down = False
        self.rate_limit = options.rate_limit
        self.counts: Counter[str] = Counter()
        """`METHOD template status` → how often."""
        self.seen: deque[Call] = deque(maxlen=10_000)
        """The last calls that were let through to their operation."""
        self.watchers: list[Callable[[Call], None]] = []
        """Told of a call when its work is done and its answer is not yet out: where other people come in between."""
        self._window = (0, Counter[str]())

    def wrap(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The operation behind all checks."""

        async def serve(request: web.Request) -> web.StreamResponse:
            correlation = str(uuid.uuid4())
            limits: dict[str, str] = {}
            try:
                answer = await self._pass(route, request, limits)
                told = answer if isinstance(answer, Answered) else Answered(answer)
                status, body, extra = told.status or route.status, told.body, told.headers
            except Refusal as refusal:
                status, body, extra = refusal.status, refusal.body(correlation), refusal.headers
            self.counts[f"{route.method} {route.path} {status}"] += 1
            headers = {**limits, **extra, "ININ-Correlation-Id": correlation}
            return self.answer(status, body, headers)

        return serve

    def answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> web.Response:
        """JSON (nothing for None), dated by the sandbox's own clock."""
        date = format_datetime(self._clock.now(), usegmt=True)
        every = {**(headers or {}), "Date": date}
        if body is None:
            return web.Response(status=status, headers=every)
        return web.Response(status=status, text=json.dumps(body), content_type="application/json", headers=every)

    def _told(self, count: int, reset: int) -> dict[str, str]:
        """The rate limit as the dialect tells of it: G1 names one header only."""
        if self._options.dialect == "guide":
            return {"X-RateLimit-Remaining": str(max(0, self.rate_limit - count))}
        return {
            "inin-ratelimit-count": str(count),
            "inin-ratelimit-allowed": str(self.rate_limit),
            "inin-ratelimit-reset": str(reset),
        }

    async def _pass(self, route: Route, request: web.Request, limits: dict[str, str]) -> Any:
        call = await _read(route, request)
        failure = self._planted(request)
        if failure and failure.delay:
            await asyncio.sleep(failure.delay)
        if self.down or (failure and failure.drop and not failure.after):
            _hang_up(request)
        if failure and not failure.drop and failure.status:
            raise Refusal(failure.status, failure.code, failure.message, failure.headers)
        token = self._token(request)
        limits.update(self._count(token))
        lacking = self.missing.intersection(route.any_of)
        if lacking and lacking == set(route.any_of):
            raise _out_of_scope(route.any_of) if self._options.dialect == "guide" else _forbidden(route.any_of)
        self.seen.append(call)
        answer = route.work(call)
        if isinstance(answer, Awaitable):
            answer = await answer
        for watcher in tuple(self.watchers):
            watcher(call)
        if failure and failure.drop:
            _hang_up(request)
        return answer

    def _planted(self, request: web.Request) -> Failure | None:
        for failure in self.failures:
            if request.path.startswith(failure.path) and failure.method in ("", request.method):
                failure.times -= 1
                if failure.times <= 0:
                    self.failures.remove(failure)
                return failure
        return None

    def _token(self, request: web.Request) -> str:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            message = "No authentication bearer token specified in authorization header."
            raise Refusal(401, "authentication.required", message)
        if self.tokens.get(token, 0.0) < time.monotonic():
            raise Refusal(401, "bad.credentials", "Invalid login credentials.")
        return token

    def _count(self, token: str) -> dict[str, str]:
        """Requests a minute of the sandbox's clock; waiting is told in real seconds."""
        now = self._clock.now().timestamp()
        window = int(now // 60)
        if window != self._window[0]:
            self._window = (window, Counter())
        self._window[1][token] += 1
        count = self._window[1][token]
        reset = max(1, math.ceil((60 - now % 60) / self._clock.speed()))
        limits = self._told(count, reset)
        if count > self.rate_limit:
            message = f"Rate limit exceeded the maximum. Retry the request in [{reset}] seconds"
            raise Refusal(429, "too.many.requests.retry.after", message, {**limits, "Retry-After": str(reset)})
        return limits


async def _read(route: Route, request: web.Request) -> Call:
    raw = await request.read()
    try:
        body = json.loads(raw) if raw else None
    except ValueError as error:
        raise Refusal(400, "bad.request", "The request could not be understood by the server.") from error
    query = {name: _values(request.query.getall(name)) for name in request.query}
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Call(request.method, route.path, request.path, dict(request.match_info), query, body, headers)


def _values(given: list[str]) -> list[str]:
    """Lists come repeated or comma-separated."""
    return [value for text in given for value in text.split(",")]


def _forbidden(permissions: tuple[str, ...]) -> Refusal:
    names = ", ".join(permissions)
    refused = "Unable to perform the requested action. You"
    if len(permissions) == 1:
        message = f"{refused} are missing the following permission(s): {names}"
        return Refusal(403, "missing.permissions", message)
    message = f"{refused} must have at least one of the following permissions assigned: [{names}]"
    return Refusal(403, "missing.any.permissions", message)


def _out_of_scope(scopes: tuple[str, ...]) -> Refusal:
    """G4: the message names the missing scope."""
    message = f"The token is missing the following scope(s): {' or '.join(scopes)}"
    return Refusal(403, "missing.scope", message)


def _hang_up(request: web.Request) -> None:
    if request.transport:
        request.transport.abort()
    raise asyncio.CancelledError  # nobody is there any more to be answered
