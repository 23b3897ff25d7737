"""`presence` in both dialects: operating hours, shifts, and whose clock they are judged by."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.events import PresenceUpdated
from handlers.requests.operating_hours import Hours
from processor.errors import RefusedError
from sandbox.names import agents
from tests.contract.jobsdesk import desk
from tests.contract.presencedesk import AGENT, both, by_a_person, carry_out, delivery, request, rules, sits
from tests.unit.normalisedesk import Desk as Normaliser
from tests.unit.normalisedesk import clean

OFF_DUTY = next(agent for agent in agents() if agent.crew.name == "Late Mail").id


@both
async def test_others_than_offline_need_a_shift_and_the_hour(dialect: str) -> None:
    async with desk(dialect) as there:
        now = there.sandbox.clock.now()
        beyond = (now + timedelta(hours=3)).time(), (now + timedelta(hours=4)).time()
        closed = Hours(*(moment.replace(microsecond=0) for moment in beyond))
        with pytest.raises(RefusedError, match=r"outside operating hours: it is .* in UTC") as raised:
            await rules(there, closed).plan(request(agentTimeZone="UTC"))
        assert "Offline" in str(raised.value.remedy)
        with pytest.raises(RefusedError, match="no active shift"):
            await rules(there).plan(request(OFF_DUTY))
        assert not there.calls()
        for user in (AGENT, OFF_DUTY):
            by_a_person(there, "Available", user)
            _, result = await carry_out(there, request(user, presenceId="OFFLINE"), closed)
            assert (result.status, sits(there, user)) == ("done", "Offline")


@both
async def test_an_unknown_zone_counts_as_utc_and_is_not_trusted(dialect: str) -> None:
    async with desk(dialect) as there:
        plan, result = await carry_out(there, request(agentTimeZone="EST"))
        told = await Normaliser.open()
        told.now = there.clock.now()
        (state,) = clean(await told.take(delivery(result)))
    assert (plan.facts["agentTimeZone"], plan.facts["agentTimeZoneTrusted"]) == ("UTC", False)
    assert isinstance(state, PresenceUpdated)
    assert (state.time_zone, state.time_zone_trusted) == ("UTC", False)


async def test_nobody_says_the_zone_the_management_unit_does() -> None:
    async with desk("platform") as there:
        plan = await rules(there).plan(request(agentTimeZone=None))
    assert (plan.facts["agentTimeZone"], plan.facts["agentTimeZoneTrusted"]) == ("America/New_York", True)
    assert plan.facts["activeShift"]
