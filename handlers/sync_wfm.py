"""What happened → the WFM system, pushed. One group a topic, so that each can be chosen and waits for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from handlers.events import CampaignUpdated, Outcome
from handlers.outcomes import done
from processor.clients.wfm import PushEvent, Wfm
from processor.event import Event


@dataclass(frozen=True, slots=True)
class SyncToWfm:
    """Schedules, shifts, presence, queues, profiles: each event as it is."""

    wfm: Wfm
    now: Callable[[], datetime]

    async def __call__(self, event: Event, /) -> Iterable[Outcome]:
        """Returns when the far side has taken it; the outcome names the record that was pushed."""
        started = self.now()
        await self.wfm.push(PushEvent.of(event))
        return (done(event, "wfm-push", started, self.now(), {"topic": event.topic, "sequence": event.sequence}),)


@dataclass(frozen=True, slots=True)
class SyncCampaignsToWfm:
    """Campaigns: the event as it is, and the guide's SCHEDULE_CREATED where that is what happened."""

    wfm: Wfm
    now: Callable[[], datetime]

    async def __call__(self, event: CampaignUpdated, /) -> Iterable[Outcome]:
        """Both calls may come twice; each is known by its own id."""
        started = self.now()
        if event.created:
            await self.wfm.schedule_created(event.created, event.campaign_id, event.time)
        await self.wfm.push(PushEvent.of(event))
        after = {"topic": event.topic, "sequence": event.sequence, "created": event.created}
        return (done(event, "wfm-push", started, self.now(), after),)
