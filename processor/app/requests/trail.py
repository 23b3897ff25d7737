"""What `request` leaves behind where there is no log: the audit file, and beside it what is not finished yet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from handlers.events import Begun, Outcome, Requested
from handlers.requests.ends import STARTED
from processor.app.auditfile import AuditFile, find_line
from processor.app.requests.journal import Journal, Left
from processor.event import instant


def as_line(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the log, the audit file and the command show it."""
    data: dict[str, Any] = orjson.loads(outcome.data())
    return {"id": outcome.id, "time": instant(outcome.time), "subject": outcome.subject, **data}


class Trail:
    """Without a file it forgets everything."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = AuditFile(path) if path else None
        self._journal = Journal(path.with_name(f"{path.name}.begun")) if path else None

    def keep(self, outcome: Outcome) -> None:
        """Its end ends what was noted of it."""
        if self._file and self._journal:
            self._file.append(as_line(outcome))
            if outcome.request_id and outcome.status != STARTED:
                self._journal.over(outcome.request_id)

    def note(self, asked: Requested, begun: Begun) -> None:
        """Before the first call."""
        if self._journal:
            self._journal.note(asked, begun)

    def found(self, request_id: str) -> dict[str, Any] | None:
        """The last that the file says of it."""
        return find_line(self._path, request_id) if self._path else None

    def left(self) -> Iterator[Left]:
        """What processes that are gone have begun and not told the end of."""
        for left in self._journal.left() if self._journal else ():
            known = self.found(left.asked.id)
            if known is None or known.get("status") == STARTED:
                yield left
            else:
                self.done(left)

    def done(self, left: Left) -> None:
        """Its end was in the file already."""
        if self._journal:
            self._journal.over(left.asked.id)

    def release(self, left: Left) -> None:
        """For the next process to look at."""
        if self._journal:
            self._journal.release(left.asked.id)
