"""When hours are worked out anew: each day once, and at once when the zones' rules have changed."""

from __future__ import annotations

from datetime import datetime, timedelta

from handlers.events import CampaignUpdated, Fate, ScheduleUpdated
from handlers.normalise.horizon import horizon
from processor.event import Event
from processor.shapes import renewed
from tests.unit.normalisedesk import NOW, Desk
from tests.unit.test_campaigns import guide as campaign
from tests.unit.test_schedules import callback

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def hour(desk: Desk, edition: str = "2026.1", started: datetime = NOW + HOUR) -> list[Event]:
    """What comes of an hour's tick."""
    found: list[Event] = []
    for envelope in list(horizon(desk.tables, started, edition).work(0, desk.now)):
        found += await desk.take(envelope)
    return found


async def open_desk() -> Desk:
    """A group and a campaign of which only callbacks told."""
    desk = await Desk.open()
    await desk.post(callback())
    await desk.post(campaign(endTime=None))
    return desk


async def restarted_desk() -> Desk:
    """The same, after a restart: whoever worked the hours out before may have known other rules."""
    desk = await open_desk()
    await desk.restart()
    desk.now += HOUR
    assert [event.fate for event in await hour(desk) if isinstance(event, Fate)] == ["coalesced", "coalesced"]
    return desk


async def test_what_this_process_worked_out_today_needs_nothing() -> None:
    desk = await open_desk()
    assert await hour(desk, started=NOW) == []
    desk.now += 9 * HOUR
    assert await hour(desk, started=NOW) == []
    desk.now += HOUR
    assert {type(event) for event in await hour(desk, started=NOW)} == {ScheduleUpdated, CampaignUpdated}


async def test_with_a_new_day_hours_are_worked_out_one_day_farther_and_only_once() -> None:
    desk = await restarted_desk()
    for _ in range(2):
        desk.now += HOUR
        assert await hour(desk) == []
    desk.now += DAY
    found = {type(event): event for event in await hour(desk)}
    group, other = found[ScheduleUpdated], found[CampaignUpdated]
    assert isinstance(group, ScheduleUpdated)
    assert isinstance(other, CampaignUpdated)
    assert group.horizon.end.date() == (desk.now + timedelta(weeks=2)).date()
    assert group.time == other.time == desk.now
    desk.now += HOUR
    assert await hour(desk) == []


async def test_what_is_known_outlives_a_restart() -> None:
    desk = await restarted_desk()
    desk.now += HOUR
    await desk.restart()
    assert await hour(desk) == []


async def test_other_rules_are_heeded_at_once_and_only_what_differs_is_published() -> None:
    desk = await restarted_desk()
    known = ScheduleUpdated.from_record(desk.log.records[ScheduleUpdated.topic][-1])
    ours = known.intervals
    stale = tuple(renewed(one, {"start": one.start + HOUR}) for one in ours)
    desk.log.add(renewed(known, {"intervals": stale}).to_message())  # as an earlier edition had it
    await desk.restart()
    desk.now += HOUR
    assert await hour(desk) == []
    found = await hour(desk, "2026.2")
    (group,) = [event for event in found if isinstance(event, ScheduleUpdated)]
    assert group.intervals == ours
    assert [event.fate for event in found if isinstance(event, Fate)] == ["coalesced"]
    for edition in ("2026.2", "2026.1", "2026.1", "2026.2"):
        desk.now += HOUR
        assert {type(event) for event in await hour(desk, edition)} <= {Fate}
    assert await hour(desk, "2026.2") == []


async def test_what_is_deleted_stays_as_it_is() -> None:
    desk = await Desk.open()
    await desk.answer("schedule-group", "schedule-group/g-2", {"deleted": True})
    desk.now += DAY
    assert await hour(desk) == []
