"""Health, metrics, the operations API and the console, on a port of their own for those who run the product."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import urlsplit

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from processor.admin.console import console
from processor.admin.description import NO_KINDS, Kinds, openapi
from processor.admin.operations import Operations
from processor.admin.routes import operation_routes
from processor.errors import FatalError, PoisonError, RefusedError, RetryableError
from processor.signing import same
from processor.telemetry import Metrics
from processor.web.answers import answer, problem
from processor.web.listener import PagesRunner

READY_FOR = 1.0
"""Seconds for which one look at the log answers all probes."""
READY_WITHIN = 5.0

OPEN_PATHS = frozenset({"/", "/livez", "/readyz"})
"""Without a token: probes cannot carry one, and the console asks for it itself."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Watched(Protocol):
    """What is asked of each consumer group in this process (`processor.progress`)."""

    group: str

    def alive(self, now: datetime, within: timedelta) -> bool:
        """Whether its loop came round within this time."""
        ...

    def stuck(self, now: datetime) -> timedelta:
        """Since when there is work and none of it ends."""
        ...


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(slots=True)
class Admin:
    """The admin port's answers. `token` is needed where others can reach `host`."""

    operations: Operations
    groups: Callable[[], Sequence[Watched]]
    check: Callable[[], Awaitable[None]]
    metrics: Metrics
    now: Callable[[], datetime]
    host: str = "127.0.0.1"
    token: str = ""
    asyncapi: Mapping[str, Any] | None = None
    kinds: Kinds = NO_KINDS
    version: str = ""
    beat_within: timedelta = timedelta(seconds=60)
    refresh: Callable[[], Awaitable[None]] | None = None
    """Before metrics are shown: fetch those of other processes."""
    _checked: tuple[float, str] = (-READY_FOR, "")
    _checking: asyncio.Lock | None = None

    def __post_init__(self) -> None:
        """Raises FatalError when everybody could reach it and nothing would stop them."""
        if not self.token and not is_loopback(self.host):
            raise FatalError(f"ADMIN_HOST is {self.host}, which others can reach: set ADMIN_TOKEN, or use 127.0.0.1")

    def runner(self, drain_seconds: float = 5) -> web.BaseRunner:
        """For `processor.web.listener.listening`."""
        app = web.Application(middlewares=[self._guard, _problems])
        app.router.add_get("/livez", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/openapi.json", self._openapi)
        app.router.add_get("/asyncapi.json", self._asyncapi)
        app.router.add_get("/", console())
        operation_routes(app, self.operations)
        return PagesRunner(app, access_log=None, handle_signals=False, shutdown_timeout=drain_seconds)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.token:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            if request.path not in OPEN_PATHS and not (scheme.lower() == "bearer" and same(given.strip(), self.token)):
                challenge = {"WWW-Authenticate": 'Bearer realm="admin"'}
                return problem(401, "The admin token is missing or wrong (ADMIN_TOKEN).", headers=challenge)
        elif not _own_page(request):
            # Without a token a page from elsewhere, open in an operator's browser, must not reach us.
            return problem(403, "This port answers its own machine only; open it as http://127.0.0.1, or set a token.")
        return await handler(request)

    async def _alive(self, _: web.Request) -> web.Response:
        now = self.now()
        groups = [
            {
                "group": one.group,
                "alive": one.alive(now, self.beat_within),
                "stuckSeconds": round(one.stuck(now).total_seconds(), 3),
            }
            for one in self.groups()
        ]
        dead = [one["group"] for one in groups if not one["alive"]]
        if dead:
            names = ", ".join(str(name) for name in dead)
            return problem(503, f"No progress: {names}.", groups=groups)
        return answer(200, {"status": "alive", "groups": groups})

    async def _ready(self, _: web.Request) -> web.Response:
        if self._checking is None:
            self._checking = asyncio.Lock()
        async with self._checking:  # one look for all who ask at once
            clock = asyncio.get_running_loop().time
            checked, reason = self._checked
            if clock() - checked >= READY_FOR:
                reason = await self._look()
                self._checked = (clock(), reason)
        if reason:
            return problem(503, reason, headers={"Retry-After": "2"})
        return answer(200, {"status": "ready"})

    async def _look(self) -> str:
        """Why the log would not take an append now; empty when it would."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                await self.check()
        except TimeoutError:
            return f"The log did not answer within {READY_WITHIN:g} s."
        except RetryableError as error:
            return f"The log takes nothing: {error}"
        return ""

    async def _metrics(self, request: web.Request) -> web.Response:
        if self.refresh:
            await self.refresh()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = encode(self.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _openapi(self, _: web.Request) -> web.Response:
        return answer(200, openapi(self.version, self.kinds))

    async def _asyncapi(self, _: web.Request) -> web.Response:
        if self.asyncapi is None:
            return problem(404, "This process has no AsyncAPI document.")
        return answer(200, self.asyncapi)


def _own_page(request: web.Request) -> bool:
    """Whether it is asked by this machine's own name (no rebound DNS), and not from another site's page."""
    host = request.headers.get("Host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
        origin = request.headers.get("Origin")
        return is_loopback(name) and (origin is None or urlsplit(origin).netloc == host)
    except ValueError:
        return False


def _all_problems(error: PoisonError) -> dict[str, Any]:
    """Of an error that tells several: each with its place and what would do."""
    problems = getattr(error, "problems", ())
    return {"problems": [dataclasses.asdict(one) for one in problems]} if problems else {}


@web.middleware
async def _problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors by remedy as statuses, everything as problem+json."""
    try:
        return await handler(request)
    except PoisonError as error:
        return problem(422, str(error), field=error.field, **_all_problems(error))
    except RefusedError as error:
        return problem(409, str(error), remedy=error.remedy or "")
    except RetryableError as error:
        return problem(503, str(error), headers={"Retry-After": "2"})
    except web.HTTPException as error:
        allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return problem(error.status, error.reason, headers=allowed)
