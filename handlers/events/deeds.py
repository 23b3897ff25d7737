"""What we ask, decide and do: look-heres, fates, decisions, outcomes, and what people ask of the loop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

import orjson
from pydantic import Field

from processor.envelope import id_of, trace_of
from processor.errors import PoisonError
from processor.event import Event, Instant, Shape
from processor.eventlog import Record


class Lookup(Event):
    """Look here: ask Genesys for the present state of the subject. `since`: an answer asked later suffices."""

    type: ClassVar[str] = "genesys.lookups.requested"
    topic: ClassVar[str] = "genesys.lookups"

    what: str
    why: str = ""
    since: Instant
    until: Instant | None = None
    details: Mapping[str, Any] = Field(default_factory=dict)


class Fate(Event):
    """Why a raw record led to no clean record: duplicate, stale, coalesced, ignored or looked-up."""

    type: ClassVar[str] = "genesys.fates.decided"
    topic: ClassVar[str] = "genesys.fates"

    fate: str
    reason: str = ""


class Standing(Shape):
    """What we have changed on one medium of a queue and not yet taken back.

    `baseline` is what a person had set, `target` what we put there: `{serviceLevelSeconds, memberIds}`.
    `through`: the targets of the steps before, in seconds; while a step is on its way one of them is there.
    """

    step: int
    baseline: Mapping[str, Any]
    target: Mapping[str, Any]
    since: Instant
    decision_id: str
    through: tuple[float, ...] = ()


class Decision(Event):
    """What the loop decided about a queue; `standing` is the whole state after it, for all media."""

    type: ClassVar[str] = "genesys.decisions.updated"
    topic: ClassVar[str] = "genesys.decisions"
    also_data: ClassVar[frozenset[str]] = frozenset({"cause"})

    queue_id: str
    media_type: str | None = None
    action: str
    about: str = ""
    """What a `suggest` is about: floor, cap, observe, silence, refused, not-done, giving-back or gone."""
    rule: str = ""
    reason: str = ""
    step: int = 0
    seen: Mapping[str, Any] = Field(default_factory=dict)
    baseline: Mapping[str, Any] = Field(default_factory=dict)
    target: Mapping[str, Any] = Field(default_factory=dict)
    expected: Mapping[str, Any] = Field(default_factory=dict)
    standing: Mapping[str, Standing] = Field(default_factory=dict)
    memory: Mapping[str, Any] = Field(default_factory=dict)
    """What the loop must not forget over a restart: times of changes, the freeze, who was told."""


class Outcome(Event):
    """What became of a decision or request. One chain of hashes per group and partition is added on append."""

    type: ClassVar[str] = "genesys.outcomes.updated"
    topic: ClassVar[str] = "genesys.outcomes"

    request_id: str | None = None
    decision_id: str | None = None
    kind: str
    status: str
    before: Mapping[str, Any] = Field(default_factory=dict)
    after: Mapping[str, Any] = Field(default_factory=dict)
    latency_ms: float = 0
    conflict_retries: int = 0
    error: str | None = None
    request: Mapping[str, Any] = Field(default_factory=dict)
    """The fields that were asked for; empty for decisions, and for what could not be read."""
    facts: Mapping[str, Any] = Field(default_factory=dict)
    """What the change means: capacity impact, constraints met; of an invalid request its `problems`."""
    audit: Mapping[str, Any] = Field(default_factory=dict)


class Requested(Event):
    """What somebody wants changed in Genesys; read as tolerantly as other programs write it."""

    type: ClassVar[str] = "genesys.requests.made"
    topic: ClassVar[str] = "genesys.requests"

    kind: str
    fields: Mapping[str, Any] = Field(default_factory=dict)
    """The request's own fields, as `handlers.requests` reads them."""

    def data(self) -> bytes:
        """`kind` beside the fields."""
        return orjson.dumps({"kind": self.kind, **self.fields})

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """An id and a time are found where the writer gave none; the subject is the key. Raises PoisonError."""
        try:
            data = orjson.loads(record.message.value or b"null")
        except orjson.JSONDecodeError as error:
            raise PoisonError(f"a request is a JSON object: {error}") from error
        if not isinstance(data, dict) or not isinstance(data.get("kind"), str):
            raise PoisonError("a request is a JSON object with its kind", "kind")
        headers = record.message.headers
        return cls(
            id=id_of(record),
            time=_moment(headers.get("ce_time"), record.timestamp),
            subject=record.message.key,
            source=headers.get("ce_source") or "genesys/unknown",
            cause=headers.get("ce_causationid", ""),
            trace=trace_of(headers.get("traceparent", "")),
            sequence=f"{record.partition}-{record.offset}",
            kind=data.pop("kind"),
            fields=data,
        )


def _moment(said: str | None, otherwise: datetime) -> datetime:
    """The time in a header that others wrote, if it is one."""
    try:
        found = datetime.fromisoformat(said or "")
    except ValueError:
        return otherwise
    return found if found.tzinfo else otherwise


class ExportCursor(Event):
    """How far an export of Genesys's events has been read; what comes `after` that event is asked for next."""

    type: ClassVar[str] = "genesys.cursors.moved"
    topic: ClassVar[str] = "genesys.cursors"

    export_id: str
    after: str | None = None


class PoolUpdated(Event):
    """What of the loop is in Genesys, written before it is put there; who was in by himself is not among `joined`.

    `standing`: by medium, the standing that was carried out and whose baseline is not back yet.
    """

    type: ClassVar[str] = "genesys.pools.updated"
    topic: ClassVar[str] = "genesys.pools"

    queue_id: str
    joined: tuple[str, ...] = ()
    standing: Mapping[str, Standing] = Field(default_factory=dict)


class Begun(Event):
    """What stood before a request that is being carried out, and what shall; the key has no value when none is."""

    type: ClassVar[str] = "genesys.begun.updated"
    topic: ClassVar[str] = "genesys.begun"

    request_id: str
    before: Mapping[str, Any] = Field(default_factory=dict)
    after: Mapping[str, Any] = Field(default_factory=dict)


class FreezeRequested(Event):
    """A person wants the loop to leave a queue alone (`freeze`), or to mind it again; or the adjuster could not act."""

    type: ClassVar[str] = "genesys.requests.queue"
    topic: ClassVar[str] = "genesys.requests"

    kind: str
    """`queue-freeze` or `queue-resume`; of the adjuster `queue-stand-back`, `queue-refused` or `queue-not-done`."""
    queue_id: str
    reason: str = ""
    by: str = ""
    restore: bool = False
    media_type: str | None = None
    """Of the adjuster: what its decision was about."""
    decision_id: str | None = None
    """Of the adjuster: which decision that was."""
