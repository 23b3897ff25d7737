"""The spool: what Kafka does not take is kept, in order, and everything follows that way until nothing lies there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from processor.errors import FatalError, RetryableError
from processor.eventlog import Message
from processor.spool import Spool
from processor.spool_forward import Patience
from processor.spool_left import adopt, left_over, spool_of
from processor.telemetry import Metrics

TOPIC = "genesys.raw"
QUICK = Patience(direct=0.05, abandon=0.05, last=0.05, pause=0.001, longest_pause=0.005)


class Upstream:
    """Kafka as the spool meets it: takes, refuses, or hangs; what hangs lands only when it was not abandoned."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.mood = "takes"
        self.news = asyncio.Event()
        self.under_way = 0
        self.abandoned_with: list[int] = []

    def turn(self, mood: str) -> None:
        self.mood = mood
        self.news.set()

    async def append(self, messages: Sequence[Message]) -> None:
        self.under_way += 1
        try:
            while self.mood == "hangs":
                self.news.clear()
                await self.news.wait()
            await asyncio.sleep(0)
            if self.mood == "refuses":
                raise RetryableError("no leader")
            self.taken += messages
        finally:
            self.under_way -= 1

    async def abandon(self) -> None:
        self.abandoned_with.append(self.under_way)

    async def check(self) -> None:
        if self.mood != "takes":
            raise RetryableError("no leader")


@asynccontextmanager
async def spooling(folder: Path, upstream: Upstream, **more: Any) -> AsyncIterator[tuple[Spool, Metrics]]:
    metrics = Metrics.build()
    file = more.pop("file", folder / "spool.db")
    clock = more.pop("clock", lambda: datetime.now(UTC))
    where = Spool.open(file, upstream, TOPIC, 4, clock, metrics=metrics, patience=QUICK, **more)
    async with asyncio.timeout(20), where as spool, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(spool.run())
        yield spool, metrics
        running.cancel()


def one(number: int, key: str = "agent/u-1") -> Message:
    return Message(TOPIC, key, b"%d" % number, {"ce_id": f"e{number}"})


def numbers(upstream: Upstream) -> list[int]:
    return [int(message.value or b"") for message in upstream.taken]


async def until(what: Callable[[], bool]) -> None:
    while not what():  # noqa: ASYNC110 - what it looks at tells nobody
        await asyncio.sleep(0)


async def test_while_kafka_takes_it_nothing_is_kept(tmp_path: Path) -> None:
    upstream = Upstream()
    async with spooling(tmp_path, upstream) as (spool, metrics):
        for number in range(5):
            await spool.append([one(number)])
        await spool.emptied()
    assert numbers(upstream) == [0, 1, 2, 3, 4]
    assert metrics.registry.get_sample_value("processor_spooled_records_total") == 0


@pytest.mark.parametrize("mood", ["refuses", "hangs"])
async def test_nobody_is_refused_and_the_order_holds(tmp_path: Path, mood: str) -> None:
    upstream = Upstream()
    async with spooling(tmp_path, upstream) as (spool, metrics):
        await spool.append([one(0)])
        upstream.turn(mood)
        for number in range(1, 30):
            await spool.append([one(number)])
        assert numbers(upstream) == [0]
        assert metrics.registry.get_sample_value("processor_spooling") == 1
        upstream.turn("takes")
        for number in range(30, 60):  # some of these come while others still lie there
            await spool.append([one(number)])
        await spool.emptied()
        await spool.append([one(60)])
    assert numbers(upstream) == list(range(61))
    assert metrics.registry.get_sample_value("processor_spool_records") == 0


async def test_before_the_first_record_is_kept_nothing_is_on_its_way(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("hangs")
    async with spooling(tmp_path, upstream) as (spool, _):
        await asyncio.gather(*(spool.append([one(n, f"agent/u-{n}")]) for n in range(20)))
        assert upstream.abandoned_with[0] == 0
        assert upstream.taken == []
        upstream.turn("takes")
        await spool.emptied()
    assert sorted(numbers(upstream)) == list(range(20)), "each of them once"


async def test_it_is_over_also_while_callers_never_rest(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    sent: dict[int, list[int]] = {caller: [] for caller in range(8)}
    rest = asyncio.Event()

    async def call(spool: Spool, caller: int) -> None:
        number = caller
        while not rest.is_set():
            await spool.append([one(number, f"agent/u-{caller}")])
            sent[caller].append(number)
            number += len(sent)

    async with spooling(tmp_path, upstream) as (spool, metrics), asyncio.TaskGroup() as callers:
        for caller in sent:
            callers.create_task(call(spool, caller))
        await until(lambda: (shown(metrics, "records") or 0) > 100)
        upstream.turn("takes")
        await spool.emptied()
        direct = len(upstream.taken)
        await until(lambda: len(upstream.taken) > direct + 100 or spool._spooling)
        assert not spool._spooling
        rest.set()
    for caller, told in sent.items():
        assert [n for n in numbers(upstream) if n % len(sent) == caller] == told, "in order, each once"


async def test_who_waits_for_the_last_batch_comes_in_when_kafka_is_away_again(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([one(0)])
        await until(lambda: not spool._open.is_set())  # the last batch is on its way, and nobody takes it
        await spool.append([one(1)])
        assert numbers(upstream) == []
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0, 1]


async def test_one_that_is_late_takes_all_others_with_it_at_once(tmp_path: Path) -> None:
    """The first of many loses patience; the last would have had all of it left, and must not wait."""
    upstream = Upstream()
    upstream.turn("hangs")
    async with spooling(tmp_path, upstream) as (spool, _):
        first = asyncio.create_task(spool.append([one(0)]))
        await until(lambda: upstream.under_way == 1)
        spool._switch("told by the test")
        later = asyncio.create_task(spool.append([one(1)]))
        await first
        await later
        assert upstream.under_way <= 1, "only the forwarder may be there"
        upstream.turn("takes")
        await spool.emptied()
    assert sorted(numbers(upstream)) == [0, 1]  # neither was acknowledged before the other came


async def test_what_a_killed_process_left_goes_first(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        for number in range(3):
            await spool.append([one(number)])
    assert numbers(upstream) == []
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([one(3)])
        await spool.check()
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0, 1, 2, 3]


async def test_two_processes_need_two_files(tmp_path: Path) -> None:
    async with spooling(tmp_path, Upstream()):
        with pytest.raises(FatalError, match=r"a file of its own.*held by pid"):
            async with spooling(tmp_path, Upstream()):
                pass


async def test_ready_as_long_as_one_of_both_takes_it(tmp_path: Path) -> None:
    upstream = Upstream()
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.check()
        upstream.turn("refuses")
        await spool.check()


async def test_who_gave_up_while_it_was_being_kept_is_forwarded_all_the_same(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([one(0)])
        hasty = asyncio.create_task(spool.append([one(1)]))
        await until(lambda: bool(spool._writes))
        hasty.cancel()
        upstream.turn("takes")
        await spool.emptied()
        await spool.append([one(2)])
    assert numbers(upstream) == [0, 1, 2]


def shown(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"processor_spool_{name}")


async def test_a_full_spool_refuses_and_takes_again_once_kafka_has_taken_some(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream, most_bytes=2_000) as (spool, metrics):
        kept = 0
        with pytest.raises(RetryableError, match="the spool is full"):  # noqa: PT012 - it raises at some time
            while True:
                await spool.append([one(kept)])
                kept += 1
        assert 50 < kept < 150
        assert 1_900 < (shown(metrics, "bytes") or 0) <= 2_000
        with pytest.raises(RetryableError, match="the spool is full"):
            await spool.append([Message(TOPIC, "agent/u-1", b"9" * 2_000)])
        upstream.turn("takes")
        await spool.emptied()
        assert numbers(upstream) == list(range(kept)), "what was refused is nowhere"
        assert shown(metrics, "bytes") == 0
        upstream.turn("refuses")
        await spool.append([one(kept)])


async def test_a_full_spool_is_not_ready(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream, most_bytes=len("agent/u-1") + len("0") + len("ce_ide0")) as (spool, _):
        await spool.check()
        await spool.append([one(0)])
        with pytest.raises(RetryableError, match="the spool is full"):
            await spool.check()


async def test_what_a_killed_process_left_counts_for_the_bound(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, _):
        await spool.append([Message(TOPIC, f"agent/u-{n}", b"x" * 10_000) for n in range(20)])
    async with spooling(tmp_path, upstream, most_bytes=200_000) as (spool, _):
        with pytest.raises(RetryableError, match="the spool is full"):
            await spool.append([one(0)])


async def test_the_age_of_the_oldest_grows_while_it_lies_there(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    clock = [datetime(2026, 3, 9, tzinfo=UTC)]
    async with spooling(tmp_path, upstream, clock=lambda: clock[0]) as (spool, metrics):
        await spool.append([one(0)])
        await until(lambda: spool._forwarder._oldest is not None)
        clock[0] += timedelta(minutes=7)
        assert shown(metrics, "oldest_seconds") == 420
        upstream.turn("takes")
        await spool.emptied()
        assert shown(metrics, "oldest_seconds") == 0


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
