"""An event on its way into its topic, as it is written: no object stands between what was read and what is written.

Nothing here knows pydantic, so that all of it can be compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import orjson

from processor.envelope import headers_of
from processor.eventlog import Message
from processor.instants import instant


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


class Kind(Protocol):
    """A class of events: `Event` is their base."""

    type: str
    """What `ce_type` says."""
    topic: str
    """Where they are published."""


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

    kind: Kind
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
        return message_of(self, orjson.dumps(self.data))


def message_of(event: Written, value: bytes) -> Message:
    """Its record; `value`: its data, as bytes already."""
    headers = headers_of(event, event.kind.type, event.subject, event.time, value)
    if event.cause_digest:
        headers["ce_causedigest"] = event.cause_digest
    if event.time_source:
        headers["ce_timesource"] = event.time_source
    if event.fences:
        told = {name: fence[:] for name, fence in event.fences.items()}  # orjson takes no named tuples
        headers["ce_fences"] = orjson.dumps(told).decode()
    if event.trace:
        headers["traceparent"] = event.trace
    if event.received_at:
        headers["ce_receivedat"] = event.received_at
    return Message(event.kind.topic, event.subject, value, headers)
