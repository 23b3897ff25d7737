"""The port itself: broken and slow senders, TLS that follows its files, and how it closes."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from pathlib import Path
from unittest.mock import ANY

import pytest
from aiohttp import ClientSession, web

from processor.errors import FatalError
from processor.receiver import PATH, Limits, Receiver
from processor.signatures import Verifier
from processor.telemetry import Metrics
from processor.web import listener
from processor.web.listener import LowLevelServer, Tls, Where, listening, runner_of
from tests.integration.door import BASIC, NOW, Log, door, split
from tests.integration.test_plain import answer, post
from tests.integration.test_plain_ends import reset

DATA = Path(__file__).parents[1] / "data" / "tls"


async def speak(url: str, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
        b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n" + b"A: a\r\n" * 20_000 + b"\r\n",
    ],
)
async def test_what_is_no_http_gets_a_problem_and_the_door(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with door() as to:
        answer = await speak(to.url, sent)
        assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert b"application/problem+json" in answer
        assert answer.count(b"Connection: close\r\n") == 1
        assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def test_a_slow_sender_is_cut() -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC['Authorization']}\r\nContent-Length: 100\r\n\r\n{{"
    )
    async with door(limits=Limits(read_seconds=0.05)) as to:
        assert (await speak(to.url, head.encode())).startswith(b"HTTP/1.1 408 ")


async def test_a_connection_that_says_nothing_is_cut() -> None:
    async def never(_: object) -> None:
        raise AssertionError

    runner = web.ServerRunner(listener.LowLevelServer(never, idle_seconds=0.05))
    async with listening(runner, Where("127.0.0.1", 0)) as url:
        assert await speak(url, b"POST /webhooks") == b""


async def test_a_sender_that_waits_to_be_told_to_go_on() -> None:
    sent = {"data": b'{"id":"c"}', "headers": BASIC, "expect100": True}
    async with door() as to, to.session.post(to.url + PATH, **sent) as answer:
        assert answer.status == 202


async def test_stopping_answers_what_is_in_flight() -> None:
    log, metrics = Log(gate=asyncio.Event()), Metrics.build()
    receiver = Receiver(log.append, split, Verifier.build(insecure=True), metrics, lambda: NOW)
    async with ClientSession() as session:
        door_open = listening(runner_of(receiver.handle, 5, receiver.plain), Where("127.0.0.1", 0))
        url = await door_open.__aenter__()
        post = asyncio.ensure_future(session.post(url + PATH, data=b'{"id":"late"}'))
        await log.waiting.wait()
        closing = asyncio.ensure_future(door_open.__aexit__(None, None, None))
        while True:  # new connections are turned away at once
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            except ConnectionError:
                break
            writer.close()
        assert not post.done()
        log.gate.set()
        assert (await post).status == 202
        (await post).release()
        await closing


async def test_of_who_went_away_before_his_answer_nothing_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone, lose = asyncio.Event(), LowLevelServer.connection_lost

    def lost(server: LowLevelServer, *words: object) -> None:
        lose(server, *words)
        gone.set()

    monkeypatch.setattr(LowLevelServer, "connection_lost", lost)
    async with door(by_plain=False) as to:
        to.log.gate = asyncio.Event()
        _, writer = await asyncio.open_connection("127.0.0.1", int(to.url.rpartition(":")[2]))
        writer.write(post("e"))
        await to.log.waiting.wait()
        reset(writer)
        await gone.wait()
        to.log.gate.set()
        assert await to.post(b'{"id":"e2"}') == (202, {"ids": ["e2"]}, ANY)
    assert [message.key for message in to.log.messages] == ["e", "e2"]
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def test_a_bug_of_ours_is_told_and_the_sender_may_repeat_it(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        raise ZeroDivisionError

    async with (
        listening(runner_of(handle, 5), Where("127.0.0.1", 0)) as url,
        ClientSession() as session,
        session.post(url) as answer,
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    (line,) = [line for line in caplog.records if line.levelno >= logging.WARNING]
    assert line.message == "request-failed"
    assert line.exc_info


async def test_a_port_that_is_taken_is_said_so() -> None:
    async with door() as to:
        port = int(to.url.rpartition(":")[2])
        with pytest.raises(FatalError, match=str(port)):
            async with listening(runner_of(lambda _: None, 1), Where("127.0.0.1", port)):
                pass


def put(name: str, folder: Path) -> Tls:
    """One of two recorded pairs (invented, good for a hundred years), as the files in use."""
    tls = Tls(folder / "cert.pem", folder / "key.pem")
    shutil.copy(DATA / f"{name}-key.pem", tls.key)
    shutil.copy(DATA / f"{name}-cert.pem", tls.certificate)
    return tls


async def secured(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]), ssl=context)


async def peer_certificate(url: str) -> bytes:
    _, writer = await secured(url)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return found


async def test_tls_follows_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "TLS_CHECK_SECONDS", 0.01)
    receiver = Receiver(Log().append, split, Verifier.build(insecure=True), Metrics.build(), lambda: NOW)
    tls = put("first", tmp_path)
    async with listening(runner_of(receiver.handle, 1, receiver.plain), Where("127.0.0.1", 0, tls)) as url:
        assert url.startswith("https://")
        first = await peer_certificate(url)
        reader, writer = await secured(url)
        shutil.copy(DATA / "second-cert.pem", tls.certificate)  # half a change
        async with asyncio.timeout(10):
            while not any(line.message == "tls-reload-failed" for line in caplog.records):
                assert await peer_certificate(url) == first
        assert await peer_certificate(url) == first
        put("second", tmp_path)
        async with asyncio.timeout(10):
            while await peer_certificate(url) == first:
                pass
        for number in range(2):  # who was there before goes on as before
            writer.write(post(f"e{number}"))
            assert await answer(reader) == (202, {"ids": [f"e{number}"]})
        writer.transport.abort()


def test_a_caller_cannot_have_the_keys_made_anew_again_and_again(tmp_path: Path) -> None:
    assert listener._tls_context(put("first", tmp_path)).options & ssl.OP_NO_RENEGOTIATION


async def test_tls_files_that_do_not_fit_stop_the_start(tmp_path: Path) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("nonsense")
    with pytest.raises(FatalError, match="RECEIVER_TLS"):
        async with listening(
            runner_of(lambda _: None, 1), Where("127.0.0.1", 0, Tls(tmp_path / "cert.pem", tmp_path / "key.pem"))
        ):
            pass
