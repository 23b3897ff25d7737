"""What people set reaches the rules that go by it, each number at its own place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import handlers
from handlers.capacity import Floor
from handlers.configure_profiles import ConfigureProfiles
from handlers.configure_schedules import ConfigureSchedules
from handlers.exports import ExportPlan
from handlers.normalise.recurrence import Entry
from handlers.requests.utilization import Thresholds
from processor.app.policy import policy
from processor.clients.genesys.jobs.exports import ExportOrder
from processor.settings import load

HOUR = timedelta(hours=1)
NO_JOBS: Any = None


def rules(kind: str, **said: Any) -> Any:
    return handlers.configures(policy(load({}, **said)), NO_JOBS, lambda: datetime.now(UTC))[kind]


def test_hours_have_the_floor_and_the_holidays_of_the_settings() -> None:
    peak = {"days": ["monday", "friday"], "start": "10:00", "end": "12:30"}
    floor = {"weekly_hours": 40, "peak_hours": 5, "peak_periods": [peak]}
    made = rules("schedule", capacity_floor=floor, holidays={"xmas": ["2026-12-25"]})
    assert isinstance(made, ConfigureSchedules)
    assert made.floor == Floor(40, 5, (Entry((0, 4), 10 * HOUR, 12.5 * HOUR),))
    assert made.holidays == {"xmas": ("2026-12-25",)}
    assert rules("schedule").floor == Floor(), "nothing is asked for where nobody says it"


def test_profiles_have_the_thresholds_of_the_settings_and_the_guides_where_nobody_says_others() -> None:
    said = {
        "long_wait_seconds": 61,
        "abandoned_above": 0.62,
        "short_wait_seconds": 3,
        "abandoned_below": 0.04,
        "high_percent": 95,
        "usual_percent": 86,
        "low_percent": 67,
    }
    made = rules("routing-profile", profile_rule=said)
    assert isinstance(made, ConfigureProfiles)
    assert made.thresholds == Thresholds(61, 0.62, 3, 0.04, 95, 86, 67)
    assert rules("routing-profile").thresholds == Thresholds(30, 0.05, 5, 0.01, 92, 85, 78)


def test_the_export_is_as_the_guide_has_it_where_nobody_says_more() -> None:
    guide, said = {"genesys_dialect": "guide"}, {"endpoint": "https://s3.invalid"}
    order = ExportOrder(
        "processor-routing-profiles",
        "ROUTING_PROFILE",
        "https://s3.invalid",
        "wfm-sync-bucket",
        "routing-profile-changes/",
    )
    assert policy(load({}, **guide, profile_export=said)).export == ExportPlan(order, None, timedelta(minutes=1))
    more = {"name": "ours", "bucket": "b", "prefix": "p/", "export_id": "e-1", "poll_seconds": 5}
    order = ExportOrder("ours", "ROUTING_PROFILE", "https://s3.invalid", "b", "p/")
    told = policy(load({}, **guide, profile_export={**said, **more})).export
    assert told == ExportPlan(order, "e-1", timedelta(seconds=5))
    assert policy(load({}, **guide)).export is None
