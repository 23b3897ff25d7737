"""One request to a far side: credentials, pace, attempts, and its answer's status turned into an error.

Here and in `refusals.py` alone HTTP statuses are read. What callers see:

    2xx                        Reply
    304                        NotModified (RefusedError)
    other 3xx                  Redirected (FarSideDown): the configured URL is at fault; nobody is followed
    401 (once renewed), 407    Unauthorised (FarSideDown): our credentials are at fault, no record is
    403                        Forbidden (RefusedError); `remedy` names the missing permission
    404, 410                   NotFound (NotValid)
    405                        NotAllowed (RefusedError); MKCALENDAR says so of what exists
    409 / 412                  ConflictError / PreconditionFailed (ConflictError)
    408, 425, 429              RetryableError with `retry_after`
    5xx, no answer             Unreachable (RetryableError), or FarSideDown once the breaker is open
    400, 422                   Invalid (Rejected, NotValid); `places` says what of it
    any other                  Rejected (RefusedError): the same request would be rejected again
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import aiohttp
import orjson
import tenacity
from yarl import URL

from processor import tenure
from processor.clients.authorise import Anonymous, Authoriser
from processor.clients.breaker import Breaker, BreakerPolicy, Unreachable
from processor.clients.pace import Pace, Time
from processor.clients.proxies import Proxies
from processor.clients.refusals import refusal
from processor.clients.replies import (
    Forbidden,
    NotAllowed,
    NotFound,
    NotModified,
    PreconditionFailed,
    Redirected,
    Rejected,
    Reply,
    Unauthorised,
    allowance,
    retry_after,
)
from processor.clients.wire import Call, Observe, Wire, open_session
from processor.errors import FarSideDown, ProcessorError, RefusedError, RetryableError

__all__ = [
    "Api",
    "ApiPolicy",
    "Forbidden",
    "NotAllowed",
    "NotFound",
    "NotModified",
    "PreconditionFailed",
    "Redirected",
    "Rejected",
    "Reply",
    "Time",
    "Unauthorised",
    "Unreachable",
    "open_session",
]

REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "MKCALENDAR"})
TOO_FAST = (1.0, 5.0)
"""Seconds, the first bound and the last: of the wait after an answer that says "too fast" and not how long."""
HOLD = timedelta(minutes=1)
"""A 429 keeps all requests away for no longer than this: some limits are those of one API only."""


@dataclass(frozen=True, slots=True)
class ApiPolicy:
    """`attempts` within one request, only for waits up to `patience` seconds; `timeout` is for each attempt."""

    attempts: int = 3
    patience: float = 5.0
    timeout: float = 30.0
    concurrency: int = 32
    per_second: float | None = None
    per_minute: int | None = None
    """The budget of all callers together; a part of it is kept for `Api.urgent`."""
    most_bytes: int = 64 * 1024 * 1024
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)


class Api:
    """One far side. `base_url`, the origins in `also` and https hosts within `region` are all that is ever called.

    Credentials go to the host of `base_url` only. The environment's proxies stand between, but for loopback.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        session: aiohttp.ClientSession,
        *,
        auth: Authoriser | None = None,
        also: Collection[str] = (),
        region: str = "",
        policy: ApiPolicy | None = None,
        clocks: Time | None = None,
        observe: Observe = lambda _name, _status, _seconds: None,
        proxies: Proxies | None = None,
        accept: str = "*/*",
    ) -> None:
        """`name` stands in errors, logs and metrics: `genesys`, `wfm`, `calendars`. `accept`: what answers may be."""
        self.name = name
        self._base = base_url.rstrip("/")
        self._home = URL(base_url).origin()
        self._origins = {self._home, *(URL(url).origin() for url in also)}
        self._region = f".{region}" if region else ""
        self._auth = auth or Anonymous()
        self._policy = policy or ApiPolicy()
        self._time = clocks or Time()
        proxies = proxies or Proxies.from_environment()
        self._wire = Wire(name, session, proxies, self._time, observe, self._policy.most_bytes)
        self._breaker = Breaker(name, self._policy.breaker, self._time.monotonic)
        self._pace = Pace(name, self._time, self._policy.per_second, self._policy.patience, self._policy.per_minute)
        self._room = asyncio.Semaphore(self._policy.concurrency)
        self._accept = accept
        self._hurries = False

    def now(self) -> datetime:
        """The far side's clock as its last answer showed it; our own before the first."""
        return self._wire.now()

    def urgent(self) -> Api:
        """The same far side, token, breaker and limits, for what others must not make wait: the loop's adjustments."""
        other = copy.copy(self)
        other._hurries = True  # noqa: SLF001  # our own copy
        other._room = asyncio.Semaphore(self._policy.concurrency)  # noqa: SLF001
        return other

    @property
    def is_down(self) -> bool:
        """Whether the breaker is open."""
        return self._breaker.is_open

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        data: bytes | None = None,
        params: Mapping[str, str | int | Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        timeout: float | None = None,
        attempts: int | None = None,
    ) -> Reply:
        """Ask until there is an answer, or it is clear that there is none for now.

        `path` is appended to the base URL as it is (quote ids yourself), or is a whole URL of an
        allowed host. `repeatable`: a repeat is harmless though the method does not say so (POST
        queries). `attempts`: instead of the policy's, for callers who count their own. Raises as this
        module's head says.
        """
        url = URL(path if path.startswith(("http://", "https://")) else self._base + path, encoded=True)
        if not self._may_call(url):
            raise RefusedError(f"{self.name}: {url.host} is not a configured host", "set its URL if it is meant")
        call = Call(
            method,
            url.extend_query(params) if params else url,
            orjson.dumps(json) if json is not None else data,
            {
                "Accept": self._accept,
                **({"Content-Type": "application/json"} if json is not None else {}),
                **(headers or {}),
            },
            method in REPEATABLE if repeatable is None else repeatable,
            timeout or self._policy.timeout,
        )
        again = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(attempts or self._policy.attempts),
            retry=tenacity.retry_if_exception(lambda error: self._soon(call, error)),
            wait=_wait,
            sleep=self._time.sleep,
            reraise=True,
        )
        return await again(self._attempt, call)

    async def socket(self, address: str, timeout: float) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket at an allowed host, whose address is its own proof: no credentials are sent.

        Raises `Unreachable` when it does not open within `timeout` seconds.
        """
        url = URL(address, encoded=True)
        if not self._may_call(url.with_scheme("https" if url.scheme in ("wss", "https") else "http")):
            raise RefusedError(f"{self.name}: {url.host} is not a configured host", "set its URL if it is meant")
        return await self._wire.socket(url, timeout)

    def _may_call(self, url: URL) -> bool:
        within = bool(self._region) and url.scheme == "https" and (url.host or "").endswith(self._region)
        return url.origin() in self._origins or within

    def _soon(self, call: Call, error: BaseException) -> bool:
        if not isinstance(error, RetryableError) or isinstance(error, FarSideDown):
            return False
        if error.retry_after and error.retry_after.total_seconds() > self._policy.patience:
            return False
        return call.repeatable or not (isinstance(error, Unreachable) and error.sent)

    async def _attempt(self, call: Call) -> Reply:
        ours = call.url.origin() == self._home
        credentials = await self._auth.headers() if ours else {}
        reply = await self._exchange(call, credentials)
        if reply.status == 401 and credentials:
            self._auth.refused(credentials)
            credentials = await self._auth.headers()
            reply = await self._exchange(call, credentials)
        if 200 <= reply.status < 300:
            return reply
        raise self._refusal(call, reply, credentials)

    def _refusal(self, call: Call, reply: Reply, credentials: Mapping[str, str]) -> ProcessorError:
        secrets = (*credentials.values(), call.headers.get("Authorization", ""))
        return refusal(f"{self.name}: {call.method} {call.url.path}", reply, secrets)

    async def _exchange(self, call: Call, credentials: Mapping[str, str]) -> Reply:
        async with self._room:
            self._breaker.check()
            await self._pace.turn(urgent=self._hurries)
            tenure.check()
            with self._breaker.guard():
                reply = await self._wire.send(call, credentials)
                self._heed(reply)
                if reply.status >= 500:
                    raise self._refusal(call, reply, credentials)
        return reply

    def _heed(self, reply: Reply) -> None:
        """Keep to the rate limit that the answer tells of."""
        if reply.status == 429:
            if asked := retry_after(reply):
                self._pace.hold(min(asked, HOLD).total_seconds())
        elif told := allowance(reply):
            self._pace.allowance(*told)


def _wait(state: tenacity.RetryCallState) -> float:
    """As long as the far side asked, else drawn from nothing to a bound that doubles: full jitter."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, RetryableError) else None
    first, longest = (0.2, 2.0) if isinstance(error, Unreachable) else TOO_FAST
    return asked.total_seconds() if asked else tenacity.wait_random_exponential(multiplier=first, max=longest)(state)
