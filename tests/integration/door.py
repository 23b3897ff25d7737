"""A receiver on a port of its own before a log that does as it is told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import ClientSession, ClientTimeout

from processor.errors import PoisonError
from processor.event import Delivery, Envelope
from processor.eventlog import Message
from processor.receiver import PATH, Receiver
from processor.signatures import Verifier
from processor.telemetry import Metrics
from processor.web.listener import Tls, Where, listening, runner_of

NOW = datetime(2026, 3, 9, 13, 0, 4, tzinfo=UTC)
BASIC = {"Authorization": "Basic " + base64.b64encode(b"gc:pass").decode()}


def split(delivery: Delivery) -> list[Envelope]:
    """As handlers/normalise does it, without its vocabulary."""
    try:
        content = json.loads(delivery.body)
    except ValueError:
        raise PoisonError("no JSON") from None
    events = content if isinstance(content, list) else [content]
    at = delivery.received_at
    return [
        Envelope(e["id"], delivery.source, "unknown", "", at, at, json.dumps(e).encode(), "received") for e in events
    ]


@dataclass
class Log:
    """Stands where the log stands: keeps what it is given, or does as it is told."""

    messages: list[Message] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event | None = None
    turns: int = 0
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def append(self, messages: Sequence[Message]) -> None:
        self.waiting.set()
        if self.gate:
            await self.gate.wait()
        for _ in range(self.turns):
            await asyncio.sleep(0)
        if self.error:
            raise self.error
        self.messages += messages


@dataclass
class Door:
    url: str
    log: Log
    metrics: Metrics
    session: ClientSession

    async def post(
        self, body: object = b'{"id":"e1"}', headers: dict[str, str] | None = None, path: str = PATH
    ) -> tuple[int, dict, dict]:
        sent = {**BASIC, **(headers or {})}
        async with self.session.post(self.url + path, data=body, headers=sent) as answer:
            raw = await answer.read()
            return answer.status, json.loads(raw) if raw else {}, dict(answer.headers)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def door(*, by_plain: bool = True, tls: Tls | None = None, **changes: object) -> AsyncIterator[Door]:
    """A receiver that takes `gc:pass`, unless changed; `by_plain` False: every post is read by aiohttp."""
    log, metrics = Log(), Metrics.build()
    verifier = changes.pop("verifier", Verifier.build(basic=["gc:pass"]))
    envelopes = changes.pop("envelopes", split)
    receiver = Receiver(log.append, envelopes, verifier, metrics, lambda: NOW, **changes)
    plain = receiver.plain if by_plain else None
    async with (
        listening(runner_of(receiver.handle, 5, plain), Where("127.0.0.1", 0, tls)) as url,
        ClientSession(timeout=ClientTimeout(total=20)) as session,
    ):
        yield Door(url, log, metrics, session)
