"""Connections that carry plain posts: read and answered without the machinery that any other request needs.

Whatever is not one whole plain post goes, with its connection and every byte of it, to the ordinary
HTTP server, and stays there. So nothing is judged twice, and nothing unusual is judged here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from processor.web.heads import Head, Heads
from processor.web.wire import Wire

Answer = Callable[[bytes, bytes], None]
"""Writes the answer: its head up to the last header's line end, and its body. On the loop, once."""

Take = Callable[[Mapping[str, str], bytes, str, Answer], bool]
"""Headers (not to be changed), body, the peer's address. True: the answer comes. False: nothing was done with it."""

TAKEN = b"HTTP/1.1 202 "

LOOK_SECONDS = 1.0
"""The rest of a post that began to come is waited for so long here, or twice."""


@dataclass(frozen=True, slots=True)
class PlainPosts:
    """What is taken here: posts to `path`, by `take`."""

    path: str
    take: Take


class PlainConnections:
    """All of one server. Made in a running event loop."""

    def __init__(
        self, posts: PlainPosts, ordinary: Callable[[], asyncio.Protocol], idle_seconds: float, kept_seconds: float
    ) -> None:
        """`ordinary` makes the protocol that gets what is not plain.

        Who is silent for `idle_seconds` is closed, or for `kept_seconds` once something of it was taken.
        """
        self.loop = asyncio.get_running_loop()
        self.heads = Heads(posts.path)
        self.take = posts.take
        self.ordinary = ordinary
        self.finishing = False
        """The ordinary server takes nothing any more; what comes is answered here, or closed."""
        self._idle_seconds = idle_seconds
        self._kept_seconds = kept_seconds
        self._open: set[PlainConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()
        self._changing: set[asyncio.Task[object]] = set()

    def add(self, connection: PlainConnection) -> None:
        """It is open."""
        self._open.add(connection)
        if self._timer is None:
            self._timer = self.loop.call_later(LOOK_SECONDS, self._look)

    def remove(self, connection: PlainConnection) -> None:
        """It is closed, or the ordinary server's."""
        self._open.discard(connection)
        if not self._open:
            self._gone.set()

    def change(self, connected: socket.socket, *came: bytes) -> None:
        """The ordinary server's from now on, with what has come already."""
        changed = self.loop.connect_accepted_socket(lambda: _Changed(self.ordinary, *came), connected)
        task = self.loop.create_task(changed)
        self._changing.add(task)
        task.add_done_callback(self._changing.discard)

    async def changed(self) -> None:
        """Returns when no connection is between the two servers."""
        while self._changing:
            await asyncio.wait(self._changing)

    def finish(self) -> None:
        """Close what is idle, and the others with the answer that they wait for."""
        self.finishing = True
        for connection in tuple(self._open):
            connection.finish()

    async def finished(self, seconds: float | None) -> None:
        """Returns when all are closed, or after so long; then the rest is cut."""
        try:
            async with asyncio.timeout(seconds):
                while self._open:
                    self._gone.clear()
                    await self._gone.wait()
        except TimeoutError:
            for connection in tuple(self._open):
                connection.cut()
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        now = self.loop.time()
        for connection in tuple(self._open):
            connection.look(now, self._idle_seconds, self._kept_seconds)
        self._timer = self.loop.call_later(LOOK_SECONDS, self._look) if self._open else None


class _Changed(asyncio.Protocol):
    """Gives its connection, and what has come of it already, to the ordinary server.

    A post that is whole comes by itself: of one that is read together with a broken one aiohttp would know nothing.
    """

    def __init__(self, ordinary: Callable[[], asyncio.Protocol], *came: bytes) -> None:
        self._ordinary = ordinary
        self._came = came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Of any kind."""
        ordinary = self._ordinary()
        transport.set_protocol(ordinary)
        ordinary.connection_made(transport)
        for data in self._came:
            ordinary.data_received(data)


class PlainConnection(asyncio.Protocol):
    """One connection, for as long as it carries plain posts only."""

    __slots__ = ("_all", "_choked", "_close", "_kept", "_later", "_part", "_peer", "_since", "_transport", "_waiting")

    def __init__(self, connections: PlainConnections) -> None:
        self._all = connections
        self._later = b""
        self._part = b""
        self._waiting = False
        self._choked = False
        self._close = False
        self._kept = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a stream's protocol is given
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if isinstance(peer, tuple) else ""
        self._since = self._all.loop.time()
        self._close = self._all.finishing
        self._all.add(self)

    def data_received(self, data: bytes) -> None:
        """A post, a part of one, or something else."""
        if self._waiting or self._choked or self._later:
            self._later += data
            self._transport.pause_reading()
            return
        data = self._part + data if self._part else data
        head, blank_line, body = data.partition(b"\r\n\r\n")
        known = self._all.heads.read(head) if blank_line else None
        if known is None:
            self._hand_over(data)
        elif len(body) < known.length:
            self._since = self._since if self._part else self._all.loop.time()
            self._part = data
        else:
            self._part = b""
            end = len(data) - len(body) + known.length
            self._later = data[end:]
            self._post(known, body[: known.length], data[:end])

    def _post(self, head: Head, body: bytes, whole: bytes) -> None:
        self._waiting = True
        self._close = self._close or head.close
        if not self._all.take(head.headers, body, self._peer, self._answer):
            self._waiting = False
            later, self._later = self._later, b""
            self._hand_over(whole, later)
        elif self._later:
            self._transport.pause_reading()

    def _answer(self, head: bytes, body: bytes) -> None:
        self._waiting = False
        self._since = self._all.loop.time()
        self._kept = self._kept or head.startswith(TAKEN)
        # To nobody, where the caller went away; what is in the log stays there.
        self._transport.write(b"%b%b\r\n%b" % (head, b"Connection: close\r\n" if self._close else b"", body))
        if self._close:
            self._transport.close()
        elif self._later:
            self._all.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """With what came before the answer was out, or before the last ones were read."""
        if self._waiting or self._choked or self._transport.is_closing():
            return
        self._transport.resume_reading()
        later, self._later = self._later, b""
        if later:
            self.data_received(later)

    def _hand_over(self, *came: bytes) -> None:
        if self._all.finishing:
            self._leave()
            return
        self._all.remove(self)
        if isinstance(self._transport, Wire):
            self._all.change(self._transport.leave(), *came)
        else:
            _Changed(self._all.ordinary, *came).connection_made(self._transport)

    def _leave(self) -> None:
        """Close; the second time at once, since it does not take what is left for it."""
        if self._transport.is_closing():
            self._transport.abort()
        else:
            self._transport.close()

    def eof_received(self) -> bool:
        """A sender that only closed its half still hears the answer; over TLS there are no halves."""
        self._close = True
        if self._part and self._transport.can_write_eof():
            self._hand_over(self._part)  # which reads the same end, and says what is missing
            return True
        return self._waiting and self._transport.can_write_eof()

    def pause_writing(self) -> None:
        """It does not read our answers: no more of its posts until it does."""
        self._choked = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        self._choked = False
        self._go_on()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Closed by either side."""
        self._all.remove(self)

    def look(self, now: float, idle_seconds: float, kept_seconds: float) -> None:
        """What waits too long for its rest is another's to wait for; who is silent, or does not read, is closed."""
        patience = kept_seconds if self._kept and not self._choked else idle_seconds
        if self._part or self._all.finishing:
            patience = LOOK_SECONDS
        if self._waiting or now - self._since < patience:
            return
        if self._part:
            self._hand_over(self._part)
        else:
            self._leave()

    def finish(self) -> None:
        """Close, after the answer if one is waited for, or due once the rest of its post is here."""
        self._close = True
        if not (self._waiting or self._part or self._transport.is_closing()):
            self._transport.close()

    def cut(self) -> None:
        """Close now."""
        self._transport.abort()
