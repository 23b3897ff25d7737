"""`presence` in both dialects: others who are faster, tries that break off, and the way back."""

from __future__ import annotations

import pytest

from handlers.requests.presence import PresenceRequest
from processor.errors import ConflictError, RetryableError
from sandbox.genesys.guard import Failure
from tests.contract.jobsdesk import desk
from tests.contract.presencedesk import (
    AGENT,
    BILLING,
    PRESENCE,
    VERB,
    both,
    by_a_person,
    carry_out,
    request,
    rules,
    sits,
)


async def test_g5_412_is_read_again_and_written_again_three_times_at_most() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.presences.rivals("Away", "Break", "Away")
        plan, result = await carry_out(there, request())
        assert (result.status, result.conflict_retries, sits(there)) == ("done", 3, "Meeting")
        assert [call.headers["if-match"] for call in there.calls()] == ['"p-1"', '"p-2"', '"p-3"', '"p-4"']
        assert len(there.clock.slept) == 3
        assert plan.before != result.before == {"presenceId": "Away", "customStatusMessage": ""}
        there.sandbox.guide.presences.rivals("Available", "Break", "Away", "Meal")
        _, lost = await carry_out(there, request(presenceId="Busy"))
        assert (lost.status, lost.conflict_retries, sits(there)) == ("conflict", 3, "Meal")
    assert lost.after == {"presenceId": "Meal", "customStatusMessage": ""}
    assert "once more" in str(lost.error)


async def test_409_of_an_update_under_way_is_waited_for() -> None:
    async with desk("platform") as there:
        busy = Failure(PRESENCE, "PATCH", 3, 409, "presenceservice.conflict", "A previous update is not yet complete")
        there.sandbox.guard.failures.append(busy)
        _, result = await carry_out(there, request())
        assert (result.status, result.conflict_retries, sits(there)) == ("done", 3, "Meeting")


@both
async def test_what_is_expected_must_still_be_there(dialect: str) -> None:
    async with desk(dialect) as there:
        by_a_person(there, "Break")
        expected = {"presenceId": "Available", "customStatusMessage": ""}
        with pytest.raises(ConflictError, match="presenceId is 'Break', not 'Available'") as raised:
            await rules(there).plan(request(expected=expected))
        assert raised.value.found == {"presenceId": "Break", "customStatusMessage": ""}
        asked = request(expected={"presenceId": "BREAK"})
        plan = await rules(there).plan(asked)
        by_a_person(there, "Away")
        with pytest.raises(ConflictError, match="'Away'"):
            await rules(there).carry_out(asked, plan, started=False)
        assert not there.calls()


@both
async def test_the_way_back(dialect: str) -> None:
    async with desk(dialect) as there:
        by_a_person(there, "Break")
        asked = request(customStatusMessage="Until ten")
        _, result = await carry_out(there, asked)
        back = {**rules(there).reverse(asked, result.before, result.after), "expected": result.after, "undoes": "r-1"}
        _, undone = await carry_out(there, PresenceRequest.read(back))
        assert (sits(there), there.sandbox.floor.desks[AGENT].message) == ("Break", "")
        assert back["agentTimeZone"] == "America/New_York", "by the same clock as before"
        unsaid = PresenceRequest.read({"userId": AGENT, "presenceId": "Busy"})
        assert "agentTimeZone" not in rules(there).reverse(unsaid, result.before, result.after)
        assert undone.after == result.before
        sent = len(there.calls())
        _, repeated = await carry_out(there, PresenceRequest.read(back))  # as after a crash before the outcome
        assert (repeated.status, len(there.calls())) == ("done", sent)
        by_a_person(there, "Away")
        with pytest.raises(ConflictError):
            await rules(there).plan(PresenceRequest.read(back))


@both
async def test_a_far_side_that_goes_away_half_way_is_finished_later_and_nothing_is_set_twice(dialect: str) -> None:
    path = {"platform": f"/api/v2/users/{AGENT}/routingskills/", "guide": f"/api/v2/users/{AGENT}/routingstatus"}
    async with desk(dialect) as there:
        there.sandbox.guard.failures.append(Failure(path[dialect], "PUT", times=99, status=503))
        asked = request(skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}])
        with pytest.raises(RetryableError):
            await carry_out(there, asked)
        there.sandbox.guard.failures.clear()
        there.clock.pass_by(3600)  # long enough for the breaker to let us ask again
        _, result = await carry_out(there, asked)
        assert [call.method for call in there.calls()] == [VERB[dialect], "PUT"]
    assert result.status == "done"
