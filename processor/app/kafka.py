"""What the settings say about Kafka: where it is, who we are there, and which topics must be there."""

from __future__ import annotations

from processor.app.topics import TOPICS
from processor.eventlog.kafka_connection import Connection, connection
from processor.eventlog.kafka_topics import Order
from processor.settings import Settings

SCHEME = "kafka://"


def is_kafka(settings: Settings) -> bool:
    """Whether events are kept in Kafka."""
    return settings.log.startswith(SCHEME)


def connection_of(settings: Settings, member_id: str | None = None) -> Connection:
    """`member_id`: for those that join groups. Raises `FatalError` naming the setting that is missing or unusable."""
    password = settings.kafka_password
    return connection(
        settings.log.removeprefix(SCHEME),
        member_id=member_id,
        protocol=settings.kafka_security_protocol,
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_username,
        password=password.get_secret_value() if password else None,
        token_file=settings.kafka_token_file,
        ca_file=settings.kafka_ca_file,
        cert_file=settings.kafka_cert_file,
        key_file=settings.kafka_key_file,
    )


def order_of(settings: Settings) -> Order:
    """All topics, with room for the largest delivery that is accepted."""
    return Order(TOPICS, settings.partitions, settings.receiver_max_bytes, settings.kafka_replication)
