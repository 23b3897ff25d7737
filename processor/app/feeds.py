"""The calendar feeds: tables over all partitions that follow their topics by themselves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from handlers.events import ScheduleUpdated, ShiftsUpdated
from handlers.feeds import Feed
from processor.errors import RetryableError
from processor.eventlog import EventLog
from processor.table import Table, last
from processor.web.pages import Page

FOLLOW_SECONDS = 1.0

log = logging.getLogger("processor.feeds")


class Feeds:
    """Made by `open`; `follow` keeps the tables at the log's end until it is cancelled."""

    def __init__(self, secret: str) -> None:
        self._schedules: Table[ScheduleUpdated, ScheduleUpdated] = Table(ScheduleUpdated, fold=last)
        self._shifts: Table[ShiftsUpdated, ShiftsUpdated] = Table(ShiftsUpdated, fold=last)
        self.feed = Feed(self._schedules, self._shifts, secret)

    def routes(self) -> Mapping[str, Page]:
        """For the receiver."""
        return {"/calendars/": Page("text/calendar; charset=utf-8", self.feed.get)}

    async def load(self, log: EventLog) -> None:
        """Fold everything there is."""
        for partition in range(log.partitions):
            for table in (self._schedules, self._shifts):
                await table.load(log, partition)

    async def follow(self, event_log: EventLog) -> None:
        """Until cancelled; an outage of the log leaves the last state in place."""
        while True:
            try:
                for partition in range(event_log.partitions):
                    for table in (self._schedules, self._shifts):
                        await (table.catch_up if table.holds(partition) else table.load)(event_log, partition)
            except RetryableError as error:
                log.warning("feeds-behind", extra={"error": str(error)})
            await asyncio.sleep(FOLLOW_SECONDS)
