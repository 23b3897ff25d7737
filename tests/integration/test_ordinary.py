"""What is no plain post goes by aiohttp: how such connections end, and what is said of bodies that break off or are not read."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from processor.receiver import PATH
from processor.web import listener
from processor.web.listener import LowLevelServer, Where, listening
from processor.web.ordinary import OrdinaryConnection
from tests.integration.door import Door, door
from tests.integration.talk import Caller
from tests.integration.test_plain import HEAD, answer, connection, post
from tests.integration.test_plain_ends import TLS, secure, until

EXPECTING = HEAD.encode() + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"


def chunked(name: str) -> bytes:
    body = json.dumps({"id": name}).encode()
    return HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[OrdinaryConnection]:
    """Our side of each connection, in the order in which they came; gone ones are taken out."""
    found: list[OrdinaryConnection] = []
    made, lost = OrdinaryConnection.connection_made, OrdinaryConnection.connection_lost

    def seen(self: OrdinaryConnection, transport: asyncio.BaseTransport) -> None:
        found.append(self)
        made(self, transport)

    def gone(self: OrdinaryConnection, error: BaseException | None) -> None:
        found.remove(self)
        lost(self, error)

    monkeypatch.setattr(OrdinaryConnection, "connection_made", seen)
    monkeypatch.setattr(OrdinaryConnection, "connection_lost", gone)
    return found


async def said(to: Door, sent: bytes) -> list[tuple[int, bool]]:
    """Status of each answer, and whether it ends the connection; at the end we close our half."""
    caller = Caller(to.url)
    await caller.say(sent)
    await caller.quiet()
    found = await caller.end()
    caller.close()
    return [(one.status, one.closes) for one in found]


async def test_a_half_closed_sender_hears_all_its_answers(opened: list[OrdinaryConnection]) -> None:
    async with door() as to, connection(to) as (reader, writer):
        to.log.gate = asyncio.Event()
        writer.write(chunked("e1") + chunked("e2") + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        writer.write_eof()
        await to.log.waiting.wait()
        await until(lambda: opened[0]._half_closed)
        to.log.gate.set()
        assert [await answer(reader) for _ in range(2)] == [(202, {"ids": [name]}) for name in ("e1", "e2")]
        assert (await answer(reader))[0] == 404
        assert await asyncio.wait_for(reader.read(), 10) == b""
        await until(lambda: not opened)


@pytest.mark.parametrize(
    ("short", "heard"),
    [
        (chunked("e")[:-1], [(400, True)]),
        (EXPECTING, [(100, False), (400, True)]),
        (EXPECTING.replace(b"Basic ", b"Basic x"), [(401, True)]),
        (post("plain")[:-1], [(400, True)]),
        (chunked("e")[:30], []),
    ],
    ids=["chunks", "expecting", "unknown", "plain", "head"],
)
async def test_who_closes_its_half_too_early_is_told_at_once(
    short: bytes, heard: list[tuple[int, bool]], opened: list[OrdinaryConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """And what was whole before it is answered as ever."""
    async with door() as to:
        assert await said(to, short) == heard
        assert await said(to, chunked("whole") + short) == [(202, False), *heard]
        await until(lambda: not opened)
        assert [message.key for message in to.log.messages] == ["whole"]
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def test_over_tls_there_are_no_halves(caplog: pytest.LogCaptureFixture) -> None:
    async with door(tls=TLS) as to, secure(to) as (reader, writer):
        to.log.gate = asyncio.Event()
        writer.write(chunked("e"))
        await to.log.waiting.wait()
        writer.transport._ssl_protocol._transport.write_eof()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        to.log.gate.set()
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def test_a_body_that_breaks_off_is_told_so_at_once(
    opened: list[OrdinaryConnection], caplog: pytest.LogCaptureFixture
) -> None:
    """Not when the time for reading it is up."""
    head, _, _ = chunked("e").partition(b"\r\n\r\n")
    async with door() as to, connection(to) as (reader, writer):
        writer.write(head + b"\r\n\r\n")
        await until(lambda: opened and opened[0]._answering)
        writer.write(b"x\r\n")
        status, problem = await answer(reader)
        assert (status, "damaged" in problem["detail"] or "size" in problem["detail"]) == (400, True)
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert not to.log.messages
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "sent",
    [
        EXPECTING.replace(PATH.encode(), b"/elsewhere"),
        EXPECTING.replace(b"POST", b"OPTIONS"),
        EXPECTING.replace(b"Basic ", b"Basic x"),
        EXPECTING.replace(b"10\r", b"9999999\r"),
    ],
    ids=["elsewhere", "handshake", "unknown", "too large"],
)
async def test_who_keeps_its_body_back_is_told_that_this_was_the_last_answer(sent: bytes) -> None:
    """Or what it sends next, in the belief that it need not send the body, would be taken for the body."""
    async with door() as to:
        (found,) = (one for one in await said(to, sent) if one[0] != 100)
        assert found[1]


async def test_a_sender_of_http_1_0_is_not_told_to_go_on() -> None:
    async with door() as to:
        old = EXPECTING.replace(b"HTTP/1.1", b"HTTP/1.0") + b'{"id":"o"}'
        assert await said(to, old) == [(202, True)]
        assert await said(to, EXPECTING + b'{"id":"n"}') == [(100, False), (202, False)]


async def unread(url: str, sent: bytes) -> socket.socket:
    """A caller that sends and never reads."""
    caller = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    caller.setblocking(False)
    await asyncio.get_running_loop().sock_sendall(caller, sent)
    return caller


@pytest.mark.parametrize("closes", [b"", b"Connection: close\r\n"], ids=["kept", "closing"])
async def test_who_takes_nothing_of_its_answer_is_cut(closes: bytes, opened: list[OrdinaryConnection]) -> None:
    async def large(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b" " * (64 << 20))

    server = LowLevelServer(large, idle_seconds=0.05)
    async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
        with await unread(url, b"GET / HTTP/1.1\r\nHost: x\r\n" + closes + b"\r\n"):
            await until(lambda: opened)
            await until(lambda: not opened)


async def test_who_was_answered_2xx_is_kept_while_others_are_closed() -> None:
    statuses = iter([401, 200, 200, 200])

    async def some(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=next(statuses), body=b"{}")

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: bytes = b"GET") -> bytes:
        writer.write(method + b" / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(2) == b"{}"
        return head[9:12]

    server = LowLevelServer(some, idle_seconds=0.05)
    async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
        port = int(url.rpartition(":")[2])
        async with asyncio.timeout(20):
            refused = await asyncio.open_connection("127.0.0.1", port)
            kept = await asyncio.open_connection("127.0.0.1", port)
            assert await ask(*refused) == b"401"
            assert await ask(*kept) == b"200"
            anybody = await asyncio.open_connection("127.0.0.1", port)
            assert await ask(*anybody, b"OPTIONS") == b"200"
            assert await refused[0].read() == b""
            assert await anybody[0].read() == b""
            later = await asyncio.open_connection("127.0.0.1", port)
            assert await later[0].read() == b""
            assert await ask(*kept) == b"200"
        for _, writer in (refused, kept, anybody, later):
            writer.close()


async def test_who_has_no_answer_yet_is_waited_for_however_long_it_takes() -> None:
    looks, look = asyncio.Semaphore(0), OrdinaryConnection._look

    async def slow(_: web.BaseRequest) -> web.StreamResponse:
        for _ in range(3):
            await looks.acquire()
        return web.Response(status=503)

    class Looked(OrdinaryConnection):
        def _look(self, transport: asyncio.WriteTransport) -> None:
            look(self, transport)
            looks.release()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listener, "OrdinaryConnection", Looked)
        server = LowLevelServer(slow, idle_seconds=0.01)
        async with listening(web.ServerRunner(server, handle_signals=False), Where("127.0.0.1", 0)) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            assert head.startswith(b"HTTP/1.1 503 ")
            assert await asyncio.wait_for(reader.read(), 20) == b""
            writer.close()


async def test_who_takes_a_little_of_its_answer_or_has_none_yet_is_waited_for() -> None:
    class Unsent(asyncio.Transport):
        sizes = [0, 0, 9, 8, 8]  # noqa: RUF012 - of one test
        aborted = False

        def get_write_buffer_size(self) -> int:
            return self.sizes.pop(0)

        def abort(self) -> None:
            self.aborted = True

    one = LowLevelServer(lambda _: None, idle_seconds=60)._ordinary()
    transport = Unsent()
    for cut in (False, False, False, False, True):
        one._look(transport)
        assert transport.aborted is cut
    one._patience.cancel()


async def test_who_does_not_read_is_not_answered_further(opened: list[OrdinaryConnection]) -> None:
    """What is kept for it to read is bounded, and its posts wait with it."""
    names = [f"{number:04d}" for number in range(5_000)]
    body = "[" + ",".join(f'{{"id":"{name}"}}' for name in names) + "]"
    large = HEAD + f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n"
    async with door() as to:
        with await unread(to.url, large.encode()) as caller:
            await until(lambda: opened)
            for one, size in (
                (caller, socket.SO_RCVBUF),
                (opened[0].transport.get_extra_info("socket"), socket.SO_SNDBUF),
            ):
                one.setsockopt(socket.SOL_SOCKET, size, 4096)
            sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(caller, large.encode() * 40))
            landed = -1
            while landed < len(to.log.messages):  # what the kernel still takes lets it go on for a while
                landed = len(to.log.messages)
                await until(lambda: opened and opened[0]._paused)
                for _ in range(1000):
                    await asyncio.sleep(0)
            assert landed < 40 * len(names)
            sending.cancel()


async def test_the_last_answer_before_we_stop_says_so() -> None:
    async with AsyncExitStack() as callers, AsyncExitStack() as stack:
        to = await stack.enter_async_context(door())
        to.log.gate = asyncio.Event()
        reader, writer = await callers.enter_async_context(connection(to))
        writer.write(chunked("e"))
        await to.log.waiting.wait()
        idle, other = await callers.enter_async_context(connection(to))
        other.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await answer(idle))[0] == 404
        stopping = asyncio.ensure_future(stack.pop_all().aclose())
        assert await asyncio.wait_for(idle.read(), 10) == b""
        to.log.gate.set()
        heard = await asyncio.wait_for(reader.read(), 10)
        await asyncio.wait_for(stopping, 10)
    assert heard.startswith(b"HTTP/1.1 202 ")
    assert heard.count(b"\r\nConnection: close\r\n") == 1
