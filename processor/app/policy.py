"""The settings in the domain's words."""

from __future__ import annotations

from datetime import timedelta

import handlers
from handlers.policy import Mode, Rule, Selection
from processor.settings import Settings


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
    )
