"""A shift begins, on Kafka: 1,000 events in 2 s, from the callback to the clean topic and to the WFM system."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import secrets
import statistics
import time
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from aiohttp import web

from onkafka.product import PARTITIONS, Place, now, row, serving
from processor.app.topics import TOPICS
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection
from sandbox.wfm import Wfm

CLEAN_GOAL_MS, WFM_GOAL_MS = 250, 1_000
WAIT_SECONDS = 60
CLEAN = "genesys.presence"


def _storm() -> ModuleType:
    """The callbacks are those of `benchmarks/storm.py`, which this file is named after."""
    spec = importlib.util.spec_from_file_location("storm_of_callbacks", Path(__file__).parents[1] / "storm.py")
    if spec is None or spec.loader is None:
        raise RuntimeError("benchmarks/storm.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def storms(place: Place, rounds: int) -> list[dict[str, Any]]:
    """The whole product in one process, a WFM stand-in beside it. The median round by its p99."""
    callbacks = _storm()
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()
    wfm = Wfm(secret)
    runner = web.AppRunner(wfm.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = {
        "PROCESSOR_WFM_URL": f"http://127.0.0.1:{runner.addresses[0][1]}",
        "PROCESSOR_WFM_SECRET": secret,
        "PROCESSOR_WEBHOOK_BASIC": f"{callbacks.USER}:{callbacks.PASSWORD}",
    }
    try:
        async with (
            serving(place, "bench-storm", ["all"], **settings) as product,
            KafkaLog.open(Connection(place.bootstrap), TOPICS, PARTITIONS, now) as log,
        ):
            url = product.ready["receiver"] + "/webhooks/genesys"
            found: dict[str, list[list[float]]] = {"clean": [], "wfm": [], "answer": []}
            for number in range(rounds):
                name = time.time_ns() // 1_000_000  # what an earlier run on this broker left is not ours
                from_here = {p: (await log.bounds(CLEAN, p))[1] for p in range(PARTITIONS)}
                found["answer"].append(await callbacks.storm(url, name))
                clean, pushed = await _all_of(log, wfm, from_here, f"storm-{name}-", callbacks.EVENTS)
                found["clean"].append(clean)
                found["wfm"].append(pushed)
                print(f"storm {number + 1} of {rounds}", flush=True)
            rss = product.rss
    finally:
        await runner.cleanup()
    return [
        _row("storm-kafka: receipt to clean topic", found["clean"], CLEAN_GOAL_MS, rss),
        _row("storm-kafka: receipt to WFM", found["wfm"], WFM_GOAL_MS, rss),
        _row("storm-kafka: post to answer", found["answer"], None, rss),
    ]


async def _all_of(
    log: KafkaLog, wfm: Wfm, from_here: dict[int, int], mark: str, events: int
) -> tuple[list[float], list[float]]:
    """Milliseconds from receipt to the topic, by the broker's clock, and to the WFM system, by this process's."""
    books = wfm.books["events"].events
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            clean, pushed = [], []
            for partition, start in from_here.items():
                _, end = await log.bounds(CLEAN, partition)
                async for record in log.read(CLEAN, partition, start, end):
                    headers = record.message.headers
                    if not headers["ce_causationid"].startswith(mark):
                        continue
                    received = datetime.fromisoformat(headers["ce_receivedat"])
                    clean.append((record.timestamp - received).total_seconds() * 1000)
                    if headers["ce_id"] in books:
                        pushed.append((books[headers["ce_id"]].at - received.timestamp()) * 1000)
            if len(clean) == len(pushed) == events:
                return clean, pushed
            await asyncio.sleep(0.2)


def _row(name: str, found: list[list[float]], goal: float | None, rss: float) -> dict[str, Any]:
    quantiles = sorted((statistics.quantiles(waits, n=100) for waits in found), key=lambda one: one[98])
    middle = quantiles[len(quantiles) // 2]
    return row(name, middle[98], "ms (p99)", goal, p50Ms=middle[49], p99Ms=middle[98], rssMb=rss)
