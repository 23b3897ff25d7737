"""Which groups run with which settings."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from processor.app.farsides import far_sides
from processor.app.log import utc_now
from processor.app.policy import policy
from processor.app.roles import Role, groups
from processor.settings import load
from processor.telemetry import Metrics

EVERYTHING = {
    "PROCESSOR_GENESYS_CLIENT_ID": "id",
    "PROCESSOR_GENESYS_CLIENT_SECRET": "secret",
    "PROCESSOR_WFM_URL": "http://127.0.0.1:1",
    "PROCESSOR_WFM_TOPICS": "presence,campaigns",
    "PROCESSOR_CALDAV_URL": "http://127.0.0.1:1",
    "PROCESSOR_ESCALATION_URL": "http://127.0.0.1:1",
    "PROCESSOR_LOOP_MODE": "act",
    "PROCESSOR_LOOP_QUEUES": "q-1",
}


async def names(environment: dict[str, str], *roles: Role, **more: object) -> set[str]:
    settings = load(environment, **more)
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        found = groups(roles or (Role.ALL,), policy(settings), far, utc_now)
    assert len({group.name for group in found}) == len(found)
    return {group.name for group in found}


async def test_without_far_sides_events_are_still_normalised_and_judged() -> None:
    assert await names({}) == {"normalise", "feedback", "requests"}


async def test_each_far_side_and_topic_is_a_group_of_its_own() -> None:
    gateway = {"gateway": {"url": "http://127.0.0.1:2", "topics": ["queues"]}}
    assert await names(EVERYTHING, destinations=gateway) == {
        *("normalise", "look-up", "feedback", "adjust-queues", "escalate-decisions", "escalate-outcomes", "requests"),
        *("sync-wfm-presence", "sync-wfm-campaigns", "sync-gateway-queues"),
        *("sync-calendar-schedules", "sync-calendar-shifts"),
    }


async def test_the_whole_product_runs_in_the_guides_dialect_too() -> None:
    assert await names({**EVERYTHING, "PROCESSOR_GENESYS_DIALECT": "guide"}) == await names(EVERYTHING)


@pytest.mark.parametrize(
    ("roles", "found"),
    [
        ((Role.RECEIVE,), set()),
        ((Role.NORMALISE,), {"normalise"}),
        ((Role.LOOK_UP,), {"look-up"}),
        ((Role.REQUESTS,), {"requests"}),
        ((Role.LOOP,), {"feedback", "adjust-queues", "escalate-decisions", "escalate-outcomes"}),
    ],
)
async def test_a_role_is_its_groups(roles: Iterable[Role], found: set[str]) -> None:
    assert await names(EVERYTHING, *roles) == found


async def test_observing_adjusts_nothing_and_off_decides_nothing() -> None:
    observing = {**EVERYTHING, "PROCESSOR_LOOP_MODE": "observe"}
    assert "adjust-queues" not in await names(observing)
    assert "feedback" in await names(observing)
    assert await names({**EVERYTHING, "PROCESSOR_LOOP_MODE": "off"}, Role.LOOP) == set()


async def test_no_table_is_held_by_two_groups() -> None:
    settings = load(EVERYTHING)
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        found = groups((Role.ALL,), policy(settings), far, utc_now)
    held = [id(table) for group in found for table in (*group.owns, *group.follows, *group.watches)]
    assert len(held) == len(set(held))


async def test_groups_that_call_the_same_far_side_know_together_when_it_is_back() -> None:
    settings = load(EVERYTHING)
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        found = groups((Role.ALL,), policy(settings), far, utc_now)
    shared = {group.name: group.far for group in found if group.name.startswith(("sync", "escalate"))}
    assert shared == {
        "sync-wfm-presence": "wfm",
        "sync-wfm-campaigns": "wfm",
        "sync-calendar-schedules": "calendars",
        "sync-calendar-shifts": "calendars",
        "escalate-decisions": "people",
        "escalate-outcomes": "people",
    }
