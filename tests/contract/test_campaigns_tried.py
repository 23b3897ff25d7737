"""`campaign-schedule`: attempts, answers that went missing, and each common error of the campaign guide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from handlers.configure_campaigns import wanted_of
from processor.clients.api import Forbidden, Unauthorised
from processor.errors import ConflictError, RetryableError
from sandbox.genesys.guard import Call, Failure
from tests.contract.campaignsdesk import FREE, SCHEDULES, both, make, planned, request, rules
from tests.contract.jobsdesk import Desk, desk


@both
async def test_after_a_try_that_was_cut_off_it_is_adopted_and_announced(dialect: str) -> None:
    async with desk(dialect) as there:
        asked = request(there)
        plan = await rules(there).plan(asked)
        assert plan.creates
        await rules(there).carry_out(asked, plan, started=False)  # and dies before its outcome
        second = await rules(there).plan(asked)
        result = await rules(there).carry_out(asked, second, started=True)
        assert len(there.calls()) == 1
    assert result.status == "done"
    assert result.after["scheduleId"]
    assert len(result.publish) == 1


async def test_g2_too_many_requests_is_tried_four_times_as_long_apart_as_the_server_says() -> None:
    async with desk("guide") as there:
        post = Failure(f"{SCHEDULES}/{FREE}", "POST", 3, 429, "too.many.requests", "slow", {"Retry-After": "3"})
        there.sandbox.guard.failures.append(post)
        _, result = await make(there, request(there))
        tried = there.sandbox.guard.counts[f"POST {SCHEDULES}/{{campaignId}}/schedules 429"]
        assert (tried, len(planned(there)), result.status) == (3, 1, "done")
        assert len([one for one in there.clock.slept if one >= 3]) == 3
        assert all(one <= 30 for one in there.clock.slept)
        there.sandbox.guide.campaigns.forget(FREE)
        there.sandbox.guard.failures.append(replace(post, times=4))
        with pytest.raises(RetryableError):
            await make(there, request(there))
        assert there.sandbox.guard.counts[f"POST {SCHEDULES}/{{campaignId}}/schedules 429"] == 3 + 4
        assert not planned(there)


async def test_an_answer_that_went_missing_is_searched_for_before_it_is_sent_again() -> None:
    async with desk("guide") as there:
        lost = Failure(f"{SCHEDULES}/{FREE}", "POST", drop=True, after=True)
        there.sandbox.guard.failures.append(lost)
        _, result = await make(there, request(there))
        assert (len(planned(there)), len(there.calls()), result.facts["adopted"]) == (1, 1, True)
        there.sandbox.guide.campaigns.forget(FREE)
        plan = await rules(there).plan(request(there))
        # lost again, and the first search for it fails too: it is looked for until somebody answers
        blind = Failure(f"{SCHEDULES}/{FREE}/schedules", "GET", times=3, status=503)
        silent = Failure(f"{SCHEDULES}/{FREE}/schedules", "GET", status=0)
        there.sandbox.guard.failures += [replace(lost, times=1), silent, blind]
        result = await rules(there).carry_out(request(there), plan, started=False)
        assert not there.sandbox.guard.failures
        assert (len(planned(there)), result.facts["adopted"]) == (1, True)
        there.sandbox.guide.campaigns.forget(FREE)
        there.sandbox.guard.failures.append(Failure(f"{SCHEDULES}/{FREE}", "POST", drop=True))
        _, result = await make(there, request(there))
        assert (len(planned(there)), result.facts["adopted"]) == (1, False)


async def test_g2_conflict_with_a_window_that_no_list_shows_says_so() -> None:
    async with desk("guide") as there:
        wanted = wanted_of(request(there))
        there.sandbox.guide.campaigns.active[FREE] = [(wanted.start, wanted.end)]
        with pytest.raises(ConflictError, match=r"active campaign window.*none is seen to overlap"):
            await make(there, request(there))


def comes_between(there: Desk, body: Mapping[str, Any]) -> None:
    """Somebody plans this after our next look at the list, and before our POST."""

    def watch(call: Call) -> None:
        if call.method == "GET" and call.path == f"{SCHEDULES}/{FREE}/schedules":
            there.sandbox.guard.watchers.remove(watch)
            room = there.sandbox.guide.campaigns
            room.schedules[FREE] = list(room.schedules[FREE])  # the answer is what was there before
            room.plan(FREE, dict(body))

    there.sandbox.guard.watchers.append(watch)


async def test_g2_409_of_one_that_came_between_is_explained_with_it_or_adopted_where_it_is_the_same() -> None:
    async with desk("guide") as there:
        plan = await rules(there).plan(request(there))
        body = plan.calls[0].body
        comes_between(there, {**body, "dailySchedule": body["dailySchedule"][:1]})
        with pytest.raises(ConflictError, match="13:00 to 15:00 America/Chicago") as raised:
            await rules(there).carry_out(request(there), plan, started=False)
        (other,) = planned(there)
        assert isinstance(raised.value.found, dict)
        assert raised.value.found["scheduleId"] == other["id"]
        there.sandbox.guide.campaigns.forget(FREE)
        comes_between(there, body)
        result = await rules(there).carry_out(request(there), plan, started=False)
        assert len(planned(there)) == 1
        assert there.sandbox.guard.counts[f"POST {SCHEDULES}/{{campaignId}}/schedules 409"] == 2
    assert (result.status, result.facts["adopted"], result.conflict_retries) == ("done", True, 1)


async def test_g2_401_and_403_say_what_to_do() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing.add("outbound:campaign:write")
        with pytest.raises(Forbidden) as raised:
            await make(there, request(there))
        assert "outbound:campaign:write" in str(raised.value.remedy)
        there.sandbox.guard.missing.clear()
        there.sandbox.guard.failures.append(Failure(SCHEDULES, times=2, status=401, code="bad.credentials"))
        with pytest.raises(Unauthorised, match="check them"):
            await rules(there).plan(request(there))
