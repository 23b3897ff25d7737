"""The logs that must keep the same promises."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from processor.eventlog import EventLog, Topic
from processor.eventlog.sqlite import SqliteLog
from tests.kafkalog import Names, create_topics, opened

TOPICS = (Topic("things", retention=timedelta(days=7)), Topic("states", compact=True), Topic("results"))
PARTITIONS = 4

OpenLog = Callable[[], AbstractAsyncContextManager[EventLog]]


@pytest.fixture(params=["sqlite", "kafka"])
async def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> OpenLog:
    """Opens the same log each time, as one more member beside those that have it open."""
    if request.param == "sqlite":
        return lambda: SqliteLog.open(tmp_path / "events.db", TOPICS, PARTITIONS, lambda: datetime.now(UTC))
    names = Names()
    bootstrap = request.getfixturevalue("kafka").bootstrap
    topics = [replace(topic, name=names.outside(topic.name)) for topic in TOPICS]
    await create_topics(bootstrap, topics, PARTITIONS)
    return lambda: opened(bootstrap, topics, PARTITIONS, names)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where an embedded log may be made; the folder does not exist yet."""
    return tmp_path / "sub" / "events.db"
