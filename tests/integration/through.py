"""What a post becomes: the real receiver on a port, the embedded log, and the group that normalises."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

import handlers
from handlers.normalise.envelopes import envelopes
from processor import consumer
from processor.app.topics import TOPICS
from processor.eventlog import Record
from processor.eventlog.sqlite import SqliteLog
from processor.pace import Policy
from processor.receiver import PATH, Receiver
from processor.signatures import Verifier
from processor.telemetry import Metrics
from processor.web.listener import Where, listening, runner_of

NOW = datetime(2026, 3, 9, 14, tzinfo=UTC)
HEADERS = {
    "User-Agent": "Amazon/EventBridge/ApiDestinations",
    "Content-Type": "application/json; charset=utf-8",
    "Range": "bytes=0-1048575",
    "Accept-Encoding": "gzip,deflate",
    "Connection": "close",
    "Authorization": "Basic " + base64.b64encode(b"gc:pass").decode(),
}


@dataclass
class Ending:
    """The answer, and every record that stood in the log when all of raw had been normalised."""

    status: int = 0
    ids: list[str] = field(default_factory=list)
    records: dict[str, list[Record]] = field(default_factory=dict)

    def of(self, topic: str) -> list[Record]:
        return self.records.get(topic, [])

    def clean(self) -> list[Record]:
        inner = {"genesys.raw", "genesys.lookups", "genesys.fates", "genesys.deadletters", "genesys.replays"}
        return [record for topic, found in self.records.items() if topic not in inner for record in found]

    def fates(self) -> list[str]:
        return [json.loads(record.message.value or b"{}")["fate"] for record in self.of("genesys.fates")]


async def through(file: Path, body: bytes, headers: Mapping[str, str] = {}, posts: int = 1) -> Ending:
    """Post it (as EventBridge would, unless `headers` say otherwise) until all that came of it is there."""
    ending, metrics = Ending(), Metrics.build()
    (group,) = handlers.normalise(handlers.Policy(timedelta(weeks=2)), lambda: NOW)
    async with SqliteLog.open(file, TOPICS, 1, lambda: NOW) as log:
        receiver = Receiver(log.append, envelopes, Verifier.build(basic=["gc:pass"]), metrics, lambda: NOW)
        async with (
            listening(runner_of(receiver.handle, 5, receiver.plain), Where("127.0.0.1", 0)) as url,
            ClientSession() as session,
        ):
            for _ in range(posts):
                async with session.post(url + PATH, data=body, headers={**HEADERS, **headers}) as answer:
                    told: dict[str, Any] = await answer.json(content_type=None)
                    ending.status, ending.ids = answer.status, told.get("ids", [])
        _, end = await log.bounds("genesys.raw", 0)
        work = asyncio.create_task(
            consumer.run(group, log, asyncio.Event(), policy=Policy(), metrics=metrics, now=lambda: NOW)
        )
        try:
            while not work.done() and (await log.committed(group.name, group.topic)).get(0, 0) < end:  # noqa: ASYNC110  # the log is all we see of it
                await asyncio.sleep(0.002)
        finally:
            work.cancel()
            await asyncio.wait([work])
        for topic in TOPICS:
            bounds = await log.bounds(topic.name, 0)
            ending.records[topic.name] = [record async for record in log.read(topic.name, 0, *bounds)]
    return ending
