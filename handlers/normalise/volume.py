"""What came to a queue, from observation and activity topics and the polled hour → volume by medium and interval."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from handlers.events import VolumeUpdated
from handlers.normalise.queues import EVERY_MEDIUM
from handlers.normalise.reading import Candidate, Context, Data, Reading
from handlers.normalise.words import count, identifier, later, mapping, media, number, objects, required_moment, told
from processor.errors import PoisonError
from processor.event import Fence, Raw, Written, blank
from processor.instants import instant

HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=5)
"""How long after its end an interval may still be counted on at Genesys."""

ANSWERED_OF_COUNTED = "answeredInTarget/serviceLevelDenominator"
ANSWERED_OF_ALL = "answeredInTarget/(answered+abandoned)"
AS_GENESYS = "oServiceLevel"
AS_THE_GUIDE = "sla.percent"


NO_VIEWS: Mapping[str, Mapping[str, Any]] = {}


class Stats(NamedTuple):
    """The metrics of one interval, by name (qualifiers summed), and the views by name."""

    metrics: Mapping[str, Mapping[str, Any]]
    views: Mapping[str, Mapping[str, Any]] = NO_VIEWS

    def number_of(self, name: str) -> int | None:
        """How many. None when the metric is not there."""
        return count(self.metrics[name].get("count")) if name in self.metrics else None

    def average_seconds(self, name: str) -> float | None:
        """The mean of a time, which Genesys sums up in milliseconds."""
        stats = self.metrics.get(name, {})
        total, times = number(stats.get("sum")), number(stats.get("count"))
        return None if total is None or not times else total / times / 1000


def read_observations(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.analytics.queues.{id}.observations`: one medium, half hours, as they fill."""
    medium = media(mapping(body.get("group")).get("mediaType"))
    if not medium:
        return Reading(ignored="of no medium: members and their presences only")
    candidates = []
    for row in objects(body.get("data")):
        interval = _interval(row, "data.interval")
        stats = _stats(row)
        fields = {**_counted(stats), **_as_genesys(stats), **_present(stats)}
        fields["final"] = raw.time >= interval["end"]
        if any(value is not None for name, value in fields.items() if name != "final"):
            candidates.append(_candidate(raw, medium, interval, "observations", fields))
    return Reading(_latest(candidates)) if candidates else Reading(ignored="no metric in it that we publish")


def read_activity(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`v2.analytics.queues.{id}.activity`: what waits at this moment, by medium. It counts nothing."""
    candidates = []
    now = _span(raw.time, raw.time)
    for result in objects(body.get("results")):
        medium = media(result.get("mediaType"))
        counts = {str(metric.get("metric")): count(metric.get("count")) for metric in objects(result.get("data"))}
        waiting = counts.get("oWaiting")
        if medium and waiting is not None:
            candidates.append(_candidate(raw, medium, now, "activity", {"waiting": waiting}, span="now"))
    return Reading(_latest(candidates)) if candidates else Reading(ignored="it says nothing of what waits")


def read_answer(raw: Raw, body: Mapping[str, Any], _: Context) -> Reading:
    """`answer.volume`: the rolling hour and whole half hours, counted against `targets` by the views `within-<s>`.

    A medium with a target and without a row had nothing in that hour: zero is a number, not a gap.
    The guide's answer has a `summary` of its one hour instead.
    """
    if "summary" in body:
        return _read_summary(raw, body)
    asked = told(body.get("asked")) or raw.time
    settled, an_hour_ago = later(asked, -SETTLED), later(asked, -HOUR)
    targets = {media(name): number(value) for name, value in mapping(body.get("targets")).items()}
    now = _observed(body.get("observations"))
    candidates, hours = [], set()
    for row in objects(body.get("aggregates")):
        medium = media(mapping(row.get("group")).get("mediaType"))
        for data in objects(row.get("data")) if medium else ():
            interval = _interval(data, "aggregates.data.interval")
            rolling = settled < interval["end"] and later(interval["start"], HOUR) <= interval["end"]
            fields = {**_counted(_stats(data), absent=0), **_judged(_stats(data), targets.get(medium))}
            fields |= now.get(medium, now.get("", {})) if rolling else {"final": interval["end"] <= settled}
            hours |= {medium} if rolling else set()
            candidates.append(_candidate(raw, medium, interval, "aggregates", fields, span="hour" if rolling else ""))
    empty = _span(an_hour_ago, asked)
    for medium in sorted(targets.keys() - hours):
        fields = {"offered": 0, "answered": 0, "abandoned": 0, "serviceLevelTargetSeconds": targets[medium]}
        fields |= now.get(medium, now.get("", {}))
        candidates.append(_candidate(raw, medium, empty, "aggregates", fields, span="hour"))
    return Reading(_latest(candidates)) if candidates else Reading(ignored="a queue without media")


def _read_summary(raw: Raw, body: Mapping[str, Any]) -> Reading:
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
        "averageWaitSeconds": number(total.get("offer.avg.wait.time")),
        "averageHandleSeconds": number(total.get("offer.avg.handle.time")),
        "serviceLevel": None if percent is None else percent / 100,
        "serviceLevelFormula": None if percent is None else AS_THE_GUIDE,
        "serviceLevelTargetSeconds": target,
    }
    interval = _span(instant(start), instant(end))
    medium = media(body.get("queueType")) or EVERY_MEDIUM
    return Reading((_candidate(raw, medium, interval, "summary", fields, span="hour"),))


def _interval(row: Mapping[str, Any], where: str) -> Data:
    start, _, end = str(row.get("interval")).partition("/")
    first, last = told(start), told(end)
    if first is None or last is None or last < first:
        raise PoisonError(f"{where} should be start/end, found {row.get('interval')!r:.80}", where)
    return _span(first, last)


def _span(start: str, end: str) -> Data:
    return {"start": start, "end": end, "rule": "", "scheduleId": ""}


def _stats(row: Mapping[str, Any]) -> Stats:
    metrics: dict[str, Mapping[str, Any]] = {}
    for metric in objects(row.get("metrics")):
        name, stats = str(metric.get("metric")), mapping(metric.get("stats"))
        if name in metrics:
            both = {*stats, *metrics[name]}
            stats = {key: (number(stats.get(key)) or 0) + (number(metrics[name].get(key)) or 0) for key in both}
        metrics[name] = stats
    views = objects(row.get("views"))
    return Stats(metrics, {str(view.get("name")): mapping(view.get("stats")) for view in views} if views else NO_VIEWS)


def _counted(stats: Stats, absent: int | None = None) -> dict[str, Any]:
    """`absent`: what a metric means that is not there; Genesys leaves out of an answer what did not occur."""
    offered, answered, abandoned = (stats.number_of(name) for name in ("nOffered", "tAnswered", "tAbandon"))
    return {
        "offered": absent if offered is None else offered,
        "answered": absent if answered is None else answered,
        "abandoned": absent if abandoned is None else abandoned,
        "averageWaitSeconds": _first(stats.average_seconds("tAnswered"), stats.average_seconds("tWait")),
        "averageHandleSeconds": stats.average_seconds("tHandle"),
    }


def _first(value: float | None, otherwise: float | None) -> float | None:
    return otherwise if value is None else value


def _as_genesys(stats: Stats) -> dict[str, Any]:
    """The service level as Genesys counts it, against a target that it does not name."""
    level = stats.metrics.get("oServiceLevel", {})
    ratio, within, of = (number(level.get(name)) for name in ("ratio", "numerator", "denominator"))
    if ratio is None and within is not None and of:
        ratio = within / of
    if ratio is None:
        return {}
    return {
        "serviceLevel": ratio,
        "serviceLevelFormula": AS_GENESYS,
        "answeredInTarget": count(within),
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
        of, formula = (stats.number_of("tAnswered") or 0) + (stats.number_of("tAbandon") or 0), ANSWERED_OF_ALL
    return {
        "answeredInTarget": within,
        "serviceLevel": min(1.0, within / of) if of else None,
        "serviceLevelFormula": formula if of else None,
        "serviceLevelTargetSeconds": target,
    }


def _present(stats: Stats) -> dict[str, Any]:
    return {"waiting": stats.number_of("oWaiting"), "onQueueAgents": stats.number_of("oOnQueueUsers")}


def _observed(rows: object) -> dict[str, dict[str, Any]]:
    """By medium: what waits now. Who is on queue is told of the queue as a whole, under no medium."""
    found: dict[str, dict[str, Any]] = {}
    for row in objects(rows):
        stats = _stats({"metrics": row.get("data")})
        told = {name: value for name, value in _present(stats).items() if value is not None}
        found.setdefault(media(mapping(row.get("group")).get("mediaType")), {}).update(told)
    everyone = found.get("", {})
    return {medium: {**everyone, **told} for medium, told in found.items()}


def _candidate(raw: Raw, medium: str, interval: Data, origin: str, fields: Data, *, span: str = "") -> Candidate:
    """A fence for each medium, interval and origin; the rolling hour and the present moment are one each."""
    if not identifier(medium):
        raise PoisonError("a medium whose name is none", "mediaType")
    facet = f"{medium}/{span or datetime.fromisoformat(interval['start']).isoformat()}/{origin}"

    def merge(_: Written | None, __: Collection[str]) -> Data:
        return {
            **blank(VolumeUpdated),
            "queueId": raw.subject.removeprefix("queue/"),
            "mediaType": medium,
            "interval": interval,
            "origin": origin,
            **fields,
        }

    return Candidate(VolumeUpdated, raw.subject, {facet: Fence(raw.time, 0, raw.id)}, merge)


def _latest(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """One for each facet: when a body tells of it twice the last word counts."""
    return tuple({next(iter(candidate.facets)): candidate for candidate in candidates}.values())
