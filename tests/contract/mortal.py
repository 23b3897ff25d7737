"""Processes that are killed at a step: after a call that changes something, or after an append, and begin again.

What is only read leaves no trace, so a death between any two calls is one of these. The sandbox and
the log go on; nothing else does.
"""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import orjson
import yaml
from yarl import URL

import handlers
from handlers.events import Outcome, Requested
from handlers.requests.kinds import read
from handlers.requests.operating_hours import Hours
from handlers.requests.plans import Configure
from processor.clients.api import Api, ApiPolicy, open_session
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.token import ClientCredentials
from processor.errors import FatalError
from processor.eventlog import Message
from processor.routing import Group
from sandbox.names import EMAIL
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.contract.jobsdesk import DIALECTS
from tests.unit.engine import running, until
from tests.unit.farside import Clock
from tests.unit.memorylog import MemoryLog

POLICY = handlers.Policy(horizon=timedelta(weeks=8), operating_hours=Hours(time(0), time(23, 59, 59)))
ASKS = ("/query", "/search", "/token")
"""Ends of paths by which something is only asked for, whatever the method."""


class Killed(FatalError):
    """kill -9."""


@dataclass
class Fate:
    """`at`: the number of the step after which the process dies; 0: never. `steps`: what was done, by all lives."""

    at: int = 0
    steps: list[str] = field(default_factory=list)
    dead: bool = False
    on_death: Callable[[], None] = lambda: None

    def step(self, what: str) -> None:
        self.steps.append(what)
        if len(self.steps) == self.at:
            self.dead = True
            self.on_death()
            raise Killed(what)


class MortalLog(MemoryLog):
    """Dies with what was appended in the log."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self.fate = fate

    def write(self, what: str, messages: Sequence[Message], effect: Callable[[], None] = lambda: None) -> None:
        super().write(what, messages, effect)
        if messages and messages[0].topic != Requested.topic:
            self.fate.step(f"append {messages[0].topic}")


class MortalSession:
    """The seam to the network: dies when the far side has done what it was asked, before anybody read the answer."""

    def __init__(self, session: aiohttp.ClientSession, fate: Fate) -> None:
        self._session = session
        self._fate = fate

    @asynccontextmanager
    async def request(self, method: str, url: URL, **more: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._session.request(method, url, **more) as answer:
            if method != "GET" and not url.path.endswith(ASKS):
                self._fate.step(f"{method} {url.path}")
            yield answer


@dataclass
class Mortal:
    """One organisation and one log, in which process after process lives."""

    sandbox: Sandbox
    session: aiohttp.ClientSession
    fate: Fate
    log: MortalLog
    clock: Clock
    dialect: str
    policy: handlers.Policy = POLICY

    def jobs(self) -> Jobs:
        """Of a process that remembers nothing."""
        known, url = self.sandbox.options, self.sandbox.genesys_url
        login = Api("login", url, self.session)
        auth = ClientCredentials(login, known.client_id, known.client_secret, monotonic)
        seam: Any = MortalSession(self.session, self.fate)
        api = Api("genesys", url, seam, auth=auth, policy=ApiPolicy(patience=5), clocks=self.clock.time())
        return DIALECTS[self.dialect](api, self.clock.time())

    def group(self) -> Group:
        far = handlers.FarSides(jobs=self.jobs())
        (made,) = handlers.requests(self.policy, far, self.clock.now, self.clock.time())
        return made

    def rules(self) -> Mapping[str, Configure[Any]]:
        """By kind."""
        return handlers.configures(self.policy, self.jobs(), self.clock.now, self.clock.time())

    async def until_handled(self, requests: int) -> int:
        """Process after process, until so many have their end and are committed; how many died."""
        deaths = 0
        while self._committed() < requests:
            self.fate.dead = False
            with suppress(Killed):
                async with running(self.group(), self.log):
                    await until(lambda: self.fate.dead or self._committed() >= requests)
            deaths += self.fate.dead
        return deaths

    def _committed(self) -> int:
        return sum(self.log._offsets["requests", Requested.topic].values())

    def outcomes(self) -> list[dict[str, Any]]:
        return [orjson.loads(record.message.value or b"{}") for record in self.log.all(Outcome.topic)]


@asynccontextmanager
async def mortal(dialect: str, at: int = 0) -> AsyncIterator[Mortal]:
    options = Options(port=0, wfm_port=0, quiet=True, rate_limit=100_000, dialect=dialect)
    async with sandbox_running(options) as sandbox, open_session() as session:
        clock, fate = Clock(at=datetime.now(UTC)), Fate(at)
        sandbox.guide.queues.monotonic = lambda: clock.elapsed
        yield Mortal(sandbox, session, fate, MortalLog(fate), clock, dialect)


EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
HIS_OWN = {"id", "version", "dateCreated", "dateModified", "modifiedBy", "modifiedByApp", "modifiedDate", "createdBy"}
"""What Genesys counts, dates and numbers itself."""


def asked(there: Mortal, kind: str, request_id: str = "r-1") -> Requested:
    """The example of this kind."""
    fields = yaml.safe_load((EXAMPLES / f"{kind}.{there.dialect}.yaml").read_text(encoding="utf-8"))
    del fields["kind"]
    fields = orjson.loads(orjson.dumps(fields))
    subject = read(kind, fields).subject()
    return Requested(id=request_id, time=there.clock.now(), subject=subject, kind=kind, fields=fields)


def meant(value: Any) -> Any:
    """Without what differs from one run to the next."""
    if isinstance(value, dict):
        return {str(name): meant(one) for name, one in value.items() if name not in HIS_OWN}
    return [meant(one) for one in value] if isinstance(value, list | tuple) else value


def there_is(there: Mortal) -> dict[str, Any]:
    """All that a request may change, as people see it."""
    sandbox, world, guide = there.sandbox, there.sandbox.world, there.sandbox.guide
    own, common = sandbox.capacity.own, sandbox.capacity.organisation
    found = {
        "schedules": world.schedules if there.dialect == "platform" else guide.schedules.items,
        "campaigns": world.campaigns if there.dialect == "platform" else guide.campaigns.schedules,
        "queue": world.queues[EMAIL.id] if there.dialect == "platform" else guide.queues.present(EMAIL.id),
        "profiles": guide.profiles.table,
        "skills": sandbox.skills.held,
        "inactive": sorted(sandbox.skills.inactive),
        "statuses": guide.presences.statuses,
        "capacity": {user: own.get(user, common) for user in world.agents},
        "codes": sandbox.wrap_up_codes.of_queue,
        "presence": {user: (desk.presence, desk.message) for user, desk in sandbox.floor.desks.items()},
        "webhooks": list(guide.webhooks.kept.values()),
    }
    told: dict[str, Any] = meant(copy.deepcopy(found))
    return told
