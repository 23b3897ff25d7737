"""A Genesys of a few routes on a loopback port, and a `Platform` that speaks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.platform import Platform
from tests.unit.farside import Asked, Clock, FarSide, far_side, said

Work = Callable[[Asked], Any]
"""Returns the body of a 200, or a whole answer."""


@asynccontextmanager
async def platform(routes: Mapping[str, Work], clock: Clock | None = None) -> AsyncIterator[tuple[Platform, FarSide]]:
    """`routes`: `METHOD /path` → what is answered there; elsewhere 404."""

    clock = clock or Clock()

    def answer(asked: Asked) -> web.StreamResponse:
        work = routes.get(f"{asked.method} {asked.path}")
        found = work(asked) if work else said(404, {"code": "not.found", "message": "not found"})
        answered = found if isinstance(found, web.Response) else said(200, found)
        answered.headers["Date"] = format_datetime(clock.now(), usegmt=True)
        return answered

    async with far_side(answer) as far, open_session() as session:
        api = Api("genesys", far.url, session, policy=ApiPolicy(attempts=1), clocks=clock.time())
        yield Platform(api, horizon=timedelta(weeks=8), clocks=clock.time()), far
