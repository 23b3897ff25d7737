"""The push sender: events to a WFM system, or to people, as signed batches that may come twice but never get lost.

    POST {url}/events          {"events": [{"id", "type", "subject", "time", "sequence", "data"}]}
    POST {url}/schedules/sync  the guide's SCHEDULE_CREATED

Each event has its `traceparent` where there is one, the request too where all of its events have the same.

Standard Webhooks headers; `webhook-id` names the batch and stays the same, with the same bytes,
however often it is sent again. A push returns when its event has been taken.

    taken                       done
    400, 413, 422, other 4xx    the batch is sent again one by one; who is refused alone is poison
    401, 403, 404, 405, 409     the address or its credentials are at fault, no event is: wait
    408, 429, 5xx, no answer    wait, as long as `Retry-After` asks
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import orjson

from processor.clients.api import Api, Rejected
from processor.errors import FarSideDown, PoisonError, RefusedError, RetryableError, SettingsError
from processor.event import Event, instant
from processor.signing import secret_bytes, sign

MOST_REMEMBERED = 20_000
"""Events of batches that failed and were not tried again: their owner is another process now."""


@dataclass(frozen=True, slots=True)
class PushEvent:
    """One element of a batch. `data` is JSON; per type and subject the highest `sequence` wins."""

    id: str
    type: str
    subject: str
    time: datetime
    sequence: str
    data: bytes
    trace: str = ""

    @classmethod
    def of(cls, event: Event, data: Mapping[str, Any] | None = None) -> Self:
        """A clean event as it stands in its topic, or with other data that its reader understands better."""
        content = event.data() if data is None else orjson.dumps(data)
        return cls(event.id, event.type, event.subject, event.time, event.sequence, content, event.trace)

    @property
    def key(self) -> tuple[str, str]:
        """What makes two pushes the same."""
        return self.type, self.id


@dataclass(slots=True, eq=False)
class _Batch:
    """Filled until it is closed; then its bytes and its id never change. Split: its events are gone."""

    events: list[PushEvent] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    body: bytes = b""
    attempts: int = 0
    failure: RetryableError | None = None
    taken: bool = False
    refusal: str = ""

    def close(self) -> None:
        """From now on it is what it is."""
        if not self.body:
            rows = [
                {
                    "id": one.id,
                    "type": one.type,
                    "subject": one.subject,
                    "time": instant(one.time),
                    "sequence": one.sequence,
                    **({"traceparent": one.trace} if one.trace else {}),
                    "data": orjson.Fragment(one.data),
                }
                for one in self.events
            ]
            self.body = orjson.dumps({"events": rows})

    @property
    def trace(self) -> str:
        """The trace that all of it belongs to; empty when there is no such."""
        traces = {one.trace for one in self.events}
        return traces.pop() if len(traces) == 1 else ""


class Wfm:
    """One destination. `api` brings its address, pace, breaker and time-outs; no secret: not signed.

    `events_path` is empty where the address takes the events itself (escalations).
    """

    def __init__(
        self,
        api: Api,
        secret: str | None,
        now: Callable[[], datetime],
        *,
        events_path: str = "/events",
        most: int = 100,
        linger: float = 0.02,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """A batch waits `linger` seconds for company, up to `most`. Raises SettingsError when the secret is none."""
        try:
            if secret:
                secret_bytes(secret)
        except ValueError as error:
            raise SettingsError(f"the secret of {api.name}: {error}") from None
        self._api = api
        self._secret = secret
        self._now = now
        self._path = events_path
        self._most = most
        self._linger = linger
        self._sleep = sleep
        self._filling: _Batch | None = None
        self._batches: dict[tuple[str, str], _Batch] = {}

    async def push(self, event: PushEvent) -> None:
        """Returns when it was taken. Raises PoisonError when this event is refused, RetryableError to come again.

        Coming again with the same event sends the batch it was in again, as it was.
        """
        while True:
            batch = self._batches.get(event.key) or self._join(event)
            await self._deliver(batch)
            if batch.taken or batch.refusal:
                break
        self._batches.pop(event.key, None)
        if batch.refusal:
            raise PoisonError(batch.refusal)

    async def schedule_created(self, schedule_id: str, campaign_id: str, moment: datetime) -> None:
        """The guide's call, in its own words. Raises as `push`."""
        body = orjson.dumps(
            {
                "scheduleId": schedule_id,
                "campaignId": campaign_id,
                "event": "SCHEDULE_CREATED",
                "timestamp": instant(moment),
                "source": "genesys-outbound-automation",
            }
        )
        try:
            await self._post("/schedules/sync", body)
        except Rejected as error:
            raise PoisonError(str(error)) from error

    def _join(self, event: PushEvent) -> _Batch:
        batch = self._filling
        if batch is None or batch.body or len(batch.events) >= self._most:
            batch = self._filling = _Batch()
        batch.events.append(event)
        self._batches[event.key] = batch
        while len(self._batches) > MOST_REMEMBERED:
            del self._batches[next(iter(self._batches))]
        return batch

    async def _deliver(self, batch: _Batch) -> None:
        """Of all who wait for a batch the first sends it; when that fails, all of them have failed once."""
        seen = batch.attempts
        async with batch.lock:
            if batch.taken or batch.refusal or not batch.events:
                return
            if batch.attempts > seen and batch.failure:
                kind = FarSideDown if isinstance(batch.failure, FarSideDown) else RetryableError
                raise kind(str(batch.failure), batch.failure.retry_after) from batch.failure
            if not batch.body:
                await self._sleep(self._linger)
                batch.close()
            await self._send(batch)

    async def _send(self, batch: _Batch) -> None:
        try:
            await self._post(self._path, batch.body, batch.trace)
        except Rejected as error:
            if len(batch.events) == 1:
                batch.refusal = str(error)
            else:
                self._split(batch)
        except RetryableError as error:
            batch.attempts += 1
            batch.failure = error
            raise
        else:
            batch.taken = True

    def _split(self, batch: _Batch) -> None:
        """One bad event must not hold back the others."""
        for event in batch.events:
            if event.key in self._batches:
                self._batches[event.key] = _Batch([event])
                self._batches[event.key].close()
        batch.events = []

    async def _post(self, path: str, body: bytes, trace: str = "") -> None:
        message_id = "msg_" + hashlib.sha256(body).hexdigest()[:32]
        headers = {"Content-Type": "application/json", "webhook-id": message_id}
        if trace:
            headers["traceparent"] = trace
        if self._secret:
            moment = self._now()
            headers["webhook-timestamp"] = str(int(moment.timestamp()))
            headers["webhook-signature"] = sign(self._secret, message_id, moment, body)
        try:
            await self._api.request("POST", path, data=body, headers=headers, repeatable=True)
        except Rejected:
            raise
        except RefusedError as error:
            raise RetryableError(f"{error}; check the address and its credentials", timedelta(seconds=30)) from error
