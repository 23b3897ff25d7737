"""Who reads what: every event type we understand, on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from handlers.normalise import (
    agents,
    audits,
    campaigns,
    forms,
    guide_forms,
    profiles,
    queues,
    schedules,
    shifts,
    volume,
)
from handlers.normalise.reading import Context, Reader, Reading
from processor.errors import PoisonError
from processor.event import Raw


def read_control(_: Raw, __: Mapping[str, Any], ___: Context) -> Reading:
    """Heartbeats, pongs and answers about the channel itself."""
    return Reading(ignored="the channel speaks of itself")


def read_membership(_: Raw, __: Mapping[str, Any], ___: Context) -> Reading:
    """`v2.routing.queues.{id}.users`: an agent went on or off a queue; his routing status says so too."""
    return Reading(ignored="who is on queue is not published by queue")


def read_horizon(raw: Raw, body: Mapping[str, Any], context: Context) -> Reading:
    """`answer.horizon`: a new day; what is worked out ahead is worked out again."""
    kind = raw.subject.partition("/")[0]
    if kind == "schedule-group":
        return schedules.read_horizon(raw, body, context)
    if kind == "campaign":
        return campaigns.read_horizon(raw, body, context)
    raise PoisonError(f"nothing of a {kind:.40} is worked out ahead", "subject")


OFFICIAL: Mapping[str, Reader] = {
    "v2.users.{id}.presence": agents.read_presence,
    "v2.users.{id}.routingStatus": agents.read_routing_status,
    "v2.users.{id}.activity": agents.read_activity,
    "v2.users.{id}.outofoffice": agents.read_out_of_office,
    "v2.users.{id}.integrationpresence": agents.read_integration_presence,
    "v2.users.{id}.workforcemanagement.adherence": agents.read_adherence,
    "v2.users.{id}.workforcemanagement.schedules": shifts.read_agent_schedules,
    "v2.users.{id}.workforcemanagement.timeoffrequests": shifts.read_agent_schedules,
    "v2.workforcemanagement.managementunits.{id}.agentschedules.changed": shifts.read_unit_changes,
    "v2.workforcemanagement.managementunits.{id}.schedules": shifts.read_management_unit,
    "v2.workforcemanagement.businessunits.{id}.schedules": shifts.read_business_unit,
    "v2.workforcemanagement.users.{id}.schedules.search": shifts.read_search_result,
    "v2.businessunits.{id}.workforcemanagement.intraday": shifts.read_intraday,
    "v2.routing.queues.{id}.users": read_membership,
    "v2.audits.entitytype.{id}.entityid.{id}": audits.read,
    "v2.analytics.queues.{id}.observations": volume.read_observations,
    "v2.analytics.queues.{id}.activity": volume.read_activity,
    "v2.outbound.schedules.campaigns.{id}": campaigns.read_schedule,
    "v2.system.socket_closing": read_control,
    forms.CONTROL: read_control,
}

GUIDES: Mapping[str, Reader] = {
    guide_forms.SCHEDULE: schedules.read_guide,
    guide_forms.QUEUE: queues.read_guide,
    guide_forms.PRESENCE: agents.read_guide,
    guide_forms.PRESENCE_UPDATE: agents.read_guide,
    guide_forms.CREATED: campaigns.read_created,
    guide_forms.CAMPAIGN: campaigns.read_schedule,
    guide_forms.PROFILE: profiles.read,
}

ANSWERS: Mapping[str, Reader] = {
    "answer.schedule-group": schedules.read_answer,
    "answer.schedule": schedules.read_one,
    "answer.queue": queues.read_answer,
    "answer.shifts": shifts.read_answer,
    "answer.presence": agents.read_answer,
    "answer.campaign": campaigns.read_answer,
    "answer.profile": profiles.read,
    "answer.volume": volume.read_answer,
    "answer.horizon": read_horizon,
}

READERS: Mapping[str, Reader] = MappingProxyType({**OFFICIAL, **GUIDES, **ANSWERS})
