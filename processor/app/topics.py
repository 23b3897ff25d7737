"""The topics of INTERFACE §4 and what each promises: the last word per key, or all words for a time."""

from __future__ import annotations

from datetime import timedelta

from processor.eventlog import Topic

TOPICS: tuple[Topic, ...] = (
    Topic("genesys.raw", retention=timedelta(days=7)),
    Topic("genesys.lookups", retention=timedelta(days=7)),
    Topic("genesys.replays", retention=timedelta(days=7)),
    Topic("genesys.fates", retention=timedelta(days=7)),
    Topic("genesys.schedules", compact=True),
    Topic("genesys.shifts", compact=True),
    Topic("genesys.presence", compact=True),
    Topic("genesys.queues", compact=True),
    Topic("genesys.volume", retention=timedelta(days=30)),
    Topic("genesys.campaigns", compact=True),
    Topic("genesys.profiles", compact=True),
    Topic("genesys.cursors", compact=True),
    Topic("genesys.pools", compact=True),
    Topic("genesys.requests", retention=timedelta(days=30)),
    Topic("genesys.begun", compact=True),
    Topic("genesys.decisions", compact=True),
    Topic("genesys.outcomes", retention=timedelta(days=365)),
    Topic("genesys.deadletters", retention=timedelta(days=30)),
)
