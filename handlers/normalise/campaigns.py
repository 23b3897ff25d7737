"""Campaign schedules, G2's and the official ones → when a campaign may dial.

The record keeps each schedule as it was written (`sources`), so that the hours of one without an
end can be worked out again when the horizon has moved on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

import orjson

from handlers.events import CampaignSchedule, CampaignUpdated, Horizon
from handlers.normalise.campaign_hours import is_guide, spans_of, zone_of
from handlers.normalise.hours import horizon_at, intervals
from handlers.normalise.reading import Candidate, Context, Data, Merge, Reading, look
from handlers.normalise.words import identifier, objects, reference, version
from processor.errors import PoisonError
from processor.event import Fence, Raw, Written, blank
from processor.shapes import document

CAMPAIGN = "campaign"
"""The facet of a campaign as a whole; each schedule is a facet of its own, `schedule/<id>`."""

HORIZON = "horizon"
GUIDE_FIELDS = ("startTime", "endTime", "timezone", "dailySchedule", "maxConcurrentCalls", "maxConcurrentAgents")
OFFICIAL_FIELDS = ("intervals", "recurrences", "timeZone")


def read_schedule(raw: Raw, body: Mapping[str, Any], context: Context) -> Reading:
    """A campaign's schedule, as G2 posts it or `v2.outbound.schedules.campaigns.{id}` brings it.

    Raises PoisonError at `campaignId` or `campaign.id`, at the zone, or at the time that is wrong.
    """
    campaign_id, schedule_id, source = _source(raw, body)
    _worked_out(schedule_id, source, horizon_at(context.now(), context.horizon))
    facet = f"schedule/{schedule_id}"
    fence = Fence(raw.time, version(body.get("version")))

    def merge(previous: Written | None, _: Collection[str]) -> Data:
        if previous and CAMPAIGN in previous.fences and not previous.fences[CAMPAIGN].admits(fence):
            return expand(previous.data, context)  # the whole campaign was asked for later than this was written
        sources = {**(previous.data["sources"] if previous else {}), schedule_id: source}
        return expand(_with(campaign_id, previous, sources), context)

    return Reading((Candidate(CampaignUpdated, f"campaign/{campaign_id}", {facet: fence}, merge),))


def read_answer(raw: Raw, body: Mapping[str, Any], context: Context) -> Reading:
    """`answer.campaign`: `{schedule}` or `{schedules[]}` as Genesys has them now, or `{deleted: true}`.

    The whole campaign as of the question: it replaces all but schedules of which a later event was seen.
    """
    subject, campaign_id = raw.subject, raw.subject.partition("/")[2]
    fence = Fence(raw.time)
    if body.get("deleted"):
        return Reading((Candidate(CampaignUpdated, subject, {CAMPAIGN: fence}, _deletion(campaign_id)),))
    written = objects(body.get("schedules")) or objects([body.get("schedule")])
    answered = {schedule_id: source for _, schedule_id, source in (_source(raw, one) for one in written)}
    for schedule_id, source in answered.items():
        _worked_out(schedule_id, source, horizon_at(context.now(), context.horizon))

    def merge(previous: Written | None, news: Collection[str]) -> Data:
        if previous and CAMPAIGN not in news:
            return expand(previous.data, context)
        known = previous.data["sources"] if previous else {}
        sources = {one: new if f"schedule/{one}" in news else known.get(one, new) for one, new in answered.items()}
        return expand(_with(campaign_id, previous, sources), context)

    facets = {CAMPAIGN: fence, **{f"schedule/{one}": fence for one in answered}}
    return Reading((Candidate(CampaignUpdated, subject, facets, merge),))


def read_created(raw: Raw, body: Mapping[str, Any], context: Context) -> Reading:
    """G2's `SCHEDULE_CREATED`: announced to the WFM at once (`created`), its hours are asked for.

    Some carry the whole schedule: then its hours are told at once too. Raises PoisonError at
    `campaignId` or `scheduleId`, and at what is wrong in a schedule that is carried along.
    """
    whole_one = is_guide(body) and "scheduleId" not in body
    campaign_id, schedule_id = _id(body, "campaignId"), _id(body, "id" if whole_one else "scheduleId")
    subject, fence = f"campaign/{campaign_id}", Fence(raw.time)
    created, written = f"created/{schedule_id}", f"schedule/{schedule_id}"
    source = {name: body[name] for name in GUIDE_FIELDS if name in body} if is_guide(body) else None
    if source:
        _worked_out(schedule_id, source, horizon_at(context.now(), context.horizon))

    def merge(previous: Written | None, news: Collection[str]) -> Data:
        known = {**previous.data["sources"]} if previous else {}
        asked_since = previous and CAMPAIGN in previous.fences and not previous.fences[CAMPAIGN].admits(fence)
        if source and written in news and not asked_since:
            known[schedule_id] = source
        whole = expand(_with(campaign_id, previous, known), context)
        return {**whole, "created": schedule_id if created in news else None}

    there = look(raw, "campaign", raw.type, subject=subject, details={"scheduleId": schedule_id})
    facets = {created: fence, written: fence} if source else {created: fence}
    return Reading((Candidate(CampaignUpdated, subject, facets, merge),), (there,))


def read_horizon(raw: Raw, _: Mapping[str, Any], context: Context) -> Reading:
    """A new day has begun: the same schedules as far as the horizon goes now."""

    def merge(previous: Written | None, _: Collection[str]) -> Data | None:
        return None if previous is None or previous.data["deleted"] else expand(previous.data, context)

    fence = Fence(raw.time)
    return Reading((Candidate(CampaignUpdated, raw.subject, {HORIZON: fence}, merge),))


def expand(campaign: Data, context: Context) -> Data:
    """The same schedules worked out as of now; it announces nothing (`created` is of one record only)."""
    horizon = horizon_at(context.now(), context.horizon)
    schedules = [_worked_out(one, source, horizon) for one, source in sorted(campaign["sources"].items())]
    return {**campaign, "schedules": schedules, "created": None}


def _worked_out(schedule_id: str, source: Data, horizon: Horizon) -> Data:
    return {**_kept(orjson.dumps(source), horizon), "scheduleId": schedule_id}


@lru_cache(maxsize=256)
def _kept(written: bytes, horizon: Horizon) -> Data:
    """Kept, because the same schedules come back with every delivery, answer and hour of the day."""
    source = orjson.loads(written)
    schedule = CampaignSchedule(
        schedule_id="",
        time_zone=zone_of(source).key,
        intervals=intervals(spans_of(source, horizon)),
        max_concurrent_calls=_limit(source, "maxConcurrentCalls"),
        max_concurrent_agents=_limit(source, "maxConcurrentAgents"),
    )
    return document(schedule)


def _with(campaign_id: str, previous: Written | None, sources: Data) -> Data:
    before = previous.data if previous else {**blank(CampaignUpdated), "campaignId": campaign_id}
    return {**before, "sources": dict(sorted(sources.items())), "deleted": False}


def _deletion(campaign_id: str) -> Merge:
    def merge(previous: Written | None, _: Collection[str]) -> Data:
        return {**_with(campaign_id, previous, {}), "schedules": [], "created": None, "deleted": True}

    return merge


def _source(raw: Raw, body: Mapping[str, Any]) -> tuple[str, str, Mapping[str, Any]]:
    """(campaign, schedule, what matters of it as it was written)."""
    if is_guide(body):
        return _id(body, "campaignId"), _id(body, "id"), {name: body[name] for name in GUIDE_FIELDS if name in body}
    kind, _, subject_id = raw.subject.partition("/")
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
    if found is not None and type(found) is not int:
        raise PoisonError(f"{field} is no whole number", field)
    return found
