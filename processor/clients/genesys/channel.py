"""The notification channel: Genesys's events over a WebSocket that we open, for those who cannot open a port.

What is sent while nobody listens is not sent again, so after every connect `opened` is called: it
must have everything asked for by REST. The socket is open by then: between the two nothing is lost.

Limits (developer.genesys.cloud, notifications): 1,000 topics a channel, 20 channels a client, 24 h a
channel unless its topics are subscribed to again, a heartbeat about every 30 s.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from processor.clients.api import Api, NotFound, Time
from processor.errors import RefusedError, RetryableError

CHANNELS = "/api/v2/notifications/channels"
MOST_TOPICS, MOST_CHANNELS = 1000, 20

log = logging.getLogger("processor.channel")

Take = Callable[[bytes], Awaitable[None]]
"""One frame as it came; in the log when it returns."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `silence`: without any frame we ask for a sign; `sign`: in which it must come."""

    silence: float = 45.0
    sign: float = 10.0
    renew: float = 12 * 3600.0
    connect: float = 15.0
    first_back_off: float = 0.5
    longest_back_off: float = 30.0


class Broken(RetryableError):
    """The socket is of no more use; what was missed is asked for after the next connect."""


class Channel:
    """One channel with its topics, kept alive until it is cancelled."""

    def __init__(
        self,
        api: Api,
        topics: Sequence[str],
        take: Take,
        opened: Callable[[], Coroutine[Any, Any, None]],
        *,
        connected: Callable[[bool], None] = lambda _is_connected: None,
        patience: Patience | None = None,
        clocks: Time | None = None,
    ) -> None:
        """`opened`: after each connect, while events flow already. `connected`: for the metric."""
        self._api = api
        self._topics = list(topics)
        self._take = take
        self._opened = opened
        self._connected = connected
        self._patience = patience or Patience()
        self._clocks = clocks or Time()
        self._changed = asyncio.Event()
        self._id = ""
        self._address = ""

    async def run(self) -> None:
        """Connects again and again, with growing waits while it does not hold. Ends by cancellation only."""
        failures = 0
        while True:
            heard = False

            def note() -> None:
                nonlocal heard
                heard = True

            try:
                await self._once(note)
            except* (RetryableError, RefusedError) as group:
                failures = 1 if heard else failures + 1
                error = group.exceptions[0]
                facts = {"channel": self._id, "error": str(error), "remedy": getattr(error, "remedy", None)}
                log.warning("channel-broken", extra=facts)
            finally:
                self._connected(False)
            await self._clocks.sleep(self._back_off(failures))

    def change(self, topics: Sequence[str]) -> None:
        """From now on these; the open socket stays open."""
        if list(topics) != self._topics:
            self._topics = list(topics)
            self._changed.set()

    @property
    def topics(self) -> Sequence[str]:
        """What it listens to."""
        return self._topics

    def _back_off(self, failures: int) -> float:
        bound = min(self._patience.first_back_off * 2.0 ** min(failures - 1, 10), self._patience.longest_back_off)
        return bound * random.uniform(0.5, 1)

    async def _once(self, heard: Callable[[], None]) -> None:
        """One socket, from the subscription to its end, which is always a `Broken`."""
        await self._subscribe()
        async with await self._api.socket(self._address, self._patience.connect) as socket, asyncio.TaskGroup() as work:
            self._connected(True)
            log.info("channel-open", extra={"channel": self._id, "topics": len(self._topics)})
            work.create_task(self._opened(), name="channel-opened")
            work.create_task(self._renew(), name="channel-renewal")
            await self._listen(socket, heard)

    async def _subscribe(self) -> None:
        """A channel of ours with these topics and no others; a new one where there is none any more."""
        if self._id:
            with suppress(NotFound):
                await self._put()
                return
        made = (await self._api.request("POST", CHANNELS, repeatable=True)).json()
        self._id, self._address = str(made["id"]), str(made["connectUri"])
        await self._put()

    async def _put(self) -> None:
        self._changed.clear()
        body = [{"id": topic} for topic in self._topics]
        path = f"{CHANNELS}/{self._id}/subscriptions"
        answer = (await self._api.request("PUT", path, params={"ignoreErrors": "true"}, json=body)).json()
        self._tell_rejected(answer.get("entities") or [])

    def _tell_rejected(self, entities: Sequence[Mapping[str, Any]]) -> None:
        rejected = [one for one in entities if one.get("state") == "Rejected"]
        if rejected:
            lacking = sorted({str(name) for one in rejected for name in one.get("missingPermissions") or []})
            remedy = f"grant {', '.join(lacking)} to the client's role" if lacking else "check the client's permissions"
            facts = {"topics": len(rejected), "first": rejected[0].get("id"), "remedy": remedy}
            log.warning("topics-rejected", extra=facts)

    async def _renew(self) -> None:
        """A channel lives for a day after its last subscription; and its topics change."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience.renew):
                    await self._changed.wait()
            await self._subscribe_again()

    async def _subscribe_again(self) -> None:
        try:
            await self._put()
        except NotFound as error:
            self._id = ""
            raise Broken("the channel is gone") from error

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse, heard: Callable[[], None]) -> None:
        while True:
            message = await self._next(socket)
            heard()
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                data = message.data.encode() if isinstance(message.data, str) else bytes(message.data)
                await self._frame(data)
            else:
                raise Broken(f"Genesys closed the socket ({socket.close_code})")

    async def _next(self, socket: aiohttp.ClientWebSocketResponse) -> aiohttp.WSMessage:
        """The next frame; when it is silent for long, a ping must be answered."""
        try:
            return await socket.receive(self._patience.silence)
        except TimeoutError:
            pass
        try:
            async with asyncio.timeout(self._patience.sign):
                await socket.send_str('{"message":"ping"}')
                return await socket.receive()
        except (TimeoutError, ConnectionError) as error:
            raise Broken("no sign of life, not even an answer to a ping") from error

    async def _frame(self, data: bytes) -> None:
        try:
            said = orjson.loads(data)
        except orjson.JSONDecodeError:
            said = None  # whatever it is, it is kept: the receiver's way with what nobody knows
        if isinstance(said, dict):
            topic = said.get("topicName")
            if topic == "channel.metadata" or said.get("result") == "200":
                return
            if topic == "v2.system.socket_closing":
                raise Broken("Genesys will close the socket: a new one is opened at once")
            if str(said.get("result")) == "404":
                self._id = ""
                raise Broken("the channel is gone")
        await self._take(data)
