"""The real Normalise over tables that see every record as it would come back from the log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson

from handlers.events import CampaignUpdated, Fate, Lookup, ScheduleUpdated
from handlers.normalise.envelopes import envelopes
from handlers.normalise.normaliser import Normalise, tables
from handlers.normalise.reading import Context
from processor.event import Delivery, Envelope
from processor.eventlog import Record
from tests.unit.looptables import EmptyLog

NOW = datetime(2026, 3, 9, 15, 30, tzinfo=UTC)
EVENTS = {event.type: event for event in (ScheduleUpdated, CampaignUpdated, Lookup, Fate)}


class Desk:
    def __init__(self, now=NOW, holidays=None, weeks=2):
        self.now = now
        self.tables = tables()
        context = Context(lambda: self.now, timedelta(weeks=weeks), holidays or {})
        self.normalise = Normalise(context, self.tables)
        self._count = 0

    @classmethod
    async def open(cls, **settings):
        desk = cls(**settings)
        for table in desk.tables.values():
            await table.load(EmptyLog(), 0)
        return desk

    async def post(self, body):
        """A callback, as the receiver would have it in raw; what came of it."""
        delivery = Delivery("genesys/org", {"content-type": "application/json"}, orjson.dumps(body), self.now)
        return [event for envelope in envelopes(delivery) for event in await self.take(envelope)]

    async def answer(self, what, subject, body, asked=None):
        self._count += 1
        asked = asked or self.now
        name = f"{what}-{self._count}"
        data = orjson.dumps(body)
        return await self.take(Envelope(name, "genesys/org", f"answer.{what}", subject, asked, self.now, data))

    async def take(self, envelope):
        out = []
        for made in await self.normalise(envelope):
            message = made.to_message()
            event = EVENTS[message.headers["ce_type"]].from_record(
                Record(message.topic, 0, len(out), self.now, message)
            )
            for table in self.tables.values():
                if table.takes(event):
                    table.apply(event)
            out.append(event)
        return out
