"""A log in memory whose commits end when the test lets them, and a group that tells what it has judged."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from processor.pace import Policy
from tests.unit.adding import Sum
from tests.unit.engine import QUICK, Fact, Note
from tests.unit.memorylog import MemoryLog, MemorySubscription

SUBJECT = "s/1"
HOME = partition_of(SUBJECT, 4)
ONE_BY_ONE = Policy(idle=QUICK.idle, batch=1, replays_every=QUICK.replays_every, lag_every=QUICK.lag_every)


class SlowLog(MemoryLog):
    """`begun`: how many messages each commit holds that has begun; all of them wait at the gate."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []
        self.gate = asyncio.Event()


def slow_log(monkeypatch: pytest.MonkeyPatch) -> SlowLog:
    slow = SlowLog()
    quick = MemorySubscription.commit

    async def commit(self: MemorySubscription, offsets: Mapping[int, int], messages: Sequence[Message] = ()) -> None:
        if messages:
            slow.begun.append(len(messages))
            await slow.gate.wait()
        await quick(self, offsets, messages)

    monkeypatch.setattr(MemorySubscription, "commit", commit)
    return slow


class Watched(Sum):
    """Adds up, and tells what it has judged."""

    def __init__(self) -> None:
        super().__init__()
        self.judged: list[int] = []

    async def __call__(self, event: Fact) -> list[Note]:
        self.judged.append(event.number)
        return await super().__call__(event)


async def turns(count: int = 50) -> None:
    """Of the loop: time enough for whatever does not wait for the gate."""
    for _ in range(count):
        await asyncio.sleep(0)
