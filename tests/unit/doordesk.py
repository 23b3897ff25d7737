"""A member behind the door: requests in, what stands in the log out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from processor.eventlog import Message, Record
from tests.unit.engine import running, until
from tests.unit.memorylog import MemoryLog
from tests.unit.things import NOW, Things, group

BLUE = {"colour": "blue", "size": 1}
GREEN = {"colour": "green", "size": 2}


def data(record: Record) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(record.message.value or b"{}")
    return content


def outcomes(log: MemoryLog) -> list[dict[str, Any]]:
    return [data(record) for record in log.all("genesys.outcomes")]


async def through(log: MemoryLog, things: Things | None, requests: Sequence[Any] = (), **more: Any) -> None:
    """Append these, and let a member finish all that is there, commits included."""
    await log.append([request.to_message() for request in requests])
    async with running(group(things, **more), log):
        total = -1
        while total != len(log.all("genesys.requests")):  # what lay astray is appended once more
            total = len(log.all("genesys.requests"))
            await until(lambda: sum(log._offsets["requests", "genesys.requests"].values()) >= total)  # noqa: B023


def misplaced(log: MemoryLog, message: Message, partition: int) -> None:
    """As a program with another partitioner writes it."""
    records = log._records["genesys.requests", partition]
    records.append(Record("genesys.requests", partition, len(records), NOW, message))
