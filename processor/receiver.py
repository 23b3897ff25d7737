"""Verify, append, then 202: the door that Genesys and other senders post their events through.

Any request comes to `handle`. Plain posts, which are nearly all, go by `plain` where nothing is wrong with them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiohttp import HttpVersion11, web
from multidict import CIMultiDictProxy

from processor.deadline import Deadlines
from processor.event import Delivery
from processor.intake import Append, Envelopes, Intake
from processor.signatures import Caller, Unauthorised, Verifier
from processor.telemetry import Metrics
from processor.web import bodies
from processor.web.answers import Accepted, accepted, problem, whole
from processor.web.callers import Proxies, RateLimit
from processor.web.pages import Page, get_page
from processor.web.plain import Answer, PlainPosts
from processor.web.refusals import Refusal, failing, of_body, too_fast, unauthorised, wrong_method

PATH = "/webhooks/genesys"
SOURCE = "genesys/unknown"

FAILURES_A_SECOND, FAILURES_AT_ONCE = 0.5, 30.0
"""By address: posts that prove nothing and are told why. Past that they hear 429, without a line in the log."""

LINES_A_SECOND, LINES_AT_ONCE = 5.0, 100.0
"""By address: refusals that are told in the log. All are counted; a flood must not fill a disk."""

ALERTED = ("401", "429", "503")
"""Counted from 0: an alert on a rise sees the first one too."""

log = logging.getLogger("processor.receiver")


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
        self._intake = Intake(append, envelopes, metrics)
        self._verifier = verifier
        self._metrics = metrics
        for status in ALERTED:
            metrics.posts.labels(status)
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
        self.plain = PlainPosts(PATH, self._take)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request; never raises for what was sent."""
        started = time.monotonic()
        path = _path(request.raw_path)
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
            ids = await self._post(request, headers, started)
        except Refusal as refusal:
            return self._refused(request, refusal)
        return Accepted(ids)

    async def _post(self, request: web.BaseRequest, headers: dict[str, str], started: float) -> list[str]:
        signed = self._verifier.signed(headers)
        caller = None if signed else self._admitted(request, headers)  # nothing is read of a body for nobody
        wire, body = await self._body(request, headers)
        intake = self._intake
        intake.open += 1
        try:
            now = self._now()
            if caller is None:
                caller = self._admitted(request, headers, body, wire, now)
                if caller.message_id:
                    headers["webhook-id"] = caller.message_id  # by whichever name it came
            envelopes = intake.split(Delivery(self._source, headers, body, now, caller.name))
            if envelopes:
                try:
                    async with self._deadlines.one():
                        await intake.append(envelopes)
                except Exception as error:
                    raise intake.failure(error) from error
        finally:
            intake.open -= 1
            self._room.release(len(body))
        intake.count(len(envelopes), len(body), started)
        return [envelope.id for envelope in envelopes]

    def _take(self, headers: Mapping[str, str], body: bytes, peer: str, answer: Answer) -> bool:
        """A plain post, when all is well with it: whatever is to be refused is left to `handle`, which says why."""
        started, now = time.monotonic(), self._now()
        try:
            caller = self._verifier.verify(headers, body, now)
            if caller.message_id:
                headers = {**headers, "webhook-id": caller.message_id}
            envelopes = self._intake.split(Delivery(self._source, headers, body, now, caller.name))
            if len(body) > self._limits.max_bytes:
                return False
            self._room.claim(len(body))
            if self._too_fast(caller, peer, headers):  # asked last: it counts the post, and `handle` asks again
                self._room.release(len(body))
                return False
        except (Unauthorised, Refusal, bodies.TooMuch):
            return False
        self._intake.admit(caller.name)
        self._intake.open += 1
        size = len(body)

        def done(error: BaseException | None) -> None:
            self._intake.open -= 1
            self._room.release(size)
            if error is None:
                self._intake.count(len(envelopes), size, started)
                answer(*accepted([envelope.id for envelope in envelopes]))
            else:
                answer(*whole(self.refused(self._intake.failure(error), peer)))

        if envelopes:
            self._deadlines.watch(self._intake.append(envelopes), done)
        else:
            done(None)
        return True

    async def _body(self, request: web.BaseRequest, headers: Mapping[str, str]) -> tuple[bytes, bytes]:
        """As it came, and decompressed; the room for the second is taken."""
        limit, seconds, room = self._limits.max_bytes, self._limits.read_seconds, self._room
        try:
            if "content-encoding" not in headers and "expect" not in headers:
                body = await bodies.read(request, limit, seconds, room)
                room.claim(len(body))
                return body, body
            encodings = bodies.encodings(headers.get("content-encoding"))
            waits = headers.get("expect", "").lower() == "100-continue"
            if waits and request.version >= HttpVersion11:  # older senders know no answer before the answer
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
        wait = self._too_fast(caller, request.remote or "", headers)
        if wait:
            raise too_fast(self._limits.rate, wait, close=not request.content.is_eof())
        self._intake.admit(caller.name)
        return caller

    def _too_fast(self, caller: Caller, peer: str, headers: Mapping[str, str]) -> float:
        """Seconds until he may post again; 0: this post may pass, and counts."""
        if not self._limits.rate:
            return 0.0
        return self._rate.wait(caller.name or self._proxies.caller(peer, headers), time.monotonic())

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
        return self.refused(refusal, request.remote or "", request.method, _path(request.raw_path))

    def refused(self, refusal: Refusal, peer: str, method: str = "POST", path: str = PATH) -> web.Response:
        """Counted, told in one line, answered."""
        status = refusal.response.status
        self._metrics.posts.labels(str(status)).inc()
        self._metrics.refused.labels(refusal.reason).inc()
        if status < 500 and (refusal.reason == "failing" or self._told.wait(peer, time.monotonic())):
            return refusal.response
        level = logging.WARNING if status >= 500 else logging.INFO
        facts = {"status": status, "reason": refusal.reason, "method": method, "peer": peer, "path": path[:100]}
        log.log(level, "refused", extra={**facts, "cause": str(refusal.__cause__) if refusal.__cause__ else None})
        return refusal.response


def _path(target: str) -> str:
    """Without its query. The whole address, as proxies may say it, means the same (RFC 9112, 3.2.2)."""
    path = target.partition("?")[0]
    return path if path.startswith("/") else "/" + path.partition("://")[2].partition("/")[2]


def _joined(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    """Lines of one name are one list (RFC 9110); of what may stand once only, such a list is never right."""
    found: dict[str, list[str]] = {}
    for name, value in headers.items():
        found.setdefault(name.lower(), []).append(value)
    return {name: ", ".join(values) for name, values in found.items()}
