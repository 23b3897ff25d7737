"""The sandbox speaks the official API: paths, methods, permissions, fields and types."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from processor.clients.genesys.platform.triggers import trigger
from sandbox.genesys.authorization import ROLE
from sandbox.names import ADMIN, BUSINESS_UNIT, EMAIL, PRESENCES, SKILLS, WRAP_UP_CODES, pool
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.contract.swagger import Swagger

NOT_IN_THE_SUBSET = {
    "GET /api/v2/authorization/roles/{roleId}",
    "GET /api/v2/authorization/subjects/me",
    "GET /api/v2/outbound/campaigns/{campaignId}",
    "DELETE /api/v2/routing/queues/{queueId}/wrapupcodes/{codeId}",
    "GET /api/v2/routing/queues/{queueId}/wrapupcodes",
    "GET /api/v2/routing/wrapupcodes",
    "GET /api/v2/users/{userId}/outofoffice",
    "POST /api/v2/routing/queues/{queueId}/wrapupcodes",
    "GET /api/v2/workforcemanagement/businessunits/{businessUnitId}",
}
QUEUE = f"/api/v2/routing/queues/{EMAIL.id}"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with running(Options(port=0, wfm_port=0, quiet=True)) as started:
        yield started


@pytest.fixture
def official(shared: Path) -> Swagger:
    return Swagger(shared)


class Client:
    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self._sandbox = sandbox
        self._session = session
        self.token = ""

    async def login(self) -> None:
        options = self._sandbox.options
        proof = aiohttp.encode_basic_auth(options.client_id, options.client_secret)
        form = {"grant_type": "client_credentials"}
        async with self._session.post("/oauth/token", data=form, headers={"Authorization": proof}) as answer:
            self.token = (await answer.json())["access_token"]

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._session.request(method, path, json=body, headers=headers) as answer:
            return answer.status, await answer.json() if await answer.read() else None, answer.headers

    async def control(self, path: str, body: Any) -> None:
        async with self._session.post(f"/_sandbox/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(sandbox.genesys_url) as session:
        client = Client(sandbox, session)
        await client.login()
        yield client


def calls(sandbox: Sandbox) -> list[tuple[str, str, Any]]:
    """One call at least for each operation that the sandbox has."""
    user, now = pool()[0], datetime.now(UTC)
    schedule, group = next(iter(sandbox.world.schedules)), next(iter(sandbox.world.groups))
    campaign = next(iter(sandbox.world.campaigns))
    span = {"startDate": f"{now.date()}T00:00:00.000Z", "endDate": f"{(now + timedelta(days=14)).date()}T00:00:00.000Z"}
    hour = "/".join((now + timedelta(hours=ago)).strftime("%Y-%m-%dT%H:%M:%S.000Z") for ago in (-1, 0))
    by_queue = {"type": "and", "predicates": [{"dimension": "queueId", "operator": "matches", "value": EMAIL.id}]}
    within = {"target": "tAnswered", "name": "within-60", "function": "rangeBound", "range": {"gte": 0, "lt": 60000}}
    metrics = ["nOffered", "tAnswered", "tAbandon", "tHandle", "tWait", "tAcd", "tTalk", "oServiceLevel", "nOverSla"]
    observed = ["oWaiting", "oInteracting", "oAlerting", "oLongestWaiting", "oOnQueueUsers", "oOffQueueUsers"]
    observed += ["oUserRoutingStatuses", "oUserPresences", "oMemberUsers", "oActiveUsers"]
    wfm = "/api/v2/workforcemanagement"
    unit = sandbox.world.agents[user].unit
    analytics = "/api/v2/analytics"
    aggregates = {"interval": hour, "metrics": metrics, "groupBy": ["queueId", "mediaType"], "filter": by_queue}
    notifications = "/api/v2/notifications"
    channel = f"{notifications}/channels/{sandbox.notifications.open().id}/subscriptions"
    topics = [{"id": f"v2.users.{user}.presence"}]
    plain_queue = {"name": "Email Support", "mediaSettings": sandbox.world.queues[EMAIL.id]["mediaSettings"]}
    triggers, wanted = "/api/v2/processautomation/triggers", trigger("v2.users.{id}.presence", "workflow-1")
    made = sandbox.triggers.add(wanted)
    return [
        ("GET", "/api/v2/organizations/me", None),
        ("GET", "/api/v2/tokens/me", None),
        ("GET", "/api/v2/authorization/subjects/me", None),
        ("GET", f"/api/v2/authorization/roles/{ROLE}", None),
        ("GET", "/api/v2/routing/queues?pageSize=2", None),
        ("GET", QUEUE, None),
        ("PUT", QUEUE, plain_queue),
        ("GET", f"{QUEUE}/members?pageSize=2", None),
        ("PATCH", f"{QUEUE}/members", [{"id": user, "joined": True}]),
        ("PATCH", f"{QUEUE}/members/{user}", {"joined": True}),
        ("POST", f"{QUEUE}/members", [{"id": user}]),
        ("GET", "/api/v2/users?expand=presence,routingStatus,outOfOffice", None),
        ("GET", f"/api/v2/users/{user}", None),
        ("GET", f"/api/v2/users/{user}/presences/purecloud", None),
        ("GET", f"/api/v2/users/{user}/presences/PURECLOUD", None),
        ("PATCH", f"/api/v2/users/{user}/presences/purecloud", {"presenceDefinition": {"id": PRESENCES["Meal"]}}),
        ("PATCH", f"/api/v2/users/{user}/presences/PURECLOUD", {"presenceDefinition": {"id": PRESENCES["Busy"]}}),
        ("GET", f"/api/v2/users/{user}/routingstatus", None),
        ("GET", f"/api/v2/users/{user}/outofoffice", None),
        ("GET", "/api/v2/presence/definitions", None),
        ("GET", "/api/v2/routing/skills?pageSize=2", None),
        ("GET", f"/api/v2/routing/skills/{SKILLS['English']}", None),
        ("GET", f"/api/v2/users/{user}/routingskills", None),
        ("PUT", f"/api/v2/users/{user}/routingskills/bulk", [{"id": SKILLS["Returns"], "proficiency": 5}]),
        ("PATCH", f"/api/v2/users/{user}/routingskills/bulk", [{"id": SKILLS["English"], "proficiency": 3.5}]),
        ("PUT", f"/api/v2/users/{user}/routingskills/{SKILLS['English']}", {"proficiency": 4, "state": "inactive"}),
        ("GET", "/api/v2/routing/utilization", None),
        ("GET", f"/api/v2/routing/users/{user}/utilization", None),
        ("PUT", f"/api/v2/routing/users/{user}/utilization", {"utilization": {"email": {"maximumCapacity": 3}}}),
        ("GET", "/api/v2/routing/wrapupcodes?pageSize=2", None),
        ("POST", f"{QUEUE}/wrapupcodes", [{"id": WRAP_UP_CODES["Follow-up"]}]),
        ("GET", f"{QUEUE}/wrapupcodes", None),
        ("DELETE", f"{QUEUE}/wrapupcodes/{WRAP_UP_CODES['Follow-up']}", None),
        ("GET", "/api/v2/architect/schedules?pageSize=3", None),
        ("GET", f"/api/v2/architect/schedules/{schedule}", None),
        ("PUT", f"/api/v2/architect/schedules/{schedule}", sandbox.world.schedules[schedule]),
        ("GET", "/api/v2/architect/schedulegroups", None),
        ("GET", f"/api/v2/architect/schedulegroups/{group}", None),
        ("PUT", f"/api/v2/architect/schedulegroups/{group}", sandbox.world.groups[group]),
        ("GET", "/api/v2/outbound/schedules/campaigns", None),
        ("GET", f"/api/v2/outbound/schedules/campaigns/{campaign}", None),
        ("PUT", f"/api/v2/outbound/schedules/campaigns/{campaign}", sandbox.world.campaigns[campaign]),
        ("GET", f"/api/v2/outbound/campaigns/{campaign}", None),
        ("DELETE", f"/api/v2/outbound/schedules/campaigns/{campaign}", None),
        ("GET", f"{notifications}/availabletopics?expand=transports", None),
        ("POST", f"{notifications}/channels", None),
        ("GET", f"{notifications}/channels", None),
        ("PUT", f"{channel}?ignoreErrors=true", topics),
        ("POST", channel, topics),
        ("GET", channel, None),
        ("GET", f"{wfm}/businessunits", None),
        ("GET", f"{wfm}/businessunits/{BUSINESS_UNIT}", None),
        ("GET", f"{wfm}/businessunits/{BUSINESS_UNIT}/activitycodes", None),
        ("POST", f"{wfm}/businessunits/{BUSINESS_UNIT}/agentschedules/search", {**span, "userIds": [user]}),
        ("GET", f"{wfm}/managementunits", None),
        ("GET", f"{wfm}/managementunits/{unit}/users", None),
        ("POST", f"{wfm}/managementunits/{unit}/agentschedules/search", span),
        ("GET", f"{wfm}/agents/{user}/managementunit", None),
        ("POST", f"{analytics}/queues/observations/query", {"filter": by_queue, "metrics": observed}),
        ("POST", f"{analytics}/conversations/aggregates/query", {**aggregates, "views": [within]}),
        ("POST", f"{analytics}/conversations/aggregates/query", {**aggregates, "granularity": "PT30M"}),
        ("GET", triggers, None),
        ("POST", triggers, trigger("v2.users.{id}.activity", "workflow-2")),
        ("GET", f"{triggers}/{made['id']}", None),
        ("PUT", f"{triggers}/{made['id']}", {**wanted, "enabled": False, "version": 1}),
        ("DELETE", f"{triggers}/{made['id']}", None),
        ("POST", "/api/v2/audits/query/realtime", {"interval": hour.replace(hour[-24:], "2100-01-01T00:00:00.000Z")}),
    ]


def test_every_operation_and_its_permissions_are_official(sandbox: Sandbox, official: Swagger) -> None:
    for route in sandbox.routes():
        operation = official.operation(route.method, route.path)
        if f"{route.method} {route.path}" in NOT_IN_THE_SUBSET:
            assert operation is None
            continue
        assert operation is not None, route
        permitted = set(operation.get("x-inin-requires-permissions", {}).get("permissions", ()))
        assert set(route.any_of) <= permitted, route
        assert bool(route.any_of) == bool(permitted), route


async def test_every_answer_is_official(sandbox: Sandbox, client: Client, official: Swagger) -> None:
    asked = set()
    for method, address, body in calls(sandbox):
        status, answer, _ = await client.call(method, address, body)
        assert status < 300, (method, address, answer)
        template = sandbox.guard.seen[-1].template
        operation = official.operation(method, template)
        asked.add((method, template))
        if operation is not None:
            assert official.wrong_answer(operation, status, answer) == [], (method, address)
    assert asked == {(route.method, route.path) for route in sandbox.routes()}


async def test_refusals_are_official_error_bodies(client: Client, official: Swagger) -> None:
    operation = official.operation("PUT", "/api/v2/routing/queues/{queueId}")
    assert operation
    await client.control("permissions", {"missing": ["routing:queue:edit"]})
    for path, expected in ((QUEUE, 403), ("/api/v2/routing/queues/none", 403)):
        status, body, _ = await client.call("PUT", path, {"name": "x"})
        assert (status, official.wrong_answer(operation, status, body)) == (expected, [])
    assert "routing:queue:edit" in body["message"]
    await client.control("permissions", {"missing": []})
    status, body, _ = await client.call("PUT", "/api/v2/routing/queues/none", {"name": "x"})
    assert (status, official.wrong_answer(operation, status, body)) == (404, [])
    client.token = "wrong"
    status, body, _ = await client.call("PUT", QUEUE, {"name": "x"})
    assert (status, official.wrong_answer(operation, status, body)) == (401, [])


async def test_the_rate_limit_says_how_long_to_wait(client: Client, official: Swagger) -> None:
    await client.control("rate", {"limit": 1})
    answers = [await client.call("GET", QUEUE) for _ in range(3)]  # a minute may turn between two of them
    status, body, headers = next(answer for answer in answers if answer[0] == 429)
    operation = official.operation("GET", "/api/v2/routing/queues/{queueId}")
    assert operation
    assert official.wrong_answer(operation, status, body) == []
    assert headers["inin-ratelimit-allowed"] == "1"
    assert re.search(rf"\[{headers['Retry-After']}\]", body["message"])


async def test_a_version_that_is_not_the_present_one_conflicts(sandbox: Sandbox, client: Client) -> None:
    key, schedule = next(iter(sandbox.world.schedules.items()))
    path = f"/api/v2/architect/schedules/{key}"
    assert (await client.call("PUT", path, {**schedule, "description": "first"}))[1]["version"] == 2
    status, body, _ = await client.call("PUT", path, {**schedule, "description": "second"})
    assert (status, body["code"]) == (409, "general.conflict")


async def test_pages_follow_one_another_to_the_end(sandbox: Sandbox, client: Client) -> None:
    members = sandbox.world.members[EMAIL.id]
    joined = [key for key, is_in in members.items() if is_in]
    assert 7 < len(joined) < len(members)
    for asked, expected in (("", list(members)), ("&joined=true&expand=presence,skills", joined)):
        seen, path = [], f"{QUEUE}/members?pageSize=7{asked}"
        while path:
            _, body, _ = await client.call("GET", path)
            assert "total" not in body
            seen += [member["id"] for member in body["entities"]]
            path = body.get("nextUri", "")
        assert seen == expected


async def test_a_search_may_be_processing_and_may_lie_elsewhere(client: Client, sandbox: Sandbox) -> None:
    path = f"/api/v2/workforcemanagement/businessunits/{BUSINESS_UNIT}/agentschedules/search"
    body = {"startDate": "2026-11-22T00:00:00.000Z", "endDate": "2026-11-29T00:00:00.000Z", "userIds": [pool()[0]]}
    first, second = [(await client.call("POST", f"{path}?forceAsync=true", body))[1] for _ in range(2)]
    assert (first["status"], second["status"]) == ("Processing", "Complete")
    assert first["operationId"] == second["operationId"]
    elsewhere = (await client.call("POST", f"{path}?forceDownloadService=true", body))[1]
    assert "result" not in elsewhere
    client.token = ""  # the store of files wants none
    _, result, _ = await client.call("GET", elsewhere["downloadUrl"].removeprefix(sandbox.genesys_url))
    assert result == second["result"]


async def test_answers_are_dated_by_the_sandbox_clock(sandbox: Sandbox, client: Client) -> None:
    await client.control("advance", {"seconds": 86_400})
    _, _, headers = await client.call("GET", QUEUE)
    ahead = parsedate_to_datetime(headers["Date"]) - datetime.now(UTC)
    assert timedelta(hours=23) < ahead < timedelta(hours=25)


async def test_an_expired_token_is_refused_and_a_new_one_is_not(client: Client) -> None:
    await client.control("tokens", {})
    assert (await client.call("GET", QUEUE))[0] == 401
    await client.login()
    assert (await client.call("GET", QUEUE))[0] == 200


async def test_planted_failures_end_by_themselves(client: Client) -> None:
    await client.control("failures", {"path": QUEUE, "method": "GET", "times": 1, "status": 503})
    assert [(await client.call("GET", QUEUE))[0] for _ in range(2)] == [503, 200]
    await client.control("failures", {"path": QUEUE, "drop": True, "after": True})
    with pytest.raises(aiohttp.ClientError):
        await client.call("PATCH", f"{QUEUE}/members", [{"id": pool()[0], "joined": True}])
    assert (await client.call("GET", QUEUE))[0] == 200


async def test_a_person_changes_a_queue_and_the_audit_says_who(client: Client, sandbox: Sandbox) -> None:
    await client.control(f"queues/{EMAIL.id}", {"serviceLevelSeconds": 90})
    _, queue, _ = await client.call("GET", QUEUE)
    assert queue["mediaSettings"]["email"]["serviceLevel"]["durationMs"] == 90_000
    assert queue["modifiedBy"] == ADMIN
    change = sandbox.world.audits[-1].changes[0]
    assert (change["property"], change["newValues"]) == ("mediaSettings.email.serviceLevel.durationMs", ["90000"])
    assert sandbox.witness.changes[-1].kind == "person"
