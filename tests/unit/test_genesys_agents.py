from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
import pytest

from processor.clients.genesys import Answer
from processor.clients.genesys.platform import Platform
from processor.errors import PoisonError, RefusedError, RetryableError
from tests.unit.farside import Asked, Clock, said
from tests.unit.genesys_fake import Work, platform

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
WFM = "/api/v2/workforcemanagement"


async def look(genesys: Platform, what: str, subject: str) -> Answer:
    (answer,) = await genesys.look(what, subject, NOON, None, {})
    return answer


async def look_all(genesys: Platform, what: str, subjects: Sequence[str]) -> list[Answer]:
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(look(genesys, what, subject)) for subject in subjects]
    return [task.result() for task in asked]


def user(name: str, **more: Any) -> dict[str, Any]:
    presence = {"presenceDefinition": {"systemPresence": "Available"}, "modifiedDate": "2026-03-09T11:00:00.000Z"}
    return {"id": name, "state": "active", "presence": presence, "routingStatus": {"status": "IDLE"}, **more}


def people(*users: dict[str, Any]) -> Work:
    def listed(asked: Asked) -> Any:
        query = parse_qs(asked.query)
        chosen = [one for one in users if one["id"] in query["id"]]
        number = int(query["pageNumber"][0])
        return {"entities": chosen[(number - 1) * 2 : number * 2], "pageCount": -(-len(chosen) // 2)}

    return listed


async def test_many_agents_presence_is_one_request_and_an_answer_each() -> None:
    away = {"active": True}
    listed = people(
        user("a"), user("b", outOfOffice=away), user("c"), user("d", state="deleted"), user("f", state="inactive")
    )
    async with platform({"GET /api/v2/users": listed}) as (genesys, far):
        answers = await look_all(genesys, "presence", [f"agent/{name}" for name in "abcdef"])
    assert len(far.asked) == 3  # the pages of one list
    assert parse_qs(far.asked[0].query)["expand"] == ["presence", "routingStatus", "outOfOffice"]
    assert [answer.subject for answer in answers] == [f"agent/{name}" for name in "abcdef"]
    assert answers[0].body == {
        "userId": "a",
        "presence": user("a")["presence"],
        "routingStatus": {"status": "IDLE"},
        "outOfOffice": None,
    }
    assert answers[1].body["outOfOffice"] == away
    assert [answer.body.get("deleted") for answer in answers] == [None, None, None, True, True, True]


async def test_what_a_list_leaves_out_is_asked_for_by_itself() -> None:
    bare = {"id": "a", "state": "active"}
    routes: dict[str, Work] = {
        "GET /api/v2/users": people(bare),
        "GET /api/v2/users/a/presences/purecloud": lambda _: {"primary": True},
        "GET /api/v2/users/a/routingstatus": lambda _: {"status": "OFF_QUEUE"},
    }
    async with platform(routes) as (genesys, _):
        answer = await look(genesys, "presence", "agent/a")
    assert answer.body["presence"] == {"primary": True}
    assert answer.body["routingStatus"] == {"status": "OFF_QUEUE"}


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", "a?b", "a b", "x" * 200])
async def test_what_is_no_id_never_stands_in_a_path(name: str) -> None:
    async with platform({}) as (genesys, far):
        with pytest.raises(PoisonError):
            await look(genesys, "queue", f"queue/{name}")
    assert far.asked == []


class Wfm:
    """Two business units; `processing` searches are not done at once."""

    def __init__(self) -> None:
        self.unit_of = {"a": ("mu1", "bu1"), "b": ("mu2", "bu1"), "m": ("mu1", "bu1")}
        self.shifts: dict[str, list[dict[str, Any]]] = {"a": [shift("s1", 9)], "b": []}
        self.searches: list[dict[str, Any]] = []
        self.units_asked: list[str] = []
        self.users = people(user("a"), user("b"), user("m"))
        self.processing = 0
        self.end = "Complete"
        self.download = ""
        berlin = {"id": "mu1", "timeZone": "Europe/Berlin", "businessUnit": {"id": "bu1"}}
        self.listing: Any = {"entities": [berlin, {"id": "mu2", "businessUnit": {"id": "bu1"}}]}

    def routes(self) -> dict[str, Work]:
        units = {f"GET {WFM}/agents/{name}/managementunit": self.unit for name in "abm"}
        searches = {f"POST {WFM}/businessunits/{bu}/agentschedules/search": self.search for bu in ("bu1", "bu2")}
        codes = {"entities": [{"id": "0", "name": "On Queue"}]}
        return {
            **units,
            **searches,
            "GET /api/v2/users": self.listed,
            f"GET {WFM}/managementunits": lambda _: self.listing,
            f"GET {WFM}/managementunits/mu1/users": lambda _: {"entities": [{"id": "a"}, {"id": "m"}]},
            f"GET {WFM}/managementunits/mu2/users": lambda _: {"entities": [{"id": "b"}]},
            f"GET {WFM}/businessunits/bu1/activitycodes": lambda _: codes,
            f"GET {WFM}/businessunits/bu2/activitycodes": lambda _: said(403),
            "GET /download/1": lambda _: self.found(self.searches[-1]),
        }

    def listed(self, asked: Asked) -> Any:
        return self.users(asked)

    def unit(self, asked: Asked) -> Any:
        name = asked.path.split("/")[-2]
        self.units_asked.append(name)
        management, business = self.unit_of[name]
        return {"managementUnit": {"id": management}, "businessUnit": {"id": business}}

    def search(self, asked: Asked) -> Any:
        wanted = {**orjson.loads(asked.body), "unit": asked.path.split("/")[-3]}
        self.searches.append(wanted)
        if self.processing:
            self.processing -= 1
            return {"status": "Processing", "operationId": "op"}
        if self.end != "Complete":
            return {"status": self.end}
        return {
            "status": "Complete",
            **({"downloadUrl": self.download} if self.download else {"result": self.found(wanted)}),
        }

    def found(self, wanted: dict[str, Any]) -> Any:
        there = [u for u in wanted["userIds"] if u in self.shifts and self.unit_of[u][1] == wanted["unit"]]
        schedules = [
            {
                "user": {"id": name},
                "shifts": [s for s in self.shifts[name] if wanted["startDate"] <= s["startDate"] < wanted["endDate"]],
            }
            for name in there
        ]
        return {"businessUnitTimeZone": "America/New_York", "agentSchedules": schedules}


def shift(name: str, day: int, month: int = 3) -> dict[str, Any]:
    return {"id": name, "startDate": f"2026-{month:02}-{day:02}T09:00:00.000Z", "lengthMinutes": 480, "activities": []}


async def test_shifts_of_many_are_searched_together_over_the_whole_window() -> None:
    wfm = Wfm()
    wfm.shifts["a"] = [shift("s1", 9), shift("s2", 20, month=4)]
    async with platform(wfm.routes()) as (genesys, _):
        first, second = await look_all(genesys, "shifts", ["agent/a", "agent/b"])
    assert [(s["startDate"], s["endDate"], sorted(s["userIds"])) for s in wfm.searches] == [
        ("2026-03-08T00:00:00.000Z", "2026-04-05T00:00:00.000Z", ["a", "b"]),
        ("2026-04-05T00:00:00.000Z", "2026-05-03T00:00:00.000Z", ["a", "b"]),
        ("2026-05-03T00:00:00.000Z", "2026-05-04T00:00:00.000Z", ["a", "b"]),
    ]
    assert first.body == {
        "userId": "a",
        "timeZone": "Europe/Berlin",
        "from": "2026-03-08T00:00:00.000Z",
        "to": "2026-05-04T00:00:00.000Z",
        "shifts": [shift("s1", 9), shift("s2", 20, month=4)],
        "fullDayTimeOffMarkers": [],
        "activityCodes": {"0": "On Queue"},
    }
    assert (second.body["shifts"], second.body["timeZone"]) == ([], "America/New_York")


async def test_a_search_that_takes_its_time_is_asked_again() -> None:
    wfm, clock = Wfm(), Clock()
    wfm.processing = 3
    async with platform(wfm.routes(), clock) as (genesys, _):
        answer = await look(genesys, "shifts", "agent/a")
    assert answer.body["shifts"] == [shift("s1", 9)]
    assert clock.slept[2:5] == [0.25, 0.5, 1.0]


async def test_a_search_that_never_ends_or_fails_is_worth_another_try_later() -> None:
    wfm = Wfm()
    wfm.processing = 1000
    async with platform(wfm.routes()) as (genesys, _):
        with pytest.raises(RetryableError):
            await look(genesys, "shifts", "agent/a")
        wfm.processing, wfm.end = 0, "Error"
        with pytest.raises(RetryableError, match="Error"):
            await look(genesys, "shifts", "agent/a")


async def test_a_large_result_is_downloaded_from_an_allowed_host_only() -> None:
    wfm = Wfm()
    async with platform(wfm.routes()) as (genesys, far):
        wfm.download = f"{far.url}/download/1"
        assert (await look(genesys, "shifts", "agent/a")).body["shifts"] == [shift("s1", 9)]
        wfm.download = "https://elsewhere.invalid/download/1"
        with pytest.raises(RefusedError, match=r"elsewhere\.invalid"):
            await look(genesys, "shifts", "agent/a")


async def test_an_agent_who_moved_is_found_where_he_is_now() -> None:
    wfm = Wfm()
    async with platform(wfm.routes()) as (genesys, _):
        await look(genesys, "shifts", "agent/a")
        await look(genesys, "shifts", "agent/a")
        assert wfm.units_asked == []
        wfm.unit_of["a"] = ("mu9", "bu2")
        answer = await look(genesys, "shifts", "agent/a")
    assert wfm.units_asked == ["a"]
    assert answer.body["shifts"] == [shift("s1", 9)]
    assert (answer.body["timeZone"], answer.body["activityCodes"]) == ("America/New_York", {})


async def test_an_agent_without_published_shifts_has_none() -> None:
    async with platform(Wfm().routes()) as (genesys, _):
        answer = await look(genesys, "shifts", "agent/m")
    assert (answer.body["shifts"], answer.body.get("deleted")) == ([], None)


async def test_where_units_may_not_be_listed_each_agent_is_asked_for() -> None:
    wfm = Wfm()
    wfm.listing = said(403)
    async with platform(wfm.routes()) as (genesys, _):
        answer = await look(genesys, "shifts", "agent/a")
    assert (wfm.units_asked, answer.body["shifts"]) == (["a"], [shift("s1", 9)])
    assert answer.body["timeZone"] == "America/New_York"


async def test_an_agent_whom_workforce_management_does_not_know_is_gone() -> None:
    async with platform(Wfm().routes()) as (genesys, _):
        assert (await look(genesys, "shifts", "agent/x")).body == {"userId": "x", "deleted": True}


@pytest.mark.parametrize("state", ["deleted", "inactive"])
async def test_whoever_was_deactivated_has_no_shifts_though_workforce_management_still_knows_some(state: str) -> None:
    wfm = Wfm()
    wfm.users = people(user("a", state=state), user("b"))
    async with platform(wfm.routes()) as (genesys, far):
        gone, there = await look_all(genesys, "shifts", ["agent/a", "agent/b"])
    assert gone.body == {"userId": "a", "deleted": True}
    assert (there.body["shifts"], there.body.get("deleted")) == ([], None)
    assert [asked.path for asked in far.asked].count("/api/v2/users") == 1
    assert wfm.searches[0]["userIds"] == ["b"]


async def test_who_may_see_shifts_need_not_see_users() -> None:
    wfm = Wfm()
    wfm.users = lambda _: said(403)
    async with platform(wfm.routes()) as (genesys, _):
        assert (await look(genesys, "shifts", "agent/a")).body["shifts"] == [shift("s1", 9)]
