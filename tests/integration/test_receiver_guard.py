"""What the receiver does to callers that fail, flood, dawdle or send oddly; and that the others go on."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, TCPConnector

from handlers.normalise.envelopes import envelopes
from processor import receiver
from processor.errors import RetryableError
from processor.event import Delivery, Envelope
from processor.receiver import PATH, Limits
from processor.signatures import Verifier
from processor.signing import sign
from tests.integration.door import BASIC, NOW, Door, door, split

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {BASIC['Authorization']}\r\n"


async def speak(to: Door, sent: str | bytes, *, rest: bytes = b"") -> bytes:
    """All that is answered until the server closes; `rest` is sent after the first answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(to.url.rpartition(":")[2]))
    writer.write(sent.encode() if isinstance(sent, str) else sent)
    first = b""
    if rest:
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        writer.write(rest)
    answer = first + await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer


async def test_an_address_that_keeps_failing_hears_429_and_who_proves_himself_still_passes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiver, "FAILURES_AT_ONCE", 3.0)
    wrong = {"Authorization": "Basic bm86bm8="}
    caplog.set_level(logging.INFO)
    async with door() as to:
        answers = [await to.post(headers=wrong) for _ in range(5)]
        assert [status for status, _, _ in answers] == [401, 401, 401, 429, 429]
        assert int(answers[-1][2]["Retry-After"]) >= 1
        assert "WWW-Authenticate" not in answers[-1][2]
        assert (await to.post())[0] == 202
        async with (
            ClientSession(connector=TCPConnector(local_addr=("127.0.0.2", 0))) as elsewhere,
            elsewhere.post(to.url + PATH, data=b"{}", headers=wrong) as answer,
        ):
            assert answer.status == 401, "another address is told why"
        assert (await to.post(headers=wrong))[0] == 429
        assert to.count("processor_refused_total", reason="failing") == 3
    assert len([line for line in caplog.records if line.message == "refused"]) == 4


async def test_a_flood_of_refusals_is_counted_but_not_told_line_by_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiver, "LINES_AT_ONCE", 2.0)
    monkeypatch.setattr(receiver, "LINES_A_SECOND", 0.001)
    caplog.set_level(logging.INFO)
    async with door() as to:
        for _ in range(6):
            assert (await to.post(b"<xml/>"))[0] == 400
        assert to.count("processor_refused_total", reason="not-json") == 6
    assert len([line for line in caplog.records if line.message == "refused"]) == 2


async def test_nobody_is_waited_for_who_cannot_prove_himself() -> None:
    async with door(limits=Limits(read_seconds=60)) as to:
        answer = await speak(to, f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{{")
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"Connection: close" in answer


async def test_a_caller_that_is_too_fast_is_told_before_its_body_has_come() -> None:
    async with door(limits=Limits(rate=0.01, read_seconds=60)) as to:
        assert (await to.post())[0] == 202
        answer = await speak(to, HEAD + "Content-Length: 100000\r\n\r\n{")
        assert answer.startswith(b"HTTP/1.1 429 ")


async def test_bodies_that_are_being_read_take_room() -> None:
    async with door(limits=Limits(in_flight_bytes=70_000)) as to:
        port = int(to.url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{HEAD}Content-Length: 69000\r\n\r\n".encode() + b" " * 68_000)
        async with asyncio.timeout(10):
            while (await to.post(b" " * 3000 + b'{"id":"e"}'))[0] != 503:
                pass
        assert to.count("processor_refused_total", reason="overloaded") == 1
        writer.write(b" " * 990 + b'{"id":"a"}')
        async with asyncio.timeout(10):
            while (await to.post(b" " * 3000 + b'{"id":"e"}'))[0] != 202:
                pass
        writer.close()


@pytest.mark.parametrize("by_plain", [True, False], ids=["plain", "ordinary"])
async def test_all_room_is_given_back_and_no_more(by_plain: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"id":'
        yield b'"e"}'

    async with door(by_plain=by_plain, limits=Limits(in_flight_bytes=100)) as to:
        for number in range(30):
            assert (await to.post(pieces() if number % 2 else b'{"id":"e"}'))[0] == 202
        assert (await to.post(b'{"id":"e"}'.ljust(100)))[0] == 202
        assert (await to.post(b'{"id":"e"}'.ljust(101)))[0] == 503


@pytest.mark.parametrize("by_plain", [True, False], ids=["plain", "ordinary"])
async def test_a_body_may_be_as_large_as_is_said(by_plain: bool) -> None:
    async with door(by_plain=by_plain, limits=Limits(max_bytes=100)) as to:
        assert [(await to.post(b'{"id":"e"}'.ljust(size)))[0] for size in (100, 101)] == [202, 413]


async def test_what_lies_with_us_is_always_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receiver, "LINES_AT_ONCE", 1.0)
    async with door() as to:
        to.log.error = RetryableError("the disk is full")
        for _ in range(4):
            assert (await to.post())[0] == 503
    assert len([line for line in caplog.records if line.message == "refused"]) == 4


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("Content-Length: 10\r\n\r\n" + '{"id":"c"}', 202),
        ("Connection: close\r\nContent-Length: 10\r\n\r\n" + '{"id":"c"}', 202),
        ("Transfer-Encoding: chunked\r\n\r\n4\r\n" + '{"id' + "\r\n6;x=y\r\n" + '":"c"}' + "\r\n0\r\n\r\n", 202),
        ("Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("Content-Length: 10\r\nContent-Length: 11\r\n\r\n" + '{"id":"c"}', 400),
        ("Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n" + '{"id":"c"}', 400),
        ("Content-Length: 99999999999999999999999\r\n\r\n", 400),
        ("Content-Length: 9999999999\r\n\r\n{", 413),
        ("Content-Length: -1\r\n\r\n{}", 400),
        ("".join(f"X-{n}: y\r\n" for n in range(200)) + "Content-Length: 2\r\n\r\n{}", 400),
        ("Authorization: Basic eDp5\r\nContent-Length: 2\r\n\r\n{}", 401),
        ("Content-Encoding: br\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
        ("Content-Length: 0\r\n\r\n", 400),
    ],
)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
async def test_what_http_allows_and_what_not(
    sent: str, status: int, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    head = HEAD.replace("HTTP/1.1", f"HTTP/{version}")
    closing = "" if version == "1.0" or "Connection" in sent else "Connection: close\r\n"
    async with door() as to:
        answer = await speak(to, head + closing + sent)
        assert int(answer.split()[1]) == status, answer
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


async def test_a_sender_that_waits_is_told_to_go_on_and_one_that_went_away_is_nobodys_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    head = HEAD + "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 10\r\n\r\n"
    async with door() as to:
        answer = await speak(to, head, rest=b'{"id":"c"}')
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 ")
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", int(to.url.rpartition(":")[2]))
            writer.write(head.encode())
            writer.transport.abort()
        assert (await to.post())[0] == 202
    assert not [line for line in caplog.records if line.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (f"http://events.example.org{PATH}", 202),
        (f"https://events.example.org:8443{PATH}?a=b", 202),
        (f"{PATH}?next=http://x/y", 202),
        ("http://events.example.org", 404),
        (f"http://events.example.org/x{PATH}", 404),
        (f"{PATH}://x{PATH}", 404),
    ],
)
async def test_the_whole_address_means_its_path(target: str, status: int) -> None:
    sent = HEAD.replace(PATH, target, 1) + 'Connection: close\r\nContent-Length: 10\r\n\r\n{"id":"c"}'
    async with door() as to:
        assert int((await speak(to, sent)).split()[1]) == status


async def test_who_may_not_post_is_not_told_to_go_on() -> None:
    sent = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    async with door() as to:
        assert (await speak(to, sent)).startswith(b"HTTP/1.1 401 ")


async def test_the_id_that_a_signature_covers_counts_and_no_other() -> None:
    seen: list[Delivery] = []

    def look(delivery: Delivery) -> list[Envelope]:
        seen.append(delivery)
        return split(delivery)

    body = b'{"id":"s"}'
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": str(int(NOW.timestamp())),
        "svix-signature": sign(SECRET, "msg_1", NOW, body),
        "webhook-id": "somebody-elses",
    }
    async with door(verifier=Verifier.build(secrets=[SECRET]), envelopes=look) as to:
        assert (await to.post(body, headers))[0] == 202
    assert seen[0].headers["webhook-id"] == "msg_1"


async def test_ten_megabytes_of_brackets_where_so_much_is_allowed() -> None:
    async with door(envelopes=envelopes, limits=Limits(max_bytes=20 << 20)) as to:
        for body in (b"[" * 10_000_000, b"[" * 5_000_000 + b"]" * 5_000_000, b'{"a":' * 2_000_000):
            status, content, _ = await to.post(io.BytesIO(body))
            assert (status, content["title"]) == (400, "Bad Request")
        assert (await to.post(b'{"a":1,"a":2}'))[0] == 202
        assert (await to.post(b'"\\ud83d"'))[0] == 202
        assert (await to.post(b'{"a":NaN}'))[0] == 400
        assert (await to.post(json.dumps({"ü": 1}).encode("utf-16")))[0] == 400
