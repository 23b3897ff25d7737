"""Both bodies of `queues/details/query`: G4's hour or days of a queue, and G3's week by attribute."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import parse, stamp
from sandbox.floor import Floor
from sandbox.genesys.guard import Call, Json, Refusal, Route
from sandbox.measure import Measured, offered
from sandbox.world import World

STEP = {"h": timedelta(hours=1), "d": timedelta(days=1), "m": timedelta(minutes=1)}
MOST_STEPS = 1000
SCOPES = ("analytics:queue:read", "analytics:queues:read")
"""G4 has it in the singular, G3 in the plural: either will do."""
PERIOD = re.compile(r"^P(\d{1,3})D$")


class Analytics:
    """Counted from the floor's own contacts; a contact belongs to the span in which it began."""

    def __init__(self, world: World, floor: Floor) -> None:
        self._world = world
        self._floor = floor

    def routes(self) -> list[Route]:
        """What is served."""
        return [Route("POST", "/api/v2/analytics/queues/details/query", self.details, SCOPES)]

    def details(self, call: Call) -> Json:
        """Which of the two bodies it is shows by its fields."""
        body = call.body if isinstance(call.body, dict) else {}
        if "dateFrom" in body or "entities" in body:
            return self._by_metric(body)
        if isinstance(body.get("query"), dict):
            return self._by_attribute(body)
        raise _bad("either dateFrom, dateTo, entities, metrics and interval, or interval, query and select")

    def _by_metric(self, body: Mapping[str, Any]) -> Json:
        """G4: `summary.total` over the whole span, and the parts of it by `interval`."""
        try:
            start, end = parse(str(body["dateFrom"])), parse(str(body["dateTo"]))
            asked = [str(entity["id"]) for entity in body["entities"] if entity["type"] == "queue"]
            metrics = [str(name) for name in body["metrics"]]
        except (KeyError, TypeError, ValueError) as error:
            raise _bad("dateFrom, dateTo (with their zone), entities[{id, type: queue}] and metrics") from error
        queues = [key for key in asked if key in self._world.queues]
        step = _step(str(body.get("interval", "1h")))
        if end <= start or (end - start) / step > MOST_STEPS:
            raise _bad("a dateTo after dateFrom, and no more than a thousand intervals between them")
        parts: list[Json] = []
        at = start
        while at < end:
            to = min(at + step, end)
            parts.append({"dateFrom": stamp(at), "dateTo": stamp(to), "metrics": self._values(queues, at, to, metrics)})
            at = to
        return {"summary": {"total": self._values(queues, start, end, metrics)}, "intervals": parts}

    def _values(self, queues: list[str], start: datetime, end: datetime, metrics: list[str]) -> Json:
        """What there is to say; a mean of nothing is left out."""
        measured = [self._measured(key, start, end) for key in queues]
        answered = sum(len(one.waits) for one in measured)
        within = sum(one.within(self._target(key)) for key, one in zip(queues, measured, strict=True))
        values = {
            "offer.count": sum(one.offered for one in measured),
            "abandon.count": sum(len(one.abandons) for one in measured),
            "offer.avg.wait.time": _mean([wait for one in measured for wait in one.waits]),
            "offer.avg.handle.time": _mean([handle for one in measured for handle in one.handles]),
            "sla.percent": round(100 * within / answered, 2) if answered else None,
        }
        unknown = [name for name in metrics if name not in values]
        if unknown:
            raise _bad(f"metrics of {', '.join(values)}; there is no {unknown[0]}")
        return {name: values[name] for name in metrics if values[name] is not None}

    def _measured(self, queue_id: str, start: datetime, end: datetime) -> Measured:
        floor = self._floor
        return offered(floor.contacts[queue_id], floor.seconds(start), floor.seconds(end))

    def _target(self, queue_id: str) -> float:
        """The present one: the guide's percentage answers to nothing else."""
        settings = self._world.queues[queue_id]["mediaSettings"][self._floor.queues[queue_id].media]
        return float(settings["serviceLevel"]["durationMs"]) / 1000

    def _by_attribute(self, body: Mapping[str, Any]) -> Json:
        """G3: one entity for the queue that the filter names; none where nothing came."""
        wanted = (body["query"].get("filter") or {}) if isinstance(body["query"], dict) else {}
        found = PERIOD.match(str(body.get("interval", "")))
        if wanted.get("attribute") != "queue.id" or wanted.get("type") != "EQUALS" or not found:
            raise _bad("an interval like P7D and a filter {type: EQUALS, attribute: queue.id, value}")
        queue_id, end = str(wanted.get("value")), self._world.now()
        if queue_id not in self._world.queues:
            return {"entities": []}
        measured = self._measured(queue_id, end - timedelta(days=int(found[1])), end)
        if not measured.offered:
            return {"entities": []}
        values = {
            "avgWaitTimeSec": _mean(list(measured.waits)),
            "totalHandled": len(measured.handles),
            "totalAbandoned": len(measured.abandons),
            "utilizationPercent": self._busy(queue_id),
        }
        asked = [str(name).removeprefix("queue.") for name in body.get("select") or values]
        metrics = {name: {"value": values[name]} for name in asked if values.get(name) is not None}
        return {"entities": [{"queue": {"id": queue_id}, "metrics": metrics}]}

    def _busy(self, queue_id: str) -> int | None:
        """The share of those on queue who have a contact in hand, now."""
        on_queue = [desk for desk in self._floor.joined(queue_id) if desk.routing != "OFF_QUEUE"]
        return round(100 * sum(desk.contact is not None for desk in on_queue) / len(on_queue)) if on_queue else None


def _mean(values: list[float]) -> float | None:
    return round(sum(values) / len(values), 1) if values else None


def _step(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if unit not in STEP or not number.isdecimal() or int(number) < 1:
        raise _bad("an interval like 1h or 1d")
    return STEP[unit] * int(number)


def _bad(expected: str) -> Refusal:
    return Refusal(400, "bad.request", f"Invalid payload: expected {expected}")
