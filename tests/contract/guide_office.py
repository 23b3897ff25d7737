"""The sandbox in the guides' dialect, and a `Guide` that speaks to it over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.guide import Guide
from processor.clients.genesys.token import GUIDE_FORMS, ClientCredentials, TokenForm
from sandbox.names import EMAIL
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.unit.farside import Clock


@dataclass
class Office:
    genesys: Guide
    api: Api
    sandbox: Sandbox
    auth: ClientCredentials
    clock: Clock


@asynccontextmanager
async def office(
    queues: Sequence[str] = (EMAIL.id,), forms: Sequence[TokenForm] = GUIDE_FORMS, **options: Any
) -> AsyncIterator[Office]:
    quiet = {"port": 0, "wfm_port": 0, "quiet": True, "most_on_page": 20, "rate_limit": 100_000}
    clock = Clock()
    async with running(Options(**{**quiet, "dialect": "guide", **options})) as sandbox, open_session() as session:
        sandbox.guide.queues.activation_seconds = 0
        url, known = sandbox.genesys_url, sandbox.options
        login = Api("login", url, session, clocks=clock.time())
        auth = ClientCredentials(login, known.client_id, known.client_secret, clock.time().monotonic, forms)
        api = Api("genesys", url, session, auth=auth, policy=ApiPolicy(patience=2), clocks=clock.time())
        yield Office(Guide(api, queues=queues, clocks=clock.time()), api, sandbox, auth, clock)
