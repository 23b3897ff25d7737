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
        *("normalise", "look-up", "feedback", "adjust-queues", "escalate-decisions", "requests"),
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
        ((Role.LOOP,), {"feedback", "adjust-queues", "escalate-decisions"}),
    ],
)
async def test_a_role_is_its_groups(roles: Iterable[Role], found: set[str]) -> None:
    assert await names(EVERYTHING, *roles) == found


@pytest.mark.parametrize("mode", ["observe", "off"])
async def test_what_was_changed_can_be_given_back_whatever_the_mode_as_long_as_genesys_is_there(mode: str) -> None:
    changed = {**EVERYTHING, "PROCESSOR_LOOP_MODE": mode}
    assert await names(changed, Role.LOOP) == {"feedback", "adjust-queues", "escalate-decisions"}
    alone = {name: value for name, value in changed.items() if "GENESYS" not in name}
    assert await names(alone, Role.LOOP) == ({"feedback", "escalate-decisions"} if mode == "observe" else set())


async def test_without_genesys_the_loop_only_observes() -> None:
    acting = {name: value for name, value in EVERYTHING.items() if "GENESYS" not in name}
    settings = load(acting)
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        (feedback, _) = groups((Role.LOOP,), policy(settings), far, utc_now)
    assert feedback.routes[0].handler.mode == "observe"


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
    }
