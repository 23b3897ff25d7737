"""The product on Kafka as on the embedded log, each role a process of its own: calendars, the loop, requests, commands."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import yaml
from confluent_kafka import Producer

from processor.app.interpreter import GIVING_WAY
from processor.app.roles import Role
from sandbox.run import Sandbox
from tests.contract.caldavserver import PASSWORD, USER, radicale
from tests.e2e.calendars import shown_as_published
from tests.e2e.centre import centre, listed_as_adjusted, on_until, target
from tests.e2e.payloads import eventbridge, presence
from tests.e2e.programs import Product, eventually, running
from tests.e2e.test_requests import LATER, schedule
from tests.kafkabroker import Brokers

pytestmark = [pytest.mark.slow]
OTHERS = [role for role in Role if role not in (Role.ALL, Role.RECEIVE)]


@asynccontextmanager
async def crew(folder: Path, kafka: Brokers, **settings: str) -> AsyncIterator[tuple[Sandbox, Product, list[Product]]]:
    """The receiver, whose settings all have, and the others."""
    settings |= {"LOG": f"kafka://{kafka.bootstrap}", "PARTITIONS": "3"}
    async with centre(folder, "--role", "receive", **settings) as (sandbox, receiver), AsyncExitStack() as stack:
        others = []
        for role in OTHERS:
            (folder / role).mkdir()
            others.append(await stack.enter_async_context(running(folder / role, "--role", role, **receiver.settings)))
        yield sandbox, receiver, others


def niceness(product: Product) -> int:
    """Of its process, 19 at most."""
    assert product.program.process is not None
    return os.getpriority(os.PRIO_PROCESS, product.program.process.pid)


async def test_kafka_what_comes_in_at_one_process_is_in_the_calendars_of_another(
    tmp_path: Path, kafka1: Brokers
) -> None:
    with radicale(tmp_path) as server:
        calendars = {"CALDAV_URL": server.home + "/", "CALDAV_USER": USER, "CALDAV_PASSWORD": PASSWORD}
        async with crew(tmp_path, kafka1, LOOP_MODE="off", HORIZON_WEEKS="1", **calendars) as (
            sandbox,
            product,
            others,
        ):
            assert niceness(product) == os.nice(0)
            assert {niceness(one) for one in others} == {min(19, os.nice(0) + GIVING_WAY)}, "callers go first"
            await shown_as_published(server.home, sandbox, product, *others)
            listed = await product.command("calendars")
            address = listed.out.splitlines()[0].split("  ")[1]
            feed = f"{product.ready['receiver']}/calendars/{address.partition('/calendars/')[2]}"
            async with product.session.get(feed) as answer:
                assert answer.status == 200
                assert "VEVENT" in await answer.text()


async def test_kafka_a_queue_is_defended_and_given_back_by_processes_that_each_do_a_part(
    tmp_path: Path, kafka1: Brokers
) -> None:
    async with crew(tmp_path, kafka1) as (sandbox, product, others):
        await on_until(sandbox, product, "adjust")

        async def tightened() -> bool:
            return target(sandbox) < 60

        await eventually(tightened)
        for one in others:
            await one.restart()
        await listed_as_adjusted(product)
        await on_until(sandbox, product, "restore")

        async def given_back() -> bool:
            return target(sandbox) == 60 and sandbox.witness.shown()["restores"] == 1

        await eventually(given_back)
        await product.at_rest(*others)
        done = [one["value"] for one in await product.topic("outcomes") if one["value"]["kind"].startswith("queue-")]
        assert {one["status"] for one in done} == {"done"}
        checked = await product.command("audit", "verify")
        assert (checked.code, "0 faults" in checked.out) == (0, True), checked.out


async def test_kafka_every_command_does_what_it_does_on_the_embedded_log(tmp_path: Path, kafka1: Brokers) -> None:
    async with crew(tmp_path, kafka1, LOOP_MODE="off", VOLUME_POLL_SECONDS="3600") as (sandbox, product, others):
        await _requests(tmp_path, sandbox, product)
        await _dead_letters(product, others)
        await _forgotten(sandbox, product, others)
        told = {
            ("check",): "takes appends",
            ("topics", "--check"): "genesys.raw",
            ("drift",): "v2.somebody.elses.topic",
            ("backtest",): "",
            ("reconcile", "--once"): "look-ups handed in",
            ("queues", "list"): "Email Support",
            ("tail", "outcomes", "--from", "beginning", "--until-end", "--json"): '"status":"done"',
        }
        for words, expected in told.items():
            done = await product.command(*words)
            assert done.code == 0, (words, done)
            assert expected in done.out, (words, done)
        copied = await product.command("log", "backup", "copy.db")
        assert (copied.code, "sqlite:///FILE" in copied.err) == (2, True), "Kafka's own tools do that"


async def _requests(folder: Path, sandbox: Sandbox, product: Product) -> None:
    (folder / "later.yaml").write_text(yaml.safe_dump(LATER))
    before = dict(schedule(sandbox))
    done = await product.command("request", "later.yaml", "--wait")
    assert (done.code, done.lines[-1]["status"]) == (0, "done"), done.err
    assert schedule(sandbox)["description"] == "Later on all days"
    undone = await product.command("request", "--undo", done.lines[-1]["requestId"], "--wait")
    assert undone.code == 0, undone.err
    assert schedule(sandbox).get("description") == before.get("description")
    foreign = Producer({"bootstrap.servers": product.settings["LOG"].removeprefix("kafka://")})
    foreign.produce("genesys.requests", json.dumps({**LATER, "description": "By Kafka"}), "of another program")
    assert foreign.flush(20) == 0

    async def carried_out() -> bool:
        return bool(schedule(sandbox).get("description") == "By Kafka")

    await eventually(carried_out)


async def _dead_letters(product: Product, others: list[Product]) -> None:
    await product.post(eventbridge("v2.somebody.elses.topic", {"a": 1}, name="odd"))
    assert await product.fate("odd") == "dead letter"
    name = (await product.command("dead-letters", "list")).out.split()[0]
    assert '"a": 1' in (await product.command("dead-letters", "show", name)).out
    assert (await product.command("dead-letters", "replay", name)).code == 0
    await product.at_rest(*others)

    async def again_in_vain() -> bool:
        found = (await product.ask("/dead-letters"))["deadLetters"]
        return [(one["state"], one["replayed"]) for one in found if one["id"] == name] == [("parked", 1)]

    await eventually(again_in_vain)


async def _forgotten(sandbox: Sandbox, product: Product, others: list[Product]) -> None:
    await product.post(presence("u-gone", "BUSY", 1, name="the-last"))
    assert await product.fate("the-last") == "published"
    await product.at_rest(*others)
    done = await product.command("forget", "agent/u-gone")
    assert done.code == 0, done.err
    assert "agent/u-gone: ended in genesys." in done.out
    assert "told that it is gone: WFM" in done.out
    assert "since Kafka removes no single records: genesys.raw" in done.out
    state = sandbox.wfm.books["events"].state["genesys.presence.updated agent/u-gone"]
    assert state["data"]["deleted"] is True
    last = [one for one in await product.topic("presence") if one["key"] == "agent/u-gone"][-1]
    assert last["value"] is None
