"""A connection on its bare socket: what plain posts need of a transport, and no more.

The event loop's own costs each new connection a task, a future and five turns of callbacks; senders that open one for
every post would wait for them. Who needs more than this gets the loop's own transport, on the same socket.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

READ_AT_MOST = 32 * 1024
"""A plain post and its head are less."""

OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
REST_SECONDS = 1.0
"""Without a free file nothing is accepted for so long; who waits keeps waiting."""

log = logging.getLogger("processor.web.listener")


class Wire(asyncio.Transport):
    """Reads from the beginning on. A write that does not go out at once stops the protocol's writing until it has."""

    __slots__ = ("_closing", "_gone", "_loop", "_number", "_paused", "_peer", "_protocol", "_rest", "_socket")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connected: socket.socket, peer: object, protocol: asyncio.Protocol
    ) -> None:
        """`connected`: never blocks."""
        self._loop = loop
        self._socket = connected
        self._number = connected.fileno()  # of a whole socket the loop makes a name, which asks the kernel twice
        self._peer = peer
        self._protocol = protocol
        self._rest = b""
        self._closing = self._gone = False
        self._paused = False
        loop.add_reader(self._number, self._read)
        protocol.connection_made(self)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`peername` and `socket`."""
        return {"peername": self._peer, "socket": self._socket}.get(name, default)

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_AT_MOST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        try:
            if data:
                self._protocol.data_received(data)
            elif self._protocol.eof_received():
                self.pause_reading()  # there is nothing more to read, and it would be told again and again
            else:
                self.close()
        except BaseException:  # a bug of ours, of which the loop tells; who waits for an answer must not wait for ever
            self._lost(None)
            raise

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """At once, or in its turn."""
        if self._closing:
            return
        if self._rest:
            self._rest += data
            return
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lost(error)
            return
        if sent < len(data):
            self._rest = bytes(data[sent:])
            self._loop.add_writer(self._number, self._go_on)
            self._protocol.pause_writing()

    def _go_on(self) -> None:
        try:
            self._rest = self._rest[self._socket.send(self._rest) :]
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        if self._rest:
            return
        self._loop.remove_writer(self._number)
        if self._closing:
            self._lost(None)
        else:
            self._protocol.resume_writing()

    def pause_reading(self) -> None:
        """Until `resume_reading`; may be called again."""
        if not self._closing:
            self._paused = True
            self._loop.remove_reader(self._number)

    def resume_reading(self) -> None:
        """May be called again."""
        if self._paused and not self._closing:
            self._paused = False
            self._loop.add_reader(self._number, self._read)

    def can_write_eof(self) -> bool:
        """There are halves."""
        return True

    def is_closing(self) -> bool:
        """It is closed, or will be, or is another's now."""
        return self._closing

    def close(self) -> None:
        """As soon as all is written."""
        if not self._closing:
            self.pause_reading()
            self._closing = True
            if not self._rest:
                self._lost(None)

    def abort(self) -> None:
        """Now."""
        self._lost(None)

    def leave(self) -> socket.socket:
        """The socket is another's from now on; nothing waits to be written."""
        self.pause_reading()
        self._closing = self._gone = True
        del self._protocol
        return self._socket

    def _lost(self, error: OSError | None) -> None:
        if self._gone:
            return
        self._closing = self._gone = True
        self._loop.remove_reader(self._number)
        self._loop.remove_writer(self._number)
        self._socket.close()
        protocol = self._protocol
        del self._protocol  # they know each other: what is gone must not wait for the garbage collector
        protocol.connection_lost(error)


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
