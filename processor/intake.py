"""What every post goes through, however it came: split, append, the answer. Verified before, by whoever read it.

Nothing that a caller sends yields a 5xx, and nothing is acknowledged that is not in the log.
503 is for what lies with us; a sender repeats it, and its ids make the repeat harmless.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from processor.errors import PoisonError, RetryableError
from processor.event import Delivery, Envelope, digest
from processor.eventlog import Message
from processor.telemetry import Metrics
from processor.web.refusals import Refusal, not_json, ours

log = logging.getLogger("processor.receiver")

Append = Callable[[Sequence[Message]], Awaitable[None]]
Envelopes = Callable[[Delivery], list[Envelope]]


class Intake:
    """The way from a verified body into the log, and its counters."""

    def __init__(self, append: Append, envelopes: Envelopes, metrics: Metrics) -> None:
        """`append`: durable when it has been awaited. `envelopes`: pure; raises PoisonError for what is no JSON."""
        self._append = append
        self._envelopes = envelopes
        self._metrics = metrics
        self._accepted = metrics.posts.labels("202")
        self._credentials = {name: metrics.callers.labels(name) for name in ("none",)}
        self.open = 0
        """Posts whose answer is due."""
        metrics.posts_in_flight.set_function(lambda: self.open)

    def admit(self, caller: str) -> None:
        """Counts the credential that a post used; empty: none was needed."""
        used = caller or "none"
        if used not in self._credentials:
            self._credentials[used] = self._metrics.callers.labels(used)
        self._credentials[used].inc()

    def split(self, delivery: Delivery) -> list[Envelope]:
        """The events in it. Raises Refusal (400) for what is no JSON at all."""
        try:
            return self._envelopes(delivery)
        except PoisonError as error:
            raise not_json(str(error)) from None
        except Exception:
            # A bug of ours must not lose the sender's event: it is kept whole and ends as a dead letter.
            log.exception("split-failed", extra={"bytes": len(delivery.body), "caller": delivery.caller})
            at, name = delivery.received_at, digest(delivery.body)
            return [Envelope(name, delivery.source, "unknown", "", at, at, delivery.body, "received")]

    def append(self, envelopes: Sequence[Envelope]) -> asyncio.Future[None]:
        """Begun when this returns. What its failure means to the caller says `failure`."""
        try:
            return asyncio.ensure_future(self._append([envelope.to_message() for envelope in envelopes]))
        except Exception as error:
            failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return failed

    def failure(self, error: BaseException) -> Refusal:
        """503, with what is known of why."""
        if isinstance(error, TimeoutError):
            return ours("ack-deadline", "The log did not confirm in time; send the same again.")
        wait = error.retry_after if isinstance(error, RetryableError) else None
        if not isinstance(error, RetryableError | PoisonError):  # no topic takes it: the refusal tells
            log.error("append-failed", exc_info=error)
        refusal = ours("log", "The log cannot take it now; send the same again.", wait)
        refusal.__cause__ = error
        return refusal

    def count(self, events: int, size: int, started: float) -> None:
        """A 202 goes out for so many events in so many bytes; `started` by `time.monotonic`."""
        self._accepted.inc()
        self._metrics.acknowledged_seconds.observe(time.monotonic() - started)
        self._metrics.received.inc(events)
        self._metrics.received_bytes.inc(size)
