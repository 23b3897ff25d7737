"""The entities of the organisation as they stand when the sandbox begins, as vendor JSON."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import stamp
from sandbox.names import ADMIN, HOME, SALES, QueueSpec, uid

Json = dict[str, Any]
DIVISIONS = {HOME: "Home", SALES: "Sales"}


def _division(key: str) -> Json:
    return {"id": key, "name": DIVISIONS[key], "selfUri": f"/api/v2/authorization/divisions/{key}"}


def _level(percentage: float, seconds: float, alerting: int) -> Json:
    level = {"percentage": percentage, "durationMs": int(seconds * 1000)}
    return {"enableAutoAnswer": False, "alertingTimeoutSeconds": alerting, "serviceLevel": level}


def queue(spec: QueueSpec, begin: datetime) -> Json:
    """A queue as people set it up a month before."""
    media = {"call": _level(0.8, 20, 8), "email": _level(0.9, 14400, 300), "message": _level(0.8, 30, 30)}
    media[spec.media] = _level(0.85, spec.target_seconds, 30)
    return {
        "id": spec.id,
        "name": spec.name,
        "division": _division(spec.division),
        "description": "",
        "dateCreated": "2025-11-01T10:00:00.000Z",
        "dateModified": stamp(begin - timedelta(days=30)),
        "modifiedBy": ADMIN,
        "createdBy": ADMIN,
        "mediaSettings": media,
        "routingRules": [],
        "bullseye": {"rings": []},
        "acwSettings": {"wrapupPrompt": "OPTIONAL", "timeoutMs": 30000},
        "skillEvaluationMethod": "ALL",
        "autoAnswerOnly": True,
        "enableTranscription": False,
        "enableManualAssignment": False,
        "scoringMethod": "TimestampAndPriority",
        "selfUri": f"/api/v2/routing/queues/{spec.id}",
    }


def _architect(path: str, kind: str, name: str, begin: datetime, **fields: Any) -> Json:
    key = uid(kind, name)
    return {
        "id": key,
        "name": name,
        "division": _division(HOME),
        "version": 1,
        "dateCreated": "2025-11-01T10:00:00.000Z",
        "dateModified": stamp(begin - timedelta(days=30)),
        "modifiedBy": ADMIN,
        "createdBy": ADMIN,
        "state": "active",
        "selfUri": f"/api/v2/architect/{path}/{key}",
        **fields,
    }


SCHEDULES: tuple[tuple[str, str, str, str], ...] = (
    (
        "Support Hours",
        "2026-01-05T08:00:00.000",
        "2026-01-05T18:00:00.000",
        "FREQ=WEEKLY;INTERVAL=1;BYDAY=MO,TU,WE,TH,FR",
    ),
    ("Saturday Hours", "2026-01-03T09:00:00.000", "2026-01-03T13:00:00.000", "FREQ=WEEKLY;INTERVAL=1;BYDAY=SA"),
    ("Night Desk", "2026-01-04T22:00:00.000", "2026-01-05T06:00:00.000", "FREQ=WEEKLY;INTERVAL=1;BYDAY=SU,MO,TU,WE,TH"),
    ("Team Meeting", "2026-01-06T12:00:00.000", "2026-01-06T12:45:00.000", "FREQ=MONTHLY;BYDAY=1TU"),
    ("Christmas", "2025-12-25T00:00:00.000", "2025-12-26T00:00:00.000", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25"),
    ("New Year", "2026-01-01T00:00:00.000", "2026-01-02T00:00:00.000", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1"),
)
GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("New York", "America/New_York", ("Support Hours", "Saturday Hours")),
    ("Berlin", "Europe/Berlin", ("Support Hours",)),
    ("Sydney", "Australia/Sydney", ("Support Hours", "Night Desk")),
    ("Kolkata", "Asia/Kolkata", ("Support Hours",)),
    ("Lord Howe", "Australia/Lord_Howe", ("Night Desk",)),
)


def schedules(begin: datetime) -> list[Json]:
    """Opening hours, a meeting that closes, and holidays; local times without a zone."""
    return [
        _architect("schedules", "schedule", name, begin, description="", start=start, end=end, rrule=rrule)
        for name, start, end, rrule in SCHEDULES
    ]


def _reference(name: str) -> Json:
    key = uid("schedule", name)
    return {"id": key, "name": name, "selfUri": f"/api/v2/architect/schedules/{key}"}


def groups(begin: datetime) -> list[Json]:
    """The same schedules in five zones."""
    return [
        _architect(
            "schedulegroups",
            "schedule-group",
            f"{place} Support",
            begin,
            timeZone=zone,
            openSchedules=[_reference(name) for name in opens],
            closedSchedules=[_reference("Team Meeting")],
            holidaySchedules=[_reference("Christmas"), _reference("New Year")],
        )
        for place, zone, opens in GROUPS
    ]


def campaigns(begin: datetime) -> list[Json]:
    """One by recurrence, one by a single interval."""
    today = begin.date()
    recurrence = {
        "id": uid("recurrence", "weekday mornings"),
        "start": f"{today}T08:00:00",
        "end": f"{today}T12:00:00",
        "timeZone": "America/Chicago",
        "pattern": {
            "type": "Weekly",
            "interval": 1,
            "daysOfWeek": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
        },
        "range": {"type": "EndDate", "end": f"{today + timedelta(days=40)}T12:00:00"},
        "alterations": [
            {"type": "Exclusion", "start": f"{today + timedelta(days=7)}", "end": f"{today + timedelta(days=7)}"}
        ],
    }
    single = {
        "start": f"{today + timedelta(days=2)}T13:00:00.000Z",
        "end": f"{today + timedelta(days=2)}T17:00:00.000Z",
    }
    return [
        _campaign("Autumn push", begin, [], [recurrence]),
        _campaign("Call-backs", begin, [single], []),
    ]


def _campaign(name: str, begin: datetime, intervals: list[Json], recurrences: list[Json]) -> Json:
    key = uid("campaign", name)
    return {
        "id": key,
        "name": name,
        "dateCreated": "2025-11-01T10:00:00.000Z",
        "dateModified": stamp(begin - timedelta(days=30)),
        "version": 1,
        "intervals": intervals,
        "recurrences": recurrences,
        "timeZone": "America/Chicago",
        "campaign": {"id": key, "name": name},
        "selfUri": f"/api/v2/outbound/schedules/campaigns/{key}",
    }
