"""The far sides that the settings name, as clients over one set of connections."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from pydantic import SecretStr

from handlers import FarSides, Push
from processor.clients.api import Api, ApiPolicy, Time, open_session
from processor.clients.authorise import Authoriser, Basic
from processor.clients.calendars import Calendars
from processor.clients.genesys.platform import Platform
from processor.clients.genesys.token import ClientCredentials
from processor.clients.wfm import Wfm
from processor.errors import FatalError
from processor.settings import Settings
from processor.telemetry import Metrics, Redactor


@asynccontextmanager
async def far_sides(settings: Settings, metrics: Metrics, now: Callable[[], datetime]) -> AsyncIterator[FarSides]:
    """Open as long as the block runs. What has no settings is None."""
    async with open_session(settings.ca_file) as session:
        makes = _Makes(settings, session, metrics, now)
        yield FarSides(
            genesys=makes.genesys(),
            pushes=makes.pushes(),
            calendars=makes.calendars(),
            people=makes.push("people", settings.escalation_url, settings.escalation_secret, ""),
        )


@dataclass(frozen=True, slots=True)
class _Makes:
    settings: Settings
    session: aiohttp.ClientSession
    metrics: Metrics
    now: Callable[[], datetime]

    def _observe(self, name: str, status: str, seconds: float) -> None:
        self.metrics.requests.labels(name, status).inc()
        self.metrics.request_seconds.labels(name).observe(seconds)

    def _api(self, name: str, url: str, auth: Authoriser | None = None, policy: ApiPolicy | None = None) -> Api:
        api = Api(name, url, self.session, auth=auth, policy=policy, observe=self._observe)
        self.metrics.breaker_open.labels(name).set_function(lambda: float(api.is_down))
        return api

    def genesys(self) -> Platform | None:
        settings = self.settings
        if settings.genesys_client_id is None or settings.genesys_client_secret is None:
            return None
        if settings.genesys_dialect == "guide":
            raise FatalError("GENESYS_DIALECT=guide is not in this version: use platform")
        login = self._api("genesys-login", settings.login_url)
        secret = settings.genesys_client_secret.get_secret_value()
        token = ClientCredentials(login, settings.genesys_client_id, secret, time.monotonic)
        api = self._api("genesys", settings.api_url, token)
        return Platform(api, horizon=settings.horizon, clocks=Time())

    def push(self, name: str, url: str | None, secret: SecretStr | None, path: str) -> Wfm | None:
        if url is None:
            return None
        api = self._api(name, url, policy=ApiPolicy(timeout=10))
        return Wfm(api, secret.get_secret_value() if secret else None, self.now, events_path=path)

    def pushes(self) -> tuple[Push, ...]:
        settings = self.settings
        found = []
        if wfm := self.push("wfm", settings.wfm_url, settings.wfm_secret, "/events"):
            found.append(Push("wfm", wfm, settings.wfm_topics))
        for name, one in settings.destinations.items():
            if sender := self.push(name, one.url, one.secret, "/events"):
                found.append(Push(name, sender, one.topics))
        return tuple(found)

    def calendars(self) -> Calendars | None:
        settings = self.settings
        if settings.caldav_url is None:
            return None
        password = settings.caldav_password.get_secret_value() if settings.caldav_password else ""
        auth = Basic(settings.caldav_user, password) if settings.caldav_user else None
        policy = ApiPolicy(concurrency=8, timeout=15)
        return Calendars(self._api("calendars", settings.caldav_url, auth, policy), self.now)


def redactor(settings: Settings) -> Redactor:
    """Takes every secret of the settings out of texts."""
    return Redactor(settings.secrets)
