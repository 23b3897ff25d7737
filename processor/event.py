"""A fact and its coats: Delivery (as it arrived) → Envelope (CloudEvents, in raw) → Event (in a clean topic).

Where every event passes, both are handled as they are written: `Raw` is an envelope read from raw,
`Written` an event on its way into its topic. Times are text there, of one width, so that they
compare as the instants do.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, Self

import orjson
from pydantic import Field

from processor.envelope import RAW, Delivery, Envelope, Raw, digest
from processor.eventlog import Message, Record
from processor.instants import as_written, instant, whole_milliseconds
from processor.shapes import Instant, Shape, defaults, written, written_names
from processor.written import Fence, Gone, Publishable, Written, message_of

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
        return message_of(self._written({}), self.data())

    def as_written(self) -> Written:
        """The event, validated and complete, as it is written."""
        return self._written(orjson.loads(self.data()))

    def _written(self, data: Mapping[str, Any]) -> Written:
        return Written(
            type(self),
            self.id,
            instant(self.time),
            self.subject,
            data,
            self.source,
            self.cause,
            self.cause_digest,
            self.time_source,
            self.fences,
            self.trace,
            instant(self.received_at) if self.received_at else "",
        )

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
