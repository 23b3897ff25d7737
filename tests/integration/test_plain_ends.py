"""How connections with plain posts end: over TLS too, when the caller goes away, when it does not read, when we stop."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from processor.receiver import PATH
from processor.web import plain
from processor.web.listener import LowLevelServer, Tls, Where, listening
from processor.web.plain import Answer, PlainConnection, PlainConnections, PlainPosts
from tests.integration.door import Door, door
from tests.integration.test_plain import answer, connection, handed_over, post

__all__ = ["handed_over"]

DATA = Path(__file__).parents[1] / "data" / "tls"
TLS = Tls(DATA / "first-cert.pem", DATA / "first-key.pem")
OTHER = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[PlainConnection]:
    """Our side of each connection, in the order in which they came."""
    found: list[PlainConnection] = []
    add = PlainConnections.add

    def seen(self: PlainConnections, one: PlainConnection) -> None:
        found.append(one)
        add(self, one)

    monkeypatch.setattr(PlainConnections, "add", seen)
    return found


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@asynccontextmanager
async def secure(to: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    port = int(to.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def until(it_is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not it_is_so():  # noqa: ASYNC110 - what goes on inside tells nobody
            await asyncio.sleep(0)


async def until_gone(one: PlainConnection) -> None:
    await until(lambda: one not in one._all._open)


def reset(writer: asyncio.StreamWriter) -> None:
    """Away, without a word."""
    there = writer.get_extra_info("socket")
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def test_over_tls_as_without(handed_over: list[object], caplog: pytest.LogCaptureFixture) -> None:
    async with door(tls=TLS) as to, secure(to) as (reader, writer):
        sent = post("e1")
        for piece in (sent[:-4], sent[-4:]):
            writer.write(piece)
            await writer.drain()
        assert await answer(reader) == (202, {"ids": ["e1"]})
        to.log.gate = asyncio.Event()
        to.log.waiting.clear()
        writer.write(post("e2"))
        await to.log.waiting.wait()
        writer.write(post("e3"))
        to.log.gate.set()
        assert [await answer(reader) for _ in range(2)] == [(202, {"ids": [f"e{n}"]}) for n in (2, 3)]
        assert not handed_over
        writer.write(OTHER)
        assert (await answer(reader))[0] == 404
        assert len(handed_over) == 1
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


@pytest.mark.parametrize("tls", [None, TLS], ids=["plain", "tls"])
@pytest.mark.parametrize("away", [asyncio.StreamWriter.close, reset], ids=["closes", "resets"])
async def test_a_caller_that_goes_away_while_its_post_waits(
    tls: Tls | None,
    away: object,
    opened: list[PlainConnection],
    handed_over: list[object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its post is in the log, once; what it had sent behind it is nobody's, and nothing is told of it."""
    async with door(tls=tls) as to:
        async with secure(to) if tls else connection(to) as (_, writer):
            to.log.gate = asyncio.Event()
            writer.write(post("e1"))
            await to.log.waiting.wait()
            if away is reset:
                writer.write(OTHER)
                await until(lambda: opened[0]._later)
            away(writer)
            if tls:  # without it nothing is heard of him before he is written to
                await until_gone(opened[0])
            to.log.gate.set()
            await until_gone(opened[0])
        async with secure(to) if tls else connection(to) as (reader, writer):
            writer.write(post("e2"))
            assert await answer(reader) == (202, {"ids": ["e2"]})
        assert [message.key for message in to.log.messages] == ["e1", "e2"]
        assert to.count("processor_posts_in_flight") == 0
    assert not handed_over
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


@pytest.mark.parametrize("tls", [None, TLS], ids=["plain", "tls"])
async def test_a_post_that_is_to_be_the_last(tls: Tls | None, handed_over: list[object]) -> None:
    async with door(tls=tls) as to, secure(to) if tls else connection(to) as (reader, writer):
        writer.write(post("e", "Connection: close"))
        heard = await asyncio.wait_for(reader.read(), 10)
        assert heard.startswith(b"HTTP/1.1 202 ")
        assert heard.count(b"\r\nConnection: close\r\n") == 1
        assert heard.endswith(b'{"ids":["e"]}')
    assert not handed_over


async def test_who_reads_late_loses_no_answer(opened: list[PlainConnection]) -> None:
    """Posts are sent one ahead, until the answers that it does not read are too many."""
    names = [f"{number:04d}" for number in range(700)]
    long = "[" + ",".join(f'{{"id":"{name}"}}' for name in names) + "]"
    head = post("x").partition(b"Content-Length")[0]
    sent = head + f"Content-Length: {len(long)}\r\n\r\n{long}".encode()
    async with door() as to, connection(to) as (reader, writer):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writer.transport.pause_reading()
        log = to.log
        log.gate = asyncio.Event()
        writer.write(sent)
        await log.waiting.wait()
        (ours,) = opened
        ours._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        answered = 0
        while not ours._choked:
            writer.write(sent)
            await until(lambda: ours._later)
            log.waiting.clear()
            now, log.gate = log.gate, asyncio.Event()
            now.set()
            answered += 1
            await until(lambda: ours._choked or log.waiting.is_set())
        writer.transport.resume_reading()
        assert [await answer(reader) for _ in range(answered)] == [(202, {"ids": names})] * answered
        await asyncio.wait_for(log.waiting.wait(), 10)
        log.gate.set()
        writer.write(post("last"))
        assert await answer(reader) == (202, {"ids": names})
        assert await answer(reader) == (202, {"ids": ["last"]})
        assert len(log.messages) == (answered + 1) * len(names) + 1


async def test_who_never_reads_is_cut(monkeypatch: pytest.MonkeyPatch, opened: list[PlainConnection]) -> None:
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.01)

    def take(_headers: object, _body: bytes, _peer: str, told: Answer) -> bool:
        told(b"HTTP/1.1 202 Accepted\r\n", b" " * (64 << 20))
        return True

    server = LowLevelServer(lambda _: None, idle_seconds=0.05, plain=PlainPosts(PATH, take))
    async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
        caller = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
        with caller:
            caller.sendall(post("e"))
            await until(lambda: opened)
            await until_gone(opened[0])


async def test_stopping_with_many_connections(handed_over: list[object], opened: list[PlainConnection]) -> None:
    """Idle ones are closed, waiting ones answered, and so are those whose post had begun to come."""
    each = 100
    sent = post("half")
    async with AsyncExitStack() as callers:
        async with AsyncExitStack() as stack:
            to = await stack.enter_async_context(door())
            to.log.gate = asyncio.Event()
            made = [await callers.enter_async_context(connection(to)) for _ in range(3 * each)]
            idle, busy, half = made[:each], made[each : 2 * each], made[2 * each :]
            for _, writer in busy:
                writer.write(post("e"))
            for _, writer in half:
                writer.write(sent[:-3])
            await until(lambda: sum(bool(one._waiting or one._part) for one in opened) == 2 * each)
            stopping = asyncio.ensure_future(stack.pop_all().aclose())
            assert {await asyncio.wait_for(reader.read(), 20) for reader, _ in idle} == {b""}
            for _, writer in half:
                writer.write(sent[-3:])
            await until(lambda: sum(one._waiting for one in opened) == 2 * each)
            assert not stopping.done()
            to.log.gate.set()
            heard = [await asyncio.wait_for(reader.read(), 20) for reader, _ in busy + half]
            await asyncio.wait_for(stopping, 20)
        assert all(one.startswith(b"HTTP/1.1 202 ") and b"\r\nConnection: close\r\n" in one for one in heard)
        assert len(to.log.messages) == 2 * each
    assert not handed_over


async def test_who_came_after_all_others_had_gone_is_answered_at_the_end_too(opened: list[PlainConnection]) -> None:
    async with AsyncExitStack() as stack:
        to = await stack.enter_async_context(door())
        async with connection(to) as (reader, writer):
            writer.write(post("e1"))
            await answer(reader)
        await until_gone(opened[0])
        async with connection(to) as (reader, writer):
            to.log.gate = asyncio.Event()
            to.log.waiting.clear()
            writer.write(post("e2"))
            await to.log.waiting.wait()
            stopping = asyncio.ensure_future(stack.pop_all().aclose())
            await until(lambda: opened[1]._close)
            to.log.gate.set()
            assert await answer(reader) == (202, {"ids": ["e2"]})
            await stopping


async def test_a_post_that_never_comes_whole_does_not_hold_up_the_end(
    monkeypatch: pytest.MonkeyPatch,
    handed_over: list[object],
    opened: list[PlainConnection],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cut: list[PlainConnection] = []
    monkeypatch.setattr(PlainConnection, "cut", cut.append)
    async with AsyncExitStack() as callers:
        async with door() as to:
            reader, writer = await callers.enter_async_context(connection(to))
            writer.write(post("e")[:-3])
            await until(lambda: opened and opened[0]._part)
            monkeypatch.setattr(plain, "LOOK_SECONDS", 0.0)
        assert await asyncio.wait_for(reader.read(), 10) == b""
    assert not cut
    assert not handed_over
    assert not caplog.records


async def test_who_was_at_the_door_when_it_closed_is_answered_once(opened: list[PlainConnection]) -> None:
    """A handshake that ends after the others were told to go."""
    async with AsyncExitStack() as callers, AsyncExitStack() as stack:
        to = await stack.enter_async_context(door(tls=TLS))
        to.log.gate = asyncio.Event()
        first, one = await callers.enter_async_context(secure(to))
        idle, _ = await callers.enter_async_context(secure(to))
        one.write(post("e1"))
        await to.log.waiting.wait()
        late = socket.create_connection(("127.0.0.1", int(to.url.rpartition(":")[2])))
        await callers.enter_async_context(secure(to))  # accepted one after the other: so that one is too
        stopping = asyncio.ensure_future(stack.pop_all().aclose())
        assert await asyncio.wait_for(idle.read(), 10) == b""
        reader, writer = await asyncio.open_connection(sock=late, ssl=trusting(), server_hostname="")
        writer.write(post("e2"))
        await until(lambda: opened[-1]._waiting)
        assert not stopping.done()
        to.log.gate.set()
        heard = [await asyncio.wait_for(one.read(), 10) for one in (first, reader)]
        writer.close()
        await asyncio.wait_for(stopping, 10)
    assert [one.count(b"\r\nConnection: close\r\n") for one in heard] == [1, 1]
    assert all(one.startswith(b"HTTP/1.1 202 ") for one in heard)
