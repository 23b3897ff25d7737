"""A connection on its bare socket: what plain posts need of a transport, and no more.

The event loop's own costs each new connection a task, a future and five turns of callbacks; senders that open one for
every post would wait for them. Who needs more than this gets the loop's own transport, on the same socket.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

READ_AT_MOST = 32 * 1024
"""A plain post and its head are less."""


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
