"""A port at which we accept ourselves, whatever carries a connection then: at rest without files, forgetting nobody."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
REST_SECONDS = 1.0
"""Without a free file nothing is accepted for so long; who waits keeps waiting."""

log = logging.getLogger("processor.web.listener")


class Introductions:
    """New connections that the event loop's own transport carries: over TLS, or where there are no plain posts."""

    def __init__(self, made: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None) -> None:
        """`made` gives the protocol of each."""
        self._made = made
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._going_on: set[asyncio.Task[None]] = set()

    def __call__(self, connected: socket.socket, _peer: object) -> None:
        """One that was accepted."""
        task = self._loop.create_task(self._introduce(connected))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)

    async def _introduce(self, connected: socket.socket) -> None:
        with suppress(OSError):  # who does not get through the handshake is nobody yet
            await self._loop.connect_accepted_socket(self._made, connected, ssl=self._context)


class Site(web.TCPSite):
    """A port at which we accept: `made` gets each new socket, which never blocks, and its peer.

    The event loop, without a free file, would try as often as the backlog is long, and tell of each time.
    """

    def __init__(
        self,
        runner: web.BaseRunner,
        host: str,
        port: int,
        made: Callable[[socket.socket, object], object],
        *,
        backlog: int,
        reuse_port: bool | None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """`ssl_context`: for those that come before we accept."""
        super().__init__(runner, host, port, backlog=backlog, reuse_port=reuse_port, ssl_context=ssl_context)
        self._made = made
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []

    async def start(self) -> None:
        """As the loop's own, but that we accept."""
        await super().start()
        assert isinstance(self._server, asyncio.Server)  # noqa: S101 - the loop's own
        for one in self._server.sockets:
            self._listeners.append(listener := one.dup())
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # who is accepted inherits it
            self._loop.remove_reader(one)
            self._loop.add_reader(listener, self._accept, listener)

    async def stop(self) -> None:
        """No new connection, but those that the kernel has let in; what they and the others have sent is read.

        With TLS they would have to be heard and spoken to before they could send anything.
        """
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            if self._ssl_context is None:
                self._accept(listener)
            listener.close()
        await super().stop()
        for _ in range(2):  # for this to go on is among what is to be done in the next turn, before what is read in it
            await asyncio.sleep(0)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(self._backlog):
            try:
                connected, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in OUT_OF_FILES:
                    raise
                log.error("accept-failed", extra={"reason": error.strerror})  # noqa: TRY400 - where says nothing
                self._loop.remove_reader(listener)
                self._loop.call_later(REST_SECONDS, self._accept_again, listener)
                return
            connected.setblocking(False)
            self._made(connected, peer)

    def _accept_again(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener, self._accept, listener)
