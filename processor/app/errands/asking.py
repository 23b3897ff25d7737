"""Asking Genesys for everything, by hand."""

from __future__ import annotations

from handlers.reconcile import Held, lookups_for_all
from processor.app.farsides import far_sides
from processor.app.log import open_log, utc_now
from processor.eventlog import EventLog
from processor.settings import Settings, SettingsError
from processor.telemetry import Metrics


async def ask_for_everything(settings: Settings) -> int:
    """Hand in a look-up for each subject there is, or was; returns how many. A running product answers them."""
    async with far_sides(settings, Metrics.build(), utc_now) as far:
        if far.genesys is None:
            raise SettingsError("nobody to ask: set PROCESSOR_GENESYS_CLIENT_ID and PROCESSOR_GENESYS_CLIENT_SECRET")
        async with open_log(settings) as log:
            held = await _held(log)
            lookups = await lookups_for_all(far.genesys, "reconcile-once", held.subjects, held.parts)
            await log.append([lookup.to_message() for lookup in lookups])
    return len(lookups)


async def _held(log: EventLog) -> Held:
    """What may have been deleted meanwhile is in no list; in the guides' dialect there are hardly any lists."""
    held = Held()
    for partition in range(log.partitions):
        for table in held.tables:
            await table.load(log, partition)
    return held
