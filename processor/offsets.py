"""How far one partition is done, when its records finish in any order."""

from __future__ import annotations

from collections import deque
from datetime import datetime


class Offsets:
    """What has begun and what has finished. `next` never passes a record that is not finished."""

    def __init__(self, next_offset: int) -> None:
        self.next = next_offset
        """The offset to commit: every record below it is finished."""
        self.end = next_offset
        """One past the newest record that has begun."""
        self._begun: deque[tuple[int, datetime]] = deque()
        self._finished: set[int] = set()

    def begin(self, offset: int, timestamp: datetime) -> bool:
        """In rising order. False when it has begun before: a second delivery, to be passed over."""
        if offset < self.end:
            return False
        self._begun.append((offset, timestamp))
        self.end = offset + 1
        return True

    def finish(self, offset: int) -> bool:
        """True when `next` has moved by it."""
        self._finished.add(offset)
        before = self.next
        while self._begun and self._begun[0][0] in self._finished:
            done, _ = self._begun.popleft()
            self._finished.remove(done)
            self.next = done + 1
        return self.next > before

    @property
    def behind(self) -> int:
        """Finished records that wait behind an unfinished one."""
        return len(self._finished)

    @property
    def unfinished(self) -> int:
        """Records begun and not finished."""
        return len(self._begun) - len(self._finished)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest unfinished record was appended."""
        return self._begun[0][1] if self._begun else None
