"""What has no settings is off, and says so at start."""

from __future__ import annotations

from processor.settings import Settings


def switched_off(settings: Settings) -> list[str]:
    """One sentence for each part that does not run, and the setting that would make it."""
    off = []
    if not settings.genesys_client_id:
        off.append("look-ups, polled volume, queue adjustments and requests (set GENESYS_CLIENT_ID)")
    if settings.genesys_client_id and settings.genesys_dialect == "guide" and not settings.profile_export:
        off.append("the event export of routing profiles (set profile_export in PROCESSOR_CONFIG)")
    if not settings.wfm_url:
        off.append("pushes to a WFM system (set WFM_URL)")
    if not settings.caldav_url:
        off.append("calendars over CalDAV (set CALDAV_URL)")
    if not settings.calendar_secret:
        off.append("calendar feeds (set CALENDAR_SECRET)")
    if not settings.escalation_url:
        off.append("escalations to people (set ESCALATION_URL)")
    if settings.loop_mode == "off":
        gives = "; what it had changed is given back when the queue has recovered" if settings.genesys_client_id else ""
        off.append(f"the feedback loop (LOOP_MODE=off){gives}")
    elif settings.loop_mode == "observe":
        off.append("new changes to queues: the loop only observes (set LOOP_MODE=act and LOOP_QUEUES)")
    return off
