"""Analytics: what the floor looks like now, and what came in a span; counted from the floor's own contacts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import parse, stamp
from sandbox.floor import Floor
from sandbox.genesys.guard import Call, Json, Refusal, Route
from sandbox.measure import Measured, happened, offered
from sandbox.names import PRESENCES, event_spelling
from sandbox.world import World

ANALYTICS = "/api/v2/analytics"
PERIOD = re.compile(r"^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$")
MOST_BUCKETS = 1000


class Analytics:
    """The two queries the product asks. Contacts count where they began, unless `alternateTimeDimension` is set."""

    def __init__(self, world: World, floor: Floor) -> None:
        self._world = world
        self._floor = floor

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route(
                "POST",
                f"{ANALYTICS}/queues/observations/query",
                self.observations,
                ("analytics:queueObservation:view",),
            ),
            Route(
                "POST",
                f"{ANALYTICS}/conversations/aggregates/query",
                self.aggregates,
                ("analytics:conversationAggregate:view",),
            ),
        ]

    def observations(self, call: Call) -> Json:
        """How it stands now."""
        body = _required(call.body, "filter", "metrics")
        results: list[Json] = []
        for queue_id in self._floor.queues:
            media = self._floor.queues[queue_id].media
            if not _matches(body["filter"], {"queueId": queue_id, "mediaType": media}):
                continue
            of_contacts = [datum for name in body["metrics"] for datum in self._of_contacts(queue_id, name)]
            of_users = [datum for name in body["metrics"] for datum in self._of_users(queue_id, name)]
            if of_contacts:
                results.append({"group": {"queueId": queue_id, "mediaType": media}, "data": of_contacts})
            if of_users:
                results.append({"group": {"queueId": queue_id}, "data": of_users})
        mappings = {event_spelling(name): [definition] for name, definition in PRESENCES.items()}
        return {"systemToOrganizationMappings": mappings, "results": results}

    def _of_contacts(self, queue_id: str, metric: str) -> Iterator[Json]:
        waiting = self._floor.waiting[queue_id]
        if metric == "oWaiting":
            yield {"metric": metric, "stats": {"count": len(waiting)}}
        elif metric == "oLongestWaiting" and waiting:
            longest = self._floor.time - waiting[0].arrival.at
            yield {"metric": metric, "stats": {"count": 1, "calculatedMetricValue": int(longest * 1000)}}
        elif metric == "oInteracting":
            held = {id(desk.contact) for desk in self._floor.desks.values() if desk.contact}
            count = sum(id(contact) in held for contact in self._floor.contacts[queue_id])
            yield {"metric": metric, "stats": {"count": count}}
        elif metric == "oAlerting":
            yield {"metric": metric, "stats": {"count": 0}}

    def _of_users(self, queue_id: str, metric: str) -> Iterator[Json]:
        desks = self._floor.joined(queue_id)
        by: dict[str, int] = {}
        for desk in desks:
            if metric == "oUserRoutingStatuses" or (metric == "oOnQueueUsers" and desk.routing != "OFF_QUEUE"):
                by[desk.routing] = by.get(desk.routing, 0) + 1
            elif metric == "oUserPresences" or (metric == "oOffQueueUsers" and desk.routing == "OFF_QUEUE"):
                definition = PRESENCES[desk.presence]
                by[definition] = by.get(definition, 0) + 1
        if metric == "oMemberUsers":
            yield {"metric": metric, "stats": {"count": len(self._world.members[queue_id])}}
        elif metric == "oActiveUsers":
            yield {"metric": metric, "stats": {"count": len(desks)}}
        for qualifier, count in by.items():
            yield {"metric": metric, "qualifier": qualifier, "stats": {"count": count}}

    def aggregates(self, call: Call) -> Json:
        """What came in a span, by queue and medium as asked; a bucket without contacts is left out."""
        body = _required(call.body, "interval", "metrics")
        buckets = list(_buckets(body))
        groups = body.get("groupBy") or []
        count = happened if body.get("alternateTimeDimension") == "eventTime" else offered
        results: list[Json] = []
        for queue_id, queue in self._floor.queues.items():
            dimensions = {"queueId": queue_id, "mediaType": queue.media}
            if not _matches(body.get("filter"), dimensions):
                continue
            data = [
                datum
                for start, end in buckets
                if (datum := self._bucket(queue_id, count, (start, end), body)) is not None
            ]
            if data:
                results.append(
                    {"group": {name: dimensions[name] for name in groups if name in dimensions}, "data": data}
                )
        return {"results": results} if results else {}

    def _bucket(
        self, queue_id: str, count: Callable[..., Measured], span: tuple[datetime, datetime], body: Mapping[str, Any]
    ) -> Json | None:
        contacts = self._floor.contacts[queue_id]
        measured = count(contacts, self._floor.seconds(span[0]), self._floor.seconds(span[1]))
        queue = self._world.queues.get(queue_id)
        if queue is None or not (measured.offered or measured.waits or measured.abandons):
            return None
        level = queue["mediaSettings"][self._floor.queues[queue_id].media]["serviceLevel"]
        metrics = [_metric(name, measured, level) for name in body["metrics"]]
        bucket: Json = {
            "interval": f"{stamp(span[0])}/{stamp(span[1])}",
            "metrics": [metric for metric in metrics if metric],
        }
        if body.get("views"):
            bucket["views"] = [_view(view, measured) for view in body["views"]]
        return bucket


def _times(seconds: Sequence[float]) -> Json:
    milliseconds = [int(value * 1000) for value in seconds]
    if not milliseconds:
        return {"count": 0, "sum": 0}
    return {"count": len(seconds), "sum": sum(milliseconds), "min": min(milliseconds), "max": max(milliseconds)}


def _metric(name: str, measured: Measured, level: Mapping[str, Any]) -> Json | None:
    """As Genesys does, none where there is nothing to report."""
    times = {
        "tAnswered": measured.waits,
        "tWait": (*measured.waits, *measured.abandons),
        "tAcd": (*measured.waits, *measured.abandons),
        "tAbandon": measured.abandons,
        "tHandle": measured.handles,
        "tTalk": measured.handles,
    }
    if name in times:
        return {"metric": name, "stats": _times(times[name])} if times[name] else None
    if name == "nOffered":
        return {"metric": name, "stats": {"count": measured.offered}}
    seconds = level["durationMs"] / 1000
    if name == "nOverSla":
        return {"metric": name, "stats": {"count": len(measured.waits) - measured.within(seconds)}}
    if name == "oServiceLevel" and (ratio := measured.service_level(seconds)) is not None:
        counts = {"numerator": measured.within(seconds), "denominator": len(measured.waits)}
        return {"metric": name, "stats": {"ratio": ratio, "target": level["percentage"], **counts}}
    return None


def _view(view: Mapping[str, Any], measured: Measured) -> Json:
    values = {"tAnswered": measured.waits, "tHandle": measured.handles, "tAbandon": measured.abandons}
    if view.get("function") != "rangeBound" or view.get("target") not in values or not view.get("name"):
        raise Refusal(400, "bad.request", "A view needs a name, a target and the function rangeBound")
    span = view.get("range") or {}
    low, high = span.get("gte", 0), span.get("lt", float("inf"))
    inside = [value for value in values[view["target"]] if low <= value * 1000 < high]
    return {"name": view["name"], "stats": _times(inside)}


def _required(body: Any, *names: str) -> Mapping[str, Any]:
    missing = [name for name in names if not isinstance(body, dict) or not body.get(name)]
    if missing:
        raise Refusal(400, "missing.required.field", f"The field [{missing[0]}] is required")
    asked: Mapping[str, Any] = body
    return asked


def _buckets(body: Mapping[str, Any]) -> Iterator[tuple[datetime, datetime]]:
    try:
        start, end = (parse(text) for text in body["interval"].split("/"))
    except ValueError as error:
        raise Refusal(400, "invalid.interval", "The interval is not of the form start/end") from error
    step = _period(body["granularity"]) if body.get("granularity") else end - start
    if end <= start or step <= timedelta(0) or (end - start) / step > MOST_BUCKETS:
        raise Refusal(400, "invalid.interval", "The interval is empty or has too many parts")
    while start < end:
        yield start, min(start + step, end)
        start += step


def _period(text: str) -> timedelta:
    found = PERIOD.match(text)
    if not found:
        raise Refusal(400, "invalid.granularity", f"[{text}] is not an ISO 8601 period")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def _matches(asked: Mapping[str, Any] | None, dimensions: Mapping[str, str]) -> bool:
    """A filter of predicates and clauses; dimensions that the floor does not know are taken as met."""
    if not asked:
        return True
    found = [_meets(predicate, dimensions) for predicate in asked.get("predicates") or ()]
    found += [_matches(clause, dimensions) for clause in asked.get("clauses") or ()]
    if asked.get("type") not in {"and", "or"}:
        raise Refusal(400, "invalid.filter", "A filter is of type and, or or")
    return not found or (all(found) if asked["type"] == "and" else any(found))


def _meets(predicate: Mapping[str, Any], dimensions: Mapping[str, str]) -> bool:
    name = str(predicate.get("dimension"))
    if name not in dimensions:
        return True
    operator = predicate.get("operator", "matches")
    return operator == "exists" if operator != "matches" else dimensions[name] == predicate.get("value")
