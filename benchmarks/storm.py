"""A shift begins: 500 agents log in, 1,000 events in 2 s, as EventBridge posts them, to the clean topic.

    python benchmarks/storm.py [--rounds 3] → results/storm.json

The product runs as its user runs it, in a process of its own; each post has a connection of its
own. `clean` is from the receipt of a delivery to its record in `genesys.presence`, by the clock of
the log; `answer` is what the caller waited for its 202. A round counts only when every event is in
the topic.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from processor.app.topics import TOPICS
from processor.eventlog.sqlite import SqliteLog

AGENTS = 500
SECONDS = 2.0
EVENTS = 2 * AGENTS
GOAL_MS = 150
WAIT_SECONDS = 30
USER, PASSWORD = "genesys", "benchmark-password"
RESULTS = Path(__file__).parent / "results"


def event(number: int, round_: int, at: datetime) -> bytes:
    """First everyone's presence, in the same two seconds everyone's routing status."""
    agent = f"2b6c1f52-8a3e-4d61-9a41-{number % AGENTS:012d}"
    moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    topic, body = (
        ("routingStatus", {"id": agent, "routingStatus": {"status": "IDLE", "startTime": moment}})
        if number % 2
        else (
            "presence",
            {
                "source": "PURECLOUD",
                "presenceDefinition": {"id": "31fe3bac-dea6-44b7-bed7-47f91660a1a0", "systemPresence": "ON_QUEUE"},
                "primary": True,
                "modifiedDate": moment,
            },
        )
    )
    return json.dumps(
        {
            "version": "0",
            "id": f"storm-{round_}-{number}",
            "detail-type": f"v2.users.{{id}}.{topic}",
            "source": "aws.partner/genesys.com/cloud/5a1b2c3d-0000-4000-8000-000000000001/storm",
            "account": "123456789012",
            "time": moment[:19] + "Z",
            "region": "us-east-1",
            "resources": [],
            "detail": {
                "topicName": f"v2.users.{agent}.{topic}",
                "version": "2",
                "eventBody": body,
                "metadata": {"CorrelationId": f"storm-{number}"},
                "timestamp": moment,
            },
        }
    ).encode()


async def post(session: aiohttp.ClientSession, url: str, body: bytes, due: float) -> float:
    """Milliseconds until the 202."""
    await asyncio.sleep(max(0.0, due - time.perf_counter()))
    began = time.perf_counter()
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        await answer.read()
        if answer.status != 202:
            raise SystemExit(f"a post was answered {answer.status}")
    return (time.perf_counter() - began) * 1000


async def storm(url: str, round_: int) -> list[float]:
    """All events of one round, evenly over the two seconds."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    proof = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    began, now = time.perf_counter() + 0.1, datetime.now(UTC)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": proof}) as session:
        posts = [
            post(session, url, event(n, round_, now + timedelta(milliseconds=n)), began + n * SECONDS / EVENTS)
            for n in range(EVENTS)
        ]
        return list(await asyncio.gather(*posts))


async def arrived(log: SqliteLog, round_: int) -> list[float]:
    """Milliseconds from receipt to the clean topic, of this round's events."""
    waits = []
    for partition in range(log.partitions):
        start, end = await log.bounds("genesys.presence", partition)
        async for record in log.read("genesys.presence", partition, start, end):
            headers = record.message.headers
            if headers["ce_causationid"].startswith(f"storm-{round_}-"):
                received = datetime.fromisoformat(headers["ce_receivedat"])
                waits.append((record.timestamp - received).total_seconds() * 1000)
    return waits


async def rounds(folder: Path, count: int) -> tuple[list[list[float]], list[list[float]], int]:
    """Clean waits and answer waits of each round, and the product's memory in MB."""
    file = folder / "events.db"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PROCESSOR_")},
        "PROCESSOR_LOG": f"sqlite:///{file}",
        "PROCESSOR_RECEIVER_PORT": "0",
        "PROCESSOR_ADMIN_PORT": "0",
        "PROCESSOR_WEBHOOK_BASIC": f"{USER}:{PASSWORD}",
    }
    with (folder / "product.log").open("wb") as errors:
        product = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "processor", "serve"),
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        try:
            assert product.stdout
            ready = json.loads(await asyncio.wait_for(product.stdout.readline(), WAIT_SECONDS))
            url = ready["receiver"] + "/webhooks/genesys"
            clean, answers = [], []
            async with SqliteLog.open(file, TOPICS, 12, lambda: datetime.now(UTC)) as log:
                for number in range(count):
                    answers.append(await storm(url, number))
                    clean.append(await _all_of(log, number))
            return clean, answers, _resident(product.pid)
        finally:
            product.terminate()
            await product.wait()


async def _all_of(log: SqliteLog, round_: int) -> list[float]:
    until = time.perf_counter() + WAIT_SECONDS
    while len(waits := await arrived(log, round_)) < EVENTS:
        if time.perf_counter() > until:
            raise SystemExit(f"only {len(waits)} of {EVENTS} events are in the topic")
        await asyncio.sleep(0.1)
    return waits


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // (1 << 20)


def row(name: str, found: list[list[float]], goal: float | None, resident: int) -> dict[str, Any]:
    """The median round by its p99."""
    quantiles = [statistics.quantiles(waits, n=100) for waits in found]
    middle = sorted(quantiles, key=lambda one: one[98])[len(quantiles) // 2]
    return {
        "name": name,
        "value": round(middle[98], 1),
        "unit": "ms (p99)",
        "reference": goal,
        "ratio": round(middle[98] / goal, 2) if goal else None,
        "p50Ms": round(middle[49], 1),
        "p99Ms": round(middle[98], 1),
        "rssMb": resident,
    }


def main() -> None:
    """Parse, run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-storm-") as folder:
        clean, answers, resident = asyncio.run(rounds(Path(folder), options.rounds))
    rows = [
        row("storm: receipt to clean topic", clean, GOAL_MS, resident),
        row("storm: post to answer", answers, None, resident),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "storm.json").write_text(json.dumps(rows, indent=1) + "\n")
    for each in rows:
        print(f"{each['name']:32} p50 {each['p50Ms']} ms, p99 {each['p99Ms']} ms, {each['rssMb']} MB")


if __name__ == "__main__":
    main()
