"""Does memory stay flat? python benchmarks/memory.py [--events 5000000] [--seconds 7200] → results/memory.json.

Presence events of 500 agents through log, `normalise` and its tables, in one process, with retention
and compaction at work: the clock runs fast, ten seconds an event, so that half a million are 58 days.
Without flags it ends in time for `make bench`: after half a million, or what a busy machine does by then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from handlers import Policy, normalise
from handlers.normalise.envelopes import envelopes
from processor.app.topics import TOPICS
from processor.consumer import run
from processor.event import Delivery, instant
from processor.eventlog import Message
from processor.eventlog.sqlite import SqliteLog
from processor.pace import Policy as Pace
from processor.progress import Progress
from processor.telemetry import Metrics

AGENTS = 500
CHUNK = 2_000
STEP = timedelta(seconds=10)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LIMIT_MB = 200
STALLED_SECONDS = 120
LEAST_SEEN = 3
RESULTS = Path(__file__).parent / "results"


class Clock:
    """The time of the event that was posted last."""

    def __init__(self) -> None:
        self.moment = BEGIN

    def now(self) -> datetime:
        """Its moment."""
        return self.moment


def delivery(number: int, at: datetime) -> Delivery:
    """One agent's presence, as EventBridge posts it."""
    agent = f"2b6c1f52-8a3e-4d61-9a41-{number % AGENTS:012d}"
    presence = "AVAILABLE" if number // AGENTS % 2 else "MEETING"
    body = {
        "version": "0",
        "id": f"memory-{number}",
        "detail-type": "v2.users.{id}.presence",
        "source": "aws.partner/genesys.com/cloud/5a1b2c3d-0000-4000-8000-000000000001/memory",
        "time": instant(at),
        "detail": {
            "topicName": f"v2.users.{agent}.presence",
            "version": "2",
            "eventBody": {
                "source": "PURECLOUD",
                "presenceDefinition": {"id": "31fe3bac-dea6-44b7-bed7-47f91660a1a0", "systemPresence": presence},
                "primary": True,
                "modifiedDate": instant(at),
            },
            "timestamp": instant(at),
        },
    }
    return Delivery("eventbridge", {}, json.dumps(body).encode(), at, "basic:1")


def chunk(first: int, clock: Clock) -> list[Message]:
    """The next events; the clock goes with them."""
    messages = []
    for number in range(first, first + CHUNK):
        clock.moment = BEGIN + number * STEP
        messages += [envelope.to_message() for envelope in envelopes(delivery(number, clock.moment))]
    return messages


def resident() -> float:
    """MB in use now, not the highest."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


async def flow(events: int, seconds: float, folder: Path) -> list[tuple[int, float]]:
    """Resident MB after so many events, ten times; less often (three times at least) when the time is over."""
    until = time.perf_counter() + seconds
    clock, seen = Clock(), []
    (group,) = normalise(Policy(timedelta(weeks=8)), clock.now)
    progress, stop = Progress(group.name, group.topic), asyncio.Event()
    async with SqliteLog.open(folder / "events.db", TOPICS, 12, clock.now) as log:
        work = run(group, log, stop, policy=Pace(), metrics=Metrics.build(), now=clock.now, progress=progress)
        task = asyncio.create_task(work)
        for first in range(0, events, CHUNK):
            await log.append(chunk(first, clock))
            await _done(progress, first + CHUNK, task)
            if (first + CHUNK) % (events // 10) < CHUNK:
                await log.compact(clock.now())
                seen.append((first + CHUNK, resident()))
                print(f"after {first + CHUNK:,} events: {resident():.0f} MB", flush=True)
                if len(seen) >= LEAST_SEEN and time.perf_counter() > until:
                    break
        stop.set()
        await task
    if progress.parked:
        raise SystemExit(f"{progress.parked} dead letters")
    return seen


async def _done(progress: Progress, count: int, task: asyncio.Task[None]) -> None:
    until = time.perf_counter() + STALLED_SECONDS
    while progress.done + progress.parked < count:
        if task.done():
            task.result()
        if time.perf_counter() > until:
            raise SystemExit(f"stalled at {progress.done} of {count} events")
        await asyncio.sleep(0.005)


def rows(seen: list[tuple[int, float]], seconds: float) -> list[dict[str, Any]]:
    """The last measure, and how much it grew since the first fifth."""
    events, last = seen[-1]
    early = seen[1][1]
    memory = {"name": f"memory after {events:,} events, {AGENTS} agents", "value": round(last), "unit": "MB"}
    growth = {"name": f"… per million events since the first {seen[1][0]:,}", "unit": "MB"}
    rate = {"name": "… and how fast they went by", "value": round(events / seconds), "unit": "events/s"}
    grown = (last - early) / (events - seen[1][0]) * 1_000_000
    rest = {"p50Ms": None, "p99Ms": None, "rssMb": round(last)}
    return [
        {**memory, "reference": LIMIT_MB, "ratio": round(last / LIMIT_MB, 2), **rest},
        {**growth, "value": round(grown, 1), "reference": None, "ratio": None, **rest},
        {**rate, "reference": None, "ratio": None, **rest},
    ]


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--seconds", type=float, default=450)
    options = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as folder:
        seen = asyncio.run(flow(max(options.events, 10 * CHUNK), options.seconds, Path(folder)))
    found = rows(seen, time.perf_counter() - began)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "memory.json").write_text(json.dumps(found, indent=1) + "\n")
    for each in found:
        print(f"{each['name']:48} {each['value']:>8} {each['unit']}")


if __name__ == "__main__":
    main()
