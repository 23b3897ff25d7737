from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from processor.clients.genesys.platform.cache import Cache
from processor.clients.genesys.platform.gather import Gather
from processor.errors import RefusedError, RetryableError
from tests.unit.farside import Clock


class Shop:
    """Has everything but `none`; `bad` spoils a whole basket."""

    def __init__(self) -> None:
        self.baskets: list[list[str]] = []
        self.trouble: Exception | None = None

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, str]:
        self.baskets.append(list(keys))
        await asyncio.sleep(0)
        if self.trouble:
            raise self.trouble
        if "bad" in keys:
            raise RefusedError("no such thing")
        return {key: key.upper() for key in keys if key != "none"}


async def all_of(gather: Gather[str], *keys: str) -> list[str | None]:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(gather.get(key)) for key in keys]
    return [task.result() for task in asked]


async def test_who_asks_at_the_same_time_shares_a_request() -> None:
    shop = Shop()
    gather = Gather(shop.fetch, sleep=Clock().sleep)
    assert await all_of(gather, "a", "b", "a", "none") == ["A", "B", "A", None]
    assert shop.baskets == [["a", "b", "none"]]
    assert await gather.get("a") == "A"
    assert len(shop.baskets) == 2  # nothing is kept


async def test_no_request_holds_more_than_allowed() -> None:
    shop = Shop()
    found = await all_of(Gather(shop.fetch, sleep=Clock().sleep, most=2), *"abcde")
    assert found == list("ABCDE")
    assert sorted(map(len, shop.baskets)) == [1, 2, 2]


async def test_one_bad_key_is_nobody_elses_trouble() -> None:
    gather = Gather(Shop().fetch, sleep=Clock().sleep)
    results = await asyncio.gather(*(gather.get(key) for key in ("a", "bad", "b")), return_exceptions=True)
    assert (results[0], results[2]) == ("A", "B")
    assert isinstance(results[1], RefusedError)


async def test_a_far_side_that_fails_fails_for_all() -> None:
    shop = Shop()
    shop.trouble = RetryableError("not now")
    gather = Gather(shop.fetch, sleep=Clock().sleep)
    results = await asyncio.gather(*(gather.get(key) for key in "ab"), return_exceptions=True)
    assert results == [shop.trouble, shop.trouble]
    assert len(shop.baskets) == 1


async def test_when_the_one_who_asks_for_all_is_stopped_the_others_learn_it() -> None:
    shop, never = Shop(), asyncio.Event()

    async def sleep(_: float) -> None:
        await never.wait()

    gather = Gather(shop.fetch, sleep=sleep)
    leader = asyncio.create_task(gather.get("a"))
    await asyncio.sleep(0)
    other = asyncio.create_task(gather.get("b"))
    await asyncio.sleep(0)
    leader.cancel()
    with pytest.raises(RetryableError):
        await other
    with pytest.raises(asyncio.CancelledError):
        await leader


async def test_one_who_is_stopped_takes_no_answer_from_the_others() -> None:
    shop, go = Shop(), asyncio.Event()

    async def sleep(_: float) -> None:
        await go.wait()

    gather = Gather(shop.fetch, sleep=sleep)
    leader, stopped, same = (asyncio.create_task(gather.get(key)) for key in ("a", "b", "b"))
    await asyncio.sleep(0)
    stopped.cancel()
    go.set()
    assert (await leader, await same) == ("A", "B")


async def test_the_cache_loads_once_keeps_for_a_while_and_forgets_failures() -> None:
    clock, loads = Clock(), list[str]()
    broken = True

    async def load(key: str) -> str:
        loads.append(key)
        await asyncio.sleep(0)
        if broken:
            raise RetryableError("not now")
        return key.upper()

    cache = Cache[str](timedelta(minutes=1), clock.time().monotonic)
    with pytest.raises(RetryableError):
        await cache.get("a", load)
    broken = False
    assert await asyncio.gather(*(cache.get("a", load) for _ in range(5))) == ["A"] * 5
    assert len(loads) == 2
    clock.pass_by(59)
    await cache.get("a", load)
    assert len(loads) == 2
    await cache.get("a", load, fresh=True)
    assert len(loads) == 3
    clock.pass_by(61)
    await cache.get("a", load)
    assert len(loads) == 4
