"""How a consumer group goes about it: bounds and durations, in one value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from processor.deadletters import LimitPolicy
from processor.retry import RetryPolicy


@dataclass(frozen=True, slots=True)
class Policy:
    """How a group consumes. Durations and bounds; the defaults are meant for production."""

    batch: int = 1_000
    """Records polled at once. Log to log these are judged while the former are committed: neither should be short."""
    idle: timedelta = timedelta(milliseconds=500)
    """The longest poll: how fast a stop is noticed."""
    width: int = 64
    """Attempts of one group that run at the same time."""
    lane_load: int = 1_000
    """Unfinished records of a partition that may lie here before it is paused; at most half of it is polled at once."""
    load: int = 5_000
    """The same for all partitions: past it the group is full."""
    behind: int = 10_000
    """Finished records of a partition that may wait behind an unfinished one before it is paused."""
    commit_every: timedelta = timedelta(milliseconds=200)
    commit_after: int = 500
    drain: timedelta = timedelta(seconds=10)
    """For what has begun when a partition leaves; must be shorter than the log's rebalance time-out."""
    replays_every: timedelta = timedelta(seconds=1)
    lag_every: timedelta = timedelta(seconds=1)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    limit: LimitPolicy = field(default_factory=LimitPolicy)
