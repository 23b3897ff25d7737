"""The calendars as another library reads them from the server, beside the records they were made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from handlers.events import Activity, Shift, ShiftsUpdated
from handlers.normalise.reading import Context, Reader
from handlers.normalise.schedules import read_answer, read_guide
from handlers.sync_calendars import SyncScheduleCalendar, SyncShiftCalendar
from processor.clients.api import Api, open_session
from processor.clients.authorise import Basic
from processor.clients.calendars import Calendars
from processor.event import Event, Raw, instant
from tests.contract.caldavserver import PASSWORD, USER, Server, radicale
from tests.contract.calendarclient import read_back, spans

NIGHTS = {
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Europe/London": ("2026-03-29", "2026-10-25"),
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/St_Johns": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Pacific/Chatham": ("2026-04-05", "2026-09-27"),
    "Asia/Kolkata": ("2026-03-29", "2026-10-25"),
}
CASES = [(zone, night) for zone, nights in NIGHTS.items() for night in nights]
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Spans = list[tuple[datetime, datetime]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with radicale(tmp_path_factory.mktemp("radicale")) as running:
        yield running


def instants(read: Reader, body: Mapping[str, Any], night: str) -> Any:
    """Through the normaliser, as on the Monday before the night."""
    now = datetime.fromisoformat(night).replace(hour=12, tzinfo=UTC) - timedelta(days=6)
    context = Context(lambda: now, timedelta(weeks=3), {"boxing": ("2026-11-02", "2026-03-30")})
    raw = Raw("e1", "genesys/o", "x", "", instant(now), instant(now), orjson.dumps(body))
    (candidate,) = read(raw, body, context).candidates
    data = candidate.merge(None, frozenset(candidate.facets))
    return candidate.event.model_validate({**(data or {}), "id": "e1", "time": now, "subject": candidate.subject})


def sync(server: Server, event: Any) -> Sequence[Any]:
    async def run() -> Sequence[Any]:
        async with open_session() as session:
            calendars = Calendars(
                Api("calendars", server.home, session, auth=Basic(USER, PASSWORD)), lambda: datetime.now(UTC)
            )
            kind = SyncShiftCalendar if isinstance(event, ShiftsUpdated) else SyncScheduleCalendar
            return list(await kind(calendars, lambda: datetime.now(UTC))(event))

    return asyncio.run(run())


def published(event: Any) -> Spans:
    return [(one.start, one.end) for one in event.intervals]


@pytest.mark.parametrize(("zone", "night"), CASES)
def test_the_guides_opening_hours(server, zone, night):
    body = {
        "eventType": "schedule:updated",
        "schedule": {
            "id": "s1",
            "scheduleGroupId": f"guide-{zone.replace('/', '-')}-{night}",
            "name": "Support Team Hours",
            "timezoneId": zone,
            "scheduleEntries": [
                {"daysOfWeek": DAYS[:5], "startTime": "08:00:00.000", "endTime": "18:00:00.000"},
                {"daysOfWeek": ["saturday"], "startTime": "22:00:00.000", "endTime": "04:30:00.000"},
                {"daysOfWeek": ["sunday"], "startTime": "05:00:00.000", "endTime": "06:00:00.000"},
            ],
            "holidays": ["boxing"],
        },
    }
    event = instants(read_guide, body, night)
    (outcome,) = sync(server, event)
    assert outcome.after["created"] >= 3
    assert sync(server, event) == [], "unchanged meaning writes nothing"
    assert published(event)
    collection = event.subject.replace("/", "-")
    assert spans(read_back(server.home, collection, event.horizon.start, event.horizon.end)) == published(event)


@pytest.mark.parametrize(("zone", "night"), CASES)
def test_official_opening_hours_less_closed_less_holidays(server, zone, night):
    day = datetime.fromisoformat(night)
    week = [day + timedelta(days=offset) for offset in range(8)]
    rows = {
        "open": {
            "start": "2026-01-05T08:00:00.000",
            "end": "2026-01-05T18:00:00.000",
            "rrule": "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR",
        },
        "early": {
            "start": "2026-01-04T01:15:00.000",
            "end": "2026-01-04T05:00:00.000",
            "rrule": "FREQ=WEEKLY;BYDAY=SU,SA",
        },
        "closed": {"start": f"{week[2]:%Y-%m-%d}T12:00:00.000", "end": f"{week[2]:%Y-%m-%d}T13:30:00.000"},
        "holiday": {"start": f"{week[3]:%Y-%m-%d}T00:00:00.000", "end": f"{week[4]:%Y-%m-%d}T00:00:00.000"},
    }
    group = f"official-{zone.replace('/', '-')}-{night}"
    body = {
        "group": {
            "id": group,
            "name": "Support",
            "timeZone": zone,
            "openSchedules": [{"id": "open"}, {"id": "early"}],
            "closedSchedules": [{"id": "closed"}],
            "holidaySchedules": [{"id": "holiday"}],
        },
        "schedules": [{"id": name, "name": name, "state": "active", **row} for name, row in rows.items()],
    }
    event = instants(read_answer, body, night)
    sync(server, event)
    assert len(published(event)) > 15
    collection = event.subject.replace("/", "-")
    assert spans(read_back(server.home, collection, event.horizon.start, event.horizon.end)) == published(event)
    deleted: Event = event.model_copy(update={"deleted": True})
    (outcome,) = sync(server, deleted)
    assert outcome.after["removed"]
    assert sync(server, deleted) == []


@pytest.mark.parametrize(("zone", "night"), CASES)
def test_shifts_through_the_night(server, zone, night):
    first = datetime.fromisoformat(night).replace(tzinfo=UTC) - timedelta(days=2)
    starts = [first + timedelta(hours=5 * number) for number in range(24)]
    shifts = tuple(
        Shift(
            id=f"shift-{number}",
            start=start,
            end=start + timedelta(hours=4, minutes=30),
            activities=(Activity(start=start, end=start + timedelta(hours=1), code="2", description="Meal"),),
        )
        for number, start in enumerate(starts)
    )
    user = f"{zone.replace('/', '-')}-{night}"
    event = ShiftsUpdated(
        id="e1",
        time=first,
        subject=f"agent/{user}",
        user_id=user,
        time_zone=zone,
        from_=first - timedelta(days=1),
        to=first + timedelta(days=14),
        shifts=shifts,
    )
    (outcome,) = sync(server, event)
    assert outcome.after["created"] == 24
    assert spans(read_back(server.home, f"agent-{user}", event.from_, event.to)) == [
        (one.start, one.end) for one in shifts
    ]
    moved = shifts[3].model_copy(update={"start": shifts[3].start + timedelta(minutes=15)})
    changed = event.model_copy(update={"shifts": (*shifts[:3], moved, *shifts[5:])})
    (outcome,) = sync(server, changed)
    counts = {name: outcome.after[name] for name in ("created", "updated", "deleted", "unchanged", "restored")}
    assert counts == {"created": 0, "updated": 1, "deleted": 1, "unchanged": 22, "restored": 0}
    expected = [(one.start, one.end) for one in changed.shifts]
    assert spans(read_back(server.home, f"agent-{user}", event.from_, event.to)) == expected
