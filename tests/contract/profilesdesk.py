"""Routing profiles in both dialects against the sandbox: the requests and the rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from handlers.configure_profiles import ConfigureProfiles
from handlers.requests.plans import Plan, Result
from handlers.requests.profile import ProfileRequest
from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.guide.jobs import jobs as guide_jobs
from processor.clients.genesys.platform.jobs import jobs as platform_jobs
from processor.clients.genesys.token import ClientCredentials
from processor.clients.pace import Time
from sandbox.names import EMAIL, PROFILES, SKILLS, WRAP_UP_CODES, agents
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.unit.farside import Clock

TIER, CODES = PROFILES["Tier 1"], list(WRAP_UP_CODES.values())
ANA, BEN = (agent.id for agent in agents()[:2])
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
NOT_IN_THE_SUBSET = {
    "GET /api/v2/routing/wrapupcodes",
    "GET /api/v2/routing/queues/{queueId}/wrapupcodes",
    "POST /api/v2/routing/queues/{queueId}/wrapupcodes",
    "DELETE /api/v2/routing/queues/{queueId}/wrapupcodes/{codeId}",
}
GUIDE_CHANGE: dict[str, Any] = {
    "profileId": TIER,
    "skillAssignments": [
        {"skill": {"id": SKILLS["English"], "name": "English"}, "utilizationPercent": 90},
        {"skill": {"id": SKILLS["Billing"], "name": "Billing"}, "utilizationPercent": 85},
    ],
    "wrapUpCodes": [{"id": CODES[0], "default": True}, {"id": CODES[1], "default": False}],
    "overflowRoutingTargets": [{"target": {"id": EMAIL.id}, "overflowType": "QUEUE"}],
    "utilizationPercent": 70,
}
PLATFORM_CHANGE: dict[str, Any] = {
    "userIds": [ANA, BEN],
    "queueId": EMAIL.id,
    "skillAssignments": [{"skill": {"id": SKILLS["Billing"]}, "utilizationPercent": 90}],
    "wrapUpCodes": [{"id": CODES[1], "default": False}, {"id": CODES[2], "default": False}],
    "utilizationPercent": 50,
}


@dataclass
class Office:
    rules: ConfigureProfiles
    sandbox: Sandbox
    clock: Clock = field(default_factory=Clock)

    async def make_so(self, **fields: Any) -> Result:
        request = ProfileRequest.read(fields)
        return await self.rules.carry_out(request, await self.rules.plan(request), started=False)

    async def plan(self, **fields: Any) -> Plan:
        return await self.rules.plan(ProfileRequest.read(fields))

    def sent(self, *methods: str) -> list[tuple[str, str]]:
        return [(call.method, call.path) for call in self.sandbox.guard.seen if call.method in methods]


@asynccontextmanager
async def office(dialect: str, secret: str = "") -> AsyncIterator[Office]:
    options = Options(port=0, wfm_port=0, quiet=True, dialect=dialect, most_on_page=2, rate_limit=100_000)
    async with running(options) as sandbox, open_session() as session:
        login = Api("login", sandbox.genesys_url, session)
        auth = ClientCredentials(login, options.client_id, secret or options.client_secret, monotonic)
        api = Api("genesys", sandbox.genesys_url, session, auth=auth, policy=ApiPolicy(patience=2))
        clock = Clock()
        make = guide_jobs if dialect == "guide" else platform_jobs
        rules = ConfigureProfiles(
            make(api, Time()), lambda: datetime(2026, 3, 9, tzinfo=UTC), clocks=Time(sleep=clock.sleep)
        )
        yield Office(rules, sandbox, clock)
