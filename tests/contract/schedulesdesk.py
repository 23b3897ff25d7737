"""Working hours in both dialects against the sandbox: the requests, the rules, and other people's hands."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.configure_schedules import ConfigureSchedules
from handlers.requests.plans import Plan, Result
from handlers.requests.schedule import ScheduleRequest
from sandbox.genesys.guard import Call
from sandbox.names import uid
from tests.contract.jobsdesk import Desk

GROUP, OTHER_GROUP = (uid("schedule-group", f"{place} Support") for place in ("New York", "Berlin"))
HOURS, SATURDAYS, MEETING = (uid("schedule", name) for name in ("Support Hours", "Saturday Hours", "Team Meeting"))
WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]
CHRISTMAS = uid("schedule", "Christmas")
GUIDE_PATH = f"/api/v2/schedulegroups/{GROUP}/schedules/{HOURS}"
PLATFORM_PATH = f"/api/v2/architect/schedules/{HOURS}"
FORMS: dict[str, dict[str, Any]] = {
    "guide": {
        "scheduleGroupId": GROUP,
        "scheduleId": HOURS,
        "timezoneId": "America/Chicago",
        "holidays": [CHRISTMAS],
        "scheduleEntries": [
            {"daysOfWeek": WEEKDAYS, "startTime": "09:00:00.000", "endTime": "17:00:00.000"},
            {"daysOfWeek": ["saturday"], "startTime": "10:00:00.000", "endTime": "14:00:00.000"},
        ],
    },
    "platform": {
        "scheduleId": HOURS,
        "start": "2026-01-05T09:00:00.000",
        "end": "2026-01-05T17:00:00.000",
        "rrule": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR,SA",
    },
}
both = pytest.mark.parametrize("dialect", FORMS)


def request(dialect: str, **fields: Any) -> ScheduleRequest:
    return ScheduleRequest.read({**FORMS[dialect], **fields})


def rules(there: Desk, **fields: Any) -> ConfigureSchedules:
    return ConfigureSchedules(there.jobs, there.clock.now, clocks=there.clock.time(), **fields)


async def make(there: Desk, asked: ScheduleRequest) -> tuple[Plan, Result]:
    plan = await rules(there).plan(asked)
    return plan, await rules(there).carry_out(asked, plan, started=False)


def there_now(there: Desk) -> Any:
    return (
        there.sandbox.guide.schedules.items[GROUP, HOURS]
        if there.dialect == "guide"
        else there.sandbox.world.schedules[HOURS]
    )


def by_somebody_else(there: Desk, **fields: Any) -> None:
    if there.dialect == "guide":
        there.sandbox.guide.schedules.by_a_person(GROUP, HOURS, **fields)
    else:
        world = there.sandbox.world
        world.put(world.schedules, HOURS, {**world.schedules[HOURS], **fields}, "somebody")


def overtaken(there: Desk, times: int) -> None:
    """Somebody else is faster after each of the next reads."""
    left = list(range(times))

    def watch(call: Call) -> None:
        if call.method == "GET" and call.path.endswith(HOURS) and left:
            by_somebody_else(there, description=f"changed {left.pop()}")

    there.sandbox.guard.watchers.append(watch)
