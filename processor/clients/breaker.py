"""Is the far side as a whole there? When it is not, nobody waits for a time-out to learn it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from processor.errors import FarSideDown, RetryableError


class Unreachable(RetryableError):
    """No answer, or one that says the far side itself is in trouble (5xx). Counted by the breaker."""

    def __init__(self, message: str, retry_after: timedelta | None = None, *, sent: bool = True) -> None:
        """`sent`: whether the request may have arrived; False makes any repeat harmless."""
        super().__init__(message, retry_after)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """Opens after `failures` in a row; the first pause is `pause` seconds, doubled up to `longest`.

    What waits for a far side waits that much longer than its outage; a probe every few seconds costs nobody anything.
    """

    failures: int = 5
    pause: float = 1.0
    longest: float = 5.0


class Breaker:
    """Closed (all pass), open (none pass, all learn when to come again), half open (one passes as a probe)."""

    def __init__(self, name: str, policy: BreakerPolicy, monotonic: Callable[[], float]) -> None:
        self._name = name
        self._policy = policy
        self._monotonic = monotonic
        self._failures = 0
        self._open_until = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether requests are held back, but for a probe now and then."""
        return self._failures >= self._policy.failures

    def check(self) -> None:
        """Raises `FarSideDown` while nobody is let through, so that no turn is spent on it."""
        if self.is_open and (self._probing or self._monotonic() < self._open_until):
            raise FarSideDown(f"{self._name} does not answer; the next probe is due shortly", self._remaining())

    @contextmanager
    def guard(self) -> Iterator[None]:
        """One request. Raises `FarSideDown` instead of trying while open, and when this failure opened it."""
        probe = self._admit()
        try:
            yield
        except Unreachable as error:
            self._failed(error)
            if self.is_open:
                raise FarSideDown(str(error), self._remaining()) from error
            raise
        except Exception:
            self._failures = 0  # it answered: what it said is the caller's affair
            raise
        else:
            self._failures = 0
        finally:
            if probe:
                self._probing = False  # also when cancelled: the next one probes

    def _admit(self) -> bool:
        if not self.is_open:
            return False
        self.check()
        self._probing = True
        return True

    def _failed(self, error: Unreachable) -> None:
        self._failures += 1
        if self.is_open:
            doublings = min(self._failures - self._policy.failures, 16)
            pause = min(self._policy.pause * 2**doublings, self._policy.longest)
            asked = error.retry_after.total_seconds() if error.retry_after else 0.0
            self._open_until = self._monotonic() + max(pause, min(asked, self._policy.longest))

    def _remaining(self) -> timedelta:
        return timedelta(seconds=max(self._open_until - self._monotonic(), 0.1))
