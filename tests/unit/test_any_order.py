"""Whatever order and however often events come, over restarts too: the last record is that of a perfect delivery.

By property, for events that say themselves when they happened, in each form in which one comes.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.normalise.envelopes import envelopes
from processor.event import Delivery
from tests.unit.normalisedesk import AGENT, NOW, Desk, event_bridge

MINUTES = st.integers(0, 3)
"""Few, so that many say the same minute."""
PRESENCES = st.sampled_from(["AVAILABLE", "MEAL", "BREAK"])
MESSAGES = st.sampled_from([None, "back at two", "at lunch"])
ZONES = st.sampled_from(["Europe/Berlin", "America/New_York"])
OF_A_MOMENT = ("changed", "created")
"""Fields that tell what one record is about, not what the subject is like now."""


def at(minute: int) -> str:
    return f"2026-03-09T13:0{minute}:00.000Z"


def of_agent(topic: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return f"v2.users.{AGENT}.{topic}", body


def defined(word: str) -> dict[str, Any]:
    return {"presenceDefinition": {"id": f"id-of-{word}", "systemPresence": word}}


def said(text: str | None, field: str = "message") -> dict[str, str]:
    return {} if text is None else {field: text}


FLAGS = st.booleans()
STATUSES = st.sampled_from(["IDLE", "OFF_QUEUE", "INTERACTING"])
PRESENCE = st.builds(
    lambda word, text, n: of_agent("presence", {**defined(word), **said(text), "primary": True, "modifiedDate": at(n)}),
    PRESENCES,
    MESSAGES,
    MINUTES,
)
INTEGRATION = st.builds(
    lambda word, text, n: of_agent(
        "integrationpresence", {**defined(word), **said(text), "source": "PURECLOUD", "modifiedDate": at(n)}
    ),
    PRESENCES,
    MESSAGES,
    MINUTES,
)
ROUTING = st.builds(
    lambda word, n: of_agent("routingStatus", {"id": AGENT, "routingStatus": {"status": word, "startTime": at(n)}}),
    STATUSES,
    MINUTES,
)
ACTIVITY = st.builds(
    lambda word, text, n, status, m, away, k: of_agent(
        "activity",
        {
            "presence": {
                **defined(word),
                **said(text, "presenceMessage"),
                "modifiedDate": at(n),
            },
            "routingStatus": {"status": status, "startTime": at(m)},
            "outOfOffice": {"active": away, "modifiedDate": at(k)},
        },
    ),
    PRESENCES,
    MESSAGES,
    MINUTES,
    STATUSES,
    MINUTES,
    FLAGS,
    MINUTES,
)
OUT_OF_OFFICE = st.builds(
    lambda away, end, n: of_agent(
        "outofoffice", {"active": away, "startDate": at(0), "endDate": at(end), "modifiedDate": at(n)}
    ),
    FLAGS,
    MINUTES,
    MINUTES,
)
ADHERENCE = st.builds(
    lambda word, second, n, m: of_agent(
        "workforcemanagement.adherence",
        {"systemPresence": word, "presenceUpdateTime": at(n), "adherenceChangeTime": at(m), **second},
    ),
    PRESENCES,
    st.sampled_from([{}, {"organizationSecondaryPresenceId": "second"}]),
    MINUTES,
    MINUTES,
)
AUDIT = st.builds(
    lambda word, n: (
        f"v2.audits.entitytype.UserPresence.entityid.{AGENT}",
        {
            "entityType": "UserPresence",
            "eventTime": at(n),
            "propertyChanges": [{"property": "PRESENCE", "newValues": [word]}],
        },
    ),
    PRESENCES,
    MINUTES,
)
OF_THE_GUIDE = st.builds(
    lambda word, text, where, n: (
        "presence:updated",
        {"userId": AGENT, "presenceId": word, "timestamp": at(n), **where, **said(text, "customStatusMessage")},
    ),
    PRESENCES,
    MESSAGES,
    st.sampled_from([{}, {"agentTimeZone": "Etc/UTC"}, {"agentTimeZone": "Mars/Olympus"}]),
    MINUTES,
)
SCHEDULE = st.builds(
    lambda one, where, day, n: (
        "schedule:updated",
        {
            "scheduleId": one,
            "scheduleGroupId": "g-1",
            "timezoneId": where,
            "scheduleEntries": [{"daysOfWeek": [day], "startTime": "08:00:00.000", "endTime": "17:00:00.000"}],
            "timestamp": at(n),
        },
    ),
    st.sampled_from(["s-1", "s-2"]),
    ZONES,
    st.sampled_from(["monday", "friday"]),
    MINUTES,
)
QUEUE = st.builds(
    lambda target, percent, n: (
        "routingQueueUpdated",
        {"queueId": "q-1", "slaTarget": target, "slaPercent": percent, "routingRules": [], "timestamp": at(n)},
    ),
    st.sampled_from([20, 40]),
    st.sampled_from([80, 90]),
    MINUTES,
)
CAMPAIGN = st.builds(
    lambda one, where, calls, n: (
        "campaign-schedule",
        {
            "id": one,
            "campaignId": "c-1",
            "startTime": "2026-03-06T00:00:00Z",
            "endTime": "2026-03-20T00:00:00Z",
            "timezone": where,
            "dailySchedule": [{"startTime": "09:00:00", "endTime": "13:00:00", "days": ["Monday"]}],
            "maxConcurrentCalls": calls,
            "timestamp": at(n),
        },
    ),
    st.sampled_from(["s-1", "s-2"]),
    ZONES,
    st.integers(1, 2),
    MINUTES,
)
OFFICIAL_CAMPAIGN = st.builds(
    lambda hours, where, n: (
        "v2.outbound.schedules.campaigns.c-1",
        {
            "campaign": {"id": "c-1"},
            "intervals": [{"start": "2026-03-09T08:00:00Z", "end": f"2026-03-09T{hours:02}:00:00Z"}],
            "timeZone": where,
            "version": n + 1,
            "dateModified": at(n),
        },
    ),
    st.integers(9, 12),
    ZONES,
    MINUTES,
)
PROFILE = st.builds(
    lambda name, told, apart, n: (
        "routing-profile",
        {"profileId": "p-1", "version": n + 1, "timestamp": at(n)}
        | ({"changes": told} if apart else {"name": name, "wrapUpCodes": [], **told}),
    ),
    st.sampled_from(["Sales", "Service"]),
    st.sampled_from([{"utilizationPercent": 78}, {"utilizationPercent": 92}, {"skillAssignments": []}]),
    FLAGS,
    MINUTES,
)
AGENTS = PRESENCE | INTEGRATION | ROUTING | ACTIVITY | OUT_OF_OFFICE | ADHERENCE | AUDIT | OF_THE_GUIDE


def delivered(number: int, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """In the envelope in which such an event comes, with an id of its own."""
    if name.startswith("v2."):
        return event_bridge(name, body, name=f"{number:03}", at=at(9))
    return {"eventType": name, "id": f"{number:03}", "data": body}


def happened(event: dict[str, Any]) -> tuple[Any, str]:
    """What orders a perfect delivery: when it happened, and of equal times the id."""
    (one,) = envelopes(Delivery("genesys/unknown", {}, json.dumps(event).encode(), NOW, "basic:1"))
    return one.time, one.id


async def last(events: list[dict[str, Any]], topic: str, restart: int) -> dict[str, Any]:
    desk = await Desk.open()
    for number, event in enumerate(events):
        if number == restart:
            await desk.restart()
        await desk.post(event)
    found: dict[str, Any] = json.loads(desk.log.records[topic][-1].message.value or b"")
    return {name: value for name, value in found.items() if name not in OF_A_MOMENT}


@pytest.mark.parametrize(
    ("kinds", "topic"),
    [
        (AGENTS, "genesys.presence"),
        (SCHEDULE, "genesys.schedules"),
        (QUEUE, "genesys.queues"),
        (CAMPAIGN, "genesys.campaigns"),
        (OFFICIAL_CAMPAIGN, "genesys.campaigns"),
        (PROFILE, "genesys.profiles"),
    ],
    ids=["agents", "schedules", "queues", "campaigns", "official-campaigns", "profiles"],
)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
async def test_the_last_record_is_that_of_a_perfect_delivery(
    data: st.DataObject, kinds: st.SearchStrategy[tuple[str, dict[str, Any]]], topic: str
):
    told = data.draw(st.lists(kinds, min_size=1, max_size=5))
    names = data.draw(st.permutations(range(len(told))))
    events = [delivered(number, *one) for number, one in zip(names, told, strict=True)]
    order = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=2))))
    restart = data.draw(st.integers(0, len(order)))
    assert await last(order, topic, restart) == await last(sorted(events, key=happened), topic, -1)
