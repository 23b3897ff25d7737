"""Notification channels: topics are subscribed over REST or on the socket, events come as frames, sockets break."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from aiohttp import WSMsgType, web

from sandbox.clock import SimClock, stamp
from sandbox.events import Emission
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found

MOST_CHANNELS, MOST_TOPICS = 20, 1000
HEARTBEAT = {"topicName": "channel.metadata", "eventBody": {"message": "WebSocket Heartbeat"}}
PONG = {"topicName": "channel.metadata", "eventBody": {"message": "pong"}}
BOTH, SOCKET_ONLY, BUS_ONLY = ["All"], ["Websocket"], ["EventBridge"]
TOPICS = {
    "v2.users.{id}.activity": BOTH,
    "v2.users.{id}.presence": BOTH,
    "v2.users.{id}.routingStatus": BOTH,
    "v2.users.{id}.workforcemanagement.schedules": SOCKET_ONLY,
    "v2.analytics.queues.{id}.observations": BOTH,
    "v2.routing.queues.{id}.users": BOTH,
    "v2.outbound.schedules.campaigns.{id}": BOTH,
    "v2.workforcemanagement.businessunits.{id}.schedules": BOTH,
    "v2.audits.entitytype.{id}.entityid.{id}": BUS_ONLY,
}
"""What can be subscribed to, and over which transports."""


@dataclass(slots=True)
class Channel:
    """One of a client's: its topics, and the socket that listens, if one does."""

    id: str
    expires: float
    """On the loop's clock."""
    topics: set[str] = field(default_factory=set)
    socket: web.WebSocketResponse | None = None
    line: asyncio.Transport | None = None
    sent: int = 0
    cut_after: int | None = None
    """Break the connection instead of sending one more, once so many frames went out."""


class Notifications:
    """`address`: where we are reached (`http://…`). `heartbeat` and `life` are real seconds."""

    def __init__(
        self, clock: SimClock, address: Callable[[], str], *, heartbeat: float = 30.0, life: float = 86_400.0
    ) -> None:
        self._clock = clock
        self._address = address
        self._heartbeat = heartbeat
        self._life = life
        self.channels: dict[str, Channel] = {}
        self.rejected: set[str] = set()
        """Topics that this client may not have."""
        self.missed: list[Json] = []
        """Frames of subscribed topics that nobody was there to take: they do not come again."""
        self._writers: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """The operations; the socket itself is `listen`."""
        channels = "/api/v2/notifications/channels"
        subscriptions = f"{channels}/{{channelId}}/subscriptions"
        return [
            Route("GET", "/api/v2/notifications/availabletopics", self.available),
            Route("GET", channels, self.listed),
            Route("POST", channels, lambda _: self._shown(self.open())),
            Route("GET", subscriptions, lambda call: self._entities(self._known(call).topics)),
            Route("PUT", subscriptions, lambda call: self._subscribe(call, replace=True)),
            Route("POST", subscriptions, lambda call: self._subscribe(call, replace=False)),
        ]

    def available(self, call: Call) -> Json:
        """What there is to subscribe to."""
        transports = "transports" in call.query.get("expand", [])
        entities = [{"id": name, **({"transports": how} if transports else {})} for name, how in TOPICS.items()]
        return {"entities": entities}

    def listed(self, _: Call) -> Json:
        """This client's channels."""
        return {"entities": [self._shown(channel) for channel in self._alive()]}

    def open(self) -> Channel:
        """The 21st takes the place of the oldest that nobody listens to."""
        alive = self._alive()
        if len(alive) >= MOST_CHANNELS:
            idle = [channel for channel in alive if channel.socket is None] or alive
            self.channels.pop(idle[0].id)
        channel = Channel(f"streaming-0-{uuid.uuid4().hex}", asyncio.get_running_loop().time() + self._life)
        self.channels[channel.id] = channel
        return channel

    def _alive(self) -> list[Channel]:
        now = asyncio.get_running_loop().time()
        for channel in [one for one in self.channels.values() if one.expires <= now]:
            self.channels.pop(channel.id)
        return list(self.channels.values())

    def _shown(self, channel: Channel) -> Json:
        left = timedelta(seconds=channel.expires - asyncio.get_running_loop().time())
        connect = f"{self._address().replace('http', 'ws', 1)}/channels/{quote(channel.id)}"
        return {"id": channel.id, "connectUri": connect, "expires": stamp(self._clock.now() + left)}

    def _known(self, call: Call) -> Channel:
        self._alive()
        if call.parameters["channelId"] not in self.channels:
            raise not_found("channel")
        return self.channels[call.parameters["channelId"]]

    def _subscribe(self, call: Call, *, replace: bool) -> Json:
        channel = self._known(call)
        if not isinstance(call.body, list) or not all(isinstance(one, dict) and one.get("id") for one in call.body):
            raise Refusal(400, "bad.request", "An array of objects with ids is expected")
        wanted = [str(one["id"]) for one in call.body]
        unknown = [name for name in wanted if not _is_topic(name)]
        if unknown and call.first("ignoreErrors") != "true":
            raise Refusal(400, "notification.topic.invalid", f"The topic {unknown[0]} is not valid")
        kept = {name for name in wanted if name not in self.rejected and name not in unknown}
        topics = kept if replace else channel.topics | kept
        if len(topics) > MOST_TOPICS:
            raise Refusal(400, "too.many.topics", f"No more than {MOST_TOPICS} topics on one channel")
        channel.topics = topics
        channel.expires = asyncio.get_running_loop().time() + self._life
        return self._entities(name for name in wanted if name not in unknown)

    def _entities(self, names: Iterable[str]) -> Json:
        return {"entities": [self._state(name) for name in names]}

    def _state(self, name: str) -> Json:
        shown: Json = {"id": name, "selfUri": f"/api/v2/notifications/{quote(name)}"}
        if name not in self.rejected:
            return {**shown, "state": "Permitted"}
        lacking = ["presence:userPresence:view"]
        return {**shown, "state": "Rejected", "rejectionReason": "missing permissions", "missingPermissions": lacking}

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        """One socket a channel: a second one ends the first."""
        socket = web.WebSocketResponse(max_msg_size=1 << 20)
        await socket.prepare(request)
        self._alive()
        channel = self.channels.get(request.match_info["channel"])
        if channel is None:
            await socket.send_json({"result": "404"})
            await socket.close()
            return socket
        if channel.socket is not None:
            await channel.socket.close()
        channel.socket, channel.line, channel.sent = socket, request.transport, 0
        beat = asyncio.create_task(self._beat(socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._said(channel, socket, message.json())
        finally:
            beat.cancel()
            if channel.socket is socket:
                channel.socket = None
        return socket

    async def _beat(self, socket: web.WebSocketResponse) -> None:
        while not socket.closed:
            await asyncio.sleep(self._heartbeat)
            await socket.send_json(HEARTBEAT)

    async def _said(self, channel: Channel, socket: web.WebSocketResponse, said: Json) -> None:
        if said.get("message") == "ping":
            await socket.send_json(PONG)
        elif said.get("message") == "subscribe":
            channel.topics |= {str(topic) for topic in said.get("topics", [])}
            await socket.send_json({"result": "200", "status": "subscribed"})

    def send(self, emission: Emission) -> None:
        """To every channel that wants it; who does not listen now has missed it."""
        detail = emission.body["detail"]
        frame = {name: detail[name] for name in ("topicName", "version", "eventBody", "metadata")}
        for channel in self.channels.values():
            if frame["topicName"] in channel.topics:
                self._send(channel, frame)

    def _send(self, channel: Channel, frame: Json) -> None:
        socket = channel.socket
        if channel.cut_after is not None and channel.sent >= channel.cut_after:
            channel.cut_after = None
            self.cut(channel)
            socket = None
        if socket is None or socket.closed:
            self.missed.append(frame)
            return
        channel.sent += 1
        writer = asyncio.create_task(_write(socket, frame))
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)

    def cut(self, channel: Channel) -> None:
        """The line breaks, without a word."""
        if channel.socket is not None and channel.line is not None:
            channel.line.abort()
        channel.socket = None

    async def announce_closing(self, channel: Channel) -> None:
        """Maintenance: the socket will go."""
        if channel.socket is not None:
            about = {"channelId": channel.id, "message": "Socket will be closed soon", "reason": None}
            await channel.socket.send_json(
                {"topicName": "v2.system.socket_closing", "version": "2", "eventBody": about, "metadata": {}}
            )

    def forget(self, channel: Channel) -> None:
        """The channel itself is gone, as after its day."""
        self.channels.pop(channel.id, None)
        self.cut(channel)


async def _write(socket: web.WebSocketResponse, frame: Json) -> None:
    try:
        await socket.send_json(frame)
    except (ConnectionError, RuntimeError):
        return  # it broke meanwhile: the reader finds out


def _is_topic(name: str) -> bool:
    words = name.split(".")
    for template in TOPICS:
        parts = template.split(".")
        if len(parts) == len(words) and all(a in ("{id}", b) for a, b in zip(parts, words, strict=True)):
            return True
    return False
