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

from processor import bodies
from processor.answers import Accepted, problem, retry_after
from processor.callers import Proxies, RateLimit
from processor.deadline import Deadlines
from processor.errors import PoisonError, RetryableError
from processor.event import Delivery, Envelope, digest
from processor.eventlog import Message
from processor.pages import Page, get_page
from processor.signatures import Caller, Unauthorised, Verifier
from processor.telemetry import Metrics

PATH = "/webhooks/genesys"
SOURCE = "genesys/unknown"

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
    """All bodies read but not yet answered."""


class Refusal(Exception):
    """The answer that ends a post early, with the word for the metric."""

    def __init__(self, reason: str, response: web.Response) -> None:
        super().__init__(reason)
        self.reason = reason
        self.response = response


class Receiver:
    """Handles every request of the receiver's port (`processor.listener` opens it)."""

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
        self._held = 0
        self._accepted = metrics.posts.labels("202")
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
            return self._refused(request, _wrong_method("POST, OPTIONS"))
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            ids = await self._post(request, headers)
        except Refusal as refusal:
            return self._refused(request, refusal)
        self._accepted.inc()
        self._metrics.acknowledged_seconds.observe(time.monotonic() - started)
        return Accepted(ids)

    async def _post(self, request: web.BaseRequest, headers: Mapping[str, str]) -> list[str]:
        wire, body = await self._body(request, headers)
        held = len(body)
        if self._held + held > self._limits.in_flight_bytes:
            raise _ours("overloaded", "Too many posts wait to be written.", None)
        self._held += held
        try:
            now = self._now()
            caller = self._verified(request, headers, wire, body, now)
            envelopes = self._split(Delivery(self._source, headers, body, now, caller.name))
            if envelopes:
                await self._durable([envelope.to_message() for envelope in envelopes])
        finally:
            self._held -= held
        self._metrics.received.inc(len(envelopes))
        self._metrics.received_bytes.inc(held)
        return [envelope.id for envelope in envelopes]

    async def _body(self, request: web.BaseRequest, headers: Mapping[str, str]) -> tuple[bytes, bytes]:
        """As it came, and decompressed."""
        limit = self._limits.max_bytes
        try:
            if "content-encoding" not in headers and "expect" not in headers:
                body = await bodies.read(request, limit, self._limits.read_seconds)
                return body, body
            encodings = bodies.encodings(headers.get("content-encoding"))
            if headers.get("expect", "").lower() == "100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0
            wire = body = await bodies.read(request, limit, self._limits.read_seconds)
            for encoding in encodings:
                body = bodies.decompress(body, encoding, limit)
        except bodies.UnknownEncoding:
            raise Refusal(
                "encoding",
                problem(
                    415,
                    "This Content-Encoding is not read here.",
                    remedy="Send the body plain, or as gzip or deflate.",
                    headers=bodies.ACCEPTED,
                    close=True,
                ),
            ) from None
        except bodies.TooLarge:
            remedy = "Send fewer events in a post, or raise PROCESSOR_RECEIVER_MAX_BYTES."
            detail = f"The body is larger than {limit} bytes (decompressed)."
            raise Refusal("too-large", problem(413, detail, remedy=remedy, close=True, limitBytes=limit)) from None
        except bodies.TooSlow:
            raise Refusal("too-slow", problem(408, "The body did not come in time.", close=True)) from None
        except bodies.Damaged:
            remedy = "Send the body as its Content-Encoding and Transfer-Encoding say."
            raise Refusal("damaged", problem(400, "The body is damaged.", remedy=remedy, close=True)) from None
        return wire, body

    def _verified(
        self, request: web.BaseRequest, headers: Mapping[str, str], wire: bytes, body: bytes, now: datetime
    ) -> Caller:
        """Who it is, when it may post now."""
        try:
            caller = self._verifier.verify(headers, body, now, wire if wire is not body else None)
        except Unauthorised as error:
            challenge = {"WWW-Authenticate": self._verifier.challenge}
            raise Refusal(error.reason, problem(401, str(error), headers=challenge)) from None
        name = caller.name or self._proxies.caller(request.remote or "", headers)
        wait = self._rate.wait(name, time.monotonic())
        if wait:
            pause = retry_after(None, wait)
            remedy = f"Send at most {self._limits.rate:g} posts a second."
            raise Refusal("rate", problem(429, "This caller is too fast.", remedy=remedy, headers=pause))
        used = caller.name or "none"
        if used not in self._credentials:
            self._credentials[used] = self._metrics.callers.labels(used)
        self._credentials[used].inc()
        return caller

    def _split(self, delivery: Delivery) -> list[Envelope]:
        try:
            return self._envelopes(delivery)
        except PoisonError as error:
            remedy = "Send one JSON object, a JSON array of events, or a CloudEvents batch."
            raise Refusal("not-json", problem(400, str(error), remedy=remedy)) from None
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
            raise _ours("ack-deadline", "The log did not confirm in time; send the same again.", None) from None
        except RetryableError as error:
            raise _ours("log", "The log cannot take it now; send the same again.", error.retry_after) from error
        except Exception as error:
            log.exception("append-failed")
            raise _ours("log", "The log cannot take it now; send the same again.", None) from error

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
                    return self._refused(request, _wrong_method("GET, HEAD"))
                found = await get_page(request, page, path.removeprefix(beginning))
                if found is not None:
                    return found
        return self._refused(request, Refusal("path", problem(404, f"Nothing is here; post events to {PATH}.")))

    def _refused(self, request: web.BaseRequest, refusal: Refusal) -> web.Response:
        """Counted, told in one line, answered."""
        status = refusal.response.status
        self._metrics.posts.labels(str(status)).inc()
        self._metrics.refused.labels(refusal.reason).inc()
        level = logging.WARNING if status >= 500 else logging.INFO
        facts = {"status": status, "reason": refusal.reason, "method": request.method, "peer": request.remote}
        cause = str(refusal.__cause__) if refusal.__cause__ else None
        log.log(level, "refused", extra={**facts, "path": request.raw_path.partition("?")[0][:100], "cause": cause})
        return refusal.response


def _ours(reason: str, detail: str, wait: timedelta | None) -> Refusal:
    return Refusal(reason, problem(503, detail, headers=retry_after(wait, 2)))


def _wrong_method(allowed: str) -> Refusal:
    return Refusal("method", problem(405, f"Only {allowed} here.", headers={"Allow": allowed}, close=True))
