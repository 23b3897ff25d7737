"""Routing profiles as the clean topic has them: from exports, from answers, and their end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from handlers.events import ProfileUpdated
from tests.unit.normalisedesk import Desk

PROFILE: dict[str, Any] = {
    "id": "p-1",
    "name": "Tier 1",
    "version": 5,
    "skillAssignments": [],
    "wrapUpCodes": [],
    "overflowRoutingTargets": [],
    "utilizationPercent": 85,
}


def exported(number: int, minute: int, **fields: Any) -> dict[str, Any]:
    profile = {**PROFILE, **fields}
    stamp = f"2026-03-09T15:{minute:02d}:00.000Z"
    return {"id": f"e-{number}", "type": "ROUTING_PROFILE", "timestamp": stamp, "profileId": "p-1", "profile": profile}


def at(minute: int) -> datetime:
    return datetime(2026, 3, 9, 15, minute, tzinfo=UTC)


async def test_an_exported_event_is_the_profile_and_its_repeat_is_a_duplicate() -> None:
    desk = await Desk.open()
    (first,) = await desk.post(exported(1, 1, utilizationPercent=92, version=6))
    (again,) = await desk.post(exported(1, 1, utilizationPercent=92, version=6))
    assert isinstance(first, ProfileUpdated)
    assert (first.subject, first.id, first.name, first.version) == ("profile/p-1", "e-1", "Tier 1", "6")
    assert first.changes["utilizationPercent"] == 92
    assert again.fate == "duplicate"


async def test_the_answer_and_the_export_of_one_change_are_one_record() -> None:
    desk = await Desk.open()
    (shown,) = await desk.answer("profile", "profile/p-1", {**PROFILE, "version": 6}, asked=at(30))
    (told,) = await desk.post(exported(1, 29, version=6))
    assert isinstance(shown, ProfileUpdated)
    assert told.fate == "stale"


async def test_a_deleted_profile_says_so_once_and_may_come_again() -> None:
    desk = await Desk.open()
    await desk.post(exported(1, 1, name="Old"))
    again = {"id": "p-1", "name": "New", "utilizationPercent": 1}
    (gone,) = await desk.answer("profile", "profile/p-1", {"deleted": True}, asked=at(30))
    (still,) = await desk.answer("profile", "profile/p-1", {"deleted": True}, asked=at(40))
    (back,) = await desk.answer("profile", "profile/p-1", again, asked=at(50))
    assert (gone.deleted, gone.name, gone.version) == (True, "Old", "5")
    assert still.fate in ("coalesced", "stale", "ignored")
    assert (back.deleted, back.changes) == (False, {"utilizationPercent": 1})


async def test_the_end_of_what_was_never_known_is_no_record() -> None:
    desk = await Desk.open()
    (fate,) = await desk.answer("profile", "profile/p-2", {"deleted": True})
    assert fate.fate == "ignored"


async def test_a_profiles_own_date_orders_what_clocks_would_turn_round() -> None:
    """The answer was asked for, by a clock that is ahead, after the export noted the next version."""
    desk = await Desk.open()
    (shown,) = await desk.answer(
        "profile", "profile/p-1", {**PROFILE, "version": 6, "dateModified": "2026-03-09T15:20:00.000Z"}, asked=at(30)
    )
    (told,) = await desk.post(exported(1, 29, version=7, name="Later", dateModified="2026-03-09T15:29:00.000Z"))
    assert isinstance(shown, ProfileUpdated)
    assert shown.time == at(20)
    assert isinstance(told, ProfileUpdated)
    assert (told.version, told.name, told.time) == ("7", "Later", at(29))


async def test_a_version_never_gives_way_to_an_earlier_one() -> None:
    desk = await Desk.open()
    await desk.post(exported(1, 1, version=7, name="Later"))
    (early,) = await desk.answer("profile", "profile/p-1", {**PROFILE, "version": 6}, asked=at(30))
    assert (early.fate, early.reason) == ("ignored", "an earlier version than the one that is known")
    (unsaid,) = await desk.post(exported(2, 40, version=None, name="Without a version"))
    assert unsaid.name == "Without a version"
    await desk.answer("profile", "profile/p-1", {"deleted": True}, asked=at(50))
    (anew,) = await desk.answer("profile", "profile/p-1", {**PROFILE, "version": 1}, asked=at(55))
    assert (anew.deleted, anew.version) == (False, "1")


async def test_an_event_of_changes_alone_leaves_the_rest_as_it_is_known() -> None:
    desk = await Desk.open()
    await desk.post(exported(1, 1, version=6))
    changed = {"id": "e-2", "type": "ROUTING_PROFILE", "timestamp": "2026-03-09T15:02:00.000Z", "profileId": "p-1"}
    (event,) = await desk.post({**changed, "changes": {"utilizationPercent": 92}})
    assert isinstance(event, ProfileUpdated)
    assert (event.name, event.changes["utilizationPercent"]) == ("Tier 1", 92)
    assert event.changes["wrapUpCodes"] == []
