"""One record: until it is done, parked, or the process must stop. Waits are tenacity's; remedies are ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random, wait_random_exponential

from processor.errors import FarSideDown, FatalError, PoisonError, RefusedError, RetryableError, Revoked

T = TypeVar("T")

Sleep = Callable[[float], Awaitable[None]]
"""Waits so many seconds, or raises `Interrupted` as soon as the record is to be left."""


class Outcome(StrEnum):
    """How a record ended; all but `DONE` are dead letters, and the words are their `dlq_reason`."""

    DONE = "done"
    POISON = "poison"
    EXHAUSTED = "exhausted"
    BUG = "bug"


class Interrupted(Exception):
    """The wait was cut short because the partition is leaving: the record stays uncommitted and comes again."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long we are patient. Waits are drawn evenly from nothing to the bound (full jitter)."""

    first: timedelta = timedelta(milliseconds=250)
    """The bound of the first wait; it doubles with each failure."""
    cap: timedelta = timedelta(seconds=60)
    down_cap: timedelta = timedelta(seconds=5)
    """While the far side as a whole is down: asking its breaker costs nobody anything."""
    asked_cap: timedelta = timedelta(minutes=15)
    """The most we wait because a far side asked for it."""
    exhausted_after: timedelta = timedelta(hours=24)
    answers_within: timedelta = timedelta(hours=1)
    """A failure counts as the record's own when another record succeeded this recently."""
    attempt_limit: timedelta = timedelta(minutes=5)
    bug_attempts: int = 3
    bug_cap: timedelta = timedelta(milliseconds=500)


@dataclass(slots=True)
class FarSide:
    """What one group knows of its far side: when it last took a record, and whether it is down."""

    answered_at: datetime | None = None
    down: bool = False
    returned: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced by a new one, when a record gets through after an outage."""

    def answered(self, at: datetime) -> None:
        """A record got through."""
        self.answered_at = at
        if self.down:
            self.down = False
            returned, self.returned = self.returned, asyncio.Event()
            returned.set()


class Verdict(NamedTuple, Generic[T]):
    """The end of one record. `result` is there when DONE, `error` otherwise; `attempts` those that counted."""

    outcome: Outcome
    attempts: int
    result: T | None = None
    error: BaseException | None = None


class Patience:
    """The attempts at one record.

    RetryableError: again after a wait, the far side's `retry_after` being the least; FarSideDown: the
    same without counting. EXHAUSTED when it failed for 24 h during which others were answered.
    PoisonError, and RefusedError that no handler turned into an outcome: POISON at once, for no
    repeat will help. Any other exception: three attempts, then BUG. FatalError, Revoked and
    Interrupted pass through.
    """

    def __init__(
        self,
        policy: RetryPolicy,
        far_side: FarSide,
        now: Callable[[], datetime],
        sleep: Sleep,
        on_failure: Callable[[BaseException, int], None],
    ) -> None:
        """`on_failure(error, attempts)` is told of each failure that will be followed by a wait."""
        self._policy = policy
        self._far_side = far_side
        self._now = now
        self._sleep = sleep
        self._on_failure = on_failure
        self._attempts = 0
        self._bugs = 0
        self._failing = timedelta()
        self._failed_at: datetime | None = None
        self._asked = False

    async def attempt(self, work: Callable[[], Awaitable[T]]) -> Verdict[T]:
        """Call `work` until there is a verdict."""
        try:
            result = await self._once(work)
        except Exception as error:
            return await self.attempt_again(work, error)
        self._far_side.answered(self._now())
        return Verdict(Outcome.DONE, 1, result)

    async def attempt_from(self, begun: Awaitable[T], work: Callable[[], Awaitable[T]]) -> Verdict[T]:
        """The same where the first attempt has begun: log to log, so that nothing has to be timed."""
        try:
            return Verdict(Outcome.DONE, 1, await begun)
        except Exception as error:
            return await self.attempt_again(work, error)

    async def _once(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._policy.attempt_limit.total_seconds()) as limit:
                return await work()
        except TimeoutError as error:
            if limit.expired():
                raise RetryableError(f"no end after {self._policy.attempt_limit.total_seconds():g} s") from error
            raise

    async def attempt_again(self, work: Callable[[], Awaitable[T]], first: Exception) -> Verdict[T]:
        """The same after a first attempt that failed; it is played back, so that tenacity sees every one."""
        played: list[Exception] = [first]

        async def once() -> T:
            if played:
                raise played.pop()
            return await self._once(work)

        retrying = AsyncRetrying(
            retry=retry_if_exception(self._worth_repeating),
            wait=self._wait,
            sleep=self._rest,
            after=self._note,
            reraise=True,
        )
        try:
            result: T = await retrying(once)
        except (FatalError, Revoked, Interrupted):
            raise
        except Exception as error:
            return Verdict(self._named(error), self._attempts, error=error)
        self._far_side.answered(self._now())
        return Verdict(Outcome.DONE, self._attempts + 1, result)

    def _worth_repeating(self, error: BaseException) -> bool:
        """Asked once after each failure, so the counting is done here."""
        if isinstance(error, FarSideDown):
            self._far_side.down = True
        else:  # waiting for it is no attempt at the record
            self._attempts += 1
        if isinstance(error, FatalError | Revoked | Interrupted | PoisonError | RefusedError):
            return False
        if isinstance(error, RetryableError):
            self._count_failure(error)
            return self._failing < self._policy.exhausted_after
        if not isinstance(error, Exception):
            return False
        self._bugs += 1
        return self._bugs < self._policy.bug_attempts

    def _count_failure(self, error: RetryableError) -> None:
        now, before = self._now(), self._failed_at
        down = isinstance(error, FarSideDown)
        self._failed_at = None if down else now
        answered = self._far_side.answered_at
        if before and not down and answered and answered > now - self._policy.answers_within:
            self._failing += now - before

    def _note(self, state: RetryCallState) -> None:
        state.attempt_number = self._attempts  # the exponent of the wait
        if state.outcome and (error := state.outcome.exception()):
            self._on_failure(error, self._attempts)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        policy = self._policy
        if isinstance(error, FarSideDown):
            drawn = wait_random(0, policy.down_cap.total_seconds())(state)
        elif isinstance(error, RetryableError):
            drawn = _full_jitter(policy.first, policy.cap)(state)
        else:
            drawn = _full_jitter(policy.first, policy.bug_cap)(state)
        asked = getattr(error, "retry_after", None) or timedelta()
        self._asked = bool(asked)
        return max(drawn, min(asked, policy.asked_cap).total_seconds())

    async def _rest(self, seconds: float) -> None:
        """Sleep; no longer than until the far side is back, for what failed as it went down has long waits ahead."""
        if self._asked:
            await self._sleep(seconds)
            return
        asleep = asyncio.ensure_future(self._sleep(seconds))
        back = asyncio.ensure_future(self._far_side.returned.wait())
        try:
            await asyncio.wait({asleep, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asleep.cancel()
            back.cancel()
            ended, _ = await asyncio.gather(asleep, back, return_exceptions=True)
        if isinstance(ended, Exception):
            raise ended

    @staticmethod
    def _named(error: Exception) -> Outcome:
        if isinstance(error, PoisonError | RefusedError):
            return Outcome.POISON
        return Outcome.EXHAUSTED if isinstance(error, RetryableError) else Outcome.BUG


def _full_jitter(first: timedelta, cap: timedelta) -> Callable[[RetryCallState], float]:
    return wait_random_exponential(multiplier=first.total_seconds(), max=cap.total_seconds())


async def insist(work: Callable[[], Awaitable[T]], sleep: Sleep, on_failure: Callable[[BaseException, int], None]) -> T:
    """Our own log: again as long as it is retryable, for nothing may be dropped. Revoked passes through."""

    def note(state: RetryCallState) -> None:
        if state.outcome and (error := state.outcome.exception()):
            on_failure(error, state.attempt_number)

    try:
        return await work()
    except Revoked:
        raise
    except RetryableError as error:
        on_failure(error, 1)
    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda e: isinstance(e, RetryableError) and not isinstance(e, Revoked)),
        wait=wait_random_exponential(multiplier=0.1, max=5),
        sleep=sleep,
        after=note,
        reraise=True,
    )
    await sleep(0.1)
    return await retrying(work)


async def sleep_unless(leaving: asyncio.Event, seconds: float) -> None:
    """Sleep; raises Interrupted at once when `leaving` is set, before or meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            await leaving.wait()
    except TimeoutError:
        return
    raise Interrupted
