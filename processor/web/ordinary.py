"""One connection as aiohttp serves it, with what that leaves open: how it ends, and what is said of broken requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage

from processor.web.answers import problem

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
Answered = tuple[web.StreamResponse, bool]

log = logging.getLogger("processor.web.listener")


class OrdinaryConnection(web.RequestHandler):
    """Broken requests are answered as problems and without a line in the log.

    A sender that closes its half hears what is due; one that takes nothing of its answers is cut, and so is one that
    says nothing. But who was answered 2xx, to more than `OPTIONS`, is closed by aiohttp after `keepalive_timeout`.
    """

    def __init__(self, manager: web.Server, *, idle_seconds: float, **settings: Any) -> None:
        """`settings` are aiohttp's."""
        super().__init__(manager, **settings)
        self._patience_seconds = idle_seconds
        self._patience: asyncio.TimerHandle | None = None
        self._unsent = 0
        self._body: StreamReader | None = None
        self._answering = self._kept = False
        self._answered_lately = False
        self._broken = self._half_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Whose answers are looked after until they are gone, also when aiohttp has done with it."""
        super().connection_made(transport)
        if isinstance(transport, asyncio.WriteTransport):
            self._look_later(transport)

    def _look_later(self, transport: asyncio.WriteTransport) -> None:
        self._patience = self._loop.call_later(self._patience_seconds, self._look, transport)

    def _look(self, transport: asyncio.WriteTransport) -> None:
        unsent = transport.get_write_buffer_size()
        if unsent and unsent == self._unsent:
            transport.abort()
            return
        self._unsent = unsent
        if not (self._kept or unsent or self._answering or self._messages or self._answered_lately):
            self.force_close()
            return
        self._answered_lately = False
        self._look_later(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """By either side."""
        if self._patience:
            self._patience.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Until something comes that is no HTTP."""
        if self._broken:
            return
        super().data_received(data)
        self._broken = bool(self._messages) and not isinstance(self._messages[-1][0], RawRequestMessage)
        if self._broken:
            self._break_off()

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp says None, which asyncio takes for False
        """What is due still goes out; over TLS there are no halves."""
        self._half_closed = self._answering or bool(self._messages)
        if self._half_closed:
            self._break_off()
        return self._half_closed and self.transport is not None and self.transport.can_write_eof()

    def _break_off(self) -> None:
        """Who reads a body of which nothing more will come is told so; aiohttp would let him wait for it."""
        self._lingering_time = 0.0
        if self._answering or self._messages:
            for body in (self._body, *(body for _, body in self._messages)):
                if body and not body.is_eof():
                    body.set_exception(web.RequestPayloadError("it breaks off"))

    def _handle_request(
        self, request: web.BaseRequest, start_time: float | None, request_handler: Handle
    ) -> Coroutine[Any, Any, Answered]:
        self._body, self._answering = request.content, True  # at once; what follows begins in a turn of its own
        return self._answered(super()._handle_request(request, start_time, request_handler))

    async def _answered(self, answering: Awaitable[Answered]) -> Answered:
        try:
            return await answering
        finally:
            self._answering = False
            if self._half_closed and not self._messages:
                self.close()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Answered:
        """An answer says so when it is the last: we stop, the sender does, or a rest of the body will not be read."""
        self._answered_lately = True
        self._kept = self._kept or (200 <= resp.status < 300 and request.method != "OPTIONS")  # which anybody may ask
        if self._close or not request.content.is_eof() or (self._half_closed and not self._messages):
            resp.force_close()
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """400 for what is no HTTP; 503 for a bug of ours, so that the sender repeats it."""
        if isinstance(exc, web.RequestPayloadError):
            return problem(400, "The body is damaged.", close=True)
        if status < 500:
            detail = message or "This is no HTTP request that we can read."
            return problem(400, detail, headers={"Connection": "close"}, close=True)  # aiohttp says it to 1.1 only
        log.error("request-failed", exc_info=exc, extra={"method": request.method})
        return problem(503, "Something went wrong here.", headers={"Retry-After": "5"}, close=True)
