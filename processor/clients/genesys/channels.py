"""As many notification channels as the organisation's topics need, kept to what there is to listen to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta

from processor.clients.api import Api
from processor.clients.genesys.channel import MOST_CHANNELS, MOST_TOPICS, Channel
from processor.clients.genesys.pages import whole
from processor.errors import RefusedError, RetryableError

log = logging.getLogger("processor.channel")

AVAILABLE = "/api/v2/notifications/availabletopics?expand=transports"
BY_KIND: tuple[tuple[str, str], ...] = (
    ("agent", "v2.users.{id}.activity"),
    ("queue", "v2.analytics.queues.{id}.observations"),
    ("agent", "v2.users.{id}.workforcemanagement.schedules"),
    ("campaign", "v2.outbound.schedules.campaigns.{id}"),
    ("queue", "v2.routing.queues.{id}.users"),
)
"""What is listened to about each kind of subject, the most important first: what is beyond all channels falls off the
end. `activity` says presence, routing status and out of office in one topic."""
AGAIN = 5.0
"""Seconds until a list that could not be had is asked for again."""

Make = Callable[[Sequence[str]], Channel]


def topics_for(subjects: Iterable[str], templates: frozenset[str] | None) -> list[str]:
    """The topics of these subjects, most important first; of those that Genesys offers on sockets (None: unknown)."""
    by_kind: dict[str, list[str]] = {}
    for subject in sorted(subjects):
        kind, _, key = subject.partition("/")
        by_kind.setdefault(kind, []).append(key)
    offered = [(kind, template) for kind, template in BY_KIND if templates is None or template in templates]
    return [template.replace("{id}", key) for kind, template in offered for key in by_kind.get(kind, ())]


async def offered(api: Api) -> frozenset[str] | None:
    """The topics' templates that go over sockets; None when Genesys does not tell us."""
    try:
        entities = [one async for one in whole(api, AVAILABLE)]
    except RefusedError as refusal:
        log.warning("topics-unknown", extra={"error": str(refusal), "remedy": refusal.remedy})
        return None
    return frozenset(
        str(one["id"]) for one in entities if not one.get("transports") or {"All", "Websocket"} & set(one["transports"])
    )


class Channels:
    """Covers topics with channels. One that exists keeps its topics, so that few sockets notice a new agent."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._channels: list[Channel] = []
        self._running: list[asyncio.Task[None]] = []

    async def run(self, wanted: Callable[[], Awaitable[Sequence[str]]], every: timedelta) -> None:
        """Until cancelled. `wanted` is asked at once and then `every` so often; when it fails, soon again."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                wait = every.total_seconds()
                try:
                    self._cover(await wanted(), tasks)
                except (RetryableError, RefusedError) as error:
                    log.warning("topics-not-listed", extra={"error": str(error)})
                    wait = AGAIN
                await asyncio.sleep(wait)

    def _cover(self, topics: Sequence[str], tasks: asyncio.TaskGroup) -> None:
        within = topics[: MOST_TOPICS * MOST_CHANNELS]
        if len(topics) > len(within):
            facts = {"left_out": len(topics) - len(within), "first": topics[len(within)]}
            log.warning(
                "too-many-topics", extra=facts | {"remedy": "only reconciliation covers these: use EventBridge"}
            )
        wanted = set(within)
        kept = [[topic for topic in channel.topics if topic in wanted] for channel in self._channels]
        covered = {topic for part in kept for topic in part}
        fresh = [topic for topic in within if topic not in covered]
        for channel, part in zip(self._channels, kept, strict=True):
            taken, fresh = fresh[: MOST_TOPICS - len(part)], fresh[MOST_TOPICS - len(part) :]
            channel.change([*part, *taken])
        for start in range(0, len(fresh), MOST_TOPICS):
            channel = self._make(fresh[start : start + MOST_TOPICS])
            self._channels.append(channel)
            self._running.append(tasks.create_task(channel.run(), name="channel"))
