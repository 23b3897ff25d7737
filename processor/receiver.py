"""Verify, append, then 202: the door that Genesys and other senders post their events through.

Nothing that a caller sends yields a 5xx, and nothing is acknowledged that is not in the log.
503 is for what lies with us; a sender repeats it, and its ids make the repeat harmless.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import web
from multidict import CIMultiDictProxy

from processor.errors import PoisonError, RetryableError
from processor.event import Delivery, Envelope, digest
from processor.eventlog import Message
from processor.signatures import Caller, Unauthorised, Verifier
from processor.telemetry import Metrics
from processor.web import bodies
from processor.web.answers import Accepted, problem
from processor.web.callers import Proxies, RateLimit
from processor.web.deadline import Deadlines
from processor.web.pages import Page, get_page
from processor.web.refusals import Refusal, failing, not_json, of_body, ours, too_fast, unauthorised, wrong_method

PATH = "/webhooks/genesys"
SOURCE = "genesys/unknown"

FAILURES_A_SECOND, FAILURES_AT_ONCE = 0.5, 30.0
"""By address: posts that prove nothing and are told why. Past that they hear 429, without a line in the log."""

LINES_A_SECOND, LINES_AT_ONCE = 5.0, 100.0
"""By address: refusals that are told in the log. All are counted; a flood must not fill a disk."""

log = logging.getLogger("processor.receiver")

Append = Callable[[Sequence[Message]], Awaitable[None]]
Envelopes = Callable[[Delivery], list[Envelope]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller, and all together, may cost us."""

    max_bytes: int = 1 << 20
    """One body, decompressed."""
    ack_deadline: timedelta = timedelta(seconds=3)
    """After the body has come: the append, or 503."""
    read_seconds: float = 15
    """For the whole body; EventBridge itself gives up after 5."""
    rate: float = 0
    """Posts a second and caller; 0 = none."""
    in_flight_bytes: int = 256 << 20
    """All bodies read, or being read, but not yet answered."""


class Receiver:
    """Handles every request of the receiver's port (`processor.web.listener` opens it)."""

    def __init__(
        self,
        append: Append,
        envelopes: Envelopes,
        verifier: Verifier,
        metrics: Metrics,
        now: Callable[[], datetime],
        *,
        limits: Limits | None = None,
        proxies: Proxies | None = None,
        routes: Mapping[str, Page] | None = None,
        source: str = SOURCE,
    ) -> None:
        """`append`: durable when it returns. `envelopes`: pure; raises PoisonError when the body is no JSON at all.

        `routes`: what may be got, by the path's beginning (`/calendars/`).
        """
        self._append = append
        self._envelopes = envelopes
        self._verifier = verifier
        self._metrics = metrics
        self._now = now
        self._limits = limits or Limits()
        self._proxies = proxies or Proxies()
        self._rate = RateLimit(self._limits.rate)
        self._routes = dict(routes or {})
        self._source = source
        self._deadlines = Deadlines(self._limits.ack_deadline.total_seconds())
        self._failing = RateLimit(FAILURES_A_SECOND, FAILURES_AT_ONCE)
        self._told = RateLimit(LINES_A_SECOND, LINES_AT_ONCE)
        self._room = bodies.Room(self._limits.in_flight_bytes)
        self._accepted = metrics.posts.labels("202")
        self._open = 0
        metrics.posts_in_flight.set_function(lambda: self._open)
        self._credentials = {name: metrics.callers.labels(name) for name in ("none",)}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request; never raises for what was sent."""
        started = time.monotonic()
        path = request.raw_path.partition("?")[0]
        if path != PATH:
            return await self._elsewhere(request, path)
        if request.method == "OPTIONS":
            return self._handshake(request)
        if request.method != "POST":
            return self._refused(request, wrong_method("POST, OPTIONS"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        if len(headers) != len(request.headers):
            headers = _joined(request.headers)
        try:
            ids = await self._post(request, headers)
        except Refusal as refusal:
            return self._refused(request, refusal)
        self._accepted.inc()
        self._metrics.acknowledged_seconds.observe(time.monotonic() - started)
        return Accepted(ids)

    async def _post(self, request: web.BaseRequest, headers: dict[str, str]) -> list[str]:
        signed = self._verifier.signed(headers)
        caller = None if signed else self._admitted(request, headers)  # nothing is read of a body for nobody
        wire, body = await self._body(request, headers)
        self._open += 1
        try:
            now = self._now()
            if caller is None:
                caller = self._admitted(request, headers, body, wire, now)
                if caller.message_id:
                    headers["webhook-id"] = caller.message_id  # by whichever name it came
            envelopes = self._split(Delivery(self._source, headers, body, now, caller.name))
            if envelopes:
                await self._durable([envelope.to_message() for envelope in envelopes])
        finally:
            self._open -= 1
            self._room.release(len(body))
        self._metrics.received.inc(len(envelopes))
        self._metrics.received_bytes.inc(len(body))
        return [envelope.id for envelope in envelopes]

    async def _body(self, request: web.BaseRequest, headers: Mapping[str, str]) -> tuple[bytes, bytes]:
        """As it came, and decompressed; the room for the second is taken."""
        limit, seconds, room = self._limits.max_bytes, self._limits.read_seconds, self._room
        try:
            if "content-encoding" not in headers and "expect" not in headers:
                body = await bodies.read(request, limit, seconds, room)
                room.claim(len(body))
                return body, body
            encodings = bodies.encodings(headers.get("content-encoding"))
            if headers.get("expect", "").lower() == "100-continue":
                await bodies.ask_for(request)
            wire = body = await bodies.read(request, limit, seconds, room)
            for encoding in encodings:
                body = bodies.decompress(body, encoding, limit)
            room.claim(len(body))
        except bodies.Unreadable as error:
            raise of_body(error, limit) from None
        return wire, body

    def _admitted(
        self,
        request: web.BaseRequest,
        headers: Mapping[str, str],
        body: bytes = b"",
        wire: bytes = b"",
        now: datetime | None = None,
    ) -> Caller:
        """Who it is, when it may post now; by the headers alone before there is a `now`."""
        try:
            if now is None:
                caller = self._verifier.known(headers)
            else:
                caller = self._verifier.verify(headers, body, now, wire if wire is not body else None)
        except Unauthorised as error:
            close = not request.content.is_eof()
            wait = self._failing.wait(self._proxies.caller(request.remote or "", headers), time.monotonic())
            if wait:
                raise failing(wait, close=close) from None
            raise unauthorised(error.reason, str(error), self._verifier.challenge, close=close) from None
        if self._limits.rate:
            name = caller.name or self._proxies.caller(request.remote or "", headers)
            wait = self._rate.wait(name, time.monotonic())
            if wait:
                raise too_fast(self._limits.rate, wait, close=not request.content.is_eof())
        used = caller.name or "none"
        if used not in self._credentials:
            self._credentials[used] = self._metrics.callers.labels(used)
        self._credentials[used].inc()
        return caller

    def _split(self, delivery: Delivery) -> list[Envelope]:
        try:
            return self._envelopes(delivery)
        except PoisonError as error:
            raise not_json(str(error)) from None
        except Exception:
            # A bug of ours must not lose the sender's event: it is kept whole and ends as a dead letter.
            log.exception("split-failed", extra={"bytes": len(delivery.body), "caller": delivery.caller})
            at, name = delivery.received_at, digest(delivery.body)
            return [Envelope(name, delivery.source, "unknown", "", at, at, delivery.body, "received")]

    async def _durable(self, messages: Sequence[Message]) -> None:
        """In the log when it returns; Refusal (503) when that cannot be said in time."""
        try:
            async with self._deadlines.one():
                await self._append(messages)
        except TimeoutError:
            raise ours("ack-deadline", "The log did not confirm in time; send the same again.") from None
        except RetryableError as error:
            raise ours("log", "The log cannot take it now; send the same again.", error.retry_after) from error
        except Exception as error:
            log.exception("append-failed")
            raise ours("log", "The log cannot take it now; send the same again.") from error

    def _handshake(self, request: web.BaseRequest) -> web.Response:
        """CloudEvents HTTP webhook, abuse protection: yes, you may post here."""
        headers = {"Allow": "POST, OPTIONS"}
        origin = request.headers.get("WebHook-Request-Origin")
        if origin is not None:
            echo = origin if origin.isascii() and origin.isprintable() and len(origin) < 256 else "*"
            headers["WebHook-Allowed-Origin"] = echo
            rate = self._limits.rate * 60
            headers["WebHook-Allowed-Rate"] = str(max(1, int(rate))) if rate else "*"
        return web.Response(status=200, headers=headers)

    async def _elsewhere(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        for beginning, page in self._routes.items():
            if path.startswith(beginning):
                if request.method not in ("GET", "HEAD"):
                    return self._refused(request, wrong_method("GET, HEAD"))
                found = await get_page(request, page, path.removeprefix(beginning))
                if found is not None:
                    return found
        return self._refused(request, Refusal("path", problem(404, f"Nothing is here; post events to {PATH}.")))

    def _refused(self, request: web.BaseRequest, refusal: Refusal) -> web.Response:
        """Counted, told in one line, answered."""
        status = refusal.response.status
        self._metrics.posts.labels(str(status)).inc()
        self._metrics.refused.labels(refusal.reason).inc()
        if status < 500 and (refusal.reason == "failing" or self._told.wait(request.remote or "", time.monotonic())):
            return refusal.response
        level = logging.WARNING if status >= 500 else logging.INFO
        facts = {"status": status, "reason": refusal.reason, "method": request.method, "peer": request.remote}
        cause = str(refusal.__cause__) if refusal.__cause__ else None
        log.log(level, "refused", extra={**facts, "path": request.raw_path.partition("?")[0][:100], "cause": cause})
        return refusal.response


def _joined(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """Lines of one name are one list (RFC 9110); of what may stand once only, such a list is never right."""
    found: dict[str, list[str]] = {}
    for name, value in headers.items():
        found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}
