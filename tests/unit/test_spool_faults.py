"""What goes wrong while a spool is used: on the way to Kafka, on the disk, and for those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from processor import spool_forward
from processor.errors import RetryableError
from processor.eventlog import Message
from tests.unit.spooldesk import PATIENT, TOPIC, Upstream, numbers, one, shown, spooling, until


async def test_when_kafka_is_away_nobody_waits_for_it_until_his_own_time_is_up(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("hangs")
    async with spooling(tmp_path, upstream, patience=PATIENT) as (spool, metrics):
        waiting = [spool.append([one(number)]) for number in range(3)]
        await until(lambda: upstream.under_way == 3)
        spool._switch("told by the test")
        await asyncio.gather(*waiting)
        assert shown(metrics, "records") == 3
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0, 1, 2]


class SlowToLeave(Upstream):
    """Its producer needs a while to be gone, and those who gave up are not gone at once."""

    def __init__(self) -> None:
        super().__init__()
        self.leave = asyncio.Event()
        self.leave.set()

    async def append(self, messages: Sequence[Message]) -> None:
        self.under_way += 1
        try:
            await super().append(messages)
        except asyncio.CancelledError:
            for _ in range(10):
                await asyncio.sleep(0)
            raise
        finally:
            self.under_way -= 1

    async def abandon(self) -> None:
        await super().abandon()
        await self.leave.wait()


async def test_each_time_anew_nothing_is_on_its_way_when_the_first_record_is_kept(tmp_path: Path) -> None:
    upstream = SlowToLeave()
    async with spooling(tmp_path, upstream, patience=replace(PATIENT, abandon=1_000.0)) as (spool, _):
        for number in range(2):
            upstream.turn("hangs")
            upstream.leave.clear()
            upstream.abandoned_with.clear()
            late = spool.append([one(2 * number)])
            await until(lambda: upstream.under_way > 0)
            spool._switch("told by the test")
            waiting = spool.append([one(2 * number + 1)])
            assert not spool._writes
            await until(lambda: bool(upstream.abandoned_with))
            assert upstream.abandoned_with == [0]
            assert not spool._writes, "nothing is kept before the producer has gone"
            upstream.leave.set()
            await asyncio.gather(late, waiting)
            upstream.turn("takes")
            await spool.emptied()
    assert sorted(numbers(upstream)) == [0, 1, 2, 3]


async def test_what_kafka_refused_may_not_land_behind_what_is_sent_again(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([one(0)])
        abandoned = len(upstream.abandoned_with)
        await until(lambda: len(upstream.abandoned_with) > abandoned + 3)  # after each refusal
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0]


async def test_what_kafka_did_not_take_in_the_last_moment_may_not_land_behind_what_is_sent_again(
    tmp_path: Path,
) -> None:
    upstream = Upstream()
    upstream.turn("hangs")
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([one(0)])
        await until(lambda: len(upstream.abandoned_with) == 2)  # before it was kept, and when the last had its time
        assert upstream.abandoned_with == [0, 0]
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0]


async def test_what_the_disk_did_not_take_weighs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream, most_bytes=2_000) as (spool, metrics):
        await spool.append([one(0)])
        before = shown(metrics, "bytes")

        async def full(_: Any) -> None:
            raise RetryableError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(spool._store, "append", full)
            for _ in range(100):
                with pytest.raises(RetryableError, match="the disk is full"):
                    await spool.append([one(1)])
        assert shown(metrics, "bytes") == before
        await spool.append([one(2)])
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0, 2]


async def test_a_disk_that_cannot_be_written_while_it_is_emptied_ends_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([one(0)])
        remove, refusals = spool._store.remove, iter(range(3))

        async def sometimes(*what: Any) -> None:
            if next(refusals, None) is not None:
                raise RetryableError("the disk is full")
            await remove(*what)

        monkeypatch.setattr(spool._store, "remove", sometimes)
        upstream.turn("takes")
        await spool.emptied()
        await spool.append([one(1)])
    assert numbers(upstream) == [0, 1], "sent once: what Kafka has is not sent again for the disk's sake"
    assert caplog.messages.count("spool-not-trimmed") == 3


async def test_large_records_go_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_forward, "BATCH_BYTES", 25_000)
    sizes: list[int] = []

    class Counting(Upstream):
        async def append(self, messages: Any) -> None:
            await super().append(messages)
            sizes.append(len(messages))

    upstream = Counting()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        for _ in range(7):
            await spool.append([Message(TOPIC, "agent/u-1", b"x" * 10_000)])
        upstream.turn("takes")
        await spool.emptied()
    assert sum(sizes) == 7
    assert max(sizes) == 2
