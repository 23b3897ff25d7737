"""Spools of workers that are no longer started: sent by others, and removed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from processor.spool_left import adopt, left_over, spool_of
from processor.telemetry import Metrics
from tests.unit.spooldesk import QUICK, TOPIC, Upstream, numbers, one, shown, spooling


def test_which_spools_nobody_opens_any_more(tmp_path: Path) -> None:
    base = tmp_path / "spool.db"
    there = [
        "spool.db",
        "spool-1.db",
        "spool-2.db",
        "spool-3.db",
        "spool-3.db-wal",
        "spool-x.db",
        "spool-3.db-lease-spool",
    ]
    for name in there:
        (tmp_path / name).touch()
    assert [file.name for file in left_over(base, 1)] == ["spool-1.db", "spool-2.db", "spool-3.db"]
    assert [file.name for file in left_over(base, 2)] == ["spool-3.db", "spool.db"]
    assert left_over(tmp_path / "nowhere" / "spool.db", 1) == ()
    assert [spool_of(base, None).name, spool_of(base, 2).name] == ["spool.db", "spool-2.db"]


async def adopted(file: Path, upstream: Upstream) -> Metrics:
    metrics = Metrics.build()
    await adopt(file, upstream, TOPIC, 4, lambda: datetime.now(UTC), metrics=metrics, patience=QUICK)
    return metrics


async def test_a_spool_that_its_worker_left_is_sent_in_order_and_removed(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    left = spool_of(tmp_path / "spool.db", 3)
    async with spooling(tmp_path, upstream, file=left) as (spool, _):
        for number in range(10):
            await spool.append([one(number)])
    adopting = asyncio.create_task(adopted(left, upstream))
    async with spooling(tmp_path, upstream, file=spool_of(tmp_path / "spool.db", 1)) as (spool, _):
        await spool.append([one(10, "agent/u-2")])
        upstream.turn("takes")
        metrics = await adopting
        await spool.emptied()
    assert [number for number in numbers(upstream) if number < 10] == list(range(10))
    assert sorted(numbers(upstream)) == list(range(11))
    assert shown(metrics, "forwarded_records_total") == 10
    assert shown(metrics, "left_records") == 0
    assert left_over(tmp_path / "spool.db", 2) == []


async def test_a_spool_that_its_worker_still_has_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    left = spool_of(tmp_path / "spool.db", 3)
    async with spooling(tmp_path, upstream, file=left) as (spool, _):
        await spool.append([one(0)])
        await adopted(left, upstream)
        assert "spool-not-adopted" in caplog.text
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0]


async def test_a_left_file_that_is_no_spool_is_told_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left = tmp_path / "spool-3.db"
    left.write_bytes(b"no database" * 1000)
    await adopted(left, Upstream())
    assert "spool-not-adopted" in caplog.text
    assert left.read_bytes().startswith(b"no database")
