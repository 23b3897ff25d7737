"""Taking partitions over: all of them, or nobody is left who would fence their next owner. Giving them back ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from processor.errors import RetryableError
from processor.eventlog import OnRevoke, kafka_seats


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


def seats(on_revoke: OnRevoke, told: list[BaseException | None]) -> kafka_seats.Seats:
    nobody: Any = None
    return kafka_seats.Seats(
        nobody,
        nobody,
        nobody,
        topic="things",
        group="readers",
        pure=False,
        on_assign=no_assign,
        on_revoke=on_revoke,
        tell=told.append,
    )


async def no_assign(_: Sequence[int]) -> None:
    """Not of interest."""


async def test_trap_8_a_drain_that_does_not_end_is_not_waited_for_beyond_what_the_group_waits_for_us(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_seats, "RELEASE_SECONDS", 0.01)
    cut_off: list[int] = []

    async def never(numbers: Sequence[int]) -> Mapping[int, int]:
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            cut_off.extend(numbers)

    leaving = seats(never, [])
    leaving._begun = [3]
    await leaving.revoked()
    assert cut_off == [3]
    assert not leaving.held


async def test_trap_9_what_a_drain_raises_reaches_whoever_polls_and_not_the_coordination() -> None:
    told: list[BaseException | None] = []

    async def fails(_: Sequence[int]) -> Mapping[int, int]:
        raise ZeroDivisionError

    leaving = seats(fails, told)
    leaving._begun = [3]
    await leaving.revoked()
    assert [type(error) for error in told] == [ZeroDivisionError]
