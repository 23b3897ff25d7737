"""The admin port over real HTTP: probes, guard, operations, and a description that is true."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import ClientSession, web

from processor.admin import Admin, is_loopback
from processor.admin.description import openapi
from processor.errors import FatalError, PoisonError, RefusedError, RetryableError
from processor.progress import Progress
from processor.telemetry import Metrics
from processor.web.listener import Where, listening

NOW = datetime(2026, 3, 9, 13, 0, 4, tzinfo=UTC)


@dataclass
class Orders:
    """Stands where app stands: remembers what it was asked."""

    asked: list[Any] = field(default_factory=list)
    error: Exception | None = None

    async def overview(self) -> dict:
        if self.error:
            raise self.error
        return {"at": NOW, "counts": {"received": 3}}

    async def queues(self) -> list:
        return [{"queueId": "q1"}]

    async def freeze(self, queue_id: str, **brake: Any) -> dict | None:
        self.asked.append(("freeze", queue_id, brake))
        return {"id": "r1"} if queue_id == "q1" else None

    async def resume(self, queue_id: str, **brake: Any) -> dict | None:
        self.asked.append(("resume", queue_id, brake))
        return {"id": "r2"} if queue_id == "q1" else None

    async def request(
        self, kind: str, fields: dict, *, by: str, key: str | None = None, trace: str = ""
    ) -> dict | None:
        self.asked.append((kind, fields, by, *filter(None, (key, trace))))
        return {"id": "r3"} if kind == "presence" else None

    async def outcome(self, request_id: str) -> dict | None:
        return {"status": "done"} if request_id == "r3" else None

    async def event(self, event_id: str, subject: str | None) -> dict:
        return {"id": event_id, "subject": subject}

    async def dead_letters(self) -> list:
        return [{"id": "normalise.genesys.raw.1.2"}]

    async def replay(self, dead_letter_id: str) -> dict | None:
        return {"id": dead_letter_id} if dead_letter_id == "normalise.genesys.raw.1.2" else None


@dataclass
class Desk:
    url: str
    orders: Orders
    session: ClientSession
    checks: list[Exception | None]
    groups: list[Progress]

    async def ask(self, path: str, method: str = "GET", **more: Any) -> tuple[int, Any, dict]:
        async with self.session.request(method, self.url + path, **more) as answer:
            content = await answer.json() if "json" in answer.content_type else await answer.text()
            return answer.status, content, dict(answer.headers)


@asynccontextmanager
async def desk(token: str = "", checks: list[Exception | None] | None = None) -> AsyncIterator[Desk]:
    orders, groups, left = Orders(), [], list(checks or [])

    async def check() -> None:
        error = left.pop(0) if left else None
        if error:
            raise error

    admin = Admin(orders, lambda: groups, check, Metrics.build(), lambda: NOW, token=token, version="1.2.3")
    async with (
        listening(admin.runner(), Where("127.0.0.1", 0)) as url,
        ClientSession() as session,
    ):
        yield Desk(url, orders, session, left, groups)


async def test_livez_names_the_group_that_does_not_come_round() -> None:
    async with desk() as to:
        assert (await to.ask("/livez"))[0] == 200
        to.groups += [
            Progress("normalise", "genesys.raw", beat=NOW - timedelta(seconds=1)),
            Progress("sync-wfm-queues", "genesys.queues", beat=NOW - timedelta(seconds=61)),
        ]
        status, content, _ = await to.ask("/livez")
        assert status == 503
        assert "sync-wfm-queues" in content["detail"]
        assert "normalise" not in content["detail"]
        assert [one["alive"] for one in content["groups"]] == [True, False]


async def test_readyz_follows_the_log_and_looks_once_a_second() -> None:
    async with desk(checks=[RetryableError("disk full: free some space"), None]) as to:
        status, content, headers = await to.ask("/readyz")
        assert status == 503
        assert "disk full" in content["detail"]
        assert headers["Retry-After"] == "2"
        both = await asyncio.gather(*(to.ask("/readyz") for _ in range(5)))
        assert [status for status, _, _ in both] == [503] * 5  # the same look
        assert len(to.checks) == 1


async def test_metrics_in_both_formats() -> None:
    async with desk() as to:
        _, text, headers = await to.ask("/metrics")
        assert "processor_received_events_total 0.0" in text
        assert headers["Content-Type"].startswith("text/plain; version=")
        _, text, headers = await to.ask("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        assert text.rstrip().endswith("# EOF")
        assert headers["Content-Type"].startswith("application/openmetrics-text")


@pytest.mark.parametrize("brake", ["freeze", "resume"])
async def test_of_a_queue_that_cannot_be_meant_nothing_is_ordered(brake: str) -> None:
    async with desk() as to:
        status, content, headers = await to.ask(f"/queues/q%202/{brake}", "POST")
        assert (status, content["detail"]) == (404, "No queue is known as q 2; GET /queues has their ids.")
        assert headers["Content-Type"].startswith("application/problem+json")


async def test_queues_are_frozen_and_resumed_by_name_of_who() -> None:
    async with desk() as to:
        body = {"reason": "training", "by": "Kim", "restore": True}
        assert (await to.ask("/queues/q1/freeze", "POST", json=body))[:2] == (202, {"id": "r1"})
        assert (await to.ask("/queues/q1/resume", "POST"))[0] == 202
        assert to.orders.asked == [
            ("freeze", "q1", body),
            ("resume", "q1", {"reason": "", "by": "admin API, 127.0.0.1", "restore": False}),
        ]


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"restore":"yes"}', "restore"), (b'{"reason":1}', "reason"), (b"[]", None), (b"{", None)],
)
async def test_a_wrong_field_is_named(body: bytes, field: str | None) -> None:
    async with desk() as to:
        status, content, headers = await to.ask("/queues/q1/freeze", "POST", data=body)
        assert (status, content["field"]) == (422, field)
        assert headers["Content-Type"] == "application/problem+json"
        assert not to.orders.asked


async def test_requests_dead_letters_and_events() -> None:
    async with desk() as to:
        status, content, headers = await to.ask("/requests/presence", "POST", json={"userId": "u1", "by": "Kim"})
        assert (status, content["id"], headers["Location"]) == (202, "r3", "/requests/r3")
        assert to.orders.asked == [("presence", {"userId": "u1", "by": "Kim"}, "Kim")]
        told = {"Idempotency-Key": "mine", "traceparent": "00-a-b-01"}
        await to.ask("/requests/presence", "POST", json={"by": "Kim"}, headers=told)
        assert to.orders.asked[1:] == [("presence", {"by": "Kim"}, "Kim", "mine", "00-a-b-01")]
        assert (await to.ask("/requests/nonsense", "POST", json={}))[0] == 404
        assert (await to.ask("/requests/r3"))[1] == {"status": "done"}
        assert (await to.ask("/requests/r4"))[0] == 404
        assert (await to.ask("/dead-letters"))[1]["deadLetters"][0]["id"] == "normalise.genesys.raw.1.2"
        assert (await to.ask("/dead-letters/normalise.genesys.raw.1.2/replay", "POST"))[0] == 202
        assert (await to.ask("/dead-letters/x/replay", "POST"))[0] == 404
        assert (await to.ask("/events/e%2F1?subject=queue/q1"))[1] == {"id": "e/1", "subject": "queue/q1"}


@pytest.mark.parametrize(
    ("error", "status"),
    [(PoisonError("x", "f"), 422), (RefusedError("x", "do y"), 409), (RetryableError("x"), 503)],
)
async def test_errors_by_remedy(error: Exception, status: int) -> None:
    async with desk() as to:
        to.orders.error = error
        found, content, headers = await to.ask("/overview")
        assert (found, content["status"], headers["Content-Type"]) == (status, status, "application/problem+json")


@pytest.mark.parametrize(("path", "method", "status"), [("/nothing", "GET", 404), ("/livez", "POST", 405)])
async def test_other_paths_and_methods_are_problems(path: str, method: str, status: int) -> None:
    async with desk() as to:
        found, content, headers = await to.ask(path, method)
        assert (found, content["status"]) == (status, status)
        assert ("Allow" in headers) == (status == 405)


async def test_with_a_token_only_probes_and_the_page_are_open() -> None:
    async with desk(token="let-me-in") as to:
        for path in ("/livez", "/readyz", "/"):
            assert (await to.ask(path))[0] == 200
        for path in ("/metrics", "/queues", "/openapi.json", "/nothing"):
            assert (await to.ask(path))[0] == 401
        for wrong in ("Bearer let-me-out", "Bearer", "Basic let-me-in", "Bearer ü"):
            status, _, headers = await to.ask("/queues", headers={"Authorization": wrong})
            assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="admin"')
        assert (await to.ask("/queues", headers={"Authorization": "Bearer let-me-in"}))[0] == 200


async def test_without_a_token_a_page_from_elsewhere_reaches_nothing() -> None:
    async with desk() as to:
        for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            assert (await to.ask("/queues/q1/freeze", "POST", headers=headers))[0] == 403
        assert not to.orders.asked
        own = {"Origin": to.url}
        assert (await to.ask("/queues/q1/freeze", "POST", headers=own))[0] == 202


def test_it_does_not_start_where_everybody_could_reach_it() -> None:
    def build(host: str, token: str) -> Admin:
        return Admin(Orders(), list, Orders().overview, Metrics.build(), lambda: NOW, host=host, token=token)

    with pytest.raises(FatalError, match="ADMIN_TOKEN"):
        build("0.0.0.0", "")
    assert build("0.0.0.0", "t")
    assert build("::1", "")
    assert [is_loopback(host) for host in ("localhost", "127.9.9.9", "[::1]", "example.com", "")] == [True] * 3 + [
        False
    ] * 2


async def test_the_console_needs_nothing_from_elsewhere() -> None:
    async with desk() as to:
        status, page, headers = await to.ask("/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert not re.findall(r'(?:src|href)="(?!data:)', page)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert policy.count("'sha256-") == 2
        assert "unsafe" not in policy
        assert not re.search(r"\sstyle=|\son\w+=\"|innerHTML", page)  # what the policy would block, or hide


async def test_the_description_names_every_path_and_no_other() -> None:
    admin = Admin(Orders(), list, Orders().overview, Metrics.build(), lambda: NOW)
    runner = admin.runner()
    assert isinstance(runner, web.AppRunner)
    served = {
        (route.resource.canonical, route.method)
        for route in runner.app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    document = openapi("1")
    described = {
        (path, method.upper())
        for path, item in document["paths"].items()
        if not path.startswith(("/webhooks", "/calendars"))
        for method in item
        if method != "servers"
    }
    assert described == served
    refers = re.findall(r"#/components/schemas/(\w+)", str(document))
    assert set(refers) == set(document["components"]["schemas"])


async def test_asyncapi_is_what_app_hands_in() -> None:
    async with desk() as to:
        assert (await to.ask("/asyncapi.json"))[0] == 404
        assert (await to.ask("/openapi.json"))[1]["info"]["version"] == "1.2.3"
