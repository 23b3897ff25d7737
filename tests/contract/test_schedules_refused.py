"""`schedule` in both dialects: what is refused or waited out; each common error of the working-hours guide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handlers.requests.words import InvalidRequest
from processor.clients.api import Forbidden, NotFound, Rejected
from processor.clients.genesys.jobs.schedules import Place
from processor.errors import RetryableError
from sandbox.genesys.guard import Failure
from tests.contract.jobsdesk import desk
from tests.contract.schedulesdesk import (
    CHRISTMAS,
    FORMS,
    GROUP,
    HOURS,
    both,
    request,
    rules,
)


@both
async def test_a_schedule_that_is_not_there(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound, match=r"no-such") as raised:
            await rules(there).plan(request(dialect, scheduleId="no-such"))
        if dialect == "platform":
            there.sandbox.world.schedules[HOURS]["state"] = "deleted"
            with pytest.raises(NotFound, match="deleted"):
                await rules(there).plan(request(dialect))
    assert raised.value.remedy


@both
async def test_a_missing_right_is_named(dialect: str) -> None:
    right = "schedule:write" if dialect == "guide" else "routing:schedule:edit"
    async with desk(dialect) as there:
        plan = await rules(there).plan(request(dialect))
        there.sandbox.guard.missing.add(right)
        with pytest.raises(Forbidden) as raised:
            await rules(there).carry_out(request(dialect), plan, started=False)
    assert right in f"{raised.value} {raised.value.remedy}"


@both
async def test_too_many_requests_are_waited_out_or_told(dialect: str) -> None:
    async with desk(dialect) as there:
        plan = await rules(there).plan(request(dialect))
        slow = Failure("/api/v2", "PUT", status=429, headers={"Retry-After": "3"})
        there.sandbox.guard.failures.append(slow)
        result = await rules(there).carry_out(request(dialect), plan, started=False)
        there.sandbox.guard.failures.append(replace(slow, method="GET", headers={"Retry-After": "40"}, times=5))
        with pytest.raises(RetryableError) as raised:
            await rules(there).plan(request(dialect))
    assert result.status == "done"
    assert 3 in [round(seconds) for seconds in there.clock.slept]
    assert raised.value.retry_after == timedelta(seconds=40)


@pytest.mark.parametrize(("too_fast", "taken"), [(3, True), (4, False)])
async def test_the_guide_tries_a_write_that_came_too_fast_three_times_more(too_fast: int, taken: bool) -> None:
    async with desk("guide") as there:
        plan = await rules(there).plan(request("guide"))
        there.sandbox.guard.failures.append(
            Failure("/api/v2", "PUT", status=429, headers={"Retry-After": "1"}, times=too_fast)
        )
        if not taken:
            with pytest.raises(RetryableError, match="429"):
                await rules(there).carry_out(request("guide"), plan, started=False)
        else:
            assert (await rules(there).carry_out(request("guide"), plan, started=False)).status == "done"
        assert len(there.calls()) == taken


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"timezoneId": "EST"}, "timezoneId"),
        (
            {
                "scheduleEntries": [
                    *FORMS["guide"]["scheduleEntries"],
                    {"daysOfWeek": ["friday"], "startTime": "16:00", "endTime": "20:00"},
                ]
            },
            r"scheduleEntries\[2\]: overlaps with scheduleEntries\[0\] on friday",
        ),
        ({"scheduleEntries": []}, "scheduleEntries"),
        ({"scheduleEntries": [{"daysOfWeek": ["monday"], "startTime": "17:00", "endTime": "09:00"}]}, "endTime"),
        ({"scheduleEntries": [{"daysOfWeek": ["mon"], "startTime": "09:00", "endTime": "17:00"}]}, r"daysOfWeek\[0\]"),
    ],
)
async def test_what_genesys_would_refuse_with_400_is_refused_before(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        request("guide", **fields)
    async with desk("guide") as there:  # and it would have been
        job, place = there.jobs.schedules, Place(HOURS, GROUP)
        found = await job.get(place)
        with pytest.raises(Rejected, match="400"):
            await job.send(job.write(place, found, fields))


@pytest.mark.parametrize("dialect", FORMS)
async def test_the_form_of_the_other_dialect_is_refused_with_what_would_do(dialect: str) -> None:
    other = next(name for name in FORMS if name != dialect)
    async with desk(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await rules(there).plan(request(other))
        assert not there.sandbox.guard.seen
    (problem,) = raised.value.problems
    meant = '"startTime":"09:00:00.000"' if dialect == "guide" else "BYDAY=MO,TU,WE,TH,FR"
    assert meant in problem.remedy


async def test_holidays_must_exist() -> None:
    async with desk("guide") as there:
        with pytest.raises(InvalidRequest) as raised:
            await rules(there).plan(request("guide", holidays=[CHRISTMAS, "christmass", "x"]))
        assert [problem.place for problem in raised.value.problems] == ["holidays[1]", "holidays[2]"]
        assert CHRISTMAS in raised.value.problems[0].remedy
        there.sandbox.guard.failures.append(Failure(f"/api/v2/schedulegroups/{GROUP}/holidays", status=404, times=9))
        assert (await rules(there, holidays={"x": ("2026-12-24",)}).plan(request("guide", holidays=["x"]))).calls
        with pytest.raises(InvalidRequest, match="christmass"):
            await rules(there, holidays={"x": ("2026-12-24",)}).plan(request("guide", holidays=["christmass"]))
