"""Published hours reach as far ahead tomorrow as today, though nobody sends anything and Genesys is not configured."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path

import handlers
from processor import consumer
from processor.app.roles import Role, groups
from processor.app.topics import TOPICS
from processor.eventlog.sqlite import SqliteLog
from processor.pace import Policy
from processor.telemetry import Metrics
from tests.integration.through import NOW, through

SCHEDULE = {
    "event": "schedule:updated",
    "timestamp": "2026-03-09T13:00:00Z",
    "data": {
        "id": "s-1",
        "scheduleGroupId": "g-1",
        "timezoneId": "America/New_York",
        "scheduleEntries": [{"daysOfWeek": ["monday"], "startTime": "08:00:00.000", "endTime": "18:00:00.000"}],
    },
}


async def test_the_horizon_moves_on_by_itself(tmp_path: Path) -> None:
    first = await through(tmp_path / "events.db", json.dumps(SCHEDULE).encode())
    ((today,),) = (first.of("genesys.schedules"),)
    tomorrow = NOW + timedelta(days=1)
    (group,) = groups([Role.NORMALISE], handlers.Policy(timedelta(weeks=2)), handlers.FarSides(), lambda: tomorrow)
    async with SqliteLog.open(tmp_path / "events.db", TOPICS, 1, lambda: tomorrow) as log:
        work = asyncio.create_task(
            consumer.run(group, log, asyncio.Event(), policy=Policy(), metrics=Metrics.build(), now=lambda: tomorrow)
        )
        try:
            while not work.done() and (await log.bounds("genesys.schedules", 0))[1] < 2:  # noqa: ASYNC110  # the log is all we see of it
                await asyncio.sleep(0.002)
        finally:
            work.cancel()
            await asyncio.wait([work])
        (moved,) = [record async for record in log.read("genesys.schedules", 0, 1, 2)]
    ends = [datetime.fromisoformat(json.loads(one.message.value or b"")["horizon"]["end"]) for one in (today, moved)]
    assert ends[1] - ends[0] == timedelta(days=1)
    assert moved.message.headers["ce_source"] == "processor/horizon"
