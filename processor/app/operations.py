"""What the operations API and the console ask, answered from the log."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from handlers.door import CONFIGURE, NOT_CONFIGURED
from handlers.events import FreezeRequested, Requested
from handlers.requests.brake import BrakeRequest
from handlers.requests.ends import LogEnds
from handlers.requests.kinds import KINDS, read
from processor.app.queues import Queues, may_be_braked
from processor.app.requests.handing_in import as_asked, hand_in, known_already, pending, state
from processor.app.switches import switched_off
from processor.app.topics import TOPICS
from processor.app.whereabouts import whereabouts
from processor.envelope import trace_of
from processor.errors import PoisonError, RefusedError, RetryableError
from processor.event import instant
from processor.eventlog import EventLog, Record
from processor.progress import Progress
from processor.replays import Parked, list_dead, replay
from processor.settings import Settings
from processor.telemetry import Metrics

NEWEST = 20
ANSWER_SECONDS = 10.0
"""For a look-up, however slow the disk is."""
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
        self._ends = LogEnds()

    async def overview(self) -> dict[str, Any]:
        """The console's page, from positions and the newest records only."""
        topics = [{"topic": topic.name, "records": await self._appended(topic.name)} for topic in TOPICS]
        appended = {str(topic["topic"]): topic["records"] for topic in topics}
        names = {queue["queueId"]: queue["name"] for queue in await self._queues.list()}
        return {
            "at": instant(self._now()),
            "log": self._settings.log,
            "loop": {
                "mode": self._settings.loop_mode,
                "queues": list(self._settings.loop_queues),
                "offeredAbove": self._settings.loop_rule.offered_above,
                "serviceLevelBelow": self._settings.loop_rule.service_level_below,
            },
            "off": switched_off(self._settings),
            "down": self._down(),
            "counts": {
                "received": appended["genesys.raw"],
                "published": sum(appended[f"genesys.{name}"] for name in CLEAN),
                "effects": appended["genesys.outcomes"],
                "decisions": appended["genesys.decisions"],
                "deadLetters": appended["genesys.deadletters"],
                "exact": self._log.dense,
            },
            "topics": topics,
            "groups": [self._group(one) for one in self._progress],
            "requests": await self._requests(),
            "decisions": [_decision(record, names) for record in await self._newest("genesys.decisions")],
            "outcomes": [_outcome(record) for record in await self._newest("genesys.outcomes")],
        }

    def _down(self) -> list[str]:
        """Far sides that count as down: ticks ask them too, and have no record that waits."""
        samples = [one for family in self._metrics.breaker_open.collect() for one in family.samples]
        return sorted(one.labels["far_side"] for one in samples if one.value)

    async def _appended(self, topic: str) -> int:
        return sum([(await self._log.bounds(topic, partition))[1] for partition in range(self._log.partitions)])

    async def _newest(self, topic: str) -> list[Record]:
        records: list[Record] = []
        for partition in range(self._log.partitions):
            start, end = await self._log.bounds(topic, partition)
            records.extend([r async for r in self._log.read(topic, partition, max(start, end - NEWEST), end)])
        return sorted(records, key=lambda record: (record.timestamp, record.offset), reverse=True)[:NEWEST]

    async def _requests(self) -> list[dict[str, Any]]:
        """The last that were handed in, and how they ended."""
        await self._ended()
        shown = []
        for record in await self._newest(Requested.topic):
            one = pending(record)
            decided = record.message.headers.get("ce_type") == FreezeRequested.type
            end = self._ends.end(record.message.key, one["id"])
            status = "to the loop" if decided else end.status if end else "pending"
            shown.append({**{name: one[name] for name in ("id", "kind", "subject", "by", "time")}, "status": status})
        return shown

    async def _ended(self) -> None:
        for partition in range(self._log.partitions):
            for table in (self._ends.outcomes, self._ends.brakes):
                await (table.catch_up if table.holds(partition) else table.load)(self._log, partition)

    def _group(self, one: Progress) -> dict[str, Any]:
        now = self._now()
        return {
            "group": one.group,
            "topic": one.topic,
            "lag": sum(one.lag.values()) if one.measured else None,
            "waiting": one.waiting,
            "error": one.failure or None if one.waiting else None,
            "done": one.done,
            "parked": one.parked,
            "lagSeconds": round((now - one.oldest).total_seconds(), 3) if one.oldest else 0,
            "stuckSeconds": round(one.stuck(now).total_seconds(), 3),
        }

    async def queues(self) -> list[dict[str, Any]]:
        """Every queue, by name."""
        return await self._queues.list()

    async def freeze(self, queue_id: str, *, reason: str, by: str, restore: bool) -> dict[str, Any] | None:
        """The loop leaves it alone; None when it can be no queue's id."""
        return await self._brake("queue-freeze", queue_id, reason, by, restore=restore)

    async def resume(self, queue_id: str, *, reason: str, by: str, restore: bool) -> dict[str, Any] | None:
        """The loop minds it again; None likewise."""
        return await self._brake("queue-resume", queue_id, reason, by, restore=restore)

    async def _brake(self, kind: str, queue_id: str, reason: str, by: str, *, restore: bool) -> dict[str, Any] | None:
        if not may_be_braked(queue_id, {queue["queueId"] for queue in await self._queues.list()}):
            return None
        (request_id,) = await self._queues.brake(kind, [queue_id], reason=reason, by=by, restore=restore)
        return {"id": request_id, "queueId": queue_id, "kind": kind}

    async def request(
        self, kind: str, fields: Mapping[str, Any], *, by: str, key: str | None = None, trace: str = ""
    ) -> dict[str, Any] | None:
        """Into the log; None for a kind that nobody knows. The same `key` and content again hands in nothing."""
        if kind not in KINDS:
            return None
        request = read(kind, fields)
        if not (isinstance(request, BrakeRequest) or self._settings.genesys_client_id):
            raise RefusedError(NOT_CONFIGURED, CONFIGURE)
        asked = as_asked(request, self._now(), by=by, request_id=key, trace=trace_of(trace))
        if key is None or not await known_already(self._log, asked):
            await hand_in(self._log, [asked])
        return {"id": asked.id, "kind": kind, "subject": asked.subject}

    async def outcome(self, request_id: str) -> dict[str, Any] | None:
        """`pending` until there is an outcome, or a decision of the loop answers the brake."""
        return await state(self._log, request_id)

    async def event(self, event_id: str, subject: str | None) -> dict[str, Any]:
        """Where is my event?"""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await whereabouts(self._log, event_id, subject)
        except TimeoutError:
            hint = (
                "ask again" if subject else "ask again, with ?subject=<what it is about> for a search of one partition"
            )
            raise RetryableError(f"The log has not answered within {ANSWER_SECONDS:g} s: {hint}.") from None

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
    shown = {name: data.get(name) for name in ("queueId", "mediaType", "action", "about", "reason", "step", "seen")}
    return {**shown, "time": record.message.headers.get("ce_time"), "name": names.get(str(data.get("queueId")), "")}


def _outcome(record: Record) -> dict[str, Any]:
    data = orjson.loads(record.message.value or b"{}")
    headers = record.message.headers
    shown = {name: data.get(name) for name in ("kind", "status", "error", "latencyMs")}
    return {**shown, "time": headers.get("ce_time"), "subject": headers.get("ce_subject")}
