"""The loop's brake as a request: what people and other programs may say about one queue."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from handlers.brake import FREEZE, RESUME
from handlers.events import FreezeRequested, Requested
from handlers.requests.words import Request


class BrakeRequest(Request):
    """A word to the loop, not to Genesys: a decision answers it, there is no outcome of its own."""

    queue_id: str = Field(min_length=1, max_length=100)
    """The queue."""
    reason: str = Field(default="", max_length=1000)
    """Why; kept in the audit trail and shown in the console."""
    restore: bool = False
    """Also put the queue's own settings back now."""

    def subject(self) -> str:
        """The queue."""
        return f"queue/{self.queue_id}"

    def for_the_loop(self, asked: Requested) -> FreezeRequested:
        """The form in which the loop reads it, under the same id."""
        return FreezeRequested(
            id=asked.id,
            time=asked.time,
            subject=self.subject(),
            source=asked.source,
            cause=asked.cause,
            trace=asked.trace,
            kind=self.kind,
            queue_id=self.queue_id,
            reason=self.reason,
            by=self.by or "",
            restore=self.restore,
        )


class FreezeRequest(BrakeRequest):
    """The loop leaves this queue alone until it is resumed."""

    kind: ClassVar[str] = FREEZE


class ResumeRequest(BrakeRequest):
    """The loop minds this queue again."""

    kind: ClassVar[str] = RESUME
