"""A subject that Genesys has deleted ends as a tombstone, once nothing late about it can come any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from handlers.normalise.fences import LOADED
from handlers.normalise.normaliser import Rows
from processor.event import Gone, instant
from processor.routing import PartitionTick

EVERY = timedelta(minutes=10)


def burial(known: Mapping[str, Rows]) -> PartitionTick:
    """The tick of the group that owns these tables.

    `deleted: true` tells consumers first, and its fences keep late events out; a day and more
    later (senders retry for 24 hours) the tombstone lets compaction remove the key.
    """

    def work(partition: int, now: datetime) -> Iterable[Gone]:
        before = instant(now - LOADED)  # of its receipt: the event's own time may lie long before
        for topic, table in known.items():
            for subject, row in table.items(partition):
                last = row.last
                if last is not None and last.data.get("deleted") and (last.received_at or last.time) < before:
                    yield Gone(f"{last.id}/gone", topic, subject, last.source, now, cause=last.cause)

    return PartitionTick("burial", EVERY, work)
