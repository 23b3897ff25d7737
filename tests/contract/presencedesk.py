"""The rules of `presence` over the sandbox, and what the sandbox then shows of the agent."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest

from handlers.requests.operating_hours import Hours
from handlers.requests.plans import Plan, Result
from handlers.requests.presence import PresenceRequest
from handlers.set_presence import SetPresence
from processor.event import Envelope
from sandbox.names import SKILLS, agents
from tests.contract.jobsdesk import Desk

both = pytest.mark.parametrize("dialect", ["platform", "guide"])
AGENT = next(agent for agent in agents() if agent.crew.name == "Day Mail").id
BILLING, ENGLISH, RETURNS = SKILLS["Billing"], SKILLS["English"], SKILLS["Returns"]
ANY_HOUR = Hours(time(0), time(23, 59, 59))
PRESENCE = f"/api/v2/users/{AGENT}/presences/purecloud"
VERB = {"platform": "PATCH", "guide": "PUT"}


def request(user: str = AGENT, **fields: Any) -> PresenceRequest:
    said = {"userId": user, "presenceId": "Meeting", "agentTimeZone": "America/New_York", **fields}
    return PresenceRequest.read(said)


def rules(there: Desk, hours: Hours = ANY_HOUR) -> SetPresence:
    return SetPresence(there.jobs, there.clock.now, hours)


async def carry_out(there: Desk, asked: PresenceRequest, hours: Hours = ANY_HOUR) -> tuple[Plan, Result]:
    plan = await rules(there, hours).plan(asked)
    return plan, await rules(there, hours).carry_out(asked, plan, started=False)


def sits(there: Desk, user: str = AGENT) -> str:
    return there.sandbox.floor.desks[user].presence


def by_a_person(there: Desk, presence: str, user: str = AGENT) -> None:
    there.sandbox.floor.set_presence(there.sandbox.floor.desks[user], presence)


def delivery(result: Result) -> Envelope:
    (found,) = result.publish
    assert isinstance(found, Envelope)
    return found
