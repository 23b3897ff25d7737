"""A fact and its coats: Delivery (as it arrived) → Envelope (CloudEvents, in raw) → Event (in a clean topic).

The header names are those of CloudEvents 1.0, Kafka protocol binding, binary content mode.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import orjson
from pydantic import Field

from processor.eventlog import Message, Record
from processor.shapes import Instant, Shape, instant, whole_milliseconds, written, written_names

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
    "Shape",
    "digest",
    "instant",
    "whole_milliseconds",
]

RAW = "genesys.raw"


def digest(data: bytes) -> str:
    """The hex SHA-256 of a record's value: tells a repeat from another event under the same id."""
    return hashlib.sha256(data).hexdigest()


class Publishable(Protocol):
    """What a handler may return: it knows its topic, key, headers and bytes."""

    def to_message(self) -> Message:
        """The record to append."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """As it arrived: decompressed body, header names in lower case, `caller` the credential that verified."""

    source: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event of a delivery, as it stands in `genesys.raw`: its exact bytes and what we call it.

    `time_source` is empty when the event itself said when it happened, else `envelope` or `received`.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    received_at: datetime
    data: bytes
    time_source: str = ""
    trace: str = ""
    cause: str = ""
    position: tuple[int, int] = (-1, -1)
    digest: str = ""
    """Of the data, as the log has it; empty before."""

    def to_message(self) -> Message:
        """The raw record: key = subject, or the id where nothing is known to be touched."""
        headers = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_source": self.source,
            "ce_type": self.type,
            "ce_subject": self.subject or self.id,  # CloudEvents has no empty subject, and here it is the key
            "ce_time": instant(self.time),
            "ce_receivedat": instant(self.received_at),
            "ce_datadigest": digest(self.data),
            "content-type": "application/json",
        }
        if not self.subject:
            headers["ce_subjectsource"] = "id"
        if self.time_source:
            headers["ce_timesource"] = self.time_source
        if self.trace:
            headers["traceparent"] = self.trace
        if self.cause:
            headers["ce_causationid"] = self.cause
        return Message(RAW, self.subject or self.id, self.data, headers)

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """The envelope as it was appended; `position` is (partition, offset)."""
        headers = record.message.headers
        return cls(
            id=headers["ce_id"],
            source=headers["ce_source"],
            type=headers["ce_type"],
            subject="" if headers.get("ce_subjectsource") == "id" else headers["ce_subject"],
            time=datetime.fromisoformat(headers["ce_time"]),
            received_at=datetime.fromisoformat(headers.get("ce_receivedat", headers["ce_time"])),
            data=record.message.value or b"",
            time_source=headers.get("ce_timesource", ""),
            trace=headers.get("traceparent", ""),
            cause=headers.get("ce_causationid", ""),
            position=(record.partition, record.offset),
            digest=headers.get("ce_datadigest", ""),
        )


class Fence(NamedTuple):
    """What a facet of a subject was last updated by: newer time wins, then higher version, then larger id."""

    time: Instant
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
        value = self.data()
        headers = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_source": self.source,
            "ce_type": self.type,
            "ce_subject": self.subject,
            "ce_time": instant(self.time),
            "ce_datadigest": digest(value),
            "content-type": "application/json",
        }
        if self.cause:
            headers["ce_causationid"] = self.cause
        if self.cause_digest:
            headers["ce_causedigest"] = self.cause_digest
        if self.time_source:
            headers["ce_timesource"] = self.time_source
        if self.fences:
            headers["ce_fences"] = orjson.dumps(
                {name: (instant(fence.time), fence.version, fence.id) for name, fence in self.fences.items()}
            ).decode()
        if self.trace:
            headers["traceparent"] = self.trace
        if self.received_at:
            headers["ce_receivedat"] = instant(self.received_at)
        return Message(self.topic, self.subject, value, headers)

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Read it back. Raises pydantic's ValidationError when the data is not of this type."""
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
                name: (time, version, by)
                for name, (time, version, by) in orjson.loads(headers.get("ce_fences", "{}")).items()
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
        headers = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_source": self.source,
            "ce_type": f"{self.topic}.deleted",
            "ce_subject": self.subject,
            "ce_time": instant(self.time),
        }
        return Message(self.topic, self.subject, None, headers | ({"ce_causationid": self.cause} if self.cause else {}))


@cache
def _told(kind: type[Event]) -> tuple[tuple[str, str], ...]:
    """The fields of the data, by both names."""
    return tuple(names for names in written_names(kind) if names[0] not in META - kind.also_data)
