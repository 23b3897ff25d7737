"""Campaign schedules in both dialects against the sandbox: the requests, the rules, and what then dials."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.configure_campaigns import ConfigureCampaigns
from handlers.events import Horizon
from handlers.normalise.campaign_hours import spans_of
from handlers.requests.campaign import CampaignScheduleRequest
from handlers.requests.plans import Plan, Result
from processor.clients.genesys.jobs.campaigns import Wanted
from sandbox.names import uid
from tests.contract.jobsdesk import Desk

BUSY, FREE = uid("campaign", "Autumn push"), uid("campaign", "Renewals")
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"]
SCHEDULES = "/api/v2/outbound/campaigns"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
both = pytest.mark.parametrize("dialect", ["platform", "guide"])


def request(there: Desk, campaign: str = FREE, **fields: Any) -> CampaignScheduleRequest:
    today = there.clock.now().date()
    said = {
        "campaignId": campaign,
        "startDate": str(today + timedelta(days=1)),
        "endDate": str(today + timedelta(days=20)),
        "timezone": "America/Chicago",
        "dailySlots": [
            {"startTime": "13:00", "endTime": "15:00", "days": WEEKDAYS},
            {"startTime": "15:30:00", "endTime": "17:00:00", "days": ["monday", "FRIDAY"]},
        ],
        "maxConcurrentCalls": 25,
        "maxConcurrentAgents": 8,
        **fields,
    }
    return CampaignScheduleRequest.read(said)


def rules(there: Desk) -> ConfigureCampaigns:
    return ConfigureCampaigns(there.jobs, there.clock.now)


async def make(there: Desk, asked: CampaignScheduleRequest) -> tuple[Plan, Result]:
    plan = await rules(there).plan(asked)
    return plan, await rules(there).carry_out(asked, plan, started=False)


def planned(there: Desk, campaign: str = FREE) -> list[dict[str, Any]]:
    """What the far side has, as the normaliser reads it."""
    if there.dialect == "guide":
        return there.sandbox.guide.campaigns.schedules[campaign]
    found = there.sandbox.world.campaigns.get(campaign)
    return [found] if found else []


def dialled(sources: list[dict[str, Any]], wanted: Wanted) -> set[tuple[datetime, datetime]]:
    window = Horizon(start=wanted.start, end=wanted.end)
    return {(span.start, span.end) for source in sources for span in spans_of(source, window)}
