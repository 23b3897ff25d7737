"""An event on its way in: `Delivery` as it arrived, `Envelope` as it is filed in raw, `Raw` as it is read from there.

The header names are those of CloudEvents 1.0, Kafka protocol binding, binary content mode.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, Self

from processor.eventlog import Message, Record
from processor.instants import as_written, instant

RAW = "genesys.raw"
TRACE = re.compile(r"(?!ff)([0-9a-f]{2})(-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})(-.*)?")


def digest(data: bytes) -> str:
    """The hex SHA-256 of a record's value: tells a repeat from another event under the same id."""
    return hashlib.sha256(data).hexdigest()


def trace_of(said: str) -> str:
    """W3C's `traceparent` as it is written today; empty when it is none. A later version may say more after it."""
    found = TRACE.fullmatch(said)
    return f"00{found[2]}" if found and not (found[3] and found[1] == "00") else ""


def id_of(record: Record) -> str:
    """Its own; where its writer gave none, its kind and place: `request@<partition>-<offset>`."""
    kind = record.topic.rpartition(".")[2].removesuffix("s")
    return record.message.headers.get("ce_id") or f"{kind}@{record.partition}-{record.offset}"


class Told(Protocol):
    """What is told of every record, whatever it is the record of."""

    @property
    def id(self) -> str:
        """Its own: the idempotency key."""
        ...

    @property
    def source(self) -> str:
        """Who says so."""
        ...

    @property
    def cause(self) -> str:
        """The id of what it came from, or empty."""
        ...


def headers_of(told: Told, kind: str, subject: str, time: str, value: bytes | None) -> dict[str, str]:
    """The headers of every record that we append; a tombstone has no value to speak of."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": told.id,
        "ce_source": told.source,
        "ce_type": kind,
        "ce_subject": subject,
        "ce_time": time,
    }
    if value is not None:
        headers["ce_datadigest"] = digest(value)
        headers["content-type"] = "application/json"
    if told.cause:
        headers["ce_causationid"] = told.cause
    return headers


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

    def to_message(self) -> Message:
        """The raw record: key = subject, or the id where nothing is known to be touched."""
        subject = self.subject or self.id  # CloudEvents has no empty subject, and here it is the key
        headers = headers_of(self, self.type, subject, instant(self.time), self.data)
        headers["ce_receivedat"] = instant(self.received_at)
        if not self.subject:
            headers["ce_subjectsource"] = "id"
        if self.time_source:
            headers["ce_timesource"] = self.time_source
        if self.trace:
            headers["traceparent"] = self.trace
        return Message(RAW, subject, self.data, headers)


class Raw(NamedTuple):
    """An envelope as it lies in `genesys.raw`: the same fields, times as they are written there."""

    id: str
    source: str
    type: str
    subject: str
    time: str
    received_at: str
    data: bytes
    time_source: str = ""
    trace: str = ""
    cause: str = ""
    position: tuple[int, int] = (-1, -1)
    """(partition, offset)."""
    digest: str = ""
    """Of the data; empty where its writer did not say."""

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """Raises KeyError or ValueError for a record that is no envelope of ours."""
        message = record.message
        headers = message.headers
        get = headers.get
        time = as_written(headers["ce_time"])
        received_at = get("ce_receivedat")
        return cls(
            headers["ce_id"],
            headers["ce_source"],
            headers["ce_type"],
            "" if get("ce_subjectsource") == "id" else headers["ce_subject"],
            time,
            time if received_at is None else as_written(received_at),
            message.value or b"",
            get("ce_timesource", ""),
            get("traceparent", ""),
            get("ce_causationid", ""),
            (record.partition, record.offset),
            get("ce_datadigest", ""),
        )
