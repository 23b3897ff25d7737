"""Taking partitions over: all of them, or nobody is left who would fence their next owner."""

from __future__ import annotations

import asyncio

import pytest

from processor.errors import RetryableError
from processor.eventlog import kafka_seats


class Slow:
    """A transactional producer that starts late."""

    ended = False

    async def take(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.ended = True


class Failing:
    async def take(self) -> None:
        await asyncio.sleep(0)
        raise RetryableError("no transactions")


async def test_when_one_fails_no_other_goes_on() -> None:
    slow = Slow()
    with pytest.raises(RetryableError, match="no transactions"):
        await kafka_seats._all_taken([slow, Failing()])
    assert slow.ended


async def test_when_it_is_given_up_nobody_goes_on() -> None:
    slow = Slow()
    taking = asyncio.create_task(kafka_seats._all_taken([slow]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert slow.ended
