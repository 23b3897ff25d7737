"""One record: waits, remedies, exhaustion and stopping, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from processor.errors import (
    ConflictError,
    FarSideDown,
    FatalError,
    PoisonError,
    RefusedError,
    RetryableError,
    Revoked,
)
from processor.retry import FarSide, Interrupted, Outcome, Patience, RetryPolicy, Verdict, insist, sleep_unless


class Clock:
    """Sleeping moves it; what was slept is kept."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 1, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def patience(clock: Clock, far_side: FarSide | None = None, policy: RetryPolicy | None = None) -> Patience:
    return Patience(policy or RetryPolicy(), far_side or FarSide(), clock.now, clock.sleep, lambda *_: None)


def raising(*errors: BaseException) -> Callable[[], Awaitable[str]]:
    left: Iterator[BaseException] = iter(errors)

    async def work() -> str:
        for error in left:
            raise error
        return "done"

    return work


async def test_waits_of_an_outage_end_when_the_far_side_is_back() -> None:
    far_side, asleep = FarSide(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    def record(*errors: Exception) -> asyncio.Task[Verdict[str]]:
        one = Patience(RetryPolicy(), far_side, lambda: datetime(2026, 3, 1, tzinfo=UTC), sleep, lambda *_: None)
        return asyncio.create_task(one.attempt(raising(*errors)))

    asked = RetryableError("not before", timedelta(minutes=1))
    failed, told, down = record(RetryableError("no answer")), record(asked), record(FarSideDown("nobody there"))
    await asleep.wait()
    assert (await record()).outcome is Outcome.DONE
    assert [(await one).outcome for one in (failed, down)] == [Outcome.DONE, Outcome.DONE]
    assert not told.done(), "what the far side asked for is kept"
    told.cancel()


async def test_done_at_once_waits_for_nothing(clock: Clock) -> None:
    verdict = await patience(clock).attempt(raising())
    assert (verdict.outcome, verdict.attempts, verdict.result, clock.slept) == (Outcome.DONE, 1, "done", [])


async def test_retryable_is_tried_until_it_is_done(clock: Clock) -> None:
    verdict = await patience(clock).attempt(raising(*[RetryableError("no")] * 30))
    assert (verdict.outcome, verdict.attempts) == (Outcome.DONE, 31)
    assert len(clock.slept) == 30


async def test_waits_have_full_jitter_under_a_doubling_bound(clock: Clock) -> None:
    policy = RetryPolicy()
    await patience(clock, policy=policy).attempt(raising(*[RetryableError("no")] * 200))
    bounds = [min(policy.first.total_seconds() * 2**n, policy.cap.total_seconds()) for n in range(200)]
    assert all(0 <= slept <= bound for slept, bound in zip(clock.slept, bounds, strict=True))
    assert min(clock.slept[20:]) < 10, "drawn from nothing up, not around the cap"
    assert max(clock.slept[20:]) > 50


@pytest.mark.parametrize(("asked", "least"), [(7, 7), (1200, 900)])
async def test_retry_after_is_the_least_wait_but_bounded(clock: Clock, asked: int, least: int) -> None:
    await patience(clock).attempt(raising(RetryableError("429", timedelta(seconds=asked))))
    assert clock.slept == [pytest.approx(least)]


async def test_a_far_side_that_is_down_is_waited_for_without_counting(clock: Clock) -> None:
    down = [FarSideDown("nobody there")] * 5_000
    verdict = await patience(clock, FarSide(clock.now())).attempt(raising(*down))
    assert (verdict.outcome, verdict.attempts) == (Outcome.DONE, 1)
    assert max(clock.slept) <= 5, "it is noticed soon when it is back"


async def test_exhausted_after_24_hours_while_others_are_answered(clock: Clock) -> None:
    far_side = FarSide()
    begun = clock.now()

    async def work() -> None:
        far_side.answered_at = clock.now()  # another record of the group succeeds all the time
        raise RetryableError("this one fails")

    verdict = await patience(clock, far_side).attempt(work)
    assert verdict.outcome is Outcome.EXHAUSTED
    assert timedelta(hours=24) <= clock.now() - begun < timedelta(hours=24, minutes=3)
    assert isinstance(verdict.error, RetryableError)


async def test_not_exhausted_while_nobody_is_answered(clock: Clock) -> None:
    begun = clock.now()

    async def work() -> str:
        if clock.now() - begun < timedelta(days=3):
            raise RetryableError("timed out")
        return "done"

    assert (await patience(clock, FarSide(begun)).attempt(work)).outcome is Outcome.DONE


@pytest.mark.parametrize("error", [PoisonError("bad", "field"), RefusedError("no"), ConflictError("changed")])
async def test_no_repeat_where_none_helps(clock: Clock, error: Exception) -> None:
    verdict = await patience(clock).attempt(raising(error))
    assert (verdict.outcome, verdict.attempts, verdict.error, clock.slept) == (Outcome.POISON, 1, error, [])


async def test_a_bug_has_three_attempts(clock: Clock) -> None:
    verdict = await patience(clock).attempt(raising(*[KeyError("x")] * 3))
    assert (verdict.outcome, verdict.attempts, len(clock.slept)) == (Outcome.BUG, 3, 2)
    assert (await patience(clock).attempt(raising(*[KeyError("x")] * 2))).outcome is Outcome.DONE


@pytest.mark.parametrize("error", [FatalError("stop"), Revoked("gone"), Interrupted(), asyncio.CancelledError()])
@pytest.mark.parametrize("after", [0, 2])
async def test_what_is_not_about_the_record_passes_through(clock: Clock, error: BaseException, after: int) -> None:
    with pytest.raises(type(error)):
        await patience(clock).attempt(raising(*[RetryableError("no")] * after, error))


async def test_an_attempt_without_end_is_cut_off_and_tried_again(clock: Clock) -> None:
    calls = 0

    async def work() -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.Event().wait()
        return "done"

    policy = RetryPolicy(attempt_limit=timedelta(milliseconds=5))
    assert (await patience(clock, policy=policy).attempt(work)).attempts == 2


async def test_a_handlers_own_timeout_is_a_bug(clock: Clock) -> None:
    verdict = await patience(clock).attempt(raising(*[TimeoutError()] * 3))
    assert verdict.outcome is Outcome.BUG


async def test_waiting_ends_at_once_when_leaving() -> None:
    leaving = asyncio.Event()
    waiting = asyncio.create_task(sleep_unless(leaving, 3600))
    await asyncio.sleep(0)
    leaving.set()
    with pytest.raises(Interrupted):
        await waiting
    with pytest.raises(Interrupted):
        await sleep_unless(leaving, 3600)


async def test_the_own_log_is_insisted_on(clock: Clock) -> None:
    told: list[int] = []
    assert await insist(raising(*[RetryableError("full")] * 40), clock.sleep, lambda _, n: told.append(n)) == "done"
    assert len(told) == 40
    assert max(clock.slept) <= 5
    with pytest.raises(Revoked):
        await insist(raising(RetryableError("full"), Revoked("gone")), clock.sleep, lambda *_: None)
    with pytest.raises(ValueError, match="bug"):
        await insist(raising(RetryableError("full"), ValueError("bug")), clock.sleep, lambda *_: None)
