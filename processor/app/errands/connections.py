"""Does everybody answer? One harmless question to each far side that the settings name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from processor.app.farsides import far_sides, redactor
from processor.app.log import utc_now
from processor.clients.api import Api, ApiPolicy, Unauthorised, open_session
from processor.clients.authorise import Basic
from processor.errors import ProcessorError, RetryableError
from processor.settings import Settings
from processor.telemetry import Metrics

ONCE = ApiPolicy(attempts=1, timeout=5)


@dataclass(frozen=True, slots=True)
class Connection:
    """What came of a question. `error` None: it answers."""

    name: str
    url: str
    error: ProcessorError | None
    said: str
    """The error's text without secrets; else what the answer shows."""


async def connections(settings: Settings) -> AsyncIterator[Connection]:
    """One after the other; nothing is written anywhere."""
    hide = redactor(settings)
    async with far_sides(settings, Metrics.build(), utc_now) as far, open_session(settings.ca_file) as session:
        if far.genesys:
            try:
                organisation = await far.genesys.organisation_id()
                yield Connection("genesys", settings.api_url, None, f"organisation {organisation}")
            except ProcessorError as error:
                yield Connection("genesys", settings.api_url, error, hide(str(error)))
        if settings.caldav_url:
            wrong = await _calendars(settings, session)
            yield Connection("calendars", settings.caldav_url, wrong, hide(str(wrong or "takes our credentials")))
        further = [(name, one.url) for name, one in settings.destinations.items()]
        for name, url in (("wfm", settings.wfm_url), *further, ("people", settings.escalation_url)):
            if url:
                wrong = await _listens(name, url, session)
                yield Connection(name, url, wrong, hide(str(wrong or "listens; its secret shows with the first push")))


async def _calendars(settings: Settings, session: aiohttp.ClientSession) -> ProcessorError | None:
    password = settings.caldav_password.get_secret_value() if settings.caldav_password else ""
    auth = Basic(settings.caldav_user, password) if settings.caldav_user else None
    api = Api("calendars", settings.caldav_url or "", session, auth=auth, policy=ONCE)
    try:
        await api.request("PROPFIND", "/", headers={"Depth": "0"})
    except ProcessorError as error:
        return error
    return None


async def _listens(name: str, url: str, session: aiohttp.ClientSession) -> ProcessorError | None:
    """Any answer will do: only a push would tell more, and that would be an event."""
    try:
        await Api(name, url, session, policy=ONCE).request("GET", "")
    except Unauthorised:
        return None
    except RetryableError as error:
        return error
    except ProcessorError:
        return None
    return None
