"""What senders send that we do not know: types, fields, and known types that we could not use; counted in the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from handlers.normalise.bodies import NotJson, parse
from handlers.normalise.forms import recognise
from handlers.normalise.vocabulary import Tree, known, strange
from handlers.normalise.words import too_deep
from processor.deadletters import DEADLETTERS
from processor.event import RAW
from processor.eventlog import EventLog, Record

EXAMPLE_CHARACTERS = 200
KINDS_AT_MOST = 1000
"""Different findings that are kept apart; names that are made up by chance must not fill the memory."""

ANSWERS = "answer."
"""Types of what our own look-ups brought: nobody sent them."""


@dataclass(slots=True)
class Finding:
    """One unknown thing: how often, when last, in which event, and how it looked there."""

    what: str
    type: str
    name: str
    count: int = 0
    latest: datetime | None = None
    id: str = ""
    example: str = ""


@dataclass(slots=True)
class Drift:
    """All findings, and how far was looked."""

    looked: int = 0
    kept: int = 0
    since: datetime | None = None
    until: datetime | None = None
    not_counted: int = 0
    found: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def findings(self) -> list[Finding]:
        """The most frequent first."""
        return sorted(self.found.values(), key=lambda one: (-one.count, one.what, one.type, one.name))

    def count(self, what: str, record: Record, kind: str, name: str, example: Any) -> None:
        """One more; its example is the newest."""
        key = (what, kind, name[:EXAMPLE_CHARACTERS])
        if key not in self.found and len(self.found) >= KINDS_AT_MOST:
            self.not_counted += 1
            return
        finding = self.found.setdefault(key, Finding(*key))
        finding.count += 1
        if finding.latest is None or record.timestamp >= finding.latest:
            finding.latest = record.timestamp
            finding.id = record.message.headers.get("ce_id", "")
            finding.example = _shown(example)


async def drift(log: EventLog, limit: int) -> Drift:
    """Over the newest `limit` records of raw (shared out evenly over the partitions), and all dead letters kept."""
    seen, fields = Drift(), _Fields()
    share = max(1, limit // log.partitions)
    for partition in range(log.partitions):
        first, end = await log.bounds(RAW, partition)
        start = max(first, end - share)
        seen.kept += end - first
        async for record in log.read(RAW, partition, start, end):
            seen.looked += 1
            seen.since = min(seen.since or record.timestamp, record.timestamp)
            seen.until = max(seen.until or record.timestamp, record.timestamp)
            for finding in fields.of(record):
                seen.count(finding[0], record, *finding[1:])
        async for record in log.read(DEADLETTERS, partition, *await log.bounds(DEADLETTERS, partition)):
            for finding in _parked(record):
                seen.count(finding[0], record, *finding[1:])
    return seen


Found = tuple[str, str, str, Any]
"""(what, type, name, example)."""


class _Fields:
    """Compares payloads with the vocabulary, each type's read once."""

    def __init__(self) -> None:
        self._known: dict[str, Tree | None] = {}

    def of(self, record: Record) -> Iterator[Found]:
        kind = record.message.headers.get("ce_type", "")
        if kind.startswith(ANSWERS):
            return
        if kind not in self._known:
            self._known[kind] = known(kind)
        try:
            value = parse(record.message.value or b"")
        except NotJson:
            value = None
        fields = self._known[kind]
        if fields is None:
            yield "type", kind, _named(value), value
            return
        if too_deep(value):
            return  # it is parked, and its dead letter says why
        form = recognise(value)
        body = form.body if form.type == kind else value
        for path, item in strange(body, fields):
            yield "field", kind, path, item


def _parked(record: Record) -> Iterator[Found]:
    """A known type that could not be used: a field has another meaning now, or is gone."""
    headers = record.message.headers
    kind = headers.get("ce_type", "")
    usable = headers.get("dlq_topic") == RAW and headers.get("dlq_reason") == "poison"
    if usable and known(kind) is not None:
        yield "unusable", kind, headers.get("dlq_field", ""), headers.get("dlq_error", "")


def _named(value: Any) -> str:
    """What an event that nobody knows calls itself, else the names of its fields."""
    if not isinstance(value, Mapping):
        return f"a bare {type(value).__name__}" if value is not None else "nothing"
    for name in ("detail-type", "topicName", "eventType", "event", "type"):
        if isinstance(value.get(name), str):
            return f"{name}: {value[name]}"
    return "fields: " + ", ".join(sorted(value)[:12])


def _shown(value: Any) -> str:
    try:
        text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode(errors="replace")
    except TypeError:
        text = "nested too deeply to be shown"
    return text if len(text) <= EXAMPLE_CHARACTERS else text[:EXAMPLE_CHARACTERS] + "…"
