"""Waits before a repeat: drawn from nothing to a bound that doubles, and never shorter than the far side asked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import tenacity

from handlers import configure_schedules
from handlers.configure_profiles import ConfigureProfiles
from handlers.configure_queues import ConfigureQueues
from processor.clients.api import Unreachable
from processor.clients.api import _wait as call_wait
from processor.clients.genesys.guide.campaigns import _wait as campaign_wait
from processor.clients.genesys.jobs import Found, Write, presence
from processor.clients.genesys.jobs.changing import Patience, change
from processor.errors import ConflictError, RetryableError
from tests.unit.farside import Clock

DRAWS = 300
NOBODY: Any = None
FOUND = Found({}, "1", datetime(2026, 3, 9, tzinfo=UTC))


@pytest.fixture(autouse=True)
def _chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same in every run."""
    monkeypatch.setattr("tenacity.wait.random", random.Random(1))


def spread(waits: list[float], bound: float) -> bool:
    """Over all of it: near nothing, near the bound, and no farther."""
    return min(waits) < bound / 10 and bound * 0.9 < max(waits) <= bound


def drawn(
    wait: Callable[[tenacity.RetryCallState], float],
    attempt: int,
    asked: timedelta | None = None,
    kind: type[RetryableError] = RetryableError,
) -> list[float]:
    state = tenacity.RetryCallState(tenacity.AsyncRetrying(), None, (), {})
    state.attempt_number = attempt
    state.set_exception((kind, kind("no", asked), None))
    return [wait(state) for _ in range(DRAWS)]


@pytest.mark.parametrize(("attempt", "bound"), [(1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (9, 30)])
def test_g2_a_create_waits_a_drawn_time_up_to_a_second_and_its_doubles_and_half_a_minute(
    attempt: int, bound: float
) -> None:
    assert spread(drawn(campaign_wait, attempt), bound)
    asked = drawn(campaign_wait, attempt, timedelta(seconds=3))
    assert min(asked) >= 3
    assert max(asked) <= max(3, bound)


@pytest.mark.parametrize(
    ("error", "bounds"),
    [(RetryableError, (1, 2, 4, 5, 5)), (Unreachable, (0.2, 0.4, 0.8, 1.6, 2))],
    ids=["too fast", "no answer"],
)
def test_a_call_that_is_not_told_how_long_waits_a_drawn_time(
    error: type[RetryableError], bounds: Sequence[float]
) -> None:
    for attempt, bound in enumerate(bounds, 1):
        assert spread(drawn(call_wait, attempt, kind=error), bound), bound
    assert set(drawn(call_wait, 3, timedelta(seconds=7), error)) == {7}


@pytest.mark.parametrize(
    ("patience", "bounds"),
    [
        (Patience(6, first=2, longest=20), (2, 4, 8, 16, 20)),
        (configure_schedules.PATIENCE, (1, 2, 4)),
        (ConfigureProfiles(NOBODY, NOBODY).patience, (2, 4, 8, 16)),
        (ConfigureQueues(NOBODY, NOBODY).patience, (2, 4, 8)),
        (presence.PATIENCE, (0.2, 0.4, 0.8)),
    ],
    ids=["any", "G1", "G3", "G4", "G5"],
)
async def test_a_conflict_is_met_after_a_drawn_time_up_to_a_bound_that_doubles(
    patience: Patience, bounds: Sequence[float]
) -> None:
    async def read() -> Found:
        return FOUND

    async def send(_: Write) -> Any:
        raise ConflictError("somebody was faster")

    waits: list[list[float]] = []
    for _ in range(DRAWS):
        clock = Clock()
        with pytest.raises(ConflictError):
            await change(read, lambda _: Write("PUT", "/x"), send, clock.time(), patience)
        waits.append(clock.slept)
    assert {len(one) for one in waits} == {len(bounds)}
    for number, bound in enumerate(bounds):
        assert spread([one[number] for one in waits], bound), bound
