from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from processor.clients.genesys.platform.volume import half_hour
from processor.errors import PoisonError, RetryableError
from tests.unit.farside import Asked, Clock, said
from tests.unit.genesys_fake import Work, platform

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
ARCHITECT = "/api/v2/architect"
WFM = "/api/v2/workforcemanagement"


def paged(*names: str, size: int = 2, **more: Any) -> Work:
    """A list that tells its pages by `pageCount`."""

    def listed(asked: Asked) -> Any:
        number = int(parse_qs(asked.query)["pageNumber"][0])
        entities = [{"id": name, **more} for name in names[(number - 1) * size : number * size]]
        return {"entities": entities, "pageNumber": number, "pageCount": -(-len(names) // size)}

    return listed


LISTS: dict[str, Work] = {
    f"GET {ARCHITECT}/schedulegroups": paged("g1", "g2", "g3"),
    "GET /api/v2/routing/queues": paged("q1"),
    "GET /api/v2/users": paged("a", "b"),
    "GET /api/v2/outbound/schedules/campaigns": lambda _: [{"id": "s", "campaign": {"id": "c1"}}, {"id": "odd"}],
}


async def test_everything_is_listed_to_the_last_page() -> None:
    async with platform(LISTS) as (genesys, far):
        found = await genesys.subjects()
    assert found == [
        *("schedule-group/g1", "schedule-group/g2", "schedule-group/g3"),
        *("queue/q1", "agent/a", "agent/b", "campaign/c1"),
    ]
    assert len(far.asked) == 5


async def test_a_list_that_is_forbidden_is_left_out_and_said(caplog: pytest.LogCaptureFixture) -> None:
    forbidden = {"GET /api/v2/users": lambda _: said(403, {"missingPermissions": ["directory:user:view"]})}
    async with platform({**LISTS, **forbidden}) as (genesys, _):
        found = await genesys.subjects()
    assert not [subject for subject in found if subject.startswith("agent/")]
    assert "queue/q1" in found
    (remedy,) = [record.__dict__["remedy"] for record in caplog.records]
    assert remedy.startswith("grant the permission directory:user:view to the client")


async def test_a_list_that_fails_is_no_empty_list() -> None:
    async with platform({**LISTS, "GET /api/v2/users": lambda _: said(503)}) as (genesys, _):
        with pytest.raises(RetryableError):
            await genesys.subjects()


async def test_a_group_comes_with_its_schedules_and_those_that_are_gone_are_not_there() -> None:
    group = {
        "id": "g1",
        "openSchedules": [{"id": "s1"}, {"id": "s2"}],
        "closedSchedules": [{"id": "s1"}],
        "holidaySchedules": None,
    }
    routes: dict[str, Work] = {
        f"GET {ARCHITECT}/schedulegroups/g1": lambda _: group,
        f"GET {ARCHITECT}/schedules/s1": lambda _: {"id": "s1", "start": "2026-03-09T08:00:00.000"},
    }
    async with platform(routes) as (genesys, far):
        (answer,) = await genesys.look("schedule-group", "schedule-group/g1", NOON, None, {})
    assert answer.body == {"group": group, "schedules": [{"id": "s1", "start": "2026-03-09T08:00:00.000"}]}
    assert (answer.what, answer.subject) == ("schedule-group", "schedule-group/g1")
    assert len(far.asked) == 3


async def test_what_is_gone_is_answered_as_deleted() -> None:
    deleted: dict[str, Work] = {f"GET {ARCHITECT}/schedulegroups/g2": lambda _: {"id": "g2", "state": "deleted"}}
    async with platform(deleted) as (genesys, _):
        for what, subject in (
            ("schedule-group", "schedule-group/g1"),
            ("schedule-group", "schedule-group/g2"),
            ("queue", "queue/q1"),
            ("campaign", "campaign/c1"),
        ):
            (answer,) = await genesys.look(what, subject, NOON, None, {})
            assert answer.body == {"deleted": True}


async def test_queue_and_campaign_are_answered_as_they_came() -> None:
    routes: dict[str, Work] = {
        "GET /api/v2/routing/queues/q1": lambda _: {"id": "q1", "odd": [None]},
        "GET /api/v2/outbound/schedules/campaigns/c1": lambda _: {"id": "s"},
    }
    async with platform(routes) as (genesys, _):
        assert (await genesys.look("queue", "queue/q1", NOON, None, {}))[0].body == {
            "queue": {"id": "q1", "odd": [None]}
        }
        assert (await genesys.look("campaign", "campaign/c1", NOON, None, {}))[0].body == {"schedule": {"id": "s"}}


async def test_an_answer_is_dated_by_genesyss_clock_when_the_question_left() -> None:
    there = {"Date": "Mon, 09 Mar 2026 09:00:00 GMT"}

    def dated(_: Asked) -> Any:
        return {"id": "q1"}

    clock = Clock(datetime(2026, 3, 9, 9, tzinfo=UTC))
    async with platform({"GET /api/v2/routing/queues/q1": dated}, clock) as (genesys, _):
        (answer,) = await genesys.look("queue", "queue/q1", NOON, None, {})
    assert answer.asked.strftime("%a, %d %b %Y %H:%M:%S GMT") == there["Date"]


async def test_nobody_knows_how_to_look_for_that() -> None:
    async with platform({}) as (genesys, _):
        with pytest.raises(PoisonError):
            await genesys.look("weather", "queue/q1", NOON, None, {})
        with pytest.raises(PoisonError):
            await genesys.spread("groups", "queue/q1", {})


async def test_a_schedule_spreads_to_the_groups_that_refer_to_it() -> None:
    groups = [
        {"id": "g1", "openSchedules": [{"id": "s1"}]},
        {"id": "g2", "openSchedules": [{"id": "s2"}]},
        {"id": "g3", "holidaySchedules": [{"id": "s1"}]},
    ]
    async with platform({f"GET {ARCHITECT}/schedulegroups": lambda _: {"entities": groups}}) as (genesys, far):
        found = await genesys.spread("schedule", "schedule/s1", {})
    assert found == [("schedule-group", "schedule-group/g1"), ("schedule-group", "schedule-group/g3")]
    assert "scheduleIds=s1" in far.asked[0].query


async def test_units_spread_to_their_agents() -> None:
    units = [{"id": f"mu{n}", "businessUnit": {"id": f"bu{n // 3}"}} for n in (1, 2, 3)]
    routes: dict[str, Work] = {
        f"GET {WFM}/managementunits": lambda _: {"entities": units},
        f"GET {WFM}/managementunits/mu1/users": lambda _: {"entities": [{"id": "a"}, {"id": "b"}]},
        f"GET {WFM}/managementunits/mu2/users": lambda _: {"entities": [{"id": "b"}]},
    }
    async with platform(routes) as (genesys, _):
        of_business = await genesys.spread("agents-of", "business-unit/bu0", {})
        of_management = await genesys.spread("agents-of", "management-unit/mu2", {})
    assert of_business == [("shifts", "agent/a"), ("shifts", "agent/b")]
    assert of_management == [("shifts", "agent/b")]


async def test_the_organisation_is_asked_for_once() -> None:
    async with platform({"GET /api/v2/organizations/me": lambda _: {"id": "org-1"}}) as (genesys, far):
        assert {await genesys.organisation_id() for _ in range(3)} == {"org-1"}
    assert len(far.asked) == 1


def queue(name: str, **seconds: int) -> dict[str, Any]:
    media = {medium: {"serviceLevel": {"percentage": 0.8, "durationMs": s * 1000}} for medium, s in seconds.items()}
    return {"id": name, "mediaSettings": media}


class Analytics:
    """Two queues; what was counted names the interval and the views it was asked for."""

    def __init__(self) -> None:
        self.queries: list[dict[str, Any]] = []

    def routes(self) -> dict[str, Work]:
        queues = [queue("q1", email=45, call=20), queue("q2", message=30)]
        return {
            "GET /api/v2/routing/queues": lambda _: {"entities": [*queues, queue("q9", call=5)]},
            "POST /api/v2/analytics/queues/observations/query": self.observed,
            "POST /api/v2/analytics/conversations/aggregates/query": self.counted,
        }

    def _asked(self, asked: Asked) -> list[str]:
        query = orjson.loads(asked.body)
        self.queries.append(query)
        return [predicate["value"] for predicate in query["filter"]["predicates"]]

    def observed(self, asked: Asked) -> Any:
        return {"results": [{"group": {"queueId": name}, "data": []} for name in self._asked(asked)]}

    def counted(self, asked: Asked) -> Any:
        names = self._asked(asked)
        data = [{"interval": self.queries[-1]["interval"]}]
        return {"results": [{"group": {"queueId": name, "mediaType": "email"}, "data": data} for name in names]}


async def test_volume_is_the_rolling_hour_and_the_last_two_half_hours_judged_by_the_baseline() -> None:
    analytics, clock = Analytics(), Clock(datetime(2026, 3, 9, 12, 40, 7, tzinfo=UTC))
    async with platform(analytics.routes(), clock) as (genesys, _):
        first, second = await genesys.volume({"q1": {"email": 60.0}}, ["q1", "q2", "gone"])
    rolling, halves = (
        "2026-03-09T11:40:07.000Z/2026-03-09T12:40:07.000Z",
        "2026-03-09T11:30:00.000Z/2026-03-09T12:30:00.000Z",
    )
    assert (first.what, first.subject, second.subject) == ("volume", "queue/q1", "queue/q2")
    assert first.body == {
        "queueId": "q1",
        "asked": "2026-03-09T12:40:07.000Z",
        "targets": {"email": 60.0, "call": 20.0},
        "observations": [{"group": {"queueId": "q1"}, "data": []}],
        "aggregates": [
            {"group": {"queueId": "q1", "mediaType": "email"}, "data": [{"interval": rolling}]},
            {"group": {"queueId": "q1", "mediaType": "email"}, "data": [{"interval": halves}]},
        ],
    }
    assert second.body["targets"] == {"message": 30.0}
    _, hour, half_hours = analytics.queries
    assert "granularity" not in hour
    assert (half_hours["granularity"], half_hours["interval"]) == ("PT30M", halves)
    assert [(view["name"], view["range"]) for view in hour["views"]] == [
        ("within-20", {"gte": 0, "lt": 20000.0}),
        ("within-30", {"gte": 0, "lt": 30000.0}),
        ("within-60", {"gte": 0, "lt": 60000.0}),
    ]


async def test_many_queues_are_asked_for_in_portions_and_none_with_nothing() -> None:
    analytics = Analytics()
    async with platform(analytics.routes()) as (genesys, far):
        assert await genesys.volume({}, []) == []
        assert far.asked == []
        await genesys.volume({}, [f"q{number}" for number in range(120)])
    assert len([asked for asked in far.asked if asked.path.endswith("/queues")]) == 3


@pytest.mark.parametrize(("minute", "start"), [(0, 0), (29, 0), (30, 30), (59, 30)])
def test_half_hours_are_aligned(minute: int, start: int) -> None:
    assert half_hour(NOON + timedelta(minutes=minute, seconds=7, milliseconds=9)) == NOON + timedelta(minutes=start)
