"""All parts of a sandbox, over one clock and one world, and the two ports on which they are served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import PurePosixPath

from aiohttp import web

from sandbox.clock import SimClock
from sandbox.events import Emission, Reporter
from sandbox.floor import Floor
from sandbox.genesys.analytics import Analytics
from sandbox.genesys.architect import Architect
from sandbox.genesys.assigning import Assigning
from sandbox.genesys.authorization import Authorization
from sandbox.genesys.capacity import Capacity
from sandbox.genesys.guard import Guard, Refusal, Route
from sandbox.genesys.login import Login
from sandbox.genesys.notifications import Notifications
from sandbox.genesys.organisation import Organisation
from sandbox.genesys.outbound import Outbound
from sandbox.genesys.people import People
from sandbox.genesys.routing import Routing
from sandbox.genesys.skills import Skills
from sandbox.genesys.triggers import Triggers
from sandbox.genesys.workforce import Workforce
from sandbox.genesys.wrapup import WrapUpCodes
from sandbox.guide.rooms import Rooms
from sandbox.ledger import Ledger, Witness
from sandbox.life import Life
from sandbox.names import QUEUES
from sandbox.options import Options
from sandbox.post import Poster
from sandbox.wfm import Wfm
from sandbox.world import World


class Sandbox:
    """All parts of a running sandbox, for tests that look inside; made by `running`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = SimClock(options.speed, options.catch_up)
        self.world = World(self.clock.now)
        overflow = self._target if options.dialect == "guide" else None
        people, members = self.world.agents.values(), self.world.members
        self.floor = Floor(options.seed, self.world.roster, people, QUEUES, members, overflow=overflow)
        self.floor.advance(self.clock.begin)
        self.guard = Guard(options, self.clock)
        self.login = Login(options, self.guard)
        self.people = People(options, self.world, self.floor)
        self.routing = Routing(options, self.world, self.floor)
        self.skills = Skills(options, self.world)
        self.capacity = Capacity(self.world, self.skills)
        self.wrap_up_codes = WrapUpCodes(options, self.world)
        self.outbound = Outbound(options, self.world)
        self.workforce = Workforce(options, self.world, lambda: self.genesys_url)
        self.triggers = Triggers()
        self.notifications = Notifications(self.clock, lambda: self.genesys_url, heartbeat=options.heartbeat_seconds)
        self.ledger = Ledger()
        self.guide = Rooms(options, self.world, self.floor, self.skills, self.ledger)
        self.witness = Witness(self.world, self.floor, options.client_id)
        self.wfm = Wfm(options.wfm_secret)
        self.poster = Poster(options, options.target, self.ledger) if options.target else None
        self.life = Life(
            clock=self.clock,
            world=self.world,
            floor=self.floor,
            reporter=Reporter(options.seed, self.world, self.floor),
            witness=self.witness,
            send=self._send,
            quiet=options.quiet,
        )
        if options.dialect == "guide":
            self.life.heard.append(self.guide.heard)
            self.life.expect(self.guide.story())
        self.genesys_url = ""
        self.wfm_url = ""
        self._wfm_runner: web.AppRunner | None = None
        self._wfm_site: web.TCPSite | None = None
        self._wfm_port = options.wfm_port
        self.work: list[asyncio.Task[None]] = []

    def _target(self, queue_id: str) -> float:
        """After how many seconds of waiting the whole team is asked, in the guide dialect."""
        queue, spec = self.world.queues.get(queue_id), next(one for one in QUEUES if one.id == queue_id)
        if queue is None:
            return spec.target_seconds
        return float(queue["mediaSettings"][spec.media]["serviceLevel"]["durationMs"]) / 1000

    def _send(self, emission: Emission) -> None:
        self.notifications.send(emission)
        if self.poster:
            self.poster.send(emission)

    def routes(self) -> list[Route]:
        """Every operation of the Genesys stand-in, in its dialect."""
        if self.options.dialect == "guide":
            return list(self.guide.routes())
        rooms = (
            self.routing,
            self.people,
            self.skills,
            self.capacity,  # before the next room: `bulk` is not the id of a skill
            Assigning(self.world, self.skills),
            self.wrap_up_codes,
            self.workforce,
            Architect(self.options, self.world),
            self.outbound,
            Analytics(self.world, self.floor),
            self.triggers,
            self.notifications,
            Organisation(self.options, self.world),
            Authorization(self.guard, lambda: self.login.scopes),
        )
        return [route for room in rooms for route in room.routes()]

    def app(self, control: Iterable[web.RouteDef]) -> web.Application:
        """The Genesys stand-in, its login host and the control addresses, on one port."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_routes(self.login.routes())
        app.router.add_get("/_download/{operation}", self._download)
        app.router.add_get("/channels/{channel}", self.notifications.listen)
        app.router.add_routes(control)
        served = self.routes()
        self.login.scopes = tuple(sorted({scope for route in served for scope in route.any_of}))
        for route in served:
            app.router.add_route(route.method, route.path, self.guard.wrap(route))
        app.router.add_route("*", "/{tail:.*}", self._nothing)
        return app

    async def _download(self, request: web.Request) -> web.Response:
        result = self.workforce.downloads.get(request.match_info["operation"])
        return self.guard.answer(200, result) if result is not None else self.guard.answer(404, None)

    async def _nothing(self, request: web.Request) -> web.Response:
        refusal = Refusal(404, "not.found", f"No operation {request.method} {PurePosixPath(request.path)}")
        self.guard.counts[f"{request.method} {request.path} 404"] += 1
        return self.guard.answer(404, refusal.body(""))

    def ready(self) -> dict[str, str | None]:
        """The first line on stdout."""
        return {
            "event": "ready",
            "genesys": self.genesys_url,
            "login": self.genesys_url,
            "wfm": self.wfm_url,
            "client_id": self.options.client_id,
            "client_secret": self.options.client_secret,
            "wfm_secret": self.options.wfm_secret,
        }

    async def listen_wfm(self, *, listening: bool) -> None:
        """Take or refuse connections on the WFM port, which stays the same."""
        if listening and self._wfm_site is None and self._wfm_runner:
            self._wfm_site = web.TCPSite(self._wfm_runner, self.options.host, self._wfm_port)
            await self._wfm_site.start()
            self._wfm_port = _port(self._wfm_site)
        elif not listening and self._wfm_site:
            site, self._wfm_site = self._wfm_site, None
            await site.stop()
            if self._wfm_runner and self._wfm_runner.server:
                await self._wfm_runner.server.shutdown(1)  # kept-alive connections would go on being served

    @asynccontextmanager
    async def listening(self, control: Iterable[web.RouteDef]) -> AsyncIterator[None]:
        """Both servers; `control`: what is served beside the Genesys stand-in, to its testers."""
        genesys = web.AppRunner(self.app(control), access_log=None, shutdown_timeout=1)
        self._wfm_runner = web.AppRunner(self.wfm.app(), access_log=None, shutdown_timeout=1)
        await genesys.setup()
        await self._wfm_runner.setup()
        try:
            site = web.TCPSite(genesys, self.options.host, self.options.port)
            await site.start()
            await self.listen_wfm(listening=True)
            self.genesys_url = f"http://{self.options.host}:{_port(site)}"
            self.wfm_url = f"http://{self.options.host}:{self._wfm_port}"
            yield
        finally:
            await self._wfm_runner.cleanup()
            await genesys.cleanup()


def _port(site: web.TCPSite) -> int:
    sockets = site._server.sockets  # type: ignore[union-attr]  # noqa: SLF001  # aiohttp shows the port of a chosen 0 nowhere else
    return int(sockets[0].getsockname()[1])
