"""Posts as fast as the answers come: the sender of the benchmarks, quicker than what it measures."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field

USER = "genesys:benchmark-password"
HEAD = (
    "POST /webhooks/genesys HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Amazon/EventBridge/ApiDestinations\r\n"
    "Content-Type: application/json; charset=utf-8\r\nRange: bytes=0-1048575\r\nAccept-Encoding: gzip,deflate\r\n"
    f"Authorization: Basic {base64.b64encode(USER.encode()).decode()}\r\n"
)
BODY = json.dumps(
    {
        "version": "0",
        "id": "%ID%",
        "detail-type": "v2.users.{id}.presence",
        "source": "aws.partner/genesys.com/cloud/0a1b/target",
        "account": "123456789012",
        "time": "2026-03-09T13:00:04Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "topicName": "v2.users.6c1f0a52-0000-4000-8000-00000000%AGENT%.presence",
            "version": "2",
            "eventBody": {
                "source": "PURECLOUD",
                "presenceDefinition": {"id": "31fe3bac-0000-4000-8000-000000000000", "systemPresence": "MEETING"},
                "primary": True,
                "message": "",
                "modifiedDate": "2026-03-09T13:00:03.918Z",
            },
            "metadata": {"CorrelationId": "5f1c9bd6-0000-4000-8000-000000000000"},
            "timestamp": "2026-03-09T13:00:04.010Z",
        },
    }
)


@dataclass
class Load:
    """Posts as fast as the answers come, on a number of connections, until the time is up."""

    port: int
    fresh: bool
    until: float
    latencies: list[float] = field(default_factory=list)
    wrong: int = 0
    count: int = 0

    def request(self) -> bytes:
        """The next post: an id of its own, one of 500 agents."""
        self.count += 1
        body = BODY.replace("%ID%", f"{self.count:036d}").replace("%AGENT%", f"{self.count % 500:04d}")
        close = "Connection: close\r\n" if self.fresh else ""
        return f"{HEAD}{close}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Client(asyncio.Protocol):
    """One connection; a new one for each post when `fresh`."""

    def __init__(self, load: Load, done: asyncio.Future[None]) -> None:
        self.load, self.done, self.buffer = load, done, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """The next post, or the end when the time is up."""
        if time.perf_counter() > self.load.until:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self.started = time.perf_counter()
        self.transport.write(self.load.request())

    def data_received(self, data: bytes) -> None:
        """Count an answer when all of it is here."""
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if not end or len(body) < length:
            return
        self.load.latencies.append(time.perf_counter() - self.started)
        self.load.wrong += not head.startswith(b"HTTP/1.1 202")
        self.buffer = b""
        if not self.load.fresh:
            self.send()

    def connection_lost(self, _: Exception | None) -> None:
        """The connection's turn is over."""
        if not self.done.done():
            self.done.set_result(None)


async def connection(load: Load) -> None:
    """Keeps one connection busy."""
    loop = asyncio.get_running_loop()
    while time.perf_counter() < load.until:
        done: asyncio.Future[None] = loop.create_future()
        transport, _ = await loop.create_connection(lambda done=done: Client(load, done), "127.0.0.1", load.port)
        await done
        transport.close()
