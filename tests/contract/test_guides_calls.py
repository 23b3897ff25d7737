"""What a reader of the guides finds again: each call as they show it, in each answer what their code reads of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from processor.app.farsides import organisation_api
from processor.app.log import utc_now
from processor.clients.genesys.guide import ATTEMPTS
from processor.clients.genesys.guide.profiles import details
from processor.clients.genesys.guide.schedules import details as conversations
from processor.clients.genesys.guide.volume import body_of
from processor.clients.genesys.guide.webhooks import Proof, queue_webhook, schedule_webhook
from processor.errors import RetryableError
from processor.settings import Settings, load
from sandbox.genesys.guard import Call, Failure
from sandbox.guide.presence import STREAM
from sandbox.names import EMAIL, PROFILES
from sandbox.options import Options
from sandbox.run import Sandbox, running
from tests.contract import presencedesk
from tests.contract.campaignsdesk import FREE, SCHEDULES
from tests.contract.campaignsdesk import make as make_campaign
from tests.contract.campaignsdesk import request as campaign
from tests.contract.jobsdesk import Desk, desk
from tests.contract.queuedesk import ENGLISH, HOOK, QUEUE, a_person, deploy
from tests.contract.schedulesdesk import GUIDE_PATH

HOOKED = "https://receiver.example/hook"
DETAILS = "/api/v2/analytics/queues/details/query"
TIER = PROFILES["Tier 1"]


def recorded(shared: Path, name: str) -> Any:
    return json.loads((shared / "genesys" / "samples" / f"{name}.json").read_text(encoding="utf-8"))


def called(there: Desk, method: str, path: str) -> Call:
    return next(call for call in there.sandbox.guard.seen if (call.method, call.path) == (method, path))


def renamed(rules: list[dict[str, Any]], skill: str) -> list[dict[str, Any]]:
    """The recorded rules, for this skill."""
    return [{**rule, "routingStrategy": {**rule["routingStrategy"], "skills": [skill]}} for rule in rules]


async def test_g4_a_queue_is_written_and_its_webhook_made_as_recorded(shared: Path) -> None:
    put, hook = recorded(shared, "guide4.queue.put.request"), recorded(shared, "guide4.webhook.register")
    async with desk("guide") as there:
        await deploy(there, skillIds=[ENGLISH], slaPercent=90, slaTarget=45, webhookUrl=HOOK)
        body, made = called(there, "PUT", QUEUE).body, called(there, "POST", "/api/v2/webhooks").body
        members = called(there, "GET", f"{QUEUE}/members")
        first = next(call for call in there.sandbox.guard.seen if call.path.startswith("/api/v2/schedule/agents/"))
        today = there.sandbox.clock.now().date().isoformat()
    wanted = {**put, "slaTarget": 45, "routingRules": renamed(put["routingRules"], ENGLISH)}
    assert {name: body[name] for name in put} == wanted
    assert made == {
        **hook,
        "name": f"Email Routing Sync - {EMAIL.id}",
        "description": made["description"],
        "eventFilters": [{"type": "routingQueueUpdated", "entityFilters": [{"id": EMAIL.id}]}],
        "endpoint": HOOK,
    }
    assert members.query == {"pageSize": ["100"], "pageNumber": ["1"]}
    assert first.query == {"dateFrom": [today]}


async def test_g4_efficiency_and_the_audit_log_are_asked_for_as_recorded(shared: Path) -> None:
    shown = recorded(shared, "guide4.queue_details.query.request")
    async with desk("guide") as there:
        now = there.sandbox.world.now()
        await there.jobs.queues.efficiency(EMAIL.id, now - timedelta(days=7), now)
        await there.jobs.queues.audits(EMAIL.id, now - timedelta(days=7), now)
        body, audits = called(there, "POST", DETAILS).body, called(there, "GET", "/api/v2/auditlogs")
    assert (body.keys(), body["interval"]) == (shown.keys(), "1d")
    assert body["entities"] == [{"id": EMAIL.id, "type": "queue"}]
    assert set(body["metrics"]) == {*shown["metrics"], "offer.avg.handle.time", "abandon.count"}
    assert span(body) == timedelta(days=7)
    pages = {"entityType": ["RoutingQueue"], "entityId": [EMAIL.id], "pageSize": ["50"], "pageNumber": ["1"]}
    assert audits.query == pages


def span(body: Mapping[str, Any]) -> timedelta:
    return datetime.fromisoformat(body["dateTo"]) - datetime.fromisoformat(body["dateFrom"])


def test_g1_conversations_are_asked_for_inbound_by_queue_and_in_an_order_that_pages_keep() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    assert conversations(["q-1", "q-2"], start, start + timedelta(days=7), 3) == {
        "interval": "2026-03-02T00:00:00.000Z/2026-03-09T00:00:00.000Z",
        "order": "asc",
        "orderBy": "conversationStart",
        "paging": {"pageSize": 100, "pageNumber": 3},
        "segmentFilters": [
            {
                "type": "or",
                "predicates": [
                    {"type": "dimension", "dimension": "queueId", "operator": "matches", "value": one}
                    for one in ("q-1", "q-2")
                ],
            }
        ],
        "conversationFilters": [
            {
                "type": "and",
                "predicates": [
                    {
                        "type": "dimension",
                        "dimension": "originatingDirection",
                        "operator": "matches",
                        "value": "inbound",
                    }
                ],
            }
        ],
    }


def test_our_own_webhooks_are_those_of_g1_and_g4(shared: Path) -> None:
    first, fourth = recorded(shared, "guide1.webhook.register.full"), recorded(shared, "guide4.webhook.register")
    user, password = (first["authentication"][name] for name in ("username", "password"))
    made = schedule_webhook(HOOKED, Proof(user, password))
    assert made == {**first, "name": made["name"], "events": [*first["events"], "presence:updated"]}
    made = queue_webhook(HOOKED, ("q-1",), Proof(headers={"X-Api-Key": "k"}))
    own = {name: made[name] for name in ("name", "description")}
    assert made == {**fourth, **own, "headers": {**fourth["headers"], "X-Api-Key": "k"}}
    assert "entityFilters" not in queue_webhook(HOOKED, (), Proof())["eventFilters"][0], "none named: all of them"


async def test_g5_an_agent_is_asked_about_and_set_as_the_guides_methods_say() -> None:
    async with desk("guide") as there:
        overrides = [{"skillId": presencedesk.BILLING, "statusId": "BUSY"}]
        asked = presencedesk.request(customStatusMessage="Until ten", skillOverrides=overrides, streamId=STREAM)
        await presencedesk.carry_out(there, asked)
        user = f"/api/v2/users/{presencedesk.AGENT}"
        shifts, put = called(there, "GET", f"{user}/schedules"), called(there, "PUT", f"{user}/presences/purecloud")
        skill = called(there, "PUT", f"{user}/routingstatus")
        called(there, "POST", f"/api/v2/eventstreams/streams/{STREAM}/events")
    assert shifts.query == {"expand": ["shifts"]}
    assert put.body == {"presenceId": "Meeting", "customStatusMessage": "Until ten"}
    assert skill.body == {"skillId": presencedesk.BILLING, "statusId": "Busy"}


def covers(found: Any, shown: Any) -> bool:
    """Whether every name of what is recorded is in what was found; of lists by their first entries."""
    if isinstance(shown, dict):
        return isinstance(found, dict) and all(
            name in found and covers(found[name], one) for name, one in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(found, list) and (not shown or (bool(found) and covers(found[0], shown[0])))
    return True


async def test_what_the_sandbox_answers_has_all_that_the_guides_read_of_it(shared: Path) -> None:
    export = recorded(shared, "guide3.event_export.create.request")
    async with desk("guide") as there:
        api = there.jobs.schedules._api  # type: ignore[attr-defined]
        there.sandbox.clock.jump(timedelta(hours=2))
        there.sandbox.life.step()
        a_person(there, 75)
        await deploy(there, skillIds=[ENGLISH])
        await make_campaign(there, campaign(there))
        now = there.sandbox.world.now()
        users = f"/api/v2/users/{presencedesk.AGENT}"
        hook = recorded(shared, "guide4.webhook.register")
        made = (await api.request("POST", "/api/v2/eventstreams/exports", json=export)).json()["id"]
        asked: dict[str, tuple[str, str, Any, Mapping[str, str]]] = {
            "guide1.schedule.get_put": ("GET", GUIDE_PATH, None, {}),
            "guide3.routing_profile": ("GET", f"/api/v2/routing/profiles/{TIER}", None, {}),
            "guide3.queue_details.query.response": ("POST", DETAILS, details(EMAIL.id, timedelta(days=7)), {}),
            "guide4.queue.get.response": ("GET", QUEUE, None, {}),
            "guide4.queue_members.response": ("GET", f"{QUEUE}/members", None, {}),
            "guide4.agent_schedule.response": ("GET", f"/api/v2/schedule/agents/{presencedesk.AGENT}", None, {}),
            "guide4.queue_details.query.response": (
                *("POST", DETAILS, body_of(EMAIL.id, now - timedelta(hours=1), now), {}),
            ),
            "guide4.auditlogs.response": (
                *("GET", "/api/v2/auditlogs", None, {"entityType": "RoutingQueue", "entityId": EMAIL.id}),
            ),
            "guide4.webhook.register.response": ("POST", "/api/v2/webhooks", hook, {}),
            "guide5.user_schedules.response": ("GET", f"{users}/schedules", None, {"expand": "shifts"}),
        }
        for name, (method, path, body, query) in asked.items():
            answer = (await api.request(method, path, json=body, params=query)).json()
            assert covers(answer, recorded(shared, name)), (name, answer)
        noted = {**recorded(shared, "guide3.event_export.query")["request"], "exportId": made}
        answer = (await api.request("POST", "/api/v2/eventstreams/exports/query", json=noted)).json()
        assert answer == recorded(shared, "guide3.event_export.query")["response"]
        planned = (await api.request("GET", f"{SCHEDULES}/{FREE}/schedules")).json()["entities"][0]
        assert covers(planned, recorded(shared, "guide2.campaign_schedule.post.response"))


async def test_the_sandbox_gives_a_token_for_either_form(shared: Path) -> None:
    async with running(Options(port=0, wfm_port=0, quiet=True, dialect="guide")) as sandbox:
        known, grant = sandbox.options, {"grant_type": "client_credentials"}
        proof = {"Authorization": aiohttp.encode_basic_auth(known.client_id, known.client_secret)}
        async with aiohttp.ClientSession(sandbox.genesys_url, headers=proof) as session:
            in_body = session.post("/oauth/token", data=grant)
            in_query = session.post("/api/v2/oauth/token", params=grant)
            for form in (in_body, in_query):
                async with form as answer:
                    assert covers(await answer.json(), recorded(shared, "guide1.token_response"))


def settings(sandbox: Sandbox, **more: Any) -> Settings:
    known = sandbox.options
    return load(
        {},
        genesys_dialect="guide",
        genesys_api_url=sandbox.genesys_url,
        genesys_login_url=sandbox.genesys_url,
        genesys_client_id=known.client_id,
        genesys_client_secret=known.client_secret,
        **more,
    )


@pytest.mark.parametrize(("too_fast", "taken"), [(ATTEMPTS - 1, True), (ATTEMPTS, False)])
async def test_what_comes_too_fast_is_tried_as_often_as_the_guides_try_it(too_fast: int, taken: bool) -> None:
    async with running(Options(port=0, wfm_port=0, quiet=True, dialect="guide")) as sandbox:
        slow = Failure(QUEUE, times=too_fast, status=429, headers={"Retry-After": "0.001"})
        async with organisation_api(settings(sandbox), utc_now) as api:
            sandbox.guard.failures.append(slow)
            if taken:
                await api.request("GET", QUEUE)
            else:
                with pytest.raises(RetryableError, match="429"):
                    await api.request("GET", QUEUE)
        assert len(sandbox.guard.seen) == taken
        if taken:
            headers = sandbox.guard.seen[-1].headers
            assert (headers["accept"], headers["authorization"][:7]) == ("application/json", "Bearer ")
    assert ATTEMPTS == 1 + 3


@pytest.mark.parametrize(("said", "budget"), [({}, 300), ({"genesys_requests_per_minute": 120}, 120)])
async def test_an_organisations_client_has_the_budget_of_the_settings(said: dict[str, int], budget: int) -> None:
    for dialect in ("guide", "platform"):
        known: dict[str, Any] = {"genesys_client_id": "client", "genesys_client_secret": "secret", **said}
        async with organisation_api(load({}, genesys_dialect=dialect, **known), utc_now) as api:
            assert api._policy.per_minute == budget
