"""The spool: what Kafka does not take is kept, in order, and everything follows that way until nothing lies there."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from processor.errors import FatalError, PoisonError
from processor.spool import Spool
from tests.unit.spooldesk import PATIENT, Upstream, numbers, one, shown, spooling, until


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
        first = asyncio.ensure_future(spool.append([one(0)]))
        await until(lambda: upstream.under_way == 1)
        spool._switch("told by the test")
        later = asyncio.ensure_future(spool.append([one(1)]))
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
        hasty = asyncio.ensure_future(spool.append([one(1)]))
        await until(lambda: bool(spool._writes))
        hasty.cancel()
        upstream.turn("takes")
        await spool.emptied()
        await spool.append([one(2)])
    assert numbers(upstream) == [0, 1, 2]


async def test_who_gives_up_on_the_way_to_kafka_is_neither_kept_nor_held_against_it(tmp_path: Path) -> None:
    upstream = Upstream()
    async with spooling(tmp_path, upstream, patience=PATIENT) as (spool, metrics):
        upstream.turn("hangs")
        hasty = spool.append([one(0)])
        await until(lambda: upstream.under_way == 1)
        hasty.cancel()
        await until(lambda: upstream.under_way == 0)
        upstream.turn("takes")
        await spool.append([one(1)])
    assert numbers(upstream) == [1]
    assert metrics.registry.get_sample_value("processor_spooled_records_total") == 0


async def test_who_gives_up_while_he_waits_to_be_let_in_holds_up_nobody(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("hangs")
    async with spooling(tmp_path, upstream) as (spool, _):
        first = spool.append([one(0)])
        await until(lambda: spool._spooling)
        assert not spool._open.is_set()
        spool.append([one(1)]).cancel()  # before it has even begun to wait
        upstream.turn("takes")
        await first
        await spool.emptied()
        await spool.append([one(2)])
    assert numbers(upstream) == [0, 2]


async def test_what_kafka_never_takes_is_not_kept_for_it_either(tmp_path: Path) -> None:
    upstream = Upstream()
    upstream.turn("cannot write it")
    async with spooling(tmp_path, upstream) as (spool, _):
        with pytest.raises(PoisonError):
            await spool.append([one(0)])
        assert not spool._spooling


async def test_what_kafka_does_not_take_any_more_waits_for_a_person_and_the_others_behind_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    upstream = Upstream()
    upstream.turn("refuses")
    async with spooling(tmp_path, upstream) as (spool, metrics):
        await spool.append([one(0)])
        upstream.turn("cannot write it")
        await until(lambda: "spool-refused" in caplog.messages)
        await spool.append([one(1)])
        assert shown(metrics, "records") == 2
        upstream.turn("takes")
        await spool.emptied()
    assert numbers(upstream) == [0, 1]
