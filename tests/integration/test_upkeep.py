"""What a product that runs does for its file by itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processor.app import upkeep
from processor.app.topics import TOPICS
from processor.eventlog import Message
from processor.eventlog.sqlite import SqliteLog
from processor.settings import Settings
from processor.telemetry import Metrics

NOW = datetime(2026, 3, 9, 13, tzinfo=UTC)


async def test_what_is_past_its_time_goes_from_the_embedded_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "events.db"
    async with SqliteLog.open(file, TOPICS, 1, lambda: NOW) as log:
        await log.append([Message("genesys.raw", "agent/a", b"{}", {"ce_id": "e"})])
        monkeypatch.setattr(upkeep, "utc_now", lambda: NOW + timedelta(days=8))
        settings = Settings(log=f"sqlite:///{file}", partitions=1)
        caring = asyncio.create_task(upkeep.upkeep(log, settings, Metrics.build()))
        try:
            async with asyncio.timeout(30):
                while await log.bounds("genesys.raw", 0) != (1, 1):  # noqa: ASYNC110 - the log tells nobody
                    await asyncio.sleep(0.01)
        finally:
            caring.cancel()
            await asyncio.wait({caring})
