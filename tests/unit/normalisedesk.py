"""Normalise as the engine runs it, on one partition: what it publishes goes into its tables at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.events import Fate, Lookup
from handlers.normalise.envelopes import envelopes
from handlers.normalise.normaliser import Normalise, Rows, tables
from handlers.normalise.reading import Context
from processor.event import Delivery, Envelope, Event, Raw
from processor.eventlog import Message, Record

NOW = datetime(2026, 3, 9, 14, tzinfo=UTC)
AGENT = "2b6c1f52-8a3e-4d61-9a41-5be1b8a0c101"


@dataclass
class Log:
    """Just enough of a log to rebuild the tables from: one partition, everything kept."""

    records: dict[str, list[Record]] = field(default_factory=dict)
    partitions: int = 1

    def add(self, message: Message) -> Record:
        kept = self.records.setdefault(message.topic, [])
        kept.append(Record(message.topic, 0, len(kept), NOW, message))
        return kept[-1]

    async def bounds(self, topic: str, _: int) -> tuple[int, int]:
        return 0, len(self.records.get(topic, ()))

    async def read(self, topic: str, _: int, start: int, end: int) -> AsyncIterator[Record]:
        for record in self.records.get(topic, [])[start:end]:
            yield record


@dataclass
class Desk:
    """`post` delivers, `answer` is what a look-up brought: what came of it, as it comes back from the log."""

    log: Log = field(default_factory=Log)
    now: datetime = NOW
    weeks: int = 2
    holidays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: dict[str, Rows] = field(default_factory=dict)
    answers: int = 0

    @classmethod
    async def open(cls, **settings: Any) -> Desk:
        desk = cls(**settings)
        await desk.restart()
        return desk

    async def restart(self) -> None:
        """Forget everything but the log."""
        self.tables = tables()
        for table in self.tables.values():
            await table.load(self.log, 0)

    async def post(self, body: Any, caller: str = "basic:1", headers: Mapping[str, str] = {}) -> list[Event]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        found: list[Event] = []
        for envelope in envelopes(Delivery("genesys/unknown", headers, raw, self.now, caller)):
            found += await self.take(envelope)
        return found

    async def answer(
        self, what: str, subject: str, body: Any, asked: datetime | None = None, name: str = ""
    ) -> list[Event]:
        self.answers += 1
        asked = asked or self.now
        data = json.dumps(body).encode()
        name = name or f"{what}-{self.answers}"
        return await self.take(Envelope(name, "genesys/org-7", f"answer.{what}", subject, asked, self.now, data))

    async def take(self, envelope: Envelope) -> list[Event]:
        raw = Raw.from_record(self.log.add(envelope.to_message()))
        handler = Normalise(Context(lambda: self.now, timedelta(weeks=self.weeks), self.holidays), self.tables)
        found: list[Event] = []
        for made in handler(raw):
            event = made.kind.from_record(self.log.add(made.to_message()))
            assert event.as_written() == made, "it says exactly what its class promises"
            assert event.to_message() == made.to_message(), "in the same bytes"
            if made.topic in self.tables:
                self.tables[made.topic].apply(made)
            found.append(event)
        return found


def clean(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Lookup | Fate)]


def lookups(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.what, event.subject) for event in events if isinstance(event, Lookup)]


def fate(events: list[Event]) -> str:
    """The fate, which stands alone or with look-heres; `published` where there is none."""
    fates = [event.fate for event in events if isinstance(event, Fate)]
    assert len(fates) == (0 if clean(events) else 1), events
    return fates[0] if fates else "published"


def event_bridge(topic: str, body: Any, *, name: str = "eb-1", at: str = "2026-03-09T13:00:09.000Z") -> dict[str, Any]:
    return {
        "id": name,
        "detail-type": "as the topic says",
        "source": "aws.partner/genesys.com/cloud/org-7/wfm",
        "time": at,
        "detail": {"topicName": topic, "eventBody": body, "timestamp": at},
    }


def presence(word: str, at: str, name: str, agent: str = AGENT) -> dict[str, Any]:
    body = {"presenceDefinition": {"id": f"id-of-{word}", "systemPresence": word}, "primary": True, "modifiedDate": at}
    return event_bridge(f"v2.users.{agent}.presence", body, name=name, at=at)
