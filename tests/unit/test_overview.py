"""What the console is shown of each consumer group, and what the operations API writes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from processor.app.operations import Desk
from processor.errors import FarSideDown
from processor.eventlog import Message
from processor.progress import Progress
from processor.settings import load
from processor.telemetry import Metrics
from tests.unit.engine import Fact, fact, put, running, until
from tests.unit.memorylog import MemoryLog
from tests.unit.outside import Outside

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


async def test_how_far_a_group_is_behind_is_unknown_until_it_was_measured():
    log, metrics = MemoryLog(), Metrics.build()
    await log.append([Message("genesys.raw", "agent/u-1", b"{}", {}) for _ in range(3)])
    (partition,) = [at for at in range(log.partitions) if (await log.bounds("genesys.raw", at))[1]]
    group = Progress("normalise", "genesys.raw")
    desk = Desk(load({}), log, [group], metrics, lambda: NOW)
    (shown,) = (await desk.overview())["groups"]
    assert shown["lag"] is None

    await group.measure(log, metrics, NOW, {partition: 1}, NOW - timedelta(seconds=4))
    (shown,) = (await desk.overview())["groups"]
    assert (shown["lag"], shown["lagSeconds"]) == (2, 4)

    await group.measure(log, metrics, NOW, {partition: 3}, None)
    (shown,) = (await desk.overview())["groups"]
    assert (shown["lag"], shown["lagSeconds"]) == (0, 0)


async def test_why_a_group_waits_is_shown_as_long_as_it_waits():
    log, outside, group = MemoryLog(), Outside(), Progress("outside", Fact.topic)
    desk = Desk(load({}), log, [group], Metrics.build(), lambda: NOW)
    outside.trouble["s/0"] = FarSideDown("wfm: POST /events answered 401")
    await put(log, [fact("s/0", 0)])
    back = asyncio.Event()

    async def until_it_is_back(_leaving: asyncio.Event, _seconds: float) -> None:
        await back.wait()

    async with running(outside.group(), log, progress=group, pause=until_it_is_back):
        await until(lambda: bool(group.waiting))
        (shown,) = (await desk.overview())["groups"]
        assert shown["error"] == "FarSideDown: wfm: POST /events answered 401"
        outside.trouble.clear()
        back.set()
        await until(lambda: group.done == 1)
        (shown,) = (await desk.overview())["groups"]
        assert shown["error"] is None


async def test_far_sides_that_are_down_are_shown_though_no_record_waits():
    metrics = Metrics.build()
    desk = Desk(load({}), MemoryLog(), [], metrics, lambda: NOW)
    metrics.breaker_open.labels("wfm").set(0)
    metrics.breaker_open.labels("genesys").set_function(lambda: 1.0)
    assert (await desk.overview())["down"] == ["genesys"]


async def test_the_lag_of_a_partition_that_has_left_is_told_by_its_new_owner_alone():
    log, metrics = MemoryLog(), Metrics.build()
    group = Progress("normalise", "genesys.raw")
    await group.measure(log, metrics, NOW, {0: 0, 1: 0}, None)
    await group.measure(log, metrics, NOW, {1: 0}, None)

    def told(partition: str) -> float | None:
        labels = {"group": "normalise", "partition": partition}
        return metrics.registry.get_sample_value("processor_lag_records", labels)

    assert (told("0"), told("1")) == (None, 0)


async def test_a_request_has_the_trace_that_it_came_with():
    log = MemoryLog()
    desk = Desk(load({}), log, [], Metrics.build(), lambda: NOW)
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    for said in (trace, "none"):
        await desk.request("queue-freeze", {"queueId": "q-1", "reason": "training"}, by="ana", trace=said)
    assert [one.message.headers.get("traceparent") for one in log.all("genesys.requests")] == [trace, None]
