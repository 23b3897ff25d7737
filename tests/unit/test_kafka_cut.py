"""A connection to a broker that hangs ends at once, also over TLS, and takes along what was still on its way."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.admin import ApiVersionResponse_v0

from processor.eventlog.kafka_connection import Connection
from processor.eventlog.kafka_reader import Reader
from tests.kafkasecurity import certificates

MUCH = 20_000_000
"""Bytes: more than two kernels hold."""
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


class Broker:
    """Says what it can do, and then nothing more. Its calls block."""

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.connected: socket.socket | None = None

    def answer(self) -> None:
        connected, _ = self._listening.accept()
        self._listening.close()
        self.connected = self._tls.wrap_socket(connected, server_side=True) if self._tls else connected
        (size,) = struct.unpack(">i", self._exactly(4))
        correlation = self._exactly(size)[4:8]
        answer = correlation + ApiVersionResponse_v0(0, []).encode()
        self.connected.sendall(struct.pack(">i", len(answer)) + answer)

    def _exactly(self, size: int) -> bytes:
        assert self.connected is not None
        found = b""
        while len(found) < size:
            found += self.connected.recv(size - len(found))
        return found

    def rest(self) -> int:
        """Bytes that come when it goes on after all."""
        assert self.connected is not None
        found = 0
        with self.connected, suppress(OSError):
            while part := self.connected.recv(1 << 20):
                found += len(part)
        return found


@pytest.fixture(params=["plain", "tls"])
def doors(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ssl.SSLContext | None, dict[str, Any]]:
    """Of the broker, and what a client needs for it."""
    if request.param == "plain":
        return None, {}
    certificates(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tmp_path / "broker.pem", tmp_path / "broker.key")
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    return server, {"security_protocol": "SSL", "ssl_context": client}


async def test_nobody_waits_for_a_broker_that_hangs_and_nothing_comes_to_it_later(
    doors: tuple[ssl.SSLContext | None, dict[str, Any]],
) -> None:
    door, options = doors
    broker = Broker(door)
    reader = Reader(Connection(f"127.0.0.1:{broker.port}"), [], 1)
    connection = AIOKafkaConnection("127.0.0.1", broker.port, **options)
    answering = asyncio.get_running_loop().run_in_executor(None, broker.answer)
    await connection.connect()
    await answering
    reader._client._conns["one"] = connection
    connection._writer.write(b"x" * MUCH)
    async with asyncio.timeout(10):
        await reader.stop()
    assert await asyncio.to_thread(broker.rest) < MUCH
