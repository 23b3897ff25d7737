"""The audit file: each outcome of a request or decision as one JSON line, once, across restarts and log rotation."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson

from handlers.events import Outcome
from processor.errors import RetryableError
from processor.event import Event
from processor.eventlog import Record
from processor.routing import Group, on

REMEMBERED = 4 * 1024 * 1024
"""Bytes at the file's end in which a record is looked for before it is written: more than ever waits for its commit."""


class AuditLine(Event):
    """An outcome with all that stands in its record, its link in the audit chain included."""

    type: ClassVar[str] = Outcome.type
    topic: ClassVar[str] = Outcome.topic

    line: Mapping[str, Any]

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """`record` in the line is the record's place in the log."""
        headers = record.message.headers
        data = orjson.loads(record.message.value or b"{}")
        line = {"id": headers["ce_id"], "time": headers["ce_time"], "subject": record.message.key, **data}
        place = f"{record.partition}-{record.offset}"
        return cls(
            id=headers["ce_id"],
            time=record.timestamp,
            subject=record.message.key,
            sequence=place,
            line={**line, "record": place},
        )

    @classmethod
    def reads(cls, record: Record) -> Self | None:
        """None for the outcomes of syncs and look-ups, and for what was erased."""
        if record.message.headers.get("ce_type") != cls.type:
            return None
        found = cls.from_record(record)
        return found if found.line.get("requestId") or found.line.get("decisionId") else None


def audit_group(path: Path) -> Group:
    """Follows the outcomes from its committed offsets on: the first time from the oldest outcome that is kept."""
    file = AuditFile(path)

    async def write(event: AuditLine) -> Iterable[Event]:
        await asyncio.to_thread(file.append, event.line)
        return ()

    return Group("audit-file", Outcome.topic, (on(AuditLine, write),), reads=AuditLine.reads)


class AuditFile:
    """Appends lines; follows the path when somebody moved the file away. Has no close: it is open for a write only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: set[str] = set()
        self._looked = False

    def append(self, line: Mapping[str, Any]) -> None:
        """On the disk when it returns. Raises `RetryableError` when it cannot be written whole: then nothing was."""
        try:
            self._look_once()
            place = str(line.get("record", ""))
            if place and place in self._written:
                return
            self._write(orjson.dumps(line, default=str) + b"\n")
            self._written.add(place)
        except OSError as error:
            raise RetryableError(f"the audit file {self._path} cannot be written: {error.strerror}") from error

    def _look_once(self) -> None:
        """What was written before a crash may not be committed in the log; the file tells."""
        if self._looked:
            return
        for path in (self._path, self._path.with_name(self._path.name + ".1")):
            self._written |= {str(line["record"]) for line in _last_lines(path) if "record" in line}
        self._looked = True

    def _write(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            end = os.fstat(file).st_size
            torn = end and os.pread(file, 1, end - 1) != b"\n"  # a line that a crash cut off stays a line of its own
            line = b"\n" + line if torn else line
            if os.write(file, line) < len(line):
                os.ftruncate(file, end)
                raise OSError(28, "no space left for a whole line")
            os.fsync(file)
        finally:
            os.close(file)


def find_line(path: Path, request_id: str) -> dict[str, Any] | None:
    """The last outcome of this request in the file, `started` only when there is no other."""
    found: dict[str, Any] | None = None
    if not path.exists():
        return None
    with path.open("rb") as file:
        for raw in file:
            if request_id.encode() in raw and (line := _parsed(raw)).get("requestId") == request_id:
                found = line if found is None or line.get("status") != "started" else found
    return found


def lines_of_its_own(path: Path, subject: str) -> Iterator[dict[str, Any]]:
    """The outcomes about a subject that no log has (`request --now`), in the order of the file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if subject.encode() in raw and (line := _parsed(raw)).get("subject") == subject and "record" not in line:
                yield line


def _last_lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - REMEMBERED))
        return [_parsed(raw) for raw in file]


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        line = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return line if isinstance(line, dict) else {}
