"""What was fetched of Kafka and not handed out yet, as it came: the pages of one consumer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from processor.eventlog import Record
from processor.eventlog.kafka_seats import Seats


class Page(NamedTuple):
    """One record at least, of one partition, fetched at one time."""

    epoch: int
    number: int
    records: Sequence[Record]


class Ahead:
    """Pages in the order in which they came. What was fetched before a rebalance is dropped: it comes again."""

    def __init__(self) -> None:
        self._pages: deque[Page] = deque()

    def __bool__(self) -> bool:
        return bool(self._pages)

    @property
    def numbers(self) -> set[int]:
        """The partitions of which something waits here."""
        return {page.number for page in self._pages}

    def add(self, epoch: int, number: int, records: Sequence[Record]) -> None:
        """The next ones of a partition, if there are any."""
        if records:
            self._pages.append(Page(epoch, number, records))

    def clear(self) -> None:
        """They will be fetched again."""
        self._pages.clear()

    def take(self, limit: int, seats: Seats) -> list[Record]:
        """The first ones, up to `limit`; those of a paused partition stay."""
        taken: list[Record] = []
        kept: list[Page] = []
        while self._pages and len(taken) < limit:
            page = self._pages.popleft()
            seat = seats.held.get(page.number)
            if seat is None or page.epoch != seats.epoch:
                continue
            if seat.paused:
                kept.append(page)
                continue
            room = limit - len(taken)
            if len(page.records) > room:
                self._pages.appendleft(page._replace(records=page.records[room:]))
            records = page.records[:room]
            seat.delivered = records[-1].offset + 1
            taken += records
        self._pages.extendleft(reversed(kept))
        return taken
