"""The logs that must keep the same promises."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processor.eventlog import EventLog, Topic
from processor.eventlog.sqlite import SqliteLog

TOPICS = (Topic("things", retention=timedelta(days=7)), Topic("states", compact=True), Topic("results"))
PARTITIONS = 4

OpenLog = Callable[[], AbstractAsyncContextManager[EventLog]]


@pytest.fixture(params=["sqlite"])
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> OpenLog:
    """Opens the same log each time, as one more member beside those that have it open."""
    assert request.param == "sqlite"
    return lambda: SqliteLog.open(tmp_path / "events.db", TOPICS, PARTITIONS, lambda: datetime.now(UTC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where an embedded log may be made; the folder does not exist yet."""
    return tmp_path / "sub" / "events.db"
