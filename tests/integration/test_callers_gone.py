"""Callers that go away in the middle, or say nothing: no socket, task or room stays behind, and everybody else is served."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from processor.receiver import Limits
from processor.web import listener, plain
from processor.web.bodies import Room
from processor.web.listener import Tls
from processor.web.ordinary import OrdinaryConnection
from processor.web.plain import PlainConnection
from processor.web.wire import Wire
from tests.integration.door import Door, door
from tests.integration.test_ordinary import EXPECTING, chunked
from tests.integration.test_plain import answer, connection, post
from tests.integration.test_plain_ends import TLS, opened, reset, secure, until

__all__ = ["opened"]

ROOM = 1 << 20
STAGES = {
    "nothing": [],
    "a piece of a head": [b"POST /webh"],
    "a piece of a post": [post("e")[:-3]],
    "a piece of a large post": [post("e", blanks=40_000)[:-3]],
    "a piece of a chunk": [chunked("e")[:-9]],
    "no body yet": [EXPECTING],
    "a post": [post("e")],
    "a post in chunks": [chunked("e")],
    "posts": [post("e"), post("f"), chunked("g"), post("h")],
    "posts in chunks": [chunked("e") + post("f"), chunked("g")],
    "no HTTP": [post("e"), b"\x00\x00\r\n\r\n"],
    "another": [b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"],
}


def files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def ours() -> list[object]:
    gc.collect()
    return [one for one in gc.get_objects() if isinstance(one, Wire | PlainConnection | OrdinaryConnection)]


@pytest.fixture
def rooms(monkeypatch: pytest.MonkeyPatch) -> list[Room]:
    """Each as often as something was claimed of it."""
    found: list[Room] = []
    claim = Room.claim

    def seen(self: Room, size: int) -> None:
        found.append(self)
        claim(self, size)

    monkeypatch.setattr(Room, "claim", seen)
    monkeypatch.setattr(listener, "LINGER_SECONDS", 0.01)
    return found


async def quiet() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("away", [asyncio.StreamWriter.close, reset], ids=["closes", "resets"])
@pytest.mark.parametrize("tls", [None, TLS], ids=["bare", "tls"])
@pytest.mark.parametrize("held", [False, True], ids=["at once", "while the log is slow"])
async def test_who_goes_away_leaves_nothing_behind(
    stage: list[bytes],
    away: Callable[[asyncio.StreamWriter], None],
    tls: Tls | None,
    *,
    held: bool,
    rooms: list[Room],
    caplog: pytest.LogCaptureFixture,
) -> None:
    earlier = ours()  # what other tests keep: errors that are parameters hold those who were told of them
    async with door(tls=tls, limits=Limits(in_flight_bytes=ROOM)) as to:
        await served(to, tls, "before")
        await quiet()
        tasks, opened = len(asyncio.all_tasks()), files()
        to.log.gate = asyncio.Event() if held else None
        async with secure(to) if tls else connection(to) as (_, writer):
            for piece in stage:
                writer.write(piece)
                await quiet()
            if not writer.is_closing():  # it may be told to go
                away(writer)
            await quiet()
        if to.log.gate:
            to.log.gate.set()
        await until(lambda: files() == opened and len(asyncio.all_tasks()) == tasks)
        await quiet()
        assert to.count("processor_posts_in_flight") == 0
        assert not rooms or rooms[-1]._left == ROOM
        to.log.gate = None
        await served(to, tls, "after")
        keys = [message.key for message in to.log.messages]
        assert len(set(keys)) == len(keys)
    await quiet()
    assert not [one for one in ours() if one not in earlier]
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def served(to: Door, tls: Tls | None, name: str) -> None:
    async with secure(to) if tls else connection(to) as (reader, writer):
        writer.write(post(name))
        assert await answer(reader) == (202, {"ids": [name]})
        writer.write(chunked(f"{name} in chunks"))
        assert await answer(reader) == (202, {"ids": [f"{name} in chunks"]})


async def test_a_thousand_that_say_nothing_hinder_nobody_and_are_let_go(
    monkeypatch: pytest.MonkeyPatch, opened: list[PlainConnection]
) -> None:
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.05)
    async with door() as to:
        before, port = files(), int(to.url.rpartition(":")[2])
        many = min(1000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - before) // 2 - 50)
        with ExitStack() as callers:
            silent = [callers.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(many)]
            await until(lambda: len(opened) == many)
            await served(to, None, "in between")
            opened[0]._all._idle_seconds = 0
            await until(lambda: files() == before + many)
            assert [one.recv(1) for one in silent] == [b""] * many
        await served(to, None, "after")
