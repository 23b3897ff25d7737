"""Where Kafka is, how we prove who we are, and the clients of aiokafka with the settings that our promises need.

aiokafka's defaults are not ours: it would begin at the end, commit by itself, read what was never
committed, and wait for ever.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.abc import AbstractTokenProvider
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaError

from processor.errors import RetryableError, SettingsError
from processor.eventlog.kafka_tls import Following

REQUEST_MS = 5_000
"""A broker that hangs is given up after this; a dead one shows at once."""
METADATA_MS = 15_000
START_SECONDS = 10.0
"""Some starts never end by themselves (a refused token); none may take longer."""
SESSION_MS = 30_000
"""Longer than a restart: a static member that is back within it keeps its partitions; others who died are awaited."""
HEARTBEAT_MS = 1_000
REBALANCE_MS = 60_000
"""For members that drain; longer than the engine's drain."""
POLL_MS = 75_000
"""Who has no name and polls no more leaves by itself: later than the last proof lapses that it can have asked for."""
FETCH_WAIT_MS = 250
TRANSACTION_MS = 10_000
BATCH_BYTES = 1024 * 1024
"""The default of 16 KiB makes 256 senders wait for each other."""


class TokenFile(AbstractTokenProvider):  # type: ignore[misc] # aiokafka ships no types
    """The bearer token is what the file holds when Kafka asks."""

    def __init__(self, file: Path) -> None:
        self._file = file

    async def token(self) -> str:
        """Read anew at each connection, so a rotated token is taken up."""
        return (await asyncio.to_thread(self._file.read_text, encoding="utf-8")).strip()


@dataclass(frozen=True, slots=True)
class Connection:
    """Made by `connection`. `options` are aiokafka's words for the security settings."""

    bootstrap: str
    member_id: str | None = None
    """Static membership under this name, of consumers that are `named`; None: their leaving moves their partitions."""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    batch_bytes: int = BATCH_BYTES
    """No batch may be larger than its topic takes: a broker refuses all of it, however often it comes."""

    def client(self) -> AIOKafkaClient:
        """For requests that belong to no group."""
        return AIOKafkaClient(
            bootstrap_servers=self.bootstrap,
            client_id="genesys-processor",
            request_timeout_ms=REQUEST_MS,
            metadata_max_age_ms=METADATA_MS,
            **self.options,
        )

    def producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        """Idempotent, acks=all, linger 0; with an id: transactional, which fences who had it before."""
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            client_id="genesys-processor",
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=self.batch_bytes,
            request_timeout_ms=REQUEST_MS,
            metadata_max_age_ms=METADATA_MS,
            # The first produce of a transaction often has to be repeated while the last one closes.
            retry_backoff_ms=10 if transactional_id else 100,
            transactional_id=transactional_id,
            transaction_timeout_ms=TRANSACTION_MS,
            **self.options,
        )

    def consumer(self, group: str, fetch_bytes: int = BATCH_BYTES, *, named: bool) -> AIOKafkaConsumer:
        """A member of the group that decides itself what is committed; it gets bytes and decodes nothing.

        `named`: under our name, whose next bearer gets what we hold at once, whether or not we still run.
        """
        return AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            client_id="genesys-processor",
            group_id=group,
            group_instance_id=self.member_id if named else None,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            partition_assignment_strategy=(_assignor(),),
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_MS,
            max_poll_interval_ms=POLL_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=fetch_bytes,
            request_timeout_ms=REQUEST_MS,
            metadata_max_age_ms=METADATA_MS,
            **self.options,
        )


def connection(
    bootstrap: str,
    *,
    member_id: str | None = None,
    protocol: str = "PLAINTEXT",
    mechanism: str | None = None,
    username: str | None = None,
    password: str | None = None,
    token_file: Path | None = None,
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
) -> Connection:
    """Raises `SettingsError` naming what is missing or cannot be read; it never shows a secret."""
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.endswith("SSL"):
        try:
            options["ssl_context"] = Following(ca_file, cert_file, key_file)
        except OSError as error:
            raise SettingsError(f"KAFKA_CA_FILE, KAFKA_CERT_FILE or KAFKA_KEY_FILE cannot be used: {error}") from error
    if protocol.startswith("SASL"):
        if mechanism is None:
            raise SettingsError(f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_SASL_MECHANISM")
        options["sasl_mechanism"] = mechanism
        if mechanism == "OAUTHBEARER":
            if token_file is None:
                raise SettingsError("KAFKA_SASL_MECHANISM=OAUTHBEARER needs KAFKA_TOKEN_FILE")
            options["sasl_oauth_token_provider"] = TokenFile(token_file)
        else:
            if not username or not password:
                raise SettingsError(f"KAFKA_SASL_MECHANISM={mechanism} needs KAFKA_USERNAME and KAFKA_PASSWORD")
            options |= {"sasl_plain_username": username, "sasl_plain_password": password}
    return Connection(bootstrap, member_id, options)


def _assignor() -> type[Any]:
    """One for each consumer: aiokafka's keeps what a member holds in the class, where all groups would mix."""

    class Sticky(StickyPartitionAssignor):  # type: ignore[misc] # aiokafka ships no types
        member_assignment = None
        generation = StickyPartitionAssignor.DEFAULT_GENERATION_ID
        _latest_partition_movements = None

    return Sticky


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Whatever the client raises here may succeed later: brokers come back, leaders move, rights are given."""
    try:
        yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise RetryableError(f"Kafka: {what}: {told(error)}") from error


BROKERS = re.compile(r" from \[\(.*\)\]$")
"""What aiokafka adds of the addresses that it tried: they are named already."""


def told(error: BaseException) -> str:
    """The error in words; many of aiokafka's say nothing but their name."""
    text = BROKERS.sub("", str(error))
    name = type(error).__name__
    return text if name in text else f"{name}: {text}" if text else name
