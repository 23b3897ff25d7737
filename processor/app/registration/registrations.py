"""Which webhooks we have made, remembered in the audit trail: for a Genesys that lists none."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from handlers.events import Outcome
from handlers.requests.ends import STARTED
from processor.audit import Chains
from processor.eventlog import EventLog
from processor.eventlog.partitions import partition_of

GROUP = KIND = "register"


class Registrations:
    """What `clients/genesys/guide/webhooks` asks of a memory. As long as outcomes are kept: 365 days."""

    def __init__(self, log: EventLog, now: Callable[[], datetime]) -> None:
        self._log = log
        self._now = now
        self._chains = Chains(log, GROUP)

    async def known(self, name: str) -> str | None:
        """The last word about the webhook with this name: its id, "" when a POST may have made one, None for none."""
        said: dict[str, Any] = {}
        subject = _subject(name)
        partition = partition_of(subject, self._log.partitions)
        first, end = await self._log.bounds(Outcome.topic, partition)
        async for record in self._log.read(Outcome.topic, partition, first, end):
            if record.message.key == subject and record.message.value:
                said = orjson.loads(record.message.value)
        if said.get("status") == STARTED:
            return ""
        return (said.get("after") or {}).get("webhookId")

    async def begun(self, name: str) -> None:
        """A POST is about to be tried."""
        await self._tell(name, STARTED)

    async def made(self, name: str, webhook_id: str) -> None:
        """There is one with this id."""
        await self._tell(name, "done", webhook_id)

    async def not_made(self, name: str, error: str) -> None:
        """There is none: Genesys did not take it."""
        await self._tell(name, "refused", error=error)

    async def _tell(self, name: str, status: str, webhook_id: str | None = None, error: str | None = None) -> None:
        key = str(uuid.uuid4())
        outcome = Outcome(
            id=key,
            time=self._now(),
            subject=_subject(name),
            request_id=key,
            kind=KIND,
            status=status,
            after={"webhookId": webhook_id} if webhook_id else {},
            error=error,
        )
        await self._log.append(await self._chains.seal([outcome.to_message()]))


def _subject(name: str) -> str:
    return f"webhook/{name}"
