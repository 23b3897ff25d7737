"""The way to one far side and back: a request as bytes, its answer as bytes, and the clock that answers show.

What an answer means is read elsewhere; here fails only what did not arrive whole.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from yarl import URL

from processor.clients.breaker import Unreachable
from processor.clients.pace import Time
from processor.clients.proxies import Proxies
from processor.clients.refusals import why
from processor.clients.replies import Rejected, Reply
from processor.errors import SettingsError

MOST_FRAME_BYTES = 4 * 1024 * 1024
SKEW = timedelta(seconds=2)
"""Clocks nearer than this count as equal: a `Date` header has whole seconds."""
Observe = Callable[[str, str, float], None]
"""(far side, status or `error` when none came, seconds), once for each attempt: feeds the metrics."""


def open_session(ca_file: Path | None = None) -> aiohttp.ClientSession:
    """The connections of the process; close it last. `ca_file`: trust these authorities too.

    Raises `SettingsError` when it holds none.
    """
    trust = ssl.create_default_context()
    if ca_file:
        try:
            trust.load_verify_locations(ca_file)
        except OSError as error:
            raise SettingsError(f"CA_FILE: {ca_file} cannot be used: {error.strerror or error}") from error
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust, limit=0, keepalive_timeout=30),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One request, apart from its credentials. `timeout` in seconds, until the whole answer is there."""

    method: str
    url: URL
    body: bytes | None
    headers: Mapping[str, str]
    repeatable: bool
    timeout: float


@dataclass(slots=True)
class Wire:
    """`name` stands in errors and metrics; an answer of more than `most_bytes` is cut off."""

    name: str
    session: aiohttp.ClientSession
    proxies: Proxies
    clocks: Time
    observe: Observe
    most_bytes: int
    _offset: timedelta = field(default=timedelta(), init=False)

    def now(self) -> datetime:
        """The far side's clock as its last answer showed it; our own before the first."""
        return self.clocks.now() + self._offset

    async def send(self, call: Call, credentials: Mapping[str, str]) -> Reply:
        """Once. Raises `Unreachable` when no answer came, `Rejected` when it is too long."""
        left, started = self.clocks.now(), self.clocks.monotonic()
        status = "error"
        proxy = self.proxies.to(call.url)
        try:
            async with self.session.request(
                call.method,
                call.url,
                proxy=proxy,
                data=call.body,
                headers={**credentials, **call.headers},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=call.timeout, sock_connect=min(call.timeout, 5)),
            ) as answer:
                body = await self._read(answer)
                status = str(answer.status)
                headers = {name.lower(): value for name, value in answer.headers.items()}
                took = timedelta(seconds=self.clocks.monotonic() - started)
                return Reply(answer.status, headers, body, self._tell_time(left, took, headers))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            sent = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError)
            way = f" through the proxy {proxy.host}:{proxy.port}" if proxy else ""
            where = f"{call.url.host}:{call.url.port}{way}"
            raise Unreachable(f"{self.name}: {call.method} {where}: {why(error)}", sent=sent) from error
        finally:
            self.observe(self.name, status, self.clocks.monotonic() - started)

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > self.most_bytes:
                raise Rejected(f"{self.name}: the answer is larger than {self.most_bytes} bytes")
        return bytes(body)

    def _tell_time(self, left: datetime, took: timedelta, headers: Mapping[str, str]) -> datetime:
        """Learn the far side's clock from this answer; returns what it showed when the request left."""
        try:
            theirs = parsedate_to_datetime(headers["date"])
        except (KeyError, ValueError):
            return left + self._offset
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        ours = left + took
        self._offset = theirs - ours if abs(theirs - ours) > SKEW else timedelta()
        return left + self._offset

    async def socket(self, url: URL, timeout: float) -> aiohttp.ClientWebSocketResponse:
        """Without credentials. Raises `Unreachable` when it does not open within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                return await self.session.ws_connect(url, proxy=self.proxies.to(url), max_msg_size=MOST_FRAME_BYTES)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unreachable(f"{self.name}: no socket at {url.host}:{url.port}: {why(error)}") from error
