"""The jobs of one dialect against the sandbox over real HTTP, with a clock that only waiting moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.guide.jobs import jobs as guide_jobs
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.platform.jobs import jobs as platform_jobs
from processor.clients.genesys.token import ClientCredentials
from processor.clients.pace import Time
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.unit.farside import Clock

DIALECTS = {"platform": platform_jobs, "guide": guide_jobs}


@dataclass
class Desk:
    jobs: Jobs
    sandbox: Sandbox
    clock: Clock
    dialect: str

    def calls(self) -> list[Any]:
        """What was let through to its operation and might have changed something."""
        asked = [call for call in self.sandbox.guard.seen if call.method != "GET"]
        return [call for call in asked if not call.path.endswith(("/search", "/query"))]


@asynccontextmanager
async def desk(dialect: str, **options: Any) -> AsyncIterator[Desk]:
    settled = {"port": 0, "wfm_port": 0, "quiet": True, "rate_limit": 100_000, "dialect": dialect, **options}
    async with running(Options(**settled)) as sandbox, open_session() as session:
        clock = Clock(at=datetime.now(UTC))
        login = Api("login", sandbox.genesys_url, session)
        known = sandbox.options
        auth = ClientCredentials(login, known.client_id, known.client_secret, monotonic)
        api = Api("genesys", sandbox.genesys_url, session, auth=auth, policy=ApiPolicy(patience=5), clocks=clock.time())
        yield Desk(
            DIALECTS[dialect](api, Time(clock.now, clock.time().monotonic, clock.sleep)), sandbox, clock, dialect
        )
