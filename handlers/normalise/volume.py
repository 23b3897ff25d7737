"""What came to a queue, from observation and activity topics and the polled hour → volume by medium and interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from handlers.events import Interval, VolumeUpdated
from handlers.normalise.queues import EVERY_MEDIUM
from handlers.normalise.reading import Candidate, Context, Reading
from handlers.normalise.words import count, identifier, mapping, media, moment, number, objects, required_moment
from processor.errors import PoisonError
from processor.event import Envelope, Fence
from processor.shapes import made

HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=5)
"""How long after its end an interval may still be counted on at Genesys."""

ANSWERED_OF_COUNTED = "answeredInTarget/serviceLevelDenominator"
ANSWERED_OF_ALL = "answeredInTarget/(answered+abandoned)"
AS_GENESYS = "oServiceLevel"
AS_THE_GUIDE = "sla.percent"


@dataclass(frozen=True, slots=True)
class Stats:
    """The metrics of one interval, by name (qualifiers summed), and the views by name."""

    metrics: Mapping[str, Mapping[str, Any]]
    views: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def count(self, name: str) -> int | None:
        """How many. None when the metric is not there."""
        return count(self.metrics[name].get("count")) if name in self.metrics else None

    def average_seconds(self, name: str) -> float | None:
        """The mean of a time, which Genesys sums up in milliseconds."""
        stats = self.metrics.get(name, {})
        total, times = number(stats.get("sum")), number(stats.get("count"))
        return None if total is None or not times else total / times / 1000


def read_observations(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.analytics.queues.{id}.observations`: one medium, half hours, as they fill."""
    medium = media(mapping(body.get("group")).get("mediaType"))
    if not medium:
        return Reading(ignored="of no medium: members and their presences only")
    candidates = []
    for row in objects(body.get("data")):
        interval = _interval(row, "data.interval")
        stats = _stats(row)
        fields = {**_counted(stats), **_as_genesys(stats), **_present(stats)}
        fields["final"] = envelope.time >= interval.end
        if any(value is not None for name, value in fields.items() if name != "final"):
            candidates.append(_candidate(envelope, medium, interval, "observations", fields))
    return Reading(_latest(candidates)) if candidates else Reading(ignored="no metric in it that we publish")


def read_activity(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.analytics.queues.{id}.activity`: what waits at this moment, by medium. It counts nothing."""
    candidates = []
    moment_ = Interval(start=envelope.time, end=envelope.time)
    for result in objects(body.get("results")):
        medium = media(result.get("mediaType"))
        counts = {str(metric.get("metric")): count(metric.get("count")) for metric in objects(result.get("data"))}
        waiting = counts.get("oWaiting")
        if medium and waiting is not None:
            candidates.append(_candidate(envelope, medium, moment_, "activity", {"waiting": waiting}, span="now"))
    return Reading(_latest(candidates)) if candidates else Reading(ignored="it says nothing of what waits")


def read_answer(envelope: Envelope, body: Mapping[str, Any], _: Context) -> Reading:
    """`answer.volume`: the rolling hour and whole half hours, counted against `targets` by the views `within-<s>`.

    A medium with a target and without a row had nothing in that hour: zero is a number, not a gap.
    The guide's answer has a `summary` of its one hour instead.
    """
    if "summary" in body:
        return _read_summary(envelope, body)
    asked = moment(body.get("asked")) or envelope.time
    targets = {media(name): number(value) for name, value in mapping(body.get("targets")).items()}
    now = _observed(body.get("observations"))
    candidates, hours = [], set()
    for row in objects(body.get("aggregates")):
        medium = media(mapping(row.get("group")).get("mediaType"))
        for data in objects(row.get("data")) if medium else ():
            interval = _interval(data, "aggregates.data.interval")
            rolling = asked - SETTLED < interval.end and interval.end - interval.start >= HOUR
            fields = {**_counted(_stats(data), absent=0), **_judged(_stats(data), targets.get(medium))}
            fields |= now.get(medium, now.get("", {})) if rolling else {"final": interval.end + SETTLED <= asked}
            hours |= {medium} if rolling else set()
            candidates.append(
                _candidate(envelope, medium, interval, "aggregates", fields, span="hour" if rolling else "")
            )
    empty = Interval(start=asked - HOUR, end=asked)
    for medium in sorted(targets.keys() - hours):
        fields = {"offered": 0, "answered": 0, "abandoned": 0, "service_level_target_seconds": targets[medium]}
        fields |= now.get(medium, now.get("", {}))
        candidates.append(_candidate(envelope, medium, empty, "aggregates", fields, span="hour"))
    return Reading(_latest(candidates)) if candidates else Reading(ignored="a queue without media")


def _read_summary(envelope: Envelope, body: Mapping[str, Any]) -> Reading:
    """The fourth guide's total of the rolling hour: a percentage of 0 to 100, times in seconds, of one medium.

    Raises PoisonError at `dateFrom`, `dateTo` or `sla.percent`.
    """
    total = mapping(mapping(body["summary"]).get("total"))
    start, end = (required_moment(body, name, name) for name in ("dateFrom", "dateTo"))
    percent, target = number(total.get("sla.percent")), number(body.get("target"))
    if percent is not None and not 0 <= percent <= 100:
        raise PoisonError(f"sla.percent should lie between 0 and 100, found {percent:g}", "sla.percent")
    fields = {
        "offered": count(total.get("offer.count")) or 0,
        "abandoned": count(total.get("abandon.count")),
        "average_wait_seconds": number(total.get("offer.avg.wait.time")),
        "average_handle_seconds": number(total.get("offer.avg.handle.time")),
        "service_level": None if percent is None else percent / 100,
        "service_level_formula": None if percent is None else AS_THE_GUIDE,
        "service_level_target_seconds": target,
    }
    interval = made(Interval, {"start": start, "end": end})
    medium = media(body.get("queueType")) or EVERY_MEDIUM
    return Reading((_candidate(envelope, medium, interval, "summary", fields, span="hour"),))


def _interval(row: Mapping[str, Any], where: str) -> Interval:
    start, _, end = str(row.get("interval")).partition("/")
    first, last = moment(start), moment(end)
    if first is None or last is None or last < first:
        raise PoisonError(f"{where} should be start/end, found {row.get('interval')!r:.80}", where)
    return made(Interval, {"start": first, "end": last})


def _stats(row: Mapping[str, Any]) -> Stats:
    metrics: dict[str, Mapping[str, Any]] = {}
    for metric in objects(row.get("metrics")):
        name, stats = str(metric.get("metric")), mapping(metric.get("stats"))
        if name in metrics:
            both = {*stats, *metrics[name]}
            stats = {key: (number(stats.get(key)) or 0) + (number(metrics[name].get(key)) or 0) for key in both}
        metrics[name] = stats
    views = {str(view.get("name")): mapping(view.get("stats")) for view in objects(row.get("views"))}
    return Stats(metrics, views)


def _counted(stats: Stats, absent: int | None = None) -> dict[str, Any]:
    """`absent`: what a metric means that is not there; Genesys leaves out of an answer what did not occur."""
    offered, answered, abandoned = (stats.count(name) for name in ("nOffered", "tAnswered", "tAbandon"))
    return {
        "offered": absent if offered is None else offered,
        "answered": absent if answered is None else answered,
        "abandoned": absent if abandoned is None else abandoned,
        "average_wait_seconds": _first(stats.average_seconds("tAnswered"), stats.average_seconds("tWait")),
        "average_handle_seconds": stats.average_seconds("tHandle"),
    }


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _as_genesys(stats: Stats) -> dict[str, Any]:
    """The service level as Genesys counts it, against a target that it does not name."""
    level = stats.metrics.get("oServiceLevel", {})
    ratio, within, of = (number(level.get(name)) for name in ("ratio", "numerator", "denominator"))
    if ratio is None and within is not None and of:
        ratio = within / of
    if ratio is None:
        return {}
    return {
        "service_level": ratio,
        "service_level_formula": AS_GENESYS,
        "answered_in_target": count(within),
    }


def _judged(stats: Stats, target: float | None) -> dict[str, Any]:
    """The service level against a target of ours: what was answered within it, of what Genesys counts for its own."""
    view = stats.views.get(f"within-{target:g}") if target is not None else None
    if view is None and target is not None and stats.views and "tAnswered" not in stats.metrics:
        view = {"count": 0}
    if view is None:
        return _as_genesys(stats)
    within = count(view.get("count")) or 0
    of = number(stats.metrics.get("oServiceLevel", {}).get("denominator"))
    formula = ANSWERED_OF_COUNTED
    if not of:
        of, formula = (stats.count("tAnswered") or 0) + (stats.count("tAbandon") or 0), ANSWERED_OF_ALL
    return {
        "answered_in_target": within,
        "service_level": min(1.0, within / of) if of else None,
        "service_level_formula": formula if of else None,
        "service_level_target_seconds": target,
    }


def _present(stats: Stats) -> dict[str, Any]:
    return {"waiting": stats.count("oWaiting"), "on_queue_agents": stats.count("oOnQueueUsers")}


def _observed(rows: object) -> dict[str, dict[str, Any]]:
    """By medium: what waits now. Who is on queue is told of the queue as a whole, under no medium."""
    found: dict[str, dict[str, Any]] = {}
    for row in objects(rows):
        stats = _stats({"metrics": row.get("data")})
        told = {name: value for name, value in _present(stats).items() if value is not None}
        found.setdefault(media(mapping(row.get("group")).get("mediaType")), {}).update(told)
    everyone = found.get("", {})
    return {medium: {**everyone, **told} for medium, told in found.items()}


def _candidate(
    envelope: Envelope, medium: str, interval: Interval, origin: str, fields: Mapping[str, Any], *, span: str = ""
) -> Candidate:
    """A fence for each medium, interval and origin; the rolling hour and the present moment are one each."""
    if not identifier(medium):
        raise PoisonError("a medium whose name is none", "mediaType")
    facet = f"{medium}/{span or interval.start.isoformat()}/{origin}"

    def merge(_: VolumeUpdated | None, __: frozenset[str]) -> VolumeUpdated:
        return made(
            VolumeUpdated,
            {
                "id": envelope.id,
                "time": envelope.time,
                "subject": envelope.subject,
                "queue_id": envelope.subject.removeprefix("queue/"),
                "media_type": medium,
                "interval": interval,
                "origin": origin,
                **fields,
            },
        )

    return Candidate(VolumeUpdated, envelope.subject, {facet: Fence(time=envelope.time, id=envelope.id)}, merge)


def _latest(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """One for each facet: when a body tells of it twice the last word counts."""
    return tuple({next(iter(candidate.facets)): candidate for candidate in candidates}.values())
