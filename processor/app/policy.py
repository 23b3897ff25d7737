"""The settings in the domain's words."""

from __future__ import annotations

from datetime import timedelta

import handlers
from handlers.capacity import Floor
from handlers.exports import TYPE, ExportPlan
from handlers.normalise.recurrence import Entry, clock, weekdays
from handlers.policy import Mode, Rule, Selection
from handlers.requests.operating_hours import Hours
from handlers.requests.utilization import Thresholds
from processor.clients.genesys.jobs.exports import ExportOrder
from processor.settings import CapacityFloor, ProfileExport, ProfileRule, Settings


def policy(settings: Settings) -> handlers.Policy:
    """What people have decided."""
    rule = settings.loop_rule
    return handlers.Policy(
        horizon=settings.horizon,
        holidays={name: tuple(day.isoformat() for day in days) for name, days in settings.holidays.items()},
        poll=timedelta(seconds=settings.volume_poll_seconds),
        mode=Mode(settings.loop_mode),
        rule=Rule(
            offered_above=rule.offered_above,
            service_level_below=rule.service_level_below,
            step_seconds=rule.step_seconds,
            floor_seconds=rule.floor_seconds,
            recover_at=rule.recover_at,
            recover_for=timedelta(minutes=rule.recover_minutes),
            cooldown=timedelta(minutes=rule.cooldown_minutes),
            changes_per_hour=rule.changes_per_hour,
            silence=timedelta(minutes=rule.silence_minutes),
        ),
        selection=Selection.parse(settings.loop_queues),
        pools=settings.loop_pools,
        operating_hours=Hours.read(settings.operating_hours),
        utilization=_thresholds(settings.profile_rule),
        export=_export(settings.profile_export) if settings.profile_export else None,
        floor=floor(settings.capacity_floor),
    )


def floor(settings: CapacityFloor) -> Floor:
    """What working hours must not fall short of."""
    peaks = tuple(
        Entry(weekdays(one.days, "days"), clock(one.start, "start"), clock(one.end, "end"))
        for one in settings.peak_periods
    )
    return Floor(settings.weekly_hours, settings.peak_hours, peaks)


def _thresholds(rule: ProfileRule) -> Thresholds:
    return Thresholds(
        long_wait=rule.long_wait_seconds,
        abandoned_above=rule.abandoned_above,
        short_wait=rule.short_wait_seconds,
        abandoned_below=rule.abandoned_below,
        high=rule.high_percent,
        usual=rule.usual_percent,
        low=rule.low_percent,
    )


def _export(said: ProfileExport) -> ExportPlan:
    order = ExportOrder(said.name, TYPE, said.endpoint, said.bucket, said.prefix)
    return ExportPlan(order, said.export_id, timedelta(seconds=said.poll_seconds))
