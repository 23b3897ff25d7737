"""The broker's five doors: each lets in who is right, and nobody else; so tests of ours that pass mean something."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from processor.eventlog.kafka_ready import PROBE
from tests.kafkasecurity import Secured


class Given(AbstractTokenProvider):
    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token


async def sent(bootstrap: str, **security: Any) -> None:
    """One acknowledged record. A refused token shows only as a start that does not end: hence the limit."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, **security)
    try:
        async with asyncio.timeout(5):
            await producer.start()
            await producer.send_and_wait(PROBE, b"through this door")
    finally:
        await producer.stop()


def sasl(secured: Secured, mechanism: str, password: str) -> dict[str, Any]:
    tls = mechanism.startswith("SCRAM")
    return {
        "security_protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": secured.user,
        "sasl_plain_password": password,
        "ssl_context": create_ssl_context(cafile=str(secured.ca_file)) if tls else None,
    }


def ssl(ca: Path, cert: Path | None = None, key: Path | None = None) -> dict[str, Any]:
    names = {"cafile": ca, "certfile": cert, "keyfile": key}
    given = {name: str(file) for name, file in names.items() if file}
    return {"security_protocol": "SSL", "ssl_context": create_ssl_context(**given)}


def oauth(token: str) -> dict[str, Any]:
    provider = Given(token)
    return {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "OAUTHBEARER",
        "sasl_oauth_token_provider": provider,
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_password(kafka_secured: Secured, mechanism: str) -> None:
    door = kafka_secured.plain if mechanism == "PLAIN" else kafka_secured.scram
    await sent(door, **sasl(kafka_secured, mechanism, kafka_secured.password))
    with pytest.raises((KafkaError, TimeoutError)):
        await sent(door, **sasl(kafka_secured, mechanism, "wrong"))


async def test_tls_and_a_certificate_of_the_client(kafka_secured: Secured) -> None:
    ca, cert, key = kafka_secured.ca_file, kafka_secured.cert_file, kafka_secured.key_file
    await sent(kafka_secured.tls, **ssl(ca))
    await sent(kafka_secured.mtls, **ssl(ca, cert, key))
    with pytest.raises((KafkaError, TimeoutError)):
        await sent(kafka_secured.mtls, **ssl(ca))


async def test_a_token(kafka_secured: Secured) -> None:
    await sent(kafka_secured.oauth, **oauth(kafka_secured.token()))
    with pytest.raises((KafkaError, TimeoutError)):
        await sent(kafka_secured.oauth, **oauth(kafka_secured.token(audience="another")))
