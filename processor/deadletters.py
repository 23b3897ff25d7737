"""Where records rest that cannot succeed: how they are parked, and when so many are that we must stop."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Any

from pydantic import ValidationError

from processor.envelope import id_of
from processor.errors import FatalError, PoisonError, RefusedError
from processor.event import instant
from processor.eventlog import Message, Record
from processor.retry import Outcome, Verdict

DEADLETTERS = "genesys.deadletters"
REPLAYS = "genesys.replays"
ERROR_LIMIT = 500
"""Characters of an error's text that are kept."""


def dead_letter(
    record: Record,
    group: str,
    verdict: Verdict[Any],
    *,
    now: datetime,
    redact: Callable[[str], str],
    replayed: int = 0,
) -> Message:
    """The record as it was, and why this group could not do it. `redact` takes secrets out of the error's text."""
    return Message(
        DEADLETTERS,
        record.message.key,
        record.message.value,
        {
            **_attributes(record),
            "dlq_id": dead_letter_id(group, record),
            "dlq_group": group,
            "dlq_topic": record.topic,
            "dlq_partition": str(record.partition),
            "dlq_offset": str(record.offset),
            "dlq_reason": verdict.outcome.value,
            "dlq_field": getattr(verdict.error, "field", None) or "",
            "dlq_error": error_text(verdict.error, redact),
            "dlq_attempts": str(verdict.attempts),
            "dlq_time": instant(now),
            "dlq_replayed": str(replayed),
        },
    )


def _attributes(record: Record) -> dict[str, str]:
    """Its own headers. What others wrote may lack some that every record of ours has: they are what we take it for."""
    told = {name: value for name, value in record.message.headers.items() if not name.startswith("dlq_")}
    assumed = {
        "ce_specversion": "1.0",
        "ce_id": id_of(record),
        "ce_source": "genesys/unknown",
        "ce_type": "unknown",
        "ce_subject": record.message.key or id_of(record),
        "ce_time": instant(record.timestamp),
    }
    return told | {name: value for name, value in assumed.items() if not told.get(name)}


def dead_letter_id(group: str, record: Record) -> str:
    """The same each time this record is parked by this group."""
    return f"{group}.{record.topic}.{record.partition}.{record.offset}"


def error_text(error: BaseException | None, redact: Callable[[str], str]) -> str:
    """One line, bounded; of a bug also its kind, since its text was not written for a reader."""
    if error is None:
        return ""
    text = str(error)
    if not isinstance(error, PoisonError | RefusedError):
        text = f"{type(error).__name__}: {text}"
    elif isinstance(error, RefusedError) and error.remedy:
        text = f"{text} ({error.remedy})"
    return re.sub(r"\s+", " ", redact(text))[:ERROR_LIMIT]


def unreadable(error: Exception, record: Record) -> PoisonError:
    """What a record's reader needs to know when it is not of the shape that its type promises."""
    kind = record.message.headers.get("ce_type", "a record without ce_type")
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"])) or "data"
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        return PoisonError(f"not a {kind}: {field}: {first['msg']}{more}", field)
    if isinstance(error, KeyError):
        return PoisonError(f"not a {kind}: header {error.args[0]} is missing", str(error.args[0]))
    return PoisonError(f"not a {kind}: {error}", "data")


def where(record: Record) -> dict[str, Any]:
    """The facts by which a record is found again."""
    headers = record.message.headers
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "id": headers.get("ce_id"),
        "type": headers.get("ce_type"),
        "subject": headers.get("ce_subject"),
    }


def told(record: Record, group: str, verdict: Verdict[Any], redact: Callable[[str], str]) -> dict[str, Any]:
    """The facts of the line that says that it was parked."""
    return where(record) | {
        "group": group,
        "reason": verdict.outcome.value,
        "attempts": verdict.attempts,
        "field": getattr(verdict.error, "field", None),
        "error": error_text(verdict.error, redact),
    }


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """How many bugs are too many: a bad deploy must not park everything."""

    in_a_row: int = 20
    share: float = 0.5
    window: int = 200
    at_least: int = 50


class DeadLetterLimit:
    """Counts only what our own code did: records done, and bugs. Junk neither stops us nor hides a bug."""

    def __init__(self, group: str, policy: LimitPolicy) -> None:
        self._group = group
        self._policy = policy
        self._row = 0
        self._done = 0
        """Since the last bug; they are looked at when there is another."""
        self._last: deque[bool] = deque(maxlen=policy.window)

    def count(self, outcome: Outcome, error: BaseException | None = None) -> None:
        """Raises FatalError, naming the last error, when bugs pass the limit."""
        if outcome is Outcome.DONE:
            self._done += 1
        elif outcome is Outcome.BUG:
            self._bug(error)

    def _bug(self, error: BaseException | None) -> None:
        self._row = 1 if self._done else self._row + 1
        self._last.extend(repeat(False, min(self._done, self._policy.window)))
        self._last.append(True)
        self._done = 0
        seen, bugs = len(self._last), sum(self._last)
        if self._row > self._policy.in_a_row:
            raise FatalError(f"group {self._group}: {self._row} records in a row failed by a bug; {self._named(error)}")
        if seen >= self._policy.at_least and bugs > self._policy.share * seen:
            raise FatalError(
                f"group {self._group}: {bugs} of the last {seen} records failed by a bug; {self._named(error)}"
            )

    @staticmethod
    def _named(error: BaseException | None) -> str:
        return f"the last: {type(error).__name__}: {str(error)[:ERROR_LIMIT]}" if error else "no error was given"
