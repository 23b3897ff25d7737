"""`serve --source channel`: Genesys's events from its notification channels, on the receiver's own path.

One process of an installation is enough; a second one brings every event twice, which changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from handlers.normalise.envelopes import envelopes
from handlers.reconcile import lookups_for_all
from processor.app.farsides import organisation_api
from processor.clients.api import Api
from processor.clients.genesys.channel import Channel
from processor.clients.genesys.channels import Channels, offered, topics_for
from processor.clients.genesys.platform import Platform
from processor.errors import PoisonError, RefusedError, RetryableError
from processor.event import Delivery
from processor.eventlog import EventLog, Message
from processor.settings import Settings
from processor.telemetry import Metrics

log = logging.getLogger("processor.channel")

EVERY = timedelta(minutes=15)
"""How often we look for new agents and queues to listen to."""
GATHER = 1.0
"""Seconds in which the sockets that opened together are one reason to ask for everything."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0


class Listening:
    """Feeds the log. What a frame says is stored before the next frame is read."""

    def __init__(
        self, api: Api, genesys: Platform, event_log: EventLog, metrics: Metrics, now: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._genesys = genesys
        self._log = event_log
        self._metrics = metrics
        self._now = now
        self._opened = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        channels = Channels(self._channel)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reconcile(), name="channel-reconcile")
            await channels.run(self._topics, EVERY)

    def _channel(self, topics: Sequence[str]) -> Channel:
        return Channel(self._api, topics, self._take, self._note, connected=self._count)

    def _count(self, connected: bool) -> None:  # noqa: FBT001  # as the channel calls it
        if connected:
            self._metrics.channels_opened.inc()

    async def _topics(self) -> Sequence[str]:
        return topics_for(await self._genesys.subjects(), await offered(self._api))

    async def _take(self, frame: bytes) -> None:
        try:
            found = envelopes(Delivery("genesys/unknown", {}, frame, self._now(), "channel"))
        except PoisonError as error:
            log.warning("frame-unreadable", extra={"error": str(error), "bytes": len(frame)})
            return
        await self._insist([envelope.to_message() for envelope in found])
        self._metrics.received.inc(len(found))
        self._metrics.received_bytes.inc(len(frame))

    async def _insist(self, messages: Sequence[Message]) -> None:
        """Nobody sends it again: it is kept until the log takes it."""
        wait = FIRST_WAIT
        while messages:
            try:
                await self._log.append(messages)
            except RetryableError as error:
                log.warning("append-failed", extra={"error": str(error)})
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                return

    async def _note(self) -> None:
        self._opened.set()

    async def _reconcile(self) -> None:
        """After a socket has opened: what it missed before is asked for."""
        while True:
            await self._opened.wait()
            await asyncio.sleep(GATHER)
            self._opened.clear()
            if not await self._ask():
                self._opened.set()

    async def _ask(self) -> bool:
        try:
            lookups = await lookups_for_all(self._genesys, "channel")
        except (RetryableError, RefusedError) as error:
            log.warning("reconcile-failed", extra={"error": str(error)})
            return False
        await self._insist([lookup.to_message() for lookup in lookups])
        return True


async def listen(settings: Settings, event_log: EventLog, metrics: Metrics, now: Callable[[], datetime]) -> None:
    """Until cancelled. Raises SettingsError without credentials."""
    async with organisation_api(settings, now) as api:
        await Listening(api, Platform(api, horizon=settings.horizon), event_log, metrics, now).run()
