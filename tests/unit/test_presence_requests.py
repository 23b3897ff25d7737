"""What may be asked about an agent's presence, when it may be set, and how it is told."""

from __future__ import annotations

from datetime import UTC, datetime, time
from types import SimpleNamespace
from typing import Any

import pytest

from handlers.events import Outcome
from handlers.reports.presence import report
from handlers.requests.agent_day import agent_day
from handlers.requests.kinds import KINDS
from handlers.requests.operating_hours import Hours
from handlers.requests.presence import PresenceRequest
from handlers.requests.words import InvalidRequest
from handlers.set_presence import SetPresence
from processor.clients.genesys.jobs import Write
from processor.clients.genesys.jobs.presence import Definition, Duty, State, Wanted, same_word
from processor.errors import RefusedError

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
ON_DUTY = Duty("", ((datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),))


def test_every_problem_is_told_at_once_with_its_place() -> None:
    fields = {
        "presenceId": "",
        "userId": "a/b",
        "customStatusMessage": "x" * 251,
        "skillOverrides": [{"skillId": "s-1", "statusId": "Busy"}, {"skillId": "s-1"}],
        "streamId": "?",
        "colour": "red",
    }
    with pytest.raises(InvalidRequest) as raised:
        PresenceRequest.read(fields)
    assert {problem.place for problem in raised.value.problems} == {
        "presenceId",
        "userId",
        "customStatusMessage",
        "skillOverrides[1].statusId",
        "skillOverrides[1].skillId",
        "streamId",
        "colour",
    }
    told = {problem.place: problem for problem in raised.value.problems}
    assert "skillOverrides[0]" in told["skillOverrides[1].skillId"].message
    assert told["userId"].remedy


@pytest.mark.parametrize("overrides", ["x", [None], [{"skillId": 3}], {"skillId": "s"}, [["s"]]])
def test_fields_that_are_no_fields_are_problems_not_bugs(overrides: Any) -> None:
    with pytest.raises(InvalidRequest):
        PresenceRequest.read({"userId": "u", "presenceId": "Busy", "skillOverrides": overrides})


def test_a_request_is_filed_under_its_agent() -> None:
    asked = PresenceRequest.read(
        {"userId": "u-1", "presenceId": "Busy", "skillOverrides": [{"skillId": "s", "statusId": 3}]}
    )
    assert (KINDS["presence"], asked.subject()) == (PresenceRequest, "agent/u-1")
    assert asked.skill_overrides[0].status_id == "3"
    assert asked.custom_status_message is None


@pytest.mark.parametrize(
    ("hours", "wall", "admitted"),
    [
        (Hours(), "07:59:59.999999", False),
        (Hours(), "08:00:00", True),
        (Hours(), "20:59:59.999999", True),
        (Hours(), "21:00:00", False),
        (Hours.read("22:00-06:00"), "23:30:00", True),
        (Hours.read("22:00-06:00"), "22:00:00", True),
        (Hours.read("22:00-06:00"), "21:59:59", False),
        (Hours.read("22:00-06:00"), "06:00:00", True),
        (Hours.read("22:00-06:00"), "06:00:01", False),
        (Hours.read("00:00:00-23:59:59"), "00:00:00", True),
    ],
)
def test_both_ends_belong_to_the_operating_hours(hours: Hours, wall: str, *, admitted: bool) -> None:
    assert hours.admits(datetime.combine(NOON.date(), time.fromisoformat(wall))) is admitted


def test_the_guides_hours_are_those_of_whole_hours_from_8_to_20() -> None:
    assert str(Hours()) == "08:00:00-20:59:59"
    assert Hours.read(str(Hours())) == Hours()


@pytest.mark.parametrize(
    ("moment", "zone", "local"),
    [
        ("2026-03-08T12:00:00+00:00", "America/New_York", "2026-03-08T08:00:00"),  # summer time since this morning
        ("2026-03-07T12:59:59+00:00", "America/New_York", None),
        ("2026-11-01T13:00:00+00:00", "America/New_York", "2026-11-01T08:00:00"),
        ("2026-11-01T12:59:59+00:00", "America/New_York", None),
        ("2026-03-09T02:30:00+00:00", "Asia/Kolkata", "2026-03-09T08:00:00"),
    ],
)
def test_the_hour_is_that_of_the_agents_own_clock(moment: str, zone: str, local: str | None) -> None:
    day = agent_day(Hours(), zone, ON_DUTY, datetime.fromisoformat(moment))
    if local is None:
        with pytest.raises(RefusedError, match="outside operating hours: it is 07:59:59"):
            day.check("u-1")
    else:
        day.check("u-1")
        assert day.facts()["localTime"] == local


@pytest.mark.parametrize("said", ["EST", "Mars/Olympus", "", "america/new_york"])
def test_a_zone_that_nobody_knows_is_utc_and_says_so(said: str) -> None:
    day = agent_day(Hours(), said, ON_DUTY, NOON)
    assert (day.zone, day.trusted) == ("UTC", False)
    with pytest.raises(RefusedError, match="say agentTimeZone"):
        agent_day(Hours.read("01:00-02:00"), said, ON_DUTY, NOON).check("u-1")


def test_the_requests_zone_wins_over_the_units() -> None:
    duty = Duty("Europe/Berlin", ON_DUTY.shifts)
    assert agent_day(Hours(), None, duty, NOON).zone == "Europe/Berlin"
    assert agent_day(Hours(), "Asia/Kolkata", duty, NOON).zone == "Asia/Kolkata"
    assert not agent_day(Hours(), None, None, NOON).trusted


def test_the_first_and_the_last_instant_of_a_shift_belong_to_it() -> None:
    shift = (NOON, NOON.replace(hour=15))
    duty = Duty("UTC", (shift,))
    assert duty.shift(NOON) == duty.shift(NOON.replace(hour=15)) == shift
    assert duty.shift(NOON.replace(hour=15, second=1)) is None
    with pytest.raises(RefusedError, match="no active shift at 2026-03-09T16:00:00"):
        agent_day(Hours(), "UTC", duty, NOON.replace(hour=16)).check("u-1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("On Queue", "ON_QUEUE", True), ("OnQueue", "on queue", True), ("Busy", "Bus", False), ("id-1", "id-2", False)],
)
def test_words_are_compared_by_letters_and_ids_by_their_digits_too(one: str, other: str, *, same: bool) -> None:
    assert same_word(one, other) is same


def outcome(number: int, audit: dict[str, Any]) -> Outcome:
    return Outcome(id=f"o-{number}", time=NOON, subject="agent/u-1", kind="presence", status="done", audit=audit)


def record(action: str, latency: float, conflicts: int) -> dict[str, Any]:
    return {"userId": "u-1", "action": action, "latencyMs": latency, "conflictRetries": conflicts}


def test_the_report_is_the_guides_metrics() -> None:
    first, skill = record("presence_update", 100.126, 1), record("skill_override", 900, 5)
    found = report(
        [
            outcome(1, {**first, "auditLogs": [first, skill]}),
            outcome(2, record("presence_update", 50, 0)),
            outcome(3, record("presence_update", 0.5, 0)),
            outcome(4, {}),  # was never understood
        ]
    )
    assert {name: found[name] for name in ("averageLatencyMs", "conflictRate", "totalUpdates")} == {
        "averageLatencyMs": 50.21,
        "conflictRate": 0.3333,
        "totalUpdates": 3,
    }
    assert len(found["auditLogs"]) == 4


def test_nothing_reported_is_nothing_divided() -> None:
    assert report([]) == {"averageLatencyMs": 0, "conflictRate": 0, "totalUpdates": 0, "auditLogs": []}


class Reception:
    """An organisation with an Offline of its own; nobody should ask it for shifts."""

    streams = False

    async def definition(self, said: str) -> Definition:
        return Definition(said, "Offline", said)

    async def get(self, user_id: str) -> State:
        return State(user_id, "Available", "Available", "", None, None, NOON, None)

    def write(self, state: State, wanted: Wanted) -> Write:
        return Write("PATCH", f"/{state.user_id}", wanted.definition.id)


async def test_an_offline_of_the_organisations_own_is_offline() -> None:
    jobs: Any = SimpleNamespace(presences=Reception())
    asked = PresenceRequest.read({"userId": "u1", "presenceId": "gone-home", "agentTimeZone": "UTC"})
    plan = await SetPresence(jobs, lambda: NOON, Hours(time(3), time(4))).plan(asked)
    assert [call.body for call in plan.calls] == ["gone-home"]
    assert (plan.facts["systemPresence"], plan.facts["activeShift"]) == ("Offline", None)
