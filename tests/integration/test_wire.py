"""Connections on their bare sockets: what the event loop would have seen to is seen to."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from aiohttp import web

from processor.receiver import PATH
from processor.web import accepting
from processor.web.listener import LowLevelServer, Tls, Where, listening
from processor.web.plain import Answer, PlainConnection, PlainPosts
from processor.web.wire import Wire
from tests.integration.door import door
from tests.integration.test_plain import answer, connection, post
from tests.integration.test_plain_ends import OTHER, TLS, opened, secure, trusting, until

__all__ = ["opened"]


@contextmanager
def no_free_file() -> Iterator[None]:
    """What is open stays open, nothing more can be opened."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    highest = max(int(one.name) for one in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for one in taken:
            os.close(one)


@pytest.mark.parametrize("kind", [{}, {"tls": TLS}, {"by_plain": False}], ids=["bare", "tls", "without plain posts"])
async def test_who_comes_when_there_is_no_free_file_waits_until_there_is(
    kind: dict[str, object], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who is there already is served all the while, and of each try one line tells."""
    monkeypatch.setattr(accepting, "REST_SECONDS", 0.01)
    loop = asyncio.get_running_loop()
    async with door(**kind) as to, secure(to) if "tls" in kind else connection(to) as (there, sent):
        sent.write(post("first"))
        assert await answer(there) == (202, {"ids": ["first"]})
        with socket.socket() as caller:
            caller.setblocking(False)
            with no_free_file():
                await loop.sock_connect(caller, ("127.0.0.1", int(to.url.rpartition(":")[2])))
                await until(lambda: len(caplog.records) == 2)
                sent.write(post("second"))
                assert await answer(there) == (202, {"ids": ["second"]})
            named = {"ssl": trusting(), "server_hostname": ""} if "tls" in kind else {}
            reader, writer = await asyncio.open_connection(sock=caller, **named)
            writer.write(post("e"))
            assert await answer(reader) == (202, {"ids": ["e"]})
            writer.transport.abort()
    assert {line.message for line in caplog.records if line.levelno >= logging.WARNING} == {"accept-failed"}


@pytest.mark.parametrize("tls", [None, TLS], ids=["bare", "tls"])
async def test_who_waits_without_a_free_file_when_we_stop_is_let_go(
    tls: Tls | None, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as caller:
        caller.setblocking(False)
        async with door(tls=tls) as to:
            with no_free_file():
                await loop.sock_connect(caller, ("127.0.0.1", int(to.url.rpartition(":")[2])))
                await until(lambda: [line for line in caplog.records if line.message == "accept-failed"])
        with pytest.raises(ConnectionResetError) if tls else nullcontext():
            assert await asyncio.wait_for(loop.sock_recv(caller, 1), 10) == b""


async def test_a_handshake_that_fails_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async with door(tls=TLS) as to:
        for sent in (b"GET / HTTP/1.1\r\n\r\n", b""):
            async with connection(to) as (reader, writer):
                writer.write(sent)
                writer.write_eof()
                with suppress(ConnectionError):
                    assert b"HTTP" not in await asyncio.wait_for(reader.read(), 10)
        async with secure(to) as (reader, writer):
            writer.write(post("e"))
            assert await answer(reader) == (202, {"ids": ["e"]})
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def test_a_bug_of_ours_ends_the_connection_at_which_it_showed() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    bug = ZeroDivisionError()

    def take(_headers: object, _body: bytes, _peer: str, _answer: Answer) -> bool:
        raise bug

    server = LowLevelServer(lambda _: None, plain=PlainPosts(PATH, take))
    async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(post("e"))
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
    assert told == [bug]


async def test_answers_do_not_wait_to_be_more(opened: list[PlainConnection]) -> None:
    async with door() as to:
        assert (await to.post())[0] == 202
        there = opened[0]._transport.get_extra_info("socket")
        assert there.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert there.gettimeout() == 0


async def test_nothing_of_a_closed_connection_waits_for_the_garbage_collector() -> None:
    def left() -> list[object]:
        return [one for one in gc.get_objects() if isinstance(one, Wire | PlainConnection)]

    async with door() as to:
        gc.collect()
        gc.disable()
        try:
            async with connection(to) as (reader, writer):
                writer.write(post("e1"))
                await answer(reader)
                assert len(left()) == 2
                writer.write(post("e2", "Connection: close"))
                assert (await reader.read()).startswith(b"HTTP/1.1 202 ")
            await until(lambda: not left())
        finally:
            gc.enable()


async def test_a_request_on_its_way_to_the_ordinary_server_when_we_stop_is_answered(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    connect, on_its_way = loop.connect_accepted_socket, asyncio.Event()

    async def slowly(*words: object) -> object:
        on_its_way.set()
        for _ in range(20):
            await asyncio.sleep(0)
        return await connect(*words)

    monkeypatch.setattr(loop, "connect_accepted_socket", slowly)
    async with door() as to:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(to.url.rpartition(":")[2]))
        writer.write(OTHER)
        await on_its_way.wait()
    assert (await answer(reader))[0] == 404
    writer.close()
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]
