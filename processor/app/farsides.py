"""The far sides that the settings name, as clients over one set of connections."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import aiohttp
from pydantic import SecretStr

from handlers import FarSides, Push
from handlers.policy import Selection
from processor.clients.api import Api, ApiPolicy, Time, open_session
from processor.clients.authorise import Authoriser, Basic
from processor.clients.calendars import Calendars
from processor.clients.genesys import Genesys
from processor.clients.genesys.guide import ATTEMPTS as GUIDE_ATTEMPTS
from processor.clients.genesys.guide import Guide
from processor.clients.genesys.guide.jobs import jobs as guide_jobs
from processor.clients.genesys.jobs import Jobs
from processor.clients.genesys.platform import Platform
from processor.clients.genesys.platform.jobs import jobs as platform_jobs
from processor.clients.genesys.token import FORM_BODY, GUIDE_FORMS, ClientCredentials
from processor.clients.wfm import Wfm
from processor.loglines import Redactor
from processor.settings import Settings, SettingsError
from processor.telemetry import Metrics


@asynccontextmanager
async def far_sides(settings: Settings, metrics: Metrics, now: Callable[[], datetime]) -> AsyncIterator[FarSides]:
    """Open as long as the block runs. What has no settings is None."""
    async with open_session(settings.ca_file) as session:
        makes = _Makes(settings, session, metrics, now)
        token = makes.credentials()
        api = makes.organisation(token) if token else None
        yield FarSides(
            genesys=makes.genesys(api) if api else None,
            jobs=makes.jobs(api) if api else None,
            pushes=makes.pushes(),
            calendars=makes.calendars(),
            people=makes.push("people", settings.escalation_url, settings.escalation_secret, ""),
        )


@asynccontextmanager
async def organisation_api(settings: Settings, now: Callable[[], datetime]) -> AsyncIterator[Api]:
    """Genesys alone, for a command that asks it something. Raises `SettingsError` without credentials."""
    async with organisation_access(settings, now) as (api, _):
        yield api


@asynccontextmanager
async def organisation_access(
    settings: Settings, now: Callable[[], datetime]
) -> AsyncIterator[tuple[Api, ClientCredentials]]:
    """The same, with the credentials that it goes by."""
    async with open_session(settings.ca_file) as session:
        makes = _Makes(settings, session, Metrics.build(), now)
        token = makes.credentials()
        if token is None:
            raise SettingsError("set GENESYS_CLIENT_ID and GENESYS_CLIENT_SECRET")
        yield makes.organisation(token), token


@dataclass(frozen=True, slots=True)
class _Makes:
    settings: Settings
    session: aiohttp.ClientSession
    metrics: Metrics
    now: Callable[[], datetime]

    def _observe(self, name: str, status: str, seconds: float) -> None:
        self.metrics.requests.labels(name, status).inc()
        self.metrics.request_seconds.labels(name).observe(seconds)

    def _api(
        self, name: str, url: str, auth: Authoriser | None = None, policy: ApiPolicy | None = None, region: str = ""
    ) -> Api:
        accept = "application/json" if name.startswith("genesys") else "*/*"
        api = Api(
            name, url, self.session, auth=auth, policy=policy, observe=self._observe, region=region, accept=accept
        )
        self.metrics.breaker_open.labels(name).set_function(lambda: float(api.is_down))
        return api

    def credentials(self) -> ClientCredentials | None:
        settings = self.settings
        if settings.genesys_client_id is None or settings.genesys_client_secret is None:
            return None
        login = self._api("genesys-login", settings.login_url)
        secret = settings.genesys_client_secret.get_secret_value()
        forms = GUIDE_FORMS if settings.genesys_dialect == "guide" else (FORM_BODY,)
        return ClientCredentials(login, settings.genesys_client_id, secret, time.monotonic, forms)

    def organisation(self, token: ClientCredentials) -> Api:
        """The API of the organisation with our credentials: one pace, one token, one breaker for all that use it."""
        settings = self.settings
        region = "" if settings.genesys_api_url else settings.genesys_region
        policy = ApiPolicy(per_minute=settings.genesys_requests_per_minute)
        if settings.genesys_dialect == "guide":
            policy = replace(policy, attempts=GUIDE_ATTEMPTS)
        return self._api("genesys", settings.api_url, token, policy, region)

    def genesys(self, api: Api) -> Genesys:
        if self.settings.genesys_dialect == "guide":
            return Guide(api, queues=sorted(Selection.parse(self.settings.loop_queues).ids), clocks=Time())
        return Platform(api, horizon=self.settings.horizon, clocks=Time())

    def jobs(self, api: Api) -> Jobs:
        guide = self.settings.genesys_dialect == "guide"
        return guide_jobs(api, Time()) if guide else platform_jobs(api, Time())

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
