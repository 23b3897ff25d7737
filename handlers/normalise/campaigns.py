"""Campaign schedules, G2's and the official ones → when a campaign may dial.

The record keeps each schedule as it was written (`sources`), so that the hours of one without an
end can be worked out again when the horizon has moved on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from handlers.events import CampaignSchedule, CampaignUpdated, Horizon
from handlers.normalise.campaign_hours import is_guide, spans_of, zone_of
from handlers.normalise.hours import horizon_at, intervals
from handlers.normalise.reading import Candidate, Context, Reading, look
from handlers.normalise.words import identifier, objects, reference
from processor.errors import PoisonError
from processor.event import Envelope, Fence
from processor.shapes import renewed

CAMPAIGN = "campaign"
"""The facet of a campaign as a whole; each schedule is a facet of its own, `schedule/<id>`."""

HORIZON = "horizon"
GUIDE_FIELDS = ("startTime", "endTime", "timezone", "dailySchedule", "maxConcurrentCalls", "maxConcurrentAgents")
OFFICIAL_FIELDS = ("intervals", "recurrences", "timeZone")

Merge = Callable[[CampaignUpdated | None, frozenset[str]], CampaignUpdated]


def read_schedule(envelope: Envelope, body: Mapping[str, Any], context: Context) -> Reading:
    """A campaign's schedule, as G2 posts it or `v2.outbound.schedules.campaigns.{id}` brings it.

    Raises PoisonError at `campaignId` or `campaign.id`, at the zone, or at the time that is wrong.
    """
    campaign_id, schedule_id, source = _source(envelope, body)
    _worked_out(schedule_id, source, horizon_at(context.now(), context.horizon))
    facet = f"schedule/{schedule_id}"
    fence = Fence(time=envelope.time, version=_version(body))

    def merge(previous: CampaignUpdated | None, _: frozenset[str]) -> CampaignUpdated:
        if previous and CAMPAIGN in previous.fences and not previous.fences[CAMPAIGN].admits(fence):
            return expand(previous, context)  # the whole campaign was asked for later than this was written
        sources = {**(previous.sources if previous else {}), schedule_id: source}
        return expand(_with(envelope, campaign_id, previous, sources), context)

    return Reading((Candidate(CampaignUpdated, f"campaign/{campaign_id}", {facet: fence}, merge),))


def read_answer(envelope: Envelope, body: Mapping[str, Any], context: Context) -> Reading:
    """`answer.campaign`: `{schedule}` or `{schedules[]}` as Genesys has them now, or `{deleted: true}`.

    The whole campaign as of the question: it replaces all but schedules of which a later event was seen.
    """
    subject, campaign_id = envelope.subject, envelope.subject.partition("/")[2]
    fence = Fence(time=envelope.time)
    if body.get("deleted"):
        return Reading((Candidate(CampaignUpdated, subject, {CAMPAIGN: fence}, _deletion(envelope, campaign_id)),))
    written = objects(body.get("schedules")) or objects([body.get("schedule")])
    answered = {schedule_id: source for _, schedule_id, source in (_source(envelope, one) for one in written)}
    for schedule_id, source in answered.items():
        _worked_out(schedule_id, source, horizon_at(context.now(), context.horizon))

    def merge(previous: CampaignUpdated | None, news: frozenset[str]) -> CampaignUpdated:
        if previous and CAMPAIGN not in news:
            return expand(previous, context)
        known = previous.sources if previous else {}
        sources = {one: new if f"schedule/{one}" in news else known.get(one, new) for one, new in answered.items()}
        return expand(_with(envelope, campaign_id, previous, sources), context)

    facets = {CAMPAIGN: fence, **{f"schedule/{one}": fence for one in answered}}
    return Reading((Candidate(CampaignUpdated, subject, facets, merge),))


def read_created(envelope: Envelope, body: Mapping[str, Any], context: Context) -> Reading:
    """G2's `SCHEDULE_CREATED`: announced to the WFM at once (`created`), its hours are asked for.

    Some carry the whole schedule: then its hours are told at once too. Raises PoisonError at
    `campaignId` or `scheduleId`, and at what is wrong in a schedule that is carried along.
    """
    whole_one = is_guide(body) and "scheduleId" not in body
    campaign_id, schedule_id = _id(body, "campaignId"), _id(body, "id" if whole_one else "scheduleId")
    subject, fence = f"campaign/{campaign_id}", Fence(time=envelope.time)
    created, written = f"created/{schedule_id}", f"schedule/{schedule_id}"
    source = {name: body[name] for name in GUIDE_FIELDS if name in body} if is_guide(body) else None
    if source:
        _worked_out(schedule_id, source, horizon_at(context.now(), context.horizon))

    def merge(previous: CampaignUpdated | None, news: frozenset[str]) -> CampaignUpdated:
        known = dict(previous.sources) if previous else {}
        asked_since = previous and CAMPAIGN in previous.fences and not previous.fences[CAMPAIGN].admits(fence)
        if source and written in news and not asked_since:
            known[schedule_id] = source
        whole = expand(_with(envelope, campaign_id, previous, known), context)
        return renewed(whole, {"created": schedule_id if created in news else None})

    there = look(envelope, "campaign", envelope.type, subject=subject, details={"scheduleId": schedule_id})
    facets = {created: fence, written: fence} if source else {created: fence}
    return Reading((Candidate(CampaignUpdated, subject, facets, merge),), (there,))


def read_horizon(envelope: Envelope, _: Mapping[str, Any], context: Context) -> Reading:
    """A new day has begun: the same schedules as far as the horizon goes now."""

    def merge(previous: CampaignUpdated | None, _: frozenset[str]) -> CampaignUpdated | None:
        return None if previous is None or previous.deleted else expand(previous, context)

    fence = Fence(time=envelope.time)
    return Reading((Candidate(CampaignUpdated, envelope.subject, {HORIZON: fence}, merge),))


def expand(previous: CampaignUpdated, context: Context) -> CampaignUpdated:
    """The same schedules worked out as of now; it announces nothing (`created` is of one record only)."""
    horizon = horizon_at(context.now(), context.horizon)
    schedules = tuple(_worked_out(one, source, horizon) for one, source in sorted(previous.sources.items()))
    return renewed(previous, {"schedules": schedules, "created": None})


def _worked_out(schedule_id: str, source: Mapping[str, Any], horizon: Horizon) -> CampaignSchedule:
    return renewed(_kept(orjson.dumps(source), horizon), {"schedule_id": schedule_id})


@lru_cache(maxsize=256)
def _kept(written: bytes, horizon: Horizon) -> CampaignSchedule:
    """Kept, because the same schedules come back with every delivery, answer and hour of the day."""
    source = orjson.loads(written)
    return CampaignSchedule(
        schedule_id="",
        time_zone=zone_of(source).key,
        intervals=intervals(spans_of(source, horizon)),
        max_concurrent_calls=_limit(source, "maxConcurrentCalls"),
        max_concurrent_agents=_limit(source, "maxConcurrentAgents"),
    )


def _with(
    envelope: Envelope, campaign_id: str, previous: CampaignUpdated | None, sources: Mapping[str, Any]
) -> CampaignUpdated:
    blank = previous or CampaignUpdated(
        id=envelope.id, time=envelope.time, subject=f"campaign/{campaign_id}", campaign_id=campaign_id
    )
    return renewed(blank, {"sources": dict(sorted(sources.items())), "deleted": False})


def _deletion(envelope: Envelope, campaign_id: str) -> Merge:
    def merge(previous: CampaignUpdated | None, _: frozenset[str]) -> CampaignUpdated:
        update = {"schedules": (), "created": None, "deleted": True}
        return renewed(_with(envelope, campaign_id, previous, {}), update)

    return merge


def _source(envelope: Envelope, body: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """(campaign, schedule, what matters of it as it was written)."""
    if is_guide(body):
        return _id(body, "campaignId"), _id(body, "id"), {name: body[name] for name in GUIDE_FIELDS if name in body}
    kind, _, subject_id = envelope.subject.partition("/")
    campaign_id = reference(body.get("campaign")) or (subject_id if kind == "campaign" else "")
    if not campaign_id:
        raise PoisonError("a campaign schedule without its campaign", "campaign.id")
    if "intervals" not in body and "recurrences" not in body:
        raise PoisonError("a campaign schedule without intervals or recurrences", "intervals")
    source = {name: body[name] for name in OFFICIAL_FIELDS if name in body}
    return campaign_id, identifier(body.get("id")) or campaign_id, source


def _id(body: Mapping[str, Any], field: str) -> str:
    found = identifier(body.get(field))
    if not found:
        raise PoisonError(f"{field} is missing", field)
    return found


def _limit(source: Mapping[str, Any], field: str) -> int | None:
    found = source.get(field)
    if found is not None and not isinstance(found, int):
        raise PoisonError(f"{field} is no whole number", field)
    return found


def _version(body: Mapping[str, Any]) -> int:
    version = body.get("version")
    return version if isinstance(version, int) else 0
