"""Connections that carry plain posts: quick where all is plain, and never another answer than the ordinary way's."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from processor.receiver import PATH, Limits
from processor.web import plain
from processor.web.listener import LowLevelServer, Where, listening
from processor.web.plain import PlainPosts
from tests.integration.door import BASIC, Door, door

HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC['Authorization']}\r\n"


def post(name: str, *lines: str, blanks: int = 0) -> bytes:
    body = json.dumps({"id": name}) + " " * blanks
    return (HEAD + "".join(f"{line}\r\n" for line in lines) + f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


@asynccontextmanager
async def connection(to: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(to.url.rpartition(":")[2]))
    try:
        yield reader, writer
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, object]:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode()
    length = int(re.search(r"(?i)content-length: (\d+)", head)[1])
    return int(head.split()[1]), json.loads(await asyncio.wait_for(reader.readexactly(length), 10))


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A protocol for each connection that became the ordinary server's."""
    found: list[object] = []
    make = LowLevelServer._ordinary

    def ordinary(self: LowLevelServer) -> object:
        found.append(make(self))
        return found[-1]

    monkeypatch.setattr(LowLevelServer, "_ordinary", ordinary)
    return found


async def test_posts_one_after_the_other_on_one_connection(handed_over: list[object]) -> None:
    async with door() as to, connection(to) as (reader, writer):
        for number in range(3):
            writer.write(post(f"e{number}"))
            assert await answer(reader) == (202, {"ids": [f"e{number}"]})
        assert [message.key for message in to.log.messages] == ["e0", "e1", "e2"]
        assert to.count("processor_posts_total", status="202") == 3
    assert not handed_over


async def test_heads_and_bodies_in_pieces(handed_over: list[object]) -> None:
    async with door() as to, connection(to) as (reader, writer):
        for name in ("e1", "e2"):
            sent = post(name)
            at = sent.index(b"\r\n\r\n") + 4
            for piece in (sent[:at], sent[at : at + 3], sent[at + 3 :]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            assert await answer(reader) == (202, {"ids": [name]})
    assert not handed_over


async def test_what_comes_while_a_post_waits_is_answered_after_it() -> None:
    async with door() as to, connection(to) as (reader, writer):
        to.log.gate = asyncio.Event()
        writer.write(post("e1"))
        await to.log.waiting.wait()
        writer.write(post("e2") + post("e3") + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        to.log.gate.set()
        assert [await answer(reader) for _ in range(3)] == [(202, {"ids": [f"e{n}"]}) for n in (1, 2, 3)]
        assert (await answer(reader))[0] == 404


async def test_a_rest_that_does_not_come_is_waited_for_by_the_ordinary_server(
    monkeypatch: pytest.MonkeyPatch, handed_over: list[object]
) -> None:
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.01)
    async with door(limits=Limits(read_seconds=0.05)) as to, connection(to) as (reader, writer):
        writer.write(post("e")[:-2])
        assert (await answer(reader))[0] == 408
        assert await asyncio.wait_for(reader.read(), 10) == b""
    assert len(handed_over) == 1


async def test_who_is_silent_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.01)
    server = LowLevelServer(lambda _: None, idle_seconds=0.05, plain=PlainPosts(PATH, lambda *_: False))
    async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_who_was_answered_202_is_kept_while_others_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's spare connection: the proxy must be the one who closes it."""
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.01)
    answers = iter([b"HTTP/1.1 401 Unauthorized\r\n", *[b"HTTP/1.1 202 Accepted\r\n"] * 2])

    def take(_headers: object, _body: bytes, _peer: str, told: plain.Answer) -> bool:
        told(next(answers) + b"Content-Length: 2\r\n", b"{}")
        return True

    server = LowLevelServer(lambda _: None, idle_seconds=0.05, plain=PlainPosts(PATH, take))
    async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
        port = int(url.rpartition(":")[2])
        async with asyncio.timeout(20):
            refused, refused_writer = await asyncio.open_connection("127.0.0.1", port)
            kept, kept_writer = await asyncio.open_connection("127.0.0.1", port)
            refused_writer.write(post("e"))
            assert (await answer(refused))[0] == 401
            kept_writer.write(post("e"))
            assert (await answer(kept))[0] == 202
            assert await refused.read() == b""
            later, later_writer = await asyncio.open_connection("127.0.0.1", port)
            assert await later.read() == b""
            kept_writer.write(post("e"))
            assert (await answer(kept))[0] == 202
        for writer in (refused_writer, kept_writer, later_writer):
            writer.close()


async def test_who_was_kept_for_long_enough_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.01)

    def take(_headers: object, _body: bytes, _peer: str, told: plain.Answer) -> bool:
        told(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n", b"{}")
        return True

    server = LowLevelServer(lambda _: None, idle_seconds=30, kept_seconds=0.05, plain=PlainPosts(PATH, take))
    async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(post("e"))
        assert (await answer(reader))[0] == 202
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()


async def test_who_is_silent_for_a_moment_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    looks, look = asyncio.Semaphore(0), plain.PlainConnection.look

    def counted(self: plain.PlainConnection, now: float, idle_seconds: float, kept_seconds: float) -> None:
        look(self, now, idle_seconds, kept_seconds)
        looks.release()

    monkeypatch.setattr(plain, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(plain.PlainConnection, "look", counted)
    async with door() as to, connection(to) as (reader, writer):
        for name in ("e1", "e2"):
            writer.write(post(name))
            assert await answer(reader) == (202, {"ids": [name]})
            for _ in range(3):
                await looks.acquire()


async def test_a_half_closed_sender_hears_its_answer() -> None:
    async with door() as to, connection(to) as (reader, writer):
        to.log.gate = asyncio.Event()
        writer.write(post("e"))
        await to.log.waiting.wait()
        writer.write_eof()
        to.log.gate.set()
        assert await answer(reader) == (202, {"ids": ["e"]})
        assert await asyncio.wait_for(reader.read(), 10) == b""


async def test_stopping_answers_what_waits_and_closes_what_is_idle() -> None:
    async with AsyncExitStack() as stack:
        to = await stack.enter_async_context(door())
        at = int(to.url.rpartition(":")[2])
        (idle, one), (busy, other) = [await asyncio.open_connection("127.0.0.1", at) for _ in range(2)]
        to.log.gate = asyncio.Event()
        other.write(post("e"))
        await to.log.waiting.wait()
        stopping = asyncio.ensure_future(stack.pop_all().aclose())
        assert await asyncio.wait_for(idle.read(), 10) == b""
        assert not stopping.done()
        to.log.gate.set()
        heard = await asyncio.wait_for(busy.read(), 10)
        await stopping
    assert heard.startswith(b"HTTP/1.1 202 ")
    assert b"Connection: close" in heard
    one.close()
    other.close()


async def test_503_past_the_deadline_and_the_connection_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async with door(limits=Limits(ack_deadline=timedelta(seconds=0.05))) as to, connection(to) as (reader, writer):
        to.log.gate = asyncio.Event()
        writer.write(post("late"))
        status, problem = await answer(reader)
        assert (status, problem["status"]) == (503, 503)
        to.log.gate.set()
        writer.write(post("later"))
        assert await answer(reader) == (202, {"ids": ["later"]})
        assert to.count("processor_refused_total", reason="ack-deadline") == 1
        assert to.count("processor_posts_in_flight") == 0
    (line,) = [line for line in caplog.records if line.message == "refused"]
    assert (line.levelno, line.peer, line.path) == (logging.WARNING, "127.0.0.1", PATH)


async def test_a_bound_that_is_less_than_what_is_plain_holds_here_too() -> None:
    async with door(limits=Limits(max_bytes=100)) as to, connection(to) as (reader, writer):
        writer.write(post("e", blanks=90))
        assert (await answer(reader))[0] == 413
    assert not to.log.messages


async def test_who_does_not_read_its_answers_is_not_read_either() -> None:
    async with door() as to:
        caller = socket.create_connection(("127.0.0.1", int(to.url.rpartition(":")[2])))
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.setblocking(False)
        sent, loop = 0, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(0.5):
                for number in range(1_000_000):
                    await loop.sock_sendall(caller, post(f"e{number}"))
                    sent = number
        except TimeoutError:
            pass
        caller.close()
        assert sent < 999_999


async def test_a_post_for_which_there_is_no_room_counts_once_for_how_fast_its_caller_is() -> None:
    async with door(limits=Limits(rate=2, in_flight_bytes=15)) as to, connection(to) as (_, first):
        to.log.gate = asyncio.Event()
        first.write(post("e1"))
        await to.log.waiting.wait()
        async with connection(to) as (reader, second):
            second.write(post("e2"))
            assert (await answer(reader))[0] == 503
        to.log.gate.set()


@pytest.mark.parametrize(("sent", "status"), [(post("e"), 202), (post("e").replace(b"Basic ", b"Basic x"), 401)])
async def test_a_post_hears_of_itself_whatever_came_with_it(sent: bytes, status: int) -> None:
    """Not of the one behind it, which is broken."""
    async with door() as to, connection(to) as (reader, writer):
        writer.write(sent + b"\x16\x03\x01\r\n\r\n")
        assert [(await answer(reader))[0] for _ in range(2)] == [status, 400]
        assert await asyncio.wait_for(reader.read(), 10) == b""
