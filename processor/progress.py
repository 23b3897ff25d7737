"""How a consumer group is getting on: what /livez, the console and the metrics are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from processor.eventlog import EventLog
from processor.telemetry import Metrics


@dataclass(slots=True)
class Progress:
    """One group in this process, kept by its consumer, read by admin.

    `beat`: when its loop last came round; a consumer that waits for a far side beats, one that
    hangs does not. `lag`: records not yet finished, by owned partition, as they were when `measured`.
    `moved`: when it last finished something, or had nothing to do. `oldest`: when the oldest unfinished
    record was appended.
    """

    group: str
    topic: str
    beat: datetime | None = None
    committed: datetime | None = None
    moved: datetime | None = None
    oldest: datetime | None = None
    measured: datetime | None = None
    lag: dict[int, int] = field(default_factory=dict)
    paused: set[int] = field(default_factory=set)
    waiting: int = 0
    """Records that wait for another attempt."""
    failure: str = ""
    """Why the last attempt failed; what has succeeded since does not erase it."""
    done: int = 0
    parked: int = 0

    def alive(self, now: datetime, within: timedelta) -> bool:
        """Whether the loop came round lately; one that has not begun yet counts as alive."""
        return self.beat is None or now - self.beat <= within

    def stuck(self, now: datetime) -> timedelta:
        """Since when there is work and none of it ends."""
        if not self.moved or not any(self.lag.values()):
            return timedelta()
        return now - self.moved

    async def measure(
        self, log: EventLog, metrics: Metrics, now: datetime, positions: Mapping[int, int], oldest: datetime | None
    ) -> None:
        """Work out the lag from `positions`, the next offsets to finish; `oldest` is the oldest record at work."""
        lag = {}
        for partition, position in positions.items():
            first, end = await log.bounds(self.topic, partition)
            lag[partition] = max(0, end - max(first, position))
            metrics.lag_records.labels(self.group, str(partition)).set(lag[partition])
        for partition in self.lag.keys() - lag.keys():  # it is another process's to tell now
            metrics.lag_records.remove(self.group, str(partition))
        behind = any(lag.values())
        self.lag, self.oldest, self.measured = lag, oldest if behind else None, now
        if not behind or self.moved is None:
            self.moved = now
        age = (now - oldest).total_seconds() if behind and oldest else 0
        metrics.lag_seconds.labels(self.group).set(max(0, age))
        metrics.stuck_seconds.labels(self.group).set(self.stuck(now).total_seconds())
