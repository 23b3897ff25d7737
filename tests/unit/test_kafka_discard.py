"""A consumer that does not want to leave is left: its tasks end, and its connections close."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from processor.eventlog import kafka_discard


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def test_a_stop_that_waits_for_ever_is_cut_off_and_leaves_no_task_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_discard, "CLOSE_SECONDS", 0.01)
    loop = asyncio.get_running_loop()
    names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")
    tasks = {name: loop.create_task(for_ever()) for name in names}
    fetching = loop.create_task(for_ever())
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    consumer: Any = SimpleNamespace(
        stop=for_ever,
        _coordinator=SimpleNamespace(**tasks),
        _fetcher=SimpleNamespace(_fetch_task=fetching),
        _client=SimpleNamespace(close=close, _conns={}),
    )
    await kafka_discard.leave(consumer)
    assert all(task.cancelled() for task in (*tasks.values(), fetching))
    assert closed.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_a_stop_raises_is_nobodys_business() -> None:
    async def fails() -> None:
        raise RuntimeError("closed already")

    consumer: Any = SimpleNamespace(stop=fails)
    await kafka_discard.leave(consumer)
