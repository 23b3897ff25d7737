"""Durable, verified posts: the receiver on Kafka, beside a bare aiohttp handler that stores nothing, and peers."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import load
import receive

from handlers.normalise.envelopes import envelopes
from onkafka.product import PARTITIONS, now
from processor.app.interpreter import settle
from processor.app.topics import TOPICS
from processor.eventlog.kafka import KafkaLog
from processor.eventlog.kafka_connection import Connection
from processor.receiver import Receiver
from processor.signatures import Verifier
from processor.telemetry import Metrics
from processor.web.listener import Where, listening, runner_of

PROGRAM = Path(__file__).resolve().parents[1] / "kafka.py"


async def serve(bootstrap: str) -> None:
    """The child: the receiver as `serve` wires it, without a spool; says its port, and at the end what it cost."""
    settle()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    metrics = Metrics.build()
    async with KafkaLog.open(Connection(bootstrap), TOPICS, PARTITIONS, now, metrics=metrics) as log:
        receiver = Receiver(log.append, envelopes, Verifier.build(basic=[load.USER]), metrics, now)
        async with listening(runner_of(receiver.handle, 5, receiver.plain), Where("127.0.0.1", 0)) as at:
            started = resource.getrusage(resource.RUSAGE_SELF)
            print(at.rpartition(":")[2], flush=True)
            await stop.wait()
            used = resource.getrusage(resource.RUSAGE_SELF)
            cpu = used.ru_utime + used.ru_stime - started.ru_utime - started.ru_stime
            print(json.dumps({"cpu": cpu, "rssMb": receive.highest_mb()}), flush=True)


async def posts(
    bootstrap: str,
    connections: Sequence[int],
    seconds: float,
    rounds: int,
    peers: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    """All in turn; `peers`: by name, what starts them. They write where we do."""

    def started_by(kind: str) -> list[str]:
        if kind == "kafka":
            return [sys.executable, str(PROGRAM), "--serve", bootstrap]
        return list(peers[kind]) if kind in peers else receive.command(kind)

    rows: list[dict[str, Any]] = []
    for number in connections:
        kinds = ["bare", "kafka", *peers]
        rows += await receive.compare(kinds, number, seconds, rounds, fresh=False, started_by=started_by)
    return rows
