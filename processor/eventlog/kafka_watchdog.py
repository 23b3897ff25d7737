"""Is a consumer still consuming? aiokafka gives no sign when it is not; so positions are watched beside the ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping

STALL_SECONDS = 60.0


class Watchdog:
    """Told now and then how far each partition is read and where it ends."""

    def __init__(self, clock: Callable[[], float], seconds: float = STALL_SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._seen: dict[int, tuple[int, float]] = {}

    def stalled(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> list[int]:
        """Partitions with something to read that have not moved for so long. Those left out are forgotten."""
        now = self._clock()
        seen = {}
        for number, position in positions.items():
            before, since = self._seen.get(number, (-1, now))
            moved = position != before or position >= ends[number]
            seen[number] = position, now if moved else since
        self._seen = seen
        return [number for number, (_, since) in seen.items() if now - since > self._seconds]
