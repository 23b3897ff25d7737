"""A sender on a bare socket: says pieces, hears everything, and takes the answers apart by itself."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

QUIET_TURNS = 30
"""Of the event loop, in which sender and server both live: when nothing moves for so long, nothing more will by itself."""

_HEAD = re.compile(rb"HTTP/[\d.]+ (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
COMPLAINT = (400, frozenset(), b"")
"""That something is no HTTP."""

_CLOSE = {b"connection: close"}
_OF_THE_MOMENT = (b"date:", b"server:")


@dataclass(frozen=True)
class Answer:
    """Without what differs from moment to moment."""

    status: int
    headers: frozenset[bytes]
    body: bytes

    @property
    def meaning(self) -> tuple[int, frozenset[bytes], bytes]:
        """A complaint about what is no HTTP tells what stood around it in the same read, and in a body it is another."""
        if self.status == 400 and self.closes:
            return COMPLAINT
        return self.status, self.headers - _CLOSE, self.body

    @property
    def closes(self) -> bool:
        return bool(self.headers & _CLOSE)


def answers(heard: bytes) -> list[Answer]:
    """All of it, or it fails: no byte is left over and none is missing."""
    found, at = [], 0
    while at < len(heard):
        head = _HEAD.match(heard, at)
        assert head, heard[at:]
        lines = [line.lower() for line in head[2].split(b"\r\n") if line]
        lengths = [int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")]
        at = head.end()
        if int(head[1]) >= 200 and int(head[1]) not in (204, 304):
            assert len(lengths) == 1, head[0]
        size = (
            lengths[0] if lengths and not heard.startswith(b"HTTP/", at) and at < len(heard) else 0
        )  # HEAD has no body
        body, at = heard[at : at + size], at + size
        assert len(body) == size
        found.append(Answer(int(head[1]), frozenset(one for one in lines if not one.startswith(_OF_THE_MOMENT)), body))
    return found


class Caller:
    """One connection."""

    def __init__(self, url: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a piece is sent when it is said
        self._socket.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self.heard = bytearray()
        self._loop.add_reader(self._socket, self._read)

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 18)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        self.heard += data
        if not data:
            self._loop.remove_reader(self._socket)
            self._over.set()

    async def say(self, data: bytes) -> None:
        """To the end, or until the server has gone."""
        with suppress(ConnectionError):
            await self._loop.sock_sendall(self._socket, data)

    async def quiet(self, turns: int | None = None) -> None:
        """Returns when nothing moves any more, or after so many turns of the loop."""
        still, before = 0, -1
        while still < (QUIET_TURNS if turns is None else turns):
            await asyncio.sleep(0)
            still, before = (still + 1, before) if len(self.heard) == before or turns else (0, len(self.heard))

    async def end(self) -> list[Answer]:
        """Our half is closed; all that was answered."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        await asyncio.wait_for(self._over.wait(), 20)
        return answers(bytes(self.heard))

    def reset(self) -> None:
        """Away, without a word."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        """Away."""
        self._loop.remove_reader(self._socket)
        self._socket.close()
