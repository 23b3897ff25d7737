"""Requests as their users make them: handed in and waited for, carried out at once, tried dry, taken back, over HTTP."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import yaml

from sandbox.names import uid
from sandbox.options import Options
from sandbox.run import Sandbox
from sandbox.run import running as sandbox_running
from tests.e2e.centre import connected
from tests.e2e.programs import Product, child, command, eventually, running

HOURS = uid("schedule", "Support Hours")
WEEK = {
    "scheduleId": HOURS,
    "start": "2026-01-05T09:00:00.000",
    "end": "2026-01-05T18:00:00.000",
    "rrule": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR",
}
LATER = {"kind": "schedule", **WEEK, "description": "Later on all days"}


def written(folder: Path, *requests: Any) -> Path:
    path = folder / f"requests-{len(list(folder.iterdir()))}.yaml"
    path.write_text(yaml.safe_dump(requests[0] if len(requests) == 1 else list(requests)))
    return path


def schedule(sandbox: Sandbox) -> dict[str, Any]:
    return sandbox.world.schedules[HOURS]


@asynccontextmanager
async def organisation(folder: Path) -> AsyncIterator[tuple[Sandbox, dict[str, str]]]:
    """A sandbox, and settings that lead there."""
    options = Options(port=0, wfm_port=0, quiet=True, rate_limit=10_000, client_secret="secret-of-the-oauth-client")
    async with sandbox_running(options) as sandbox:
        log = {"LOG": f"sqlite:///{folder / 'events.db'}", "AUDIT_FILE": str(folder / "audit.jsonl")}
        yield sandbox, connected(sandbox) | log


def audit(folder: Path) -> list[dict[str, Any]]:
    path = folder / "audit.jsonl"
    return [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


async def test_dry_now_and_undo_need_no_log_and_no_server(tmp_path: Path) -> None:
    async with organisation(tmp_path) as (sandbox, settings):
        file = written(tmp_path, LATER)
        before = dict(schedule(sandbox))
        dry = await command("request", file, "--dry-run", settings=settings)
        (planned,) = yaml.safe_load(dry.out)
        assert dry.code == 0, dry.err
        assert planned["changes"]["description"]["after"] == "Later on all days"
        assert (planned["calls"][0]["method"], planned["would"]) == ("PUT", "change")
        assert schedule(sandbox) == before
        assert audit(tmp_path) == []
        done = await command("request", file, "--now", settings=settings)
        (outcome,) = done.lines
        assert (done.code, outcome["status"], outcome["kind"]) == (0, "done", "schedule"), done.err
        assert schedule(sandbox)["description"] == "Later on all days"
        assert audit(tmp_path) == [outcome]
        undone = await command("request", "--undo", outcome["requestId"], "--now", settings=settings)
        assert undone.code == 0, undone.err
        assert undone.lines[0]["request"]["undoes"] == outcome["requestId"]
        assert schedule(sandbox).get("description") == before.get("description")
        other = written(tmp_path, {**LATER, "description": "Somebody else's"})
        assert (await command("request", other, "--now", settings=settings)).code == 0
        for how in ("--now", "--dry-run"):
            again = await command("request", "--undo", outcome["requestId"], how, settings=settings)
            assert again.code == 4, again.out
        (planned,) = yaml.safe_load(again.out)
        assert (planned["would"], planned["there"]["description"]) == ("be refused", "Somebody else's")
        unknown = await command("request", "--undo", "never-asked", "--now", settings=settings)
        assert (unknown.code, unknown.out) == (3, "")
        assert schedule(sandbox)["description"] == "Somebody else's"
        assert [line["status"] for line in audit(tmp_path)] == ["done", "done", "done", "conflict"]
        assert not (tmp_path / "events.db").exists()
        assert settings["GENESYS_CLIENT_SECRET"] not in done.out + done.err + dry.out + undone.err


@pytest.mark.slow
async def test_handed_in_waited_for_asked_about_and_kept_once_in_the_audit_file(tmp_path: Path) -> None:
    async with organisation(tmp_path) as (sandbox, settings), running(tmp_path, **settings) as product:
        missing = {**LATER, "scheduleId": "00000000-0000-4000-8000-000000000000"}
        done = await product.command("request", written(tmp_path, LATER, missing), "--wait")
        ids = {line["id"] for line in done.lines[:2]}
        ends = {line["requestId"]: line["status"] for line in done.lines[2:]}
        assert ends.keys() == ids
        assert (done.code, sorted(ends.values())) == (3, ["done", "refused"]), done.err
        for request_id, status in ends.items():
            told = await product.ask(f"/requests/{request_id}")
            assert (told["id"], told["status"], told["kind"]) == (request_id, status, "schedule")
        await _over_http(product, sandbox)
        await product.at_rest()
        lines = audit(tmp_path)
        assert {line["requestId"] for line in lines} >= ids
        assert all(line["chain"].startswith("requests/") for line in lines)
        (tmp_path / "audit.jsonl").rename(tmp_path / "audit.jsonl.1")  # the log rotation's way
        back = await product.command("request", "--undo", "one-of-mine", "--wait")
        assert back.code == 0, back.err
        await product.restart()
        await product.at_rest()
        assert [line["requestId"] for line in await _lines(tmp_path, 1)] == [back.lines[0]["id"]]
        page = await product.ask("/overview")
        assert {one["status"] for one in page["requests"]} == {"done", "refused"}


async def _lines(folder: Path, least: int) -> list[dict[str, Any]]:
    async def enough() -> list[dict[str, Any]]:
        lines = audit(folder)
        return lines if len(lines) >= least else []

    found: list[dict[str, Any]] = await eventually(enough)
    return found


async def _over_http(product: Product, sandbox: Sandbox) -> None:
    fields = {**WEEK, "description": "By HTTP"}
    key = {"Idempotency-Key": "one-of-mine"}
    assert await _post(product, "schedule", fields, key) == (202, "one-of-mine")
    assert await _post(product, "schedule", fields, key) == (202, "one-of-mine")
    status, answer = await _order(product, "schedule", {**fields, "description": "Another"}, key)
    assert (status, "used for another request" in answer["detail"]) == (409, True)

    async def carried_out() -> bool:
        return bool((await product.ask("/requests/one-of-mine"))["status"] == "done")

    await eventually(carried_out)
    assert schedule(sandbox)["description"] == "By HTTP"
    outcomes = [one["value"] for one in await product.topic("outcomes")]
    assert [one["requestId"] for one in outcomes].count("one-of-mine") == 1
    status, answer = await _order(product, "schedule", {**WEEK, "scheduleId": 5, "colour": "red"}, {})
    assert (status, {one["place"] for one in answer["problems"]}) == (422, {"scheduleId", "colour"})
    assert all(one["message"] for one in answer["problems"])
    assert (await _order(product, "nonsense", {}, {}))[0] == 404
    assert (await _order(product, "schedule", fields, {"Idempotency-Key": "two words"}))[0] == 422


async def _post(product: Product, kind: str, fields: dict[str, Any], headers: dict[str, str]) -> tuple[int, str]:
    status, answer = await _order(product, kind, fields, headers)
    return status, answer["id"]


async def _order(product: Product, kind: str, fields: dict[str, Any], headers: dict[str, str]) -> tuple[int, Any]:
    url = f"{product.ready['admin']}/requests/{kind}"
    async with product.session.post(url, json=fields, headers=headers) as answer:
        return answer.status, orjson.loads(await answer.read())


async def test_who_stops_waiting_is_told_that_the_request_goes_on(tmp_path: Path) -> None:
    async with organisation(tmp_path) as (_, settings):
        environment = {f"PROCESSOR_{name}": value for name, value in settings.items()}
        async with child("request", written(tmp_path, LATER), "--wait", environment=environment) as process:
            assert process.stdout is not None
            handed_in = orjson.loads(await process.stdout.readline())
            process.send_signal(signal.SIGINT)
            _, said = await process.communicate()
        assert process.returncode == 0
        assert b"go on" in said
        async with running(tmp_path, **settings) as product:

            async def ended() -> bool:
                return bool((await product.ask(f"/requests/{handed_in['id']}"))["status"] == "done")

            await eventually(ended)


async def test_an_unreachable_genesys_is_named_and_nothing_is_claimed(tmp_path: Path) -> None:
    async with organisation(tmp_path) as (_, settings):
        away = {**settings, "GENESYS_API_URL": "http://127.0.0.1:9", "GENESYS_LOGIN_URL": "http://127.0.0.1:9"}
        planned = await command("request", written(tmp_path, LATER), "--dry-run", settings=away)
        assert (planned.code, planned.out) == (6, ""), planned.err
        assert audit(tmp_path) == []
        done = await command("request", written(tmp_path, LATER), "--now", settings=away)
        (outcome,) = done.lines
        assert (done.code, outcome["status"], outcome["after"]) == (6, "failed", {}), done.err
        for said in (planned.err, done.err, outcome["error"], outcome["audit"]["details"]):
            assert "127.0.0.1:9: connection refused" in said
        assert [line["audit"]["status"] for line in audit(tmp_path)] == ["failure"]


async def test_credentials_that_genesys_refuses_are_not_an_unreachable_genesys(tmp_path: Path) -> None:
    async with organisation(tmp_path) as (_, settings):
        wrong = {**settings, "GENESYS_CLIENT_SECRET": "not-the-right-one-at-all"}
        for how in ("--dry-run", "--now"):
            done = await command("request", written(tmp_path, LATER), how, settings=wrong)
            assert done.code == 5, done.err
            assert "check the client id" in done.err
            assert "not-the-right-one-at-all" not in done.out + done.err


async def test_without_genesys_nothing_is_handed_in_but_the_brake(tmp_path: Path) -> None:
    settings = {"LOG": f"sqlite:///{tmp_path / 'events.db'}"}
    for how in ((), ("--now",), ("--dry-run",)):
        done = await command("request", written(tmp_path, LATER), *how, settings=settings)
        assert (done.code, done.out) == (2, "")
        assert "GENESYS_CLIENT_ID" in done.err
    brake = written(tmp_path, {"kind": "queue-freeze", "queueId": "q1", "reason": "stocktaking"})
    async with running(tmp_path) as product:
        done = await product.command("request", brake, "--wait")
        assert (done.code, done.lines[1]["decision"]["action"]) == (0, "frozen")
        told = await product.ask(f"/requests/{done.lines[0]['id']}")
        assert (told["status"], told["kind"]) == ("done", "queue-freeze")
        status, answer = await product.order("/requests/schedule", WEEK)
        assert (status, "GENESYS_CLIENT_ID" in answer["remedy"]) == (409, True)


async def test_every_problem_of_every_file_is_told_before_anything_is_opened(tmp_path: Path) -> None:
    good, bad = written(tmp_path, LATER), written(tmp_path, LATER, {"kind": "queue-freeze", "q": 1}, {"kind": "magic"})
    torn = tmp_path / "torn.json"
    torn.write_text('{"kind": "schedule", ')
    done = await command("request", good, bad, torn, tmp_path / "none.yaml", "--now", settings={"LOG_MAX_BYTES": "0"})
    assert done.code == 3
    for said in (f"{bad}[1] queueId", f"{bad}[1] q:", f"{bad}[2] kind", str(torn), "none.yaml: cannot be read"):
        assert said in done.err
    assert done.err.count(str(good)) == 0


async def test_a_request_over_http_needs_the_admin_token(tmp_path: Path) -> None:
    async with running(tmp_path, ADMIN_TOKEN="token-of-the-admin-port") as product:
        url = f"{product.ready['admin']}/requests/queue-freeze"
        for headers, expected in (({}, 401), ({"Authorization": "Bearer token-of-the-admin-port"}, 202)):
            async with (
                aiohttp.ClientSession() as session,
                session.post(url, json={"queueId": "q1"}, headers=headers) as a,
            ):
                assert a.status == expected
