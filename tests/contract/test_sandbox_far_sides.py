"""The sandbox as a sender of events and as a WFM system."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import standardwebhooks
from aiohttp import web

from sandbox.names import ADMIN, EMAIL, pool
from sandbox.options import PUBLIC_WFM_SECRET, Options
from sandbox.run import Sandbox, run, running
from sandbox.wfm import Wfm

SOON = 20


class Target:
    """A receiver that answers what it is told to, then 202."""

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        self.answers = list(answers)
        self.got: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.answered: dict[str, list[int]] = {}
        self.url = ""
        self._more = asyncio.Condition()

    async def receive(self, request: web.Request) -> web.Response:
        envelope = await request.json()
        status, headers = self.answers.pop(0) if self.answers else (202, {})
        self.answered.setdefault(envelope["id"], []).append(status)
        if status == 202:
            self.got.append(envelope)
            self.headers.append(request.headers)
        async with self._more:
            self._more.notify_all()
        return web.Response(status=status, headers=headers)

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(SOON), self._more:
            await self._more.wait_for(enough)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target = Target()
    app = web.Application()
    app.router.add_post("/webhooks/genesys", target.receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    target.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/genesys"
    yield target
    await runner.cleanup()


def options(target: Target, **more: Any) -> Options:
    return Options(port=0, wfm_port=0, speed=120, target=target.url, late_seconds=0.2, **more)


async def test_events_come_in_envelopes_with_proof_and_the_ledger_has_them(target: Target) -> None:
    async with running(options(target, basic="user:pass", api_key="X-Key: secret")) as sandbox:
        await target.until(lambda: len(target.got) >= 40)
        assert {envelope["id"] for envelope in target.got} <= sandbox.ledger.entries.keys()
    for envelope in target.got:
        assert envelope["source"].startswith("aws.partner/genesys.com/cloud/")
        assert envelope["detail"]["topicName"].split(".")[0] == envelope["detail-type"].split(".")[0] == "v2"
        assert "{" not in envelope["detail"]["topicName"]
    assert target.headers[0]["Authorization"] == "Basic dXNlcjpwYXNz"
    assert (target.headers[0]["X-Key"], target.headers[0]["Connection"]) == ("secret", "close")


async def test_what_is_not_taken_comes_again_and_what_is_refused_does_not(target: Target) -> None:
    target.answers = [(503, {}), (429, {}), (401, {}), (400, {})]

    def told() -> list[list[int]]:
        return list(target.answered.values())

    async with running(options(target, twice=0, late=0)) as sandbox:
        await target.until(lambda: not target.answers and all(one[-1] in (202, 400) for one in told()))
        taken = len(target.got)
        await target.until(lambda: len(target.got) >= taken + 20)
        refused = [entry for entry in sandbox.ledger.entries.values() if entry.refused]
    assert sorted(status for one in told() for status in one if status not in (202, 400)) == [401, 429, 503]
    assert {one[-1] for one in told()} == {202, 400}
    assert [(entry.id, entry.refused) for entry in refused] == [
        (event, 400) for event, one in target.answered.items() if 400 in one
    ]


async def test_some_are_sent_twice_and_the_ledger_counts_the_copies(target: Target) -> None:
    def order() -> list[str]:
        return [envelope["detail"]["timestamp"] for envelope in target.got]

    async with running(options(target, twice=1.0, late=0.5)) as sandbox:
        await target.until(lambda: any(entry.copies == 2 for entry in sandbox.ledger.entries.values()))
        ids = [envelope["id"] for envelope in target.got]
        assert len(set(ids)) < len(ids)
        await target.until(lambda: order() != sorted(order()))


async def test_a_quiet_floor_answers_but_makes_no_events(target: Target) -> None:
    async with running(options(target, quiet=True)) as sandbox, aiohttp.ClientSession(sandbox.genesys_url) as session:
        await session.post("/_sandbox/advance", json={"seconds": 3600})
        assert sandbox.ledger.entries == {}
        async with session.get("/_sandbox/ledger") as answer:
            shown = await answer.json()
    assert shown["breaches"][0]["offered"] > 500
    assert shown["breaches"][0]["serviceLevel"] < 0.85


async def test_run_announces_itself_and_ends_when_told() -> None:
    stop, lines = asyncio.Event(), list[str]()

    def announce(line: str) -> None:
        lines.append(line)
        stop.set()

    await asyncio.wait_for(run(Options(port=0, wfm_port=0, quiet=True), stop, announce), SOON)
    ready = json.loads(lines[0])
    assert ready["event"] == "ready"
    assert ready["genesys"] == ready["login"] != ready["wfm"]
    assert ready["client_id"]
    assert ready["client_secret"]


def signed(body: dict[str, Any], name: str = "msg_1", secret: str = PUBLIC_WFM_SECRET) -> tuple[dict[str, str], bytes]:
    raw, now = json.dumps(body).encode(), datetime.now(UTC)
    signature = standardwebhooks.Webhook(secret).sign(name, now, raw.decode())
    headers = {"webhook-id": name, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    return headers, raw


def event(name: str, sequence: str, value: int) -> dict[str, Any]:
    words = {"id": name, "type": "genesys.queues.updated", "subject": "queue/1", "time": "2026-03-09T13:00:00.000Z"}
    return {**words, "sequence": sequence, "data": {"value": value}}


def test_the_wfm_takes_each_batch_and_event_once_and_the_highest_sequence() -> None:
    wfm, now = Wfm(PUBLIC_WFM_SECRET), time.time()
    for name, events in (
        ("b1", [event("e1", "3-9", 9)]),
        ("b1", [event("e1", "3-9", 9)]),
        ("b2", [event("e2", "3-10", 10), event("e1", "3-9", 9)]),
        ("b3", [event("e3", "3-2", 2)]),
    ):
        assert wfm.receive("events", *signed({"events": events}, name), now).status == 200
    shown = wfm.books["events"].shown()
    assert shown["repeatedBatches"] == 1
    assert {entry["id"]: entry["times"] for entry in shown["events"]} == {"e1": 2, "e2": 1, "e3": 1}
    assert shown["state"]["genesys.queues.updated queue/1"]["data"] == {"value": 10}


@pytest.mark.parametrize(
    ("body", "change", "status"),
    [
        ({"events": [event("e", "0-1", 1)]}, {}, 200),
        ({"events": [event("e", "0-1", 1)]}, {"webhook-signature": "v1,AAAA"}, 401),
        ({"events": [event("e", "0-1", 1)]}, {"webhook-timestamp": "1"}, 401),
        ({"events": []}, {}, 422),
        ({"events": [{"id": "e"}]}, {}, 422),
    ],
)
def test_the_wfm_verifies_and_checks(body: dict[str, Any], change: dict[str, str], status: int) -> None:
    headers, raw = signed(body)
    assert Wfm(PUBLIC_WFM_SECRET).receive("events", {**headers, **change}, raw, time.time()).status == status


async def test_the_wfm_goes_down_and_comes_back_on_its_port() -> None:
    async with (
        running(Options(port=0, wfm_port=0, quiet=True)) as sandbox,
        aiohttp.ClientSession(sandbox.genesys_url) as control,
        aiohttp.ClientSession() as caller,
    ):

        async def post(sandbox: Sandbox) -> int:
            headers, raw = signed({"events": [event("e", "0-1", 1)]})
            async with caller.post(f"{sandbox.wfm_url}/events", data=raw, headers=headers) as answer:
                return answer.status

        assert await post(sandbox) == 200, "its connection is kept alive, and must not outlive the outage's beginning"
        await control.post("/_sandbox/down", json={"part": "wfm", "down": True})
        with pytest.raises(aiohttp.ClientConnectorError):
            await post(sandbox)
        await control.post("/_sandbox/down", json={"part": "wfm", "down": True, "status": 503, "retryAfter": 2})
        assert await post(sandbox) == 503
        await control.post("/_sandbox/down", json={"part": "wfm", "down": False})
        assert await post(sandbox) == 200
        async with control.get("/_sandbox/wfm") as answer:
            assert [entry["id"] for entry in (await answer.json())["events"]["events"]] == ["e"]


def keys(value: Any, place: str = "") -> set[str]:
    """Every name in a body, by its path; what stands in lists counts together."""
    if isinstance(value, list):
        return set().union(*(keys(item, f"{place}[]") for item in value))
    if not isinstance(value, dict):
        return set()
    return {f"{place}.{name}" for name in value}.union(*(keys(item, f"{place}.{name}") for name, item in value.items()))


async def test_every_event_has_the_shape_of_the_recorded_ones(target: Target, shared: Path) -> None:
    recorded: dict[str, set[str]] = {}
    for file in (shared / "genesys" / "samples").glob("event.eb.*.json"):
        sample = json.loads(file.read_text())
        recorded.setdefault(sample["detail-type"], set()).update(keys(sample))
    async with running(options(target)) as sandbox, aiohttp.ClientSession(sandbox.genesys_url) as control:
        sandbox.routing.settle(EMAIL.id, dict.fromkeys(pool(), True), ADMIN)
        await control.post("/_sandbox/advance", json={"seconds": 3600})
        wanted = {"audits", "observations", "presence", "activity", "routingStatus", "schedules", "changed", "users"}
        await target.until(lambda: len({envelope["detail-type"] for envelope in target.got}) >= len(wanted) + 1)
    for envelope in target.got:
        unrecorded = keys(envelope) - recorded[envelope["detail-type"]]
        assert {name for name in unrecorded if ".recurrences[]" not in name} == set()  # no sample has recurrences
