"""A peer: raw to clean by hand: consume, validate with pydantic, produce acks=all, commit after each batch.

    python benchmarks/peers/by_hand_clean.py BOOTSTRAP FROM TO EVENTS

It has no fences, no repeats by id, no tables, no transaction: a crash between produce and commit doubles.
Prints the rate from its first batch to EVENTS, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from datetime import datetime
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pydantic import BaseModel


class Definition(BaseModel):
    """Which presence."""

    id: str
    systemPresence: str  # noqa: N815 - the sender's name


class Presence(BaseModel):
    """The body of a presence event."""

    source: str
    presenceDefinition: Definition  # noqa: N815 - the sender's name
    primary: bool
    message: str
    modifiedDate: datetime  # noqa: N815 - the sender's name


class Clean(BaseModel):
    """What is told further."""

    user_id: str
    presence: str
    since: datetime


def cleaned(key: bytes, value: bytes) -> bytes:
    """One event."""
    body = json.loads(value)
    presence = Presence.model_validate(body.get("detail", body).get("eventBody", body))
    user = key.decode().partition("/")[2]
    clean = Clean(user_id=user, presence=presence.presenceDefinition.systemPresence, since=presence.modifiedDate)
    return clean.model_dump_json().encode()


def highest_mb() -> float:
    """Resident, of this program only: `ru_maxrss` begins at what its parent had."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


async def work(bootstrap: str, source: str, target: str, events: int) -> None:
    """Until so many are done."""
    consumer = AIOKafkaConsumer(
        source,
        bootstrap_servers=bootstrap,
        group_id=f"by-hand-{uuid.uuid4().hex}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=1 << 20
    )
    await producer.start()
    await consumer.start()
    done, began, used = 0, 0.0, 0.0
    try:
        while done < events:
            found = await consumer.getmany(timeout_ms=1000, max_records=500)
            if found and not began:
                began, used = time.perf_counter(), time.process_time()
            sends = [
                await producer.send(target, cleaned(record.key, record.value), key=record.key)
                for records in found.values()
                for record in records
            ]
            await asyncio.gather(*sends)
            if sends:
                await consumer.commit()
            done += len(sends)
    finally:
        await consumer.stop()
        await producer.stop()
    seconds, cost = time.perf_counter() - began, time.process_time() - used
    print(
        json.dumps({"value": round(done / seconds), "cpuUs": round(cost / done * 1e6, 1), "rssMb": round(highest_mb())})
    )


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
