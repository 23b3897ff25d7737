"""Hours are worked out ahead: once a day farther, and anew as soon as the time zones' rules are others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import orjson

from handlers.events import CampaignUpdated, Fate, ScheduleUpdated
from handlers.normalise import campaigns, schedules
from handlers.normalise.fences import NOTHING, newest
from handlers.normalise.normaliser import Rows
from processor.event import Envelope, instant
from processor.routing import PartitionTick
from processor.timezones import DATA_VERSION

EVERY = timedelta(hours=1)
FACETS = {ScheduleUpdated.topic: schedules.HORIZON, CampaignUpdated.topic: campaigns.HORIZON}
"""The topics whose intervals we work out, and the facet of a subject that says when that was."""


def horizon(known: Mapping[str, Rows], started: datetime, edition: str = DATA_VERSION) -> PartitionTick:
    """The tick of the group that owns these tables, so that whoever works the hours out sees that it has to.

    An `answer.horizon` for each subject that had none today under this edition of the zones' rules,
    and of which nothing was heard today since this process `started`. What comes out the same is
    not published. It asks nobody, so it serves those too of whom only callbacks told us.
    """

    def work(partition: int, now: datetime) -> Iterable[Envelope]:
        midnight = instant(now.replace(hour=0, minute=0, second=0, microsecond=0))
        fresh = max(instant(started), midnight)
        for topic, facet in FACETS.items():
            for subject, row in known[topic].items(partition):
                if row.last is None or row.last.data["deleted"]:
                    continue
                fence = newest(row, known[Fate.topic].get(subject) or NOTHING, facet)
                today = fence and fence.time >= midnight and f"/{edition}/" in fence.id
                if not today and row.last.received_at < fresh:
                    yield _answer(subject, edition, now)

    return PartitionTick("horizon", EVERY, work)


def _answer(subject: str, edition: str, now: datetime) -> Envelope:
    return Envelope(
        id=f"horizon@{instant(now)}/{edition}/{subject}",
        source="processor/horizon",
        type="answer.horizon",
        subject=subject,
        time=now,
        received_at=now,
        data=orjson.dumps({"day": now.date().isoformat(), "zones": edition}),
    )
