"""Every knob, typed and documented: what one process may be told. `docs/configuration.md` is generated from this."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from processor.settings.places import Address, BaseAddress, hidden_in, wrong_file, wrong_log
from processor.settings.regions import Region
from processor.settings.tables import PUSHED, CapacityFloor, Destination, LoopRule, ProfileExport, ProfileRule


def _split(value: object) -> object:
    """A comma-separated text is a list."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _days(value: object) -> object:
    """One date is a list of one; several may stand in one text."""
    return (value,) if isinstance(value, date) else _split(value)


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_split)]
Days = Annotated[tuple[date, ...], BeforeValidator(_days)]


class Settings(BaseModel):
    """What one process is told. Field names are the environment's names in lower case."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    log: str = "sqlite:///./data/events.db"
    """Where events are kept: `sqlite:///FILE`, or `kafka://host:port,host:port`."""
    partitions: int = Field(default=12, ge=1, le=1000)
    """Partitions of every topic, fixed when the topics are made."""
    log_max_bytes: int = Field(default=0, ge=0)
    """When the embedded log holds more, its oldest records go early, down to the last 25 hours; 0 sets no limit."""
    spool: str | None = None
    """`sqlite:///FILE`: keeps accepted events while Kafka does not take them (Kafka only)."""
    spool_max_bytes: int = Field(default=0, ge=0)
    """When a process's spool holds more, its posts are answered 503 until Kafka has taken some; 0 sets no limit."""

    receiver_host: str = "127.0.0.1"
    """Address on which callbacks are received."""
    receiver_port: int = Field(default=8080, ge=0, le=65535)
    """Port on which callbacks are received; 0 takes a free one."""
    receiver_tls_cert: Path | None = None
    """Certificate chain (PEM); read again when the file changes."""
    receiver_tls_key: Path | None = None
    """Private key (PEM) of the certificate."""
    receiver_rate_limit: float = Field(default=0, ge=0)
    """Posts per second and caller, in each receiving process by itself; 0 sets no limit."""
    receiver_max_bytes: int = Field(default=1024 * 1024, ge=1024)
    """The largest body taken, after decompression."""
    ack_deadline_seconds: float = Field(default=3, gt=0, le=60)
    """After this a post that is not yet stored is answered 503."""

    admin_host: str = "127.0.0.1"
    """Address of health, metrics, operations and console."""
    admin_port: int = Field(default=8081, ge=0, le=65535)
    """Port of health, metrics, operations and console; 0 takes a free one."""
    admin_token: SecretStr | None = None
    """Bearer token of the admin port; needed when `ADMIN_HOST` is not loopback."""

    webhook_secrets: Secrets = ()
    """Standard Webhooks secrets (`whsec_…`); the first signs, all verify."""
    webhook_public_keys: Texts = ()
    """Standard Webhooks public keys (`whpk_…`) for `v1a` signatures."""
    webhook_basic: Secrets = ()
    """`user:password` pairs that callers may use."""
    webhook_api_key: Secrets = ()
    """`Header-Name: value` pairs that callers may use."""
    webhook_genesys_secret: Secrets = ()
    """Secrets of `X-Hub-Signature-256`."""
    insecure_no_auth: bool = False
    """Take callbacks from anybody; only on loopback, only to try things."""

    genesys_dialect: Literal["platform", "guide"] = "platform"
    """`platform`: the official API. `guide`: the endpoints of the five guides."""
    genesys_region: Region = "mypurecloud.com"
    """Region of the organisation, as in `api.<region>`."""
    genesys_api_url: BaseAddress | None = None
    """Instead of the region: where the API is."""
    genesys_login_url: BaseAddress | None = None
    """Instead of the region: where tokens are."""
    genesys_client_id: str | None = None
    """OAuth client (client credentials). Without it: no look-ups, no loop, no requests."""
    genesys_client_secret: SecretStr | None = None
    """Secret of the OAuth client."""
    genesys_requests_per_minute: int = Field(default=300, ge=10)
    """What Genesys allows this client; a fifth of it is kept for the loop's adjustments."""

    wfm_url: BaseAddress | None = None
    """Base address of the WFM system that events are pushed to."""
    wfm_secret: SecretStr | None = None
    """Standard Webhooks secret that signs the pushes."""
    wfm_topics: Texts = PUSHED
    """Which topics are pushed."""
    destinations: Mapping[str, Destination] = Field(default_factory=dict)
    """By name: further systems that events are pushed to, each with its own pace, outages and topics."""
    caldav_url: BaseAddress | None = None
    """Base address of the CalDAV server's home for our collections."""
    caldav_user: str | None = None
    """User at the CalDAV server."""
    caldav_password: SecretStr | None = None
    """Password at the CalDAV server."""
    calendar_secret: SecretStr | None = None
    """Makes the addresses of the `.ics` feeds unguessable; without it there are no feeds."""
    escalation_url: Address | None = None
    """Where people are told about the loop's decisions."""
    escalation_secret: SecretStr | None = None
    """Standard Webhooks secret that signs the escalations."""

    loop_mode: Literal["off", "observe", "act"] = "observe"
    """`observe` decides and tells; `act` also changes queues. Turned back to `observe` or `off` the loop changes
    nothing new; what it had changed it gives back when the queue has recovered, as long as there are Genesys
    credentials. `genesys-processor queues resume --all --restore` does so at once."""
    loop_queues: Texts = ()
    """What the loop may touch: queue ids, `name:` patterns, `division:` ids, which widen the choice, and `media:`
    types, which narrow it. It neither changes nor tells of other queues; one that is no longer named is given back as
    with `LOOP_MODE`. Needed to act."""
    loop_rule: LoopRule = LoopRule()
    """When the loop acts, and how far."""
    loop_pools: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    """By queue id (or `name:` pattern): the user ids that join the queue while it is adjusted. Whom the loop had joined
    leaves with the recovery, named here still or not."""
    operating_hours: str = Field(
        default="08:00:00-20:59:59", pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?-([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"
    )
    """From when to when agents may be set to another presence than Offline, on their own clocks, both ends included."""
    volume_poll_seconds: float = Field(default=30, gt=0)
    """How often Genesys is asked for each queue's last hour."""

    profile_rule: ProfileRule = ProfileRule()
    """When which utilisation is recommended for a routing profile."""
    profile_export: ProfileExport | None = None
    """The event export of routing profiles (guide dialect); without it their changes are not heard of."""

    public_url: BaseAddress | None = None
    """Where Genesys reaches the receiver; needed to register it."""
    trusted_proxies: Texts = ()
    """CIDRs whose `Forwarded` and `X-Forwarded-For` count."""
    ca_file: Path | None = None
    """Certificate authorities (PEM) to trust beside the system's."""
    audit_file: Path | None = None
    """Outcomes are appended here too, one JSON object a line."""
    horizon_weeks: int = Field(default=8, ge=1, le=104)
    """How far ahead opening hours and shifts are worked out."""
    capacity_floor: CapacityFloor = CapacityFloor()
    """Requests that would leave a schedule fewer hours are refused."""
    holidays: Mapping[str, Days] = Field(default_factory=dict)
    """The date (ISO), or the list of dates, of each holiday id that guide schedules name."""

    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to Kafka."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] | None = None
    """How to log in to Kafka."""
    kafka_username: str | None = None
    """User at Kafka."""
    kafka_password: SecretStr | None = None
    """Password at Kafka."""
    kafka_token_file: Path | None = None
    """File with the bearer token for OAUTHBEARER; read again when it changes."""
    kafka_ca_file: Path | None = None
    """Certificate authorities for Kafka (PEM)."""
    kafka_cert_file: Path | None = None
    """Client certificate for Kafka (PEM)."""
    kafka_key_file: Path | None = None
    """Key of the client certificate for Kafka (PEM)."""
    kafka_replication: int | None = Field(default=None, ge=1)
    """Replicas of topics that are made; 3 when not set, 1 on one broker."""
    kafka_member_id: str = Field(default_factory=socket.gethostname)
    """Unique per process; normalise keeps its partitions over a restart. Not set: host's name, roles and a number."""

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        if wrong := wrong_log(self.log):
            raise ValueError(f"LOG {wrong}")
        if bool(self.receiver_tls_cert) != bool(self.receiver_tls_key):
            raise ValueError("RECEIVER_TLS_CERT and RECEIVER_TLS_KEY go together")
        if self.genesys_client_id and not self.genesys_client_secret:
            raise ValueError("GENESYS_CLIENT_ID needs GENESYS_CLIENT_SECRET")
        if bool(self.genesys_api_url) != bool(self.genesys_login_url):
            raise ValueError("GENESYS_API_URL and GENESYS_LOGIN_URL go together")
        unknown = [topic for topic in self.wfm_topics if topic not in PUSHED]
        if unknown:
            raise ValueError(f"WFM_TOPICS: {unknown[0]!r} is none of {', '.join(PUSHED)}")
        reserved = {"wfm", "calendar"} & set(self.destinations)
        if reserved:
            raise ValueError(f"destinations: {reserved.pop()!r} is a name of our own, choose another")
        for word in self.loop_queues:
            kind, colon, rest = word.partition(":")
            if colon and not (kind in ("name", "division", "media") and rest.strip()):
                raise ValueError(f"LOOP_QUEUES: {word!r} is no id, and begins with none of name:, division:, media:")
        if self.loop_mode == "act" and not self.loop_queues:
            raise ValueError("LOOP_MODE=act needs LOOP_QUEUES: say which queues the loop may touch")
        return self

    @model_validator(mode="after")
    def _spools(self) -> Self:
        if self.spool and not self.log.startswith("kafka://"):
            raise ValueError("SPOOL is for LOG=kafka://… only; the embedded log needs none")
        if self.spool and (wrong := wrong_file(self.spool)):
            raise ValueError(f"SPOOL {wrong}")
        if self.spool_max_bytes and not self.spool:
            raise ValueError("SPOOL_MAX_BYTES needs SPOOL")
        if 0 < self.spool_max_bytes < self.receiver_max_bytes:
            raise ValueError("SPOOL_MAX_BYTES is less than one delivery may have (RECEIVER_MAX_BYTES)")
        return self

    @model_validator(mode="after")
    def _fits_the_dialect(self) -> Self:
        if self.genesys_dialect == "guide" and self.loop_pools:
            raise ValueError(
                "LOOP_POOLS: the guides show no way to join members to a queue; use GENESYS_DIALECT=platform"
            )
        if self.genesys_dialect == "platform" and self.profile_export:
            raise ValueError("profile_export: the official API has no event exports; use GENESYS_DIALECT=guide")
        return self

    @property
    def api_url(self) -> str:
        """Base address of the Genesys API."""
        return self.genesys_api_url or f"https://api.{self.genesys_region}"

    @property
    def login_url(self) -> str:
        """Base address of the Genesys login host; the guides ask the API's own host for tokens."""
        host = "api" if self.genesys_dialect == "guide" else "login"
        return self.genesys_login_url or f"https://{host}.{self.genesys_region}"

    @property
    def horizon(self) -> timedelta:
        """`horizon_weeks` as a time span."""
        return timedelta(weeks=self.horizon_weeks)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret value, so that the log can hide them."""
        found = [one.secret.get_secret_value() for one in self.destinations.values() if one.secret]
        for name in type(self).model_fields:
            value = getattr(self, name)
            items = value if isinstance(value, tuple) else (value,)
            found.extend(item.get_secret_value() for item in items if isinstance(item, SecretStr))
        addresses = [getattr(self, name) for name in type(self).model_fields if name.endswith("_url")]
        for address in (*filter(None, addresses), *(one.url for one in self.destinations.values())):
            found.extend(hidden_in(address))
        return tuple(found)


def secret_fields(model: type[BaseModel] = Settings) -> frozenset[str]:
    """The names whose values are secrets: each may come from a file."""
    return frozenset(name for name, field in model.model_fields.items() if "SecretStr" in str(field.annotation))
