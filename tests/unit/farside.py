"""A far side on a free loopback port that answers from a script, and a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import orjson
from aiohttp import web

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.authorise import Authoriser
from processor.clients.pace import Time


@dataclass
class Clock:
    at: datetime = datetime(2026, 3, 9, 12, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        self.elapsed += seconds

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.elapsed)

    def time(self) -> Time:
        return Time(self.now, lambda: self.elapsed, self.sleep)


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def said(status: int = 200, body: Any = None, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, body=orjson.dumps(body) if body is not None else b"", headers=named)


@dataclass
class Answer:
    """What aiohttp's session gives, without a connection: for clocks that only sleeping moves."""

    body: bytes = b"{}"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    @property
    def content(self) -> Self:
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self.body


Answerer = Callable[[Asked], Awaitable[web.StreamResponse] | web.StreamResponse]


@dataclass
class FarSide:
    url: str
    asked: list[Asked]


@asynccontextmanager
async def far_side(answer: Answerer) -> AsyncIterator[FarSide]:
    """Serves until the block ends; `asked` holds what arrived."""
    seen: list[Asked] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path, request.query_string, headers, await request.read())
        seen.append(asked)
        answered = answer(asked)
        return await answered if isinstance(answered, Awaitable) else answered

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield FarSide(f"http://127.0.0.1:{port}", seen)
    finally:
        await runner.cleanup()


def script(*answers: web.Response) -> Answerer:
    """One after another; the last for ever."""
    left = list(answers)

    def answer(_: Asked) -> web.Response:
        now = left.pop(0) if len(left) > 1 else left[0]
        return web.Response(status=now.status, body=now.body, headers=now.headers)

    return answer


ONCE = ApiPolicy(attempts=1)


@asynccontextmanager
async def api_to(
    answer: Answerer, *, policy: ApiPolicy = ONCE, clock: Clock | None = None, auth: Authoriser | None = None
) -> AsyncIterator[tuple[Api, FarSide]]:
    async with far_side(answer) as far, open_session() as session:
        clock = clock or Clock()
        yield Api("genesys", far.url + "/base/", session, policy=policy, clocks=clock.time(), auth=auth), far
