"""What a protocol is told by its bare socket, and what arrives at the other end of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from processor.web.wire import Wire

MUCH = bytes(range(256)) * 2_000
"""More than a socket takes at once."""


class Told(asyncio.Protocol):
    """Notes what it is told; that nothing more comes is no reason to end."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def data_received(self, data: bytes) -> None:
        self.said.append(data.decode())

    def pause_writing(self) -> None:
        self.said.append("pause")

    def resume_writing(self) -> None:
        self.said.append("resume")

    def eof_received(self) -> bool:
        self.said.append("eof")
        return True

    def connection_lost(self, _: Exception | None) -> None:
        self.said.append("lost")


@contextmanager
def wired() -> Iterator[tuple[Wire, socket.socket, list[str]]]:
    """A wire, the other end of it, and what its protocol is told."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for one in (ours, theirs):
            one.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        told = Told()
        wire = Wire(asyncio.get_running_loop(), ours, None, told)
        try:
            yield wire, theirs, told.said
        finally:
            wire.abort()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def read_to_the_end(theirs: socket.socket) -> bytes:
    found = b""
    while piece := await asyncio.get_running_loop().sock_recv(theirs, 65_536):
        found += piece
    return found


@pytest.mark.parametrize("pieces", [[MUCH], [MUCH, b"and more"]])
async def test_what_was_written_before_the_close_arrives_whole_and_nothing_after_it(pieces: list[bytes]) -> None:
    with wired() as (wire, theirs, said):
        for piece in pieces:
            wire.write(piece)
        wire.close()
        wire.write(b"too late")
        assert said == ["pause"]
        assert await read_to_the_end(theirs) == b"".join(pieces)
        assert said == ["pause", "lost"]


async def test_nothing_is_told_of_what_comes_after_the_close() -> None:
    with wired() as (wire, theirs, said):
        wire.write(MUCH)
        wire.close()
        await asyncio.get_running_loop().sock_sendall(theirs, b"too late")
        await turns()
        assert said == ["pause"]


async def test_when_all_has_gone_out_the_protocol_may_write_again() -> None:
    with wired() as (wire, theirs, said):
        wire.write(MUCH)
        found = b""
        while len(found) < len(MUCH):
            found += await asyncio.get_running_loop().sock_recv(theirs, 65_536)
        await turns()
        assert said == ["pause", "resume"]
        wire.write(b"more")
        wire.close()
        assert found + await read_to_the_end(theirs) == MUCH + b"more"
        assert said == ["pause", "resume", "lost"]


async def test_an_end_is_told_once_and_what_is_written_after_it_still_arrives() -> None:
    with wired() as (wire, theirs, said):
        theirs.shutdown(socket.SHUT_WR)
        await turns()
        assert said == ["eof"]
        wire.write(b"an answer")
        assert await asyncio.get_running_loop().sock_recv(theirs, 65_536) == b"an answer"
        wire.abort()
        assert said == ["eof", "lost"]


async def test_what_comes_while_nothing_is_read_is_told_afterwards() -> None:
    with wired() as (wire, theirs, said):
        for told in (["one"], ["one", "two"]):
            for _ in range(2):
                wire.pause_reading()
            await asyncio.get_running_loop().sock_sendall(theirs, told[-1].encode())
            await turns()
            assert said == told[:-1]
            for _ in range(2):
                wire.resume_reading()
            await turns()
            assert said == told


async def test_what_was_left_to_another_is_his() -> None:
    with wired() as (wire, theirs, said):
        left = wire.leave()
        wire.write(b"not ours any more")
        wire.resume_reading()
        wire.close()
        wire.abort()
        await asyncio.get_running_loop().sock_sendall(theirs, b"his")
        await turns()
        assert said == []
        assert await asyncio.get_running_loop().sock_recv(left, 65_536) == b"his"
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


@pytest.mark.parametrize("end", [Wire.abort, Wire.leave])
async def test_the_loop_watches_nothing_of_what_has_gone(end: Callable[[Wire], object]) -> None:
    """Its number is the next connection's."""
    loop = asyncio.get_running_loop()
    with wired() as (wire, _, _):
        number = wire.get_extra_info("socket").fileno()
        if end is Wire.abort:
            wire.write(MUCH)
        end(wire)
        assert not loop.remove_reader(number)
        assert not loop.remove_writer(number)


async def test_a_socket_that_takes_nothing_now_takes_it_later() -> None:
    with wired() as (wire, theirs, said):
        there, filled = wire.get_extra_info("socket"), 0
        with suppress(BlockingIOError):
            while True:
                filled += there.send(b"x")
        wire.write(b"more")
        assert said == ["pause"]
        wire.close()
        assert await read_to_the_end(theirs) == b"x" * filled + b"more"


async def test_a_socket_that_has_nothing_to_read_after_all_tells_nothing() -> None:
    with wired() as (wire, _, said):
        wire._read()
        assert said == []


async def test_a_connection_that_was_broken_off_is_lost_once() -> None:
    with wired() as (wire, theirs, said):
        wire.write(b"nobody reads it")
        theirs.close()
        await turns()
        assert said == ["lost"]
