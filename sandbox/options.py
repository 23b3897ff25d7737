"""How a sandbox is started: plain values, all with defaults."""

from __future__ import annotations

from dataclasses import dataclass

PUBLIC_WFM_SECRET = "whsec_c2FuZGJveC13Zm0tc2VjcmV0LTMyLWJ5dGVzLWxvbmc="


@dataclass(frozen=True, slots=True)
class Options:
    """`port` 0 = a free one. `speed` holds for `catch_up` real seconds, at whose end its clock shows now.

    `target`: where events are posted (None = nowhere), with `basic` (`user:password`) or
    `api_key` (`Header: value`). `quiet` = answers requests, makes no events. `rate_limit` is by
    minute of the sandbox's clock and token; `token_seconds` are real ones. `most_on_page` caps
    pageSize, so that small data has pages too. `queued_answers`: every so many-th search for
    agents' schedules answers Processing first (0 = none does).
    """

    port: int = 8090
    wfm_port: int = 8091
    host: str = "127.0.0.1"
    dialect: str = "platform"
    """`platform`: the official API. `guide`: the endpoints as the five guides show them."""
    seed: int = 1
    speed: float = 1.0
    catch_up: float = 60.0
    target: str | None = None
    basic: str | None = None
    api_key: str | None = None
    quiet: bool = False
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"
    wfm_secret: str = PUBLIC_WFM_SECRET
    rate_limit: int = 300
    token_seconds: float = 86_399
    most_on_page: int = 100
    queued_answers: int = 3
    late: float = 0.05
    """The share of events that are posted up to `late_seconds` (real) later than they should."""
    twice: float = 0.03
    """The share of events that are posted again although they were taken."""
    late_seconds: float = 3.0
    heartbeat_seconds: float = 30.0
    """Real ones, between two signs of life on a notification channel."""
