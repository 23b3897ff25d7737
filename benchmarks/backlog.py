"""A log with a past: python benchmarks/backlog.py [RECORDS] → results/backlog.json.

How long it takes to open, how fast it appends beside what an empty one does, and how long a server takes
from its start to ready. The past is made by SQL in a folder of its own: a week of agents' states, read already.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from processor.app.topics import TOPICS
from processor.eventlog import Message
from processor.eventlog.sqlite import SqliteLog
from processor.eventlog.sqlite_schema import prepare

PARTITIONS = 12
AGENTS = 5_000
APPENDED = 20_000
SENDERS = 64
WEEK_MILLISECONDS = 6 * 86_400_000
SHARES = {"genesys.raw": 0.55, "genesys.presence": 0.25, "genesys.fates": 0.1, "genesys.volume": 0.1}
HEADERS = json.dumps({
    "ce_specversion": "1.0", "ce_source": "genesys/org-7", "content-type": "application/json", "ce_datadigest": "0" * 64
})  # fmt: skip
TYPES = {
    "genesys.raw": "v2.users.{id}.presence",
    "genesys.presence": "genesys.presence.updated",
    "genesys.fates": "genesys.fates.decided",
    "genesys.volume": "genesys.volume.updated",
}
DATA = {
    "genesys.raw": json.dumps({"detail": {"eventBody": {"pad": "x" * 500}}}),
    "genesys.presence": json.dumps({"userId": "u", "presence": "BUSY", "presenceSince": "2026-03-09T13:00:00.000Z"}),
    "genesys.fates": json.dumps({"fate": "duplicate", "reason": ""}),
    "genesys.volume": json.dumps({
        "queueId": "q", "mediaType": "voice", "offered": 5, "answered": 5, "final": True,
        "interval": {"start": "2026-03-09T13:00:00.000Z", "end": "2026-03-09T13:30:00.000Z"},
    }),
}  # fmt: skip
FILL = """INSERT INTO records (id, timestamp, key, headers, value)
    WITH RECURSIVE n(i) AS (SELECT 0 WHERE :count UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :count)
    SELECT (:slot << 40) | i, :first + i * :span / :count, :kind || (i % :subjects) || '-' || :slot,
        CAST(json_set(:headers, '$.ce_id', 'e-' || :slot || '-' || i, '$.ce_type', :type, '$.ce_time',
            strftime('%Y-%m-%dT%H:%M:%fZ', (:first + i * :span / :count) / 1000.0, 'unixepoch'),
            '$.ce_subject', :kind || (i % :subjects) || '-' || :slot,
            '$.ce_causationid', 'e-' || :slot || '-' || i) AS BLOB), CAST(:data AS BLOB) FROM n"""


def fill(file: Path, records: int) -> None:
    """Keys lie in the partition they were made for, not in their own: nothing here looks for one."""
    numbers = prepare(file, [topic.name for topic in TOPICS], PARTITIONS)
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        for topic, share in SHARES.items():
            count = int(records * share / PARTITIONS)
            for partition in range(PARTITIONS):
                slot = numbers[topic] << 10 | partition
                kind = "queue/" if topic == "genesys.volume" else "agent/"
                subjects = (100 if topic == "genesys.volume" else AGENTS) // PARTITIONS
                values = {
                    "count": count, "slot": slot, "span": WEEK_MILLISECONDS, "kind": kind, "subjects": subjects,
                    "headers": HEADERS, "type": TYPES[topic], "data": DATA[topic],
                    "first": int(time.time() * 1000) - WEEK_MILLISECONDS,
                }  # fmt: skip
                database.execute(FILL, values)
                database.execute("UPDATE partitions SET next = ? WHERE slot = ?", (count, slot))
                group = {"genesys.raw": "normalise", "genesys.volume": "feedback"}.get(topic)
                if group:
                    database.execute("INSERT INTO offsets VALUES (?, ?, ?)", (group, slot, count))
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def row(name: str, value: float, unit: str, reference: float | None = None) -> dict[str, Any]:
    """As every benchmark reports."""
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "reference": reference and round(reference, 3),
        "ratio": reference and round(value / reference, 3),
        "p50Ms": None,
        "p99Ms": None,
        "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


async def opened(file: Path) -> float:
    """Seconds until a log is open and has taken one append."""
    started = time.perf_counter()
    async with SqliteLog.open(file, TOPICS, PARTITIONS, lambda: datetime.now(UTC)) as log:
        await log.append([Message("genesys.raw", "agent/u-1", b"{}", {"ce_type": "unknown", "ce_id": "first"})])
        return time.perf_counter() - started


async def appends(file: Path) -> float:
    """Durable appends a second."""
    message = Message("genesys.requests", "agent/u-1", b"x" * 700, {"ce_id": "x" * 200})
    async with SqliteLog.open(file, TOPICS, PARTITIONS, lambda: datetime.now(UTC)) as log:

        async def one() -> None:
            for _ in range(APPENDED // SENDERS):
                await log.append([message])

        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(one())
        return APPENDED / (time.perf_counter() - started)


async def ready(file: Path) -> float:
    """Seconds from a server's start to its ready line."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PROCESSOR_")},
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PROCESSOR_LOG": f"sqlite:///{file}",
        "PROCESSOR_PARTITIONS": str(PARTITIONS),
        "PROCESSOR_RECEIVER_PORT": "0",
        "PROCESSOR_ADMIN_PORT": "0",
        "PROCESSOR_CALENDAR_SECRET": "of-the-benchmark",
    }
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "processor", "serve", "--insecure-no-auth"),
        stdout=PIPE,
        stderr=DEVNULL,
        env=environment,
    )
    try:
        if process.stdout is None or not await asyncio.wait_for(process.stdout.readline(), 120):
            raise RuntimeError("the server did not start")
        return time.perf_counter() - started
    finally:
        process.terminate()
        await process.wait()


async def main(records: int) -> None:
    """Bounded: about 1 KB of disk for each record, given back at the end."""
    with tempfile.TemporaryDirectory() as folder:
        empty, full = Path(folder) / "empty.db", Path(folder) / "full.db"
        fill(empty, 0)
        fill(full, records)
        of = f"{records:,} records"
        reference = max([await appends(empty), await appends(empty)])
        rows = [
            row(f"open and append once, {of}", await opened(full), "s", await opened(empty)),
            row(
                f"durable appends, {SENDERS} senders, {of}",
                max([await appends(full), await appends(full)]),
                "/s",
                reference,
            ),
            row(f"server ready, {of}", await ready(full), "s", await ready(empty)),
            row(f"file, {of}", full.stat().st_size / 1e6, "MB"),
        ]
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "backlog.json").write_text(json.dumps(rows, indent=1) + "\n")
    for each in rows:
        print(
            f"{each['name']:52} {each['value']:>12} {each['unit']:4} empty: {each['reference']}  ratio {each['ratio']}"
        )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300_000))
