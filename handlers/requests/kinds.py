"""All kinds of requests, by the word that names them."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.requests.brake import FreezeRequest, ResumeRequest
from handlers.requests.campaign import CampaignScheduleRequest
from handlers.requests.presence import PresenceRequest
from handlers.requests.profile import ProfileRequest
from handlers.requests.queue import QueueRequest
from handlers.requests.schedule import ScheduleRequest
from handlers.requests.words import Fields, InvalidRequest, Problem, Request

KINDS: Mapping[str, type[Request]] = {
    PresenceRequest.kind: PresenceRequest,
    ScheduleRequest.kind: ScheduleRequest,
    CampaignScheduleRequest.kind: CampaignScheduleRequest,
    FreezeRequest.kind: FreezeRequest,
    ResumeRequest.kind: ResumeRequest,
    ProfileRequest.kind: ProfileRequest,
    QueueRequest.kind: QueueRequest,
}


def read(kind: str, fields: Fields) -> Request:
    """Raises `InvalidRequest` with every problem at once, also for a kind that nobody knows."""
    if kind not in KINDS:
        raise InvalidRequest([Problem("kind", f"there is no kind {kind!r}", f"one of {', '.join(KINDS)}")])
    return KINDS[kind].read(fields)
