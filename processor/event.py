"""A fact and its coats: Delivery (as it arrived) → Envelope (CloudEvents, in raw) → Event (in a clean topic).

Where every event passes, both are handled as they are written: `Raw` is an envelope read from raw,
`Written` an event on its way into its topic. Times are text there, of one width, so that they
compare as the instants do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import orjson
from pydantic import Field

from processor.envelope import RAW, Delivery, Envelope, Raw, digest, headers_of
from processor.eventlog import Message, Record
from processor.shapes import Instant, Shape, as_written, defaults, instant, whole_milliseconds, written, written_names

__all__ = [
    "META",
    "RAW",
    "Delivery",
    "Envelope",
    "Event",
    "Fence",
    "Gone",
    "Instant",
    "Publishable",
    "Raw",
    "Shape",
    "Written",
    "blank",
    "digest",
    "instant",
    "whole_milliseconds",
]


class Publishable(Protocol):
    """What a handler may return: it knows its topic, key, headers and bytes."""

    def to_message(self) -> Message:
        """The record to append."""
        ...


class Fence(NamedTuple):
    """What a facet of a subject was last updated by: newer time wins, then higher version, then larger id.

    The time is as it is written: text of one width.
    """

    time: str
    version: int = 0
    id: str = ""

    def admits(self, other: Fence) -> bool:
        """Whether `other` is newer than this."""
        return other > self


META = {
    "id",
    "time",
    "subject",
    "source",
    "cause",
    "cause_digest",
    "time_source",
    "fences",
    "trace",
    "sequence",
    "received_at",
}


class Event(Shape):
    """A clean fact. `id` is the idempotency key, `subject` the ordering key (`queue/<id>`).

    The fields of this base travel as headers, those of a subclass are the record's JSON data.
    """

    type: ClassVar[str]
    topic: ClassVar[str]
    also_data: ClassVar[frozenset[str]] = frozenset()
    """Fields of this base that stand in the data too."""

    id: str
    time: Instant
    subject: str
    source: str = "genesys/unknown"
    cause: str = ""
    """The id of the record in raw that this came from."""
    cause_digest: str = ""
    """The start of that record's digest: tells its repeat from another event under the same id."""
    time_source: str = ""
    fences: Mapping[str, Fence] = Field(default_factory=dict)
    """By facet: what decides whether a later delivery is newer."""
    trace: str = ""
    sequence: str = ""
    """`<partition>-<offset>` of the record this was read from; empty before it is in the log."""
    received_at: Instant | None = None
    """When the delivery behind it reached the receiver: latency is measured from here."""

    def data(self) -> bytes:
        """The record's value."""
        fields = self.__dict__
        try:
            return written({alias: fields[name] for name, alias in _told(type(self))})
        except TypeError:  # numbers of more than 64 bits, keys that are no text
            return self.model_dump_json(by_alias=True, exclude=META - self.also_data).encode()

    def to_message(self) -> Message:
        """The record to append."""
        received_at = instant(self.received_at) if self.received_at else ""
        return _message(type(self), self, self.data(), instant(self.time), received_at)

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read it back. Raises KeyError, TypeError or ValueError (pydantic's too) when it is none of this type."""
        headers = record.message.headers
        meta: dict[str, Any] = {
            "id": headers["ce_id"],
            "time": headers["ce_time"],
            "subject": headers["ce_subject"],
            "source": headers.get("ce_source", "genesys/unknown"),
            "cause": headers.get("ce_causationid", ""),
            "cause_digest": headers.get("ce_causedigest", ""),
            "time_source": headers.get("ce_timesource", ""),
            "fences": {
                name: (as_written(time), version, by)
                for name, (time, version, by) in dict(orjson.loads(headers.get("ce_fences", "{}"))).items()
            },
            "trace": headers.get("traceparent", ""),
            "sequence": f"{record.partition}-{record.offset}",
            "received_at": headers.get("ce_receivedat"),
        }
        return cls.model_validate({**orjson.loads(record.message.value or b"{}"), **meta})


@dataclass(frozen=True, slots=True)
class Gone:
    """A tombstone: this subject has no state in this topic any more, and compaction may remove its key."""

    id: str
    topic: str
    subject: str
    source: str
    time: datetime
    cause: str = ""

    def to_message(self) -> Message:
        """A record without a value."""
        headers = headers_of(self, f"{self.topic}.deleted", self.subject, instant(self.time), None)
        return Message(self.topic, self.subject, None, headers)


class Written(NamedTuple):
    """An event as it is written: `data` is the record's JSON under its own names, times are text.

    Nobody changes `data` or what is in it, since records share their parts with the tables.
    """

    kind: type[Event]
    id: str
    time: str
    subject: str
    data: Mapping[str, Any]
    source: str = "genesys/unknown"
    cause: str = ""
    cause_digest: str = ""
    time_source: str = ""
    fences: Mapping[str, Fence] = MappingProxyType({})
    trace: str = ""
    received_at: str = ""

    @property
    def type(self) -> str:
        """Its kind's."""
        return self.kind.type

    @property
    def topic(self) -> str:
        """Its kind's."""
        return self.kind.topic

    def to_message(self) -> Message:
        """The record to append: the same that the event would make."""
        return _message(self.kind, self, orjson.dumps(self.data), self.time, self.received_at)

    @classmethod
    def of(cls, event: Event) -> Self:
        """The event, validated and complete, as it is written."""
        return cls(
            type(event),
            event.id,
            instant(event.time),
            event.subject,
            orjson.loads(event.data()),
            event.source,
            event.cause,
            event.cause_digest,
            event.time_source,
            event.fences,
            event.trace,
            instant(event.received_at) if event.received_at else "",
        )


def _message(kind: type[Event], event: Event | Written, value: bytes, time: str, received_at: str) -> Message:
    headers = headers_of(event, kind.type, event.subject, time, value)
    if event.cause_digest:
        headers["ce_causedigest"] = event.cause_digest
    if event.time_source:
        headers["ce_timesource"] = event.time_source
    if event.fences:
        told = {name: fence[:] for name, fence in event.fences.items()}  # orjson takes no named tuples
        headers["ce_fences"] = orjson.dumps(told).decode()
    if event.trace:
        headers["traceparent"] = event.trace
    if received_at:
        headers["ce_receivedat"] = received_at
    return Message(kind.topic, event.subject, value, headers)


@cache
def blank(kind: type[Event]) -> Mapping[str, Any]:
    """The data of an event of which nothing is known yet, in its order; what must be told is null until it is."""
    unset = defaults(kind)
    told: Mapping[str, Any] = orjson.loads(
        written({alias: None if unset[name] is ... else unset[name] for name, alias in _told(kind)})
    )
    return told


@cache
def _told(kind: type[Event]) -> tuple[tuple[str, str], ...]:
    """The fields of the data, by both names."""
    return tuple(names for names in written_names(kind) if names[0] not in META - kind.also_data)
