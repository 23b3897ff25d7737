"""Several processes on Kafka, under load, through faults: judged by what was told and what librdkafka reads.

`make test` runs a short course on one broker; `make chaos` runs CHAOS_ROUNDS rounds on three, pauses
that outlast a session among them, and writes what it saw to CHAOS_REPORT. CHAOS_SEED chooses another course, CHAOS_FAULTS
(`twins,all brokers away`) other faults.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from processor.devkafka.cluster import Cluster
from sandbox.options import Options
from sandbox.run import running
from tests.chaos.calendars import calendars
from tests.chaos.course import Course, course_of, site
from tests.chaos.history import HOURS, Told, shown_wrongly, told_wrongly, violations
from tests.chaos.kafkaproduct import Server, rows
from tests.chaos.product import SECRET
from tests.contract.caldavserver import PASSWORD, USER, radicale
from tests.kafkabroker import Brokers

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "0"))
SEED = int(os.environ.get("CHAOS_SEED", "4"))
END_SECONDS = 120
MOVED = {
    *("posts_total", "callers_total", "received_events_total", "received_bytes_total", "acknowledged_seconds_count"),
    *("append_seconds_count", "append_records_total", "records_total", "table_loads_total", "published_events_total"),
}
"""What the two must have counted on the short course, whoever of them had which partition."""


@pytest.fixture
def brokers(request: pytest.FixtureRequest) -> Cluster:
    """Three nodes for the long course."""
    nodes: Brokers = request.getfixturevalue("kafka3" if ROUNDS else "kafka1")
    return nodes.own


async def all_ended(bootstrap: str, posts: list[Any], told: Callable[[], list[Told]], home: str) -> list[str]:
    """What is wrong once everything in raw has come to its end, or when it has had its time."""
    found: list[str] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(END_SECONDS):
            while True:
                log = await asyncio.to_thread(rows, bootstrap)
                found = violations(posts, log, dense=False)
                found += told_wrongly(told(), [row for row in log if row.topic == "genesys.presence"])
                found += shown_wrongly(await asyncio.to_thread(calendars, home, log), log)
                if not found:
                    break
                await asyncio.sleep(1)
    return found


async def metrics(server: Server) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{server.ready['admin']}/metrics") as answer:
        return await answer.text()


async def until_empty(server: Server) -> None:
    """Nothing lies in its spool."""
    async with asyncio.timeout(END_SECONDS):
        while "\nprocessor_spooling 0.0" not in await metrics(server):  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(0.2)


def moved(shown: str) -> set[str]:
    """The metrics that show more than nought."""
    values = [line.removeprefix("processor_").rpartition(" ") for line in shown.splitlines()]
    return {name.partition("{")[0] for name, _, value in values if value not in {"0.0", ""}}


def bugs(said: str) -> list[str]:
    """Errors that nobody foresaw; Kafka's client library tells of its own in its own room."""
    lines = said.splitlines()
    own = [n for n, line in enumerate(lines) if "Traceback" in line and '"room":"aiokafka' not in line]
    return ["\n".join(lines[n : n + 40])[:3000] for n in own]


def publish(report: dict[str, Any]) -> None:
    if file := os.environ.get("CHAOS_REPORT"):
        Path(file).with_suffix(".kafka.json").write_text(json.dumps(report, indent=1) + "\n")


@pytest.mark.slow
@pytest.mark.timeout(420 + ROUNDS * 150)
async def test_kafka_nothing_is_lost_doubled_or_put_out_of_order(tmp_path: Path, brokers: Cluster) -> None:
    with radicale(tmp_path) as server:
        await _course(tmp_path, brokers, server.home)


async def _course(tmp_path: Path, brokers: Cluster, home: str) -> None:
    began = time.monotonic()
    async with running(Options(port=0, wfm_port=0, quiet=True, wfm_secret=SECRET)) as sandbox:
        sides = {
            "PROCESSOR_WFM_URL": str(sandbox.ready()["wfm"]),
            "PROCESSOR_WFM_SECRET": SECRET,
            "PROCESSOR_WFM_TOPICS": "presence",
            "PROCESSOR_CALDAV_URL": f"{home}/",
            "PROCESSOR_CALDAV_USER": USER,
            "PROCESSOR_CALDAV_PASSWORD": PASSWORD,
            "PROCESSOR_HORIZON_WEEKS": "2",
        }
        spool = {"PROCESSOR_SPOOL": f"sqlite:///{tmp_path / 'spool.db'}"}
        first = site(tmp_path, "one", brokers.bootstrap, SEED, {**sides, **spool})
        second = site(tmp_path, "two", brokers.bootstrap, SEED + 1, sides)

        def told() -> list[Told]:
            books = sandbox.wfm.books["events"]
            return [Told(e.id, e.told["subject"], e.told["sequence"]) for e in books.events.values()]

        counted: set[str] = set()
        course = Course(brokers, sandbox, first, second, SEED)
        try:
            await first.start()
            for fault in course_of(ROUNDS):
                await course.round(fault)
                counted |= moved(await metrics(first.server))
            await first.quiet()
            await second.quiet()
            for one in (first, second):
                counted |= moved(await metrics(one.server)) if one.there else set()
            await first.callers.finish(first.server.url)
            await second.callers.finish(first.server.url)
            await until_empty(first.server)
            posts = first.callers.posts + second.callers.posts + course.poison
            found = await all_ended(brokers.bootstrap, posts, told, home)
            ended = [await one.server.end() for one in (first, second) if one.there]
        finally:
            for one in (first, second):
                one.server.signal(signal.SIGCONT)
                await one.kill()
    publish(
        {
            "seed": SEED,
            "seconds": round(time.monotonic() - began, 1),
            "faults": dict(course.done),
            "posts": len(posts),
            "refusedWithSpool": first.callers.answers.refused,
            "refusedWithout": second.callers.answers.refused,
            "unanswered": second.callers.answers.unanswered,
            "violations": found,
        }
    )
    assert not found, found[:20]
    assert set(ended) == {0}
    assert not first.callers.wrong + second.callers.wrong
    assert first.callers.answers.refused == 0, "a spool takes what Kafka does not"
    assert any(post.facet == HOURS and post.acknowledged for post in posts), "no calendar had anything to show"
    assert "spooling" in first.server.said, "no fault met the spool: this run has shown nothing of it"
    assert ROUNDS or not MOVED - counted, "these metrics have counted nothing"
    for one in (first, second):
        assert not bugs(one.server.said), bugs(one.server.said)[:3]
