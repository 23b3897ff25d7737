"""The receiver over real HTTP: what it answers, and that 202 means durable."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import zlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest

from processor.errors import FarSideDown, PoisonError, RetryableError
from processor.event import Delivery, Envelope, digest
from processor.receiver import PATH, Limits
from processor.signatures import Verifier
from processor.signing import sign
from processor.web.callers import Proxies
from processor.web.pages import Page
from tests.integration.door import NOW, door, split

BOTH_WAYS = pytest.mark.parametrize("by_plain", [True, False], ids=["plain", "ordinary"])


@BOTH_WAYS
async def test_202_with_the_ids_and_the_records_in_the_log(by_plain: bool) -> None:
    async with door(by_plain=by_plain) as to:
        status, content, headers = await to.post(b'[{"id":"a"},{"id":"b"}]')
        assert (status, content) == (202, {"ids": ["a", "b"]})
        assert headers["Content-Type"].startswith("application/json")
        assert [m.value for m in to.log.messages] == [b'{"id": "a"}', b'{"id": "b"}']
        assert to.count("processor_received_events_total") == 2
        assert to.count("processor_posts_total", status="202") == 1
        assert to.count("processor_callers_total", credential="basic:1") == 1


async def test_what_alerts_are_for_is_counted_from_nought() -> None:
    async with door() as to:
        shown = {
            one.labels["status"]: one.value
            for one in next(iter(to.metrics.posts.collect())).samples
            if "total" in one.name
        }
        assert shown == {"202": 0, "401": 0, "429": 0, "503": 0}


@BOTH_WAYS
async def test_an_empty_array_is_accepted_with_no_ids(by_plain: bool) -> None:
    async with door(by_plain=by_plain) as to:
        assert (await to.post(b"[]"))[:2] == (202, {"ids": []})
        assert not to.log.waiting.is_set(), "nothing is appended"


@BOTH_WAYS
async def test_202_comes_only_after_the_append(by_plain: bool) -> None:
    async with door(by_plain=by_plain) as to:
        to.log.gate = asyncio.Event()
        post = asyncio.ensure_future(to.post())
        await to.log.waiting.wait()
        assert not post.done()
        assert not to.log.messages
        assert to.count("processor_posts_in_flight") == 1
        to.log.gate.set()
        assert (await post)[0] == 202
        assert to.count("processor_posts_in_flight") == 0
        assert to.log.messages


async def test_what_the_delivery_holds() -> None:
    seen: list[Delivery] = []

    def look(delivery: Delivery) -> list[Envelope]:
        seen.append(delivery)
        return split(delivery)

    async with door(envelopes=look, source="genesys/org-1") as to:
        await to.post(headers={"X-Genesys-Event": "routingQueueUpdated", "Content-Type": "text/plain;v=1.0"})
    assert seen[0].headers["x-genesys-event"] == "routingQueueUpdated"
    assert (seen[0].caller, seen[0].source, seen[0].received_at) == ("basic:1", "genesys/org-1", NOW)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/cloudevents+json", "x", ""])
async def test_any_content_type_and_eventbridges_own_headers(content_type: str) -> None:
    extra = {"Content-Type": content_type, "Range": "bytes=0-1048575", "Connection": "close", "User-Agent": "Amazon/x"}
    async with door() as to:
        status, _, headers = await to.post(headers=extra)
        assert status == 202
        assert "Content-Range" not in headers


def bare_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", bare_deflate),
        ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
        ("gzip", lambda body: gzip.compress(body[:3]) + gzip.compress(body[3:])),
        ("identity", bytes),
        ("", bytes),
    ],
)
async def test_compressed_bodies(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    async with door() as to:
        status, content, _ = await to.post(pack(b'{"id":"packed"}'), {"Content-Encoding": encoding})
        assert (status, content) == (202, {"ids": ["packed"]})


@pytest.mark.parametrize(
    ("status", "reason", "body", "headers"),
    [
        (400, "not-json", b"<xml/>", {}),
        (400, "not-json", b"", {}),
        (400, "damaged", b"no gzip", {"Content-Encoding": "gzip"}),
        (400, "damaged", gzip.compress(b'{"id":1}', mtime=0)[:-4], {"Content-Encoding": "gzip"}),
        (400, "damaged", gzip.compress(b"", mtime=0) * 5000, {"Content-Encoding": "gzip"}),
        (401, "wrong-credentials", b"{}", {"Authorization": "Basic bm86bm8="}),
        (401, "wrong-credentials", b"{}", {"Authorization": "Bearer x"}),
        (413, "too-large", b"x" * 200_001, {}),
        (413, "too-large", gzip.compress(b" " * 90_000_000, mtime=0), {"Content-Encoding": "gzip"}),
        (415, "encoding", b"{}", {"Content-Encoding": "br"}),
        (415, "encoding", b"{}", {"Content-Encoding": "gzip, gzip, gzip"}),
    ],
)
async def test_refusals_say_what_to_do(status: int, reason: str, body: bytes, headers: dict[str, str]) -> None:
    async with door(limits=Limits(max_bytes=200_000)) as to:
        found, content, answered = await to.post(body, headers)
        assert found == status
        assert answered["Content-Type"] == "application/problem+json"
        assert content["status"] == status
        assert content["detail"]
        assert ("remedy" in content) == (reason != "wrong-credentials")
        assert not to.log.messages
        assert to.count("processor_refused_total", reason=reason) == 1
        assert ("WWW-Authenticate" in answered) == (status == 401)
        assert (answered.get("Accept-Encoding") == "gzip, deflate") == (status == 415)
        assert (answered.get("Connection") == "close") == (reason in ("damaged", "too-large", "encoding")), (
            "a rest may come"
        )


async def test_too_large_without_a_content_length() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"x" * 1000

    async with door(limits=Limits(max_bytes=200_000)) as to:
        assert (await to.post(chunks()))[0] == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("POST", "/", 404),
        ("GET", "/", 404),
        ("POST", PATH + "/", 404),
        ("GET", "/%ff%00", 404),
    ],
)
async def test_nothing_else_is_here(method: str, path: str, status: int) -> None:
    async with door() as to, to.session.request(method, to.url + path, data=b"{}") as answer:
        assert answer.status == status
        assert answer.content_type == "application/problem+json"
        assert ("Allow" in answer.headers) == (status == 405)


async def test_a_query_is_ignored() -> None:
    async with door() as to:
        assert (await to.post(path=PATH + "?tenant=1"))[0] == 202


async def test_the_cloudevents_handshake() -> None:
    async with door(limits=Limits(rate=2)) as to:
        asked = {"WebHook-Request-Origin": "events.example.com", "WebHook-Request-Rate": "1000"}
        async with to.session.options(to.url + PATH, headers=asked) as answer:
            assert answer.status == 200
            assert answer.headers["WebHook-Allowed-Origin"] == "events.example.com"
            assert answer.headers["WebHook-Allowed-Rate"] == "120"
            assert answer.headers["Allow"] == "POST, OPTIONS"
        async with to.session.options(to.url + PATH) as answer:
            assert "WebHook-Allowed-Origin" not in answer.headers
    async with door(limits=Limits(rate=0.001)) as to, to.session.options(to.url + PATH, headers=asked) as answer:
        assert answer.headers["WebHook-Allowed-Rate"] == "1", "0 would mean: never"


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (RetryableError("disk full"), "2"),
        (FarSideDown("broker", timedelta(seconds=7.2)), "8"),
        (RetryableError("x", timedelta(seconds=-5)), "1"),
        (PoisonError("the topic does not take 992 bytes"), "2"),
        (RuntimeError("a bug"), "2"),
    ],
)
async def test_503_when_the_log_does_not_take_it(error: Exception, wait: str, caplog: pytest.LogCaptureFixture) -> None:
    async with door() as to:
        to.log.error = error
        with caplog.at_level(logging.WARNING):
            status, content, headers = await to.post()
        assert (status, headers["Retry-After"]) == (503, wait)
        assert str(error) not in json.dumps(content)  # our inside is none of the caller's business
        assert any(getattr(line, "cause", "") == str(error) for line in caplog.records)
        assert any(line.exc_info for line in caplog.records) == isinstance(error, RuntimeError), "only of a bug of ours"
        to.log.error = None
        assert (await to.post())[0] == 202


async def test_503_past_the_ack_deadline_and_the_others_go_on() -> None:
    async with door(limits=Limits(ack_deadline=timedelta(milliseconds=30))) as to:
        to.log.gate = asyncio.Event()
        answers = await asyncio.gather(*(to.post() for _ in range(5)))
        assert [(status, headers["Retry-After"]) for status, _, headers in answers] == [(503, "2")] * 5
        to.log.gate.set()
        assert (await to.post())[0] == 202
        assert to.count("processor_refused_total", reason="ack-deadline") == 5


async def test_a_bug_in_splitting_keeps_the_event_whole(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Delivery) -> list[Envelope]:
        raise KeyError("ours")

    async with door(envelopes=broken) as to:
        status, content, _ = await to.post(b'{"odd":1}')
        assert (status, content["ids"]) == (202, [digest(b'{"odd":1}')])
        assert to.log.messages[0].value == b'{"odd":1}'
        assert any(line.message == "split-failed" for line in caplog.records)


async def test_a_caller_that_is_too_fast() -> None:
    verifier = Verifier.build(basic=["gc:pass", "other:pass"])
    async with door(limits=Limits(rate=0.01), verifier=verifier) as to:
        assert (await to.post())[0] == 202
        status, _, headers = await to.post()
        assert status == 429
        assert 90 <= int(headers["Retry-After"]) <= 100
        other = {"Authorization": "Basic " + base64.b64encode(b"other:pass").decode()}
        assert (await to.post(headers=other))[0] == 202


async def test_forwarded_addresses_count_only_from_trusted_proxies() -> None:
    for trusted, second in ((["127.0.0.0/8"], 202), ([], 429)):
        async with door(
            limits=Limits(rate=0.01), verifier=Verifier.build(insecure=True), proxies=Proxies(trusted)
        ) as to:
            assert (await to.post(headers={"X-Forwarded-For": "203.0.113.1"}))[0] == 202
            assert (await to.post(headers={"X-Forwarded-For": "203.0.113.2"}))[0] == second


async def test_a_signature_over_the_packed_or_the_plain_body() -> None:
    secret = "whsec_" + base64.b64encode(b"0123456789abcdef").decode()
    plain, packed = b'{"id":"s"}', gzip.compress(b'{"id":"s"}')
    async with door(verifier=Verifier.build(secrets=[secret])) as to:
        for covered in (plain, packed):
            headers = {
                "webhook-id": "m1",
                "webhook-timestamp": str(int(NOW.timestamp())),
                "webhook-signature": sign(secret, "m1", NOW, covered),
                "Content-Encoding": "gzip",
            }
            assert (await to.post(packed, headers))[0] == 202
        assert (await to.post(gzip.compress(b'{"id":"t"}'), headers))[0] == 401


async def test_pages_beside_the_webhook() -> None:
    async def feed(name: str) -> bytes | None:
        return b"BEGIN:VCALENDAR" if name == "agent-1.token.ics" else None

    async with door(routes={"/calendars/": Page("text/calendar; charset=utf-8", feed)}) as to:
        async with to.session.get(to.url + "/calendars/agent-1.token.ics") as answer:
            assert (answer.status, await answer.read()) == (200, b"BEGIN:VCALENDAR")
            assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
            tag = answer.headers["ETag"]
        async with to.session.get(to.url + "/calendars/agent-1.token.ics", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 304
        async with to.session.get(to.url + "/calendars/agent-2.token.ics") as answer:
            assert answer.status == 404
        async with to.session.post(to.url + "/calendars/agent-1.token.ics") as answer:
            assert answer.status == 405
