"""What the operations API and the console ask, answered from the log."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from processor.app.queues import Queues
from processor.app.switches import switched_off
from processor.app.topics import TOPICS
from processor.app.whereabouts import whereabouts
from processor.errors import PoisonError
from processor.event import instant
from processor.eventlog import EventLog, Record
from processor.progress import Progress
from processor.replays import Parked, list_dead, replay
from processor.settings import Settings
from processor.telemetry import Metrics

BRAKES = ("queue-freeze", "queue-resume")
NEWEST = 20
CLEAN = ("schedules", "shifts", "presence", "queues", "volume", "campaigns", "profiles")


class Desk:
    """Implements `processor.admin.operations.Operations`."""

    def __init__(
        self,
        settings: Settings,
        log: EventLog,
        progress: Sequence[Progress],
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._log = log
        self._progress = progress
        self._metrics = metrics
        self._now = now
        self._queues = Queues(log, now)

    async def overview(self) -> dict[str, Any]:
        """The console's page, from positions and the newest records only."""
        topics = [{"topic": topic.name, "records": await self._appended(topic.name)} for topic in TOPICS]
        appended = {str(topic["topic"]): topic["records"] for topic in topics}
        names = {queue["queueId"]: queue["name"] for queue in await self._queues.list()}
        return {
            "at": instant(self._now()),
            "log": self._settings.log,
            "loop": {"mode": self._settings.loop_mode, "queues": list(self._settings.loop_queues)},
            "off": switched_off(self._settings),
            "counts": {
                "received": appended["genesys.raw"],
                "published": sum(appended[f"genesys.{name}"] for name in CLEAN),
                "effects": appended["genesys.outcomes"],
                "decisions": appended["genesys.decisions"],
                "deadLetters": appended["genesys.deadletters"],
            },
            "topics": topics,
            "groups": [self._group(one) for one in self._progress],
            "decisions": [_decision(record, names) for record in await self._newest("genesys.decisions")],
            "outcomes": [_outcome(record) for record in await self._newest("genesys.outcomes")],
        }

    async def _appended(self, topic: str) -> int:
        return sum([(await self._log.bounds(topic, partition))[1] for partition in range(self._log.partitions)])

    async def _newest(self, topic: str) -> list[Record]:
        records: list[Record] = []
        for partition in range(self._log.partitions):
            start, end = await self._log.bounds(topic, partition)
            records.extend([r async for r in self._log.read(topic, partition, max(start, end - NEWEST), end)])
        return sorted(records, key=lambda record: (record.timestamp, record.offset), reverse=True)[:NEWEST]

    def _group(self, one: Progress) -> dict[str, Any]:
        now = self._now()
        return {
            "group": one.group,
            "topic": one.topic,
            "lag": sum(one.lag.values()),
            "waiting": one.waiting,
            "done": one.done,
            "parked": one.parked,
            "lagSeconds": round((now - one.oldest).total_seconds(), 3) if one.oldest else 0,
            "stuckSeconds": round(one.stuck(now).total_seconds(), 3),
        }

    async def queues(self) -> list[dict[str, Any]]:
        """Every queue, by name."""
        return await self._queues.list()

    async def freeze(self, queue_id: str, *, reason: str, by: str, restore: bool) -> dict[str, Any]:
        """The loop leaves it alone."""
        return await self._brake("queue-freeze", queue_id, reason, by, restore=restore)

    async def resume(self, queue_id: str, *, reason: str, by: str, restore: bool) -> dict[str, Any]:
        """The loop minds it again."""
        return await self._brake("queue-resume", queue_id, reason, by, restore=restore)

    async def _brake(self, kind: str, queue_id: str, reason: str, by: str, *, restore: bool) -> dict[str, Any]:
        (request_id,) = await self._queues.brake(kind, [queue_id], reason=reason, by=by, restore=restore)
        return {"id": request_id, "queueId": queue_id, "kind": kind}

    async def request(self, kind: str, fields: Mapping[str, Any], *, by: str) -> dict[str, Any] | None:
        """The loop's brake; None for kinds that this version does not have."""
        if kind not in BRAKES:
            return None
        queue_id = fields.get("queueId")
        if not isinstance(queue_id, str) or not queue_id:
            raise PoisonError("queueId: the id of a queue is needed", "queueId")
        restore = fields.get("restore") is True
        return await self._brake(kind, queue_id, str(fields.get("reason", "")), by, restore=restore)

    async def outcome(self, request_id: str) -> dict[str, Any] | None:
        """`pending` until a decision of the loop carries the request."""
        found = await whereabouts(self._log, request_id, None, topics=("genesys.requests", "genesys.decisions"))
        if not found["records"]:
            return None
        decided = [record for record in found["records"] if record["topic"] == "genesys.decisions"]
        return {"id": request_id, "status": "done" if decided else "pending", "records": found["records"]}

    async def event(self, event_id: str, subject: str | None) -> dict[str, Any]:
        """Where is my event?"""
        return await whereabouts(self._log, event_id, subject)

    async def dead_letters(self) -> list[dict[str, Any]]:
        """The newest first, without their payloads."""
        return [_parked(one) for one in reversed(await list_dead(self._log))]

    async def replay(self, dead_letter_id: str) -> dict[str, Any] | None:
        """Ask for it once more."""
        try:
            (one,) = await replay(self._log, [dead_letter_id])
        except PoisonError:
            return None
        return {"id": one.id, "replayed": one.replayed + 1}


def _parked(one: Parked) -> dict[str, Any]:
    facts = dataclasses.asdict(one)
    facts = {name: facts[name] for name in facts if name not in ("value", "headers", "partition", "offset")}
    return {**facts, "time": instant(one.time)}


def _decision(record: Record, names: Mapping[str, str]) -> dict[str, Any]:
    data = orjson.loads(record.message.value or b"{}")
    shown = {name: data.get(name) for name in ("queueId", "mediaType", "action", "reason", "step")}
    return {**shown, "time": record.message.headers.get("ce_time"), "name": names.get(str(data.get("queueId")), "")}


def _outcome(record: Record) -> dict[str, Any]:
    data = orjson.loads(record.message.value or b"{}")
    headers = record.message.headers
    shown = {name: data.get(name) for name in ("kind", "status", "error", "latencyMs")}
    return {**shown, "time": headers.get("ce_time"), "subject": headers.get("ce_subject")}
