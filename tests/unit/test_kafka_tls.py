"""Certificates that are renewed while the product runs: the next connection uses them."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from processor.errors import FatalError
from processor.eventlog.kafka_connection import connection
from processor.eventlog.kafka_tls import Following
from tests.kafkasecurity import certificates

HOST = "127.0.0.1"
NAMES = ("ca.pem", "client.pem", "client.key")


def issued(folder: Path, name: str) -> Path:
    """By an authority of its own."""
    made = folder / name
    made.mkdir()
    certificates(made)
    return made


def mounted(made: Path, folder: Path) -> None:
    for name in NAMES:
        shutil.copy(made / name, folder / name)


def following(folder: Path) -> Following:
    return Following(*(folder / name for name in NAMES))


@asynccontextmanager
async def broker(made: Path) -> AsyncIterator[int]:
    """Lets in whom the same authority knows."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=made / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(made / "broker.pem", made / "broker.key")

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"in")
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def let_in(context: ssl.SSLContext, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
        said = await reader.read()
        writer.close()
    except (ssl.SSLError, ConnectionError):
        return False
    return said == b"in"


async def test_a_renewed_authority_and_certificate_are_used_by_the_next_connection(tmp_path: Path) -> None:
    old, new = issued(tmp_path, "old"), issued(tmp_path, "new")
    mounted(old, tmp_path)
    context = following(tmp_path)
    async with broker(old) as before, broker(new) as after:
        assert await let_in(context, before)
        assert not await let_in(context, after)
        mounted(new, tmp_path)
        assert await let_in(context, after)
        assert not await let_in(context, before), "the old authority is trusted no longer"


async def test_what_is_half_written_leaves_the_former_in_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old, new = issued(tmp_path, "old"), issued(tmp_path, "new")
    mounted(old, tmp_path)
    context = following(tmp_path)
    async with broker(old) as before, broker(new) as after:
        shutil.copy(new / "client.pem", tmp_path / "client.pem")  # its key is still the old one
        assert await let_in(context, before)
        assert [record.getMessage() for record in caplog.records] == ["kafka-tls-reload-failed"]
        mounted(new, tmp_path)
        assert await let_in(context, after)


@pytest.mark.parametrize("missing", NAMES)
def test_a_file_that_is_not_there_is_named_at_the_start(tmp_path: Path, missing: str) -> None:
    mounted(issued(tmp_path, "one"), tmp_path)
    (tmp_path / missing).unlink()
    files = {"ca_file": tmp_path / "ca.pem", "cert_file": tmp_path / "client.pem", "key_file": tmp_path / "client.key"}
    with pytest.raises(FatalError, match="KAFKA_CA_FILE"):
        connection("127.0.0.1:1", protocol="SSL", **files)


def test_a_key_with_a_password_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    mounted(issued(tmp_path, "one"), tmp_path)
    kind, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        kind, form, serialization.BestAvailableEncryption(b"secret")
    )
    (tmp_path / "client.key").write_bytes(locked)
    with pytest.raises(ssl.SSLError):
        following(tmp_path)
