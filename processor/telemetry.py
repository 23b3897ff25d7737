"""What an operator sees: every metric defined once, every log line one JSON object, no secret in either.

Metrics are built by `Metrics.build()` and handed down; nothing is registered at import. Names
follow Prometheus (`processor_…_total`, `…_seconds`, `…_bytes`); the text beside a name is its
documentation and what `/metrics` shows as HELP.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self, TextIO
from urllib.parse import quote

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
"""Seconds: what should take milliseconds."""
SLOW = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
"""Seconds: what crosses a network, or may wait for a far side."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """All metrics of one process. A field is the metric; `build` says what it means."""

    registry: CollectorRegistry
    # receiver
    posts: Counter
    refused: Counter
    callers: Counter
    received: Counter
    received_bytes: Counter
    channels_opened: Counter
    acknowledged_seconds: Histogram
    posts_in_flight: Gauge
    # the log
    append_seconds: Histogram
    append_records: Counter
    append_failures: Counter
    ghost_writes: Counter
    producer_rebuilds: Counter
    rebalances: Counter
    log_pending_bytes: Gauge
    log_size_bytes: Gauge
    log_removed: Counter
    spooling: Gauge
    spooled: Counter
    spool_forwarded: Counter
    spool_records: Gauge
    spool_bytes: Gauge
    spool_left_records: Gauge
    spool_oldest_seconds: Gauge
    # the engine
    records: Counter
    attempts: Counter
    handler_seconds: Histogram
    lag_records: Gauge
    lag_seconds: Gauge
    waiting: Gauge
    stuck_seconds: Gauge
    dead_letters: Counter
    table_loads: Counter
    ticks: Counter
    # normalise
    published: Counter
    fates: Counter
    id_conflicts: Counter
    untrusted_zones: Counter
    unknown_holidays: Counter
    lookups: Counter
    # far sides
    requests: Counter
    request_seconds: Histogram
    breaker_open: Gauge
    effects: Counter
    effect_seconds: Histogram
    effect_conflicts: Counter
    latency_seconds: Histogram
    # the loop
    decisions: Counter

    @classmethod
    def build(cls) -> Self:
        """A registry of its own, so that two in one process (tests) do not meet."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace="processor", registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, namespace="processor", registry=registry)

        def histogram(name: str, text: str, *labels: str, buckets: tuple[float, ...] = SLOW) -> Histogram:
            return Histogram(name, text, labels, namespace="processor", registry=registry, buckets=buckets)

        return cls(
            registry=registry,
            posts=counter("posts", "Posts answered, by HTTP status.", "status"),
            refused=counter("refused", "Posts refused, by reason.", "reason"),
            callers=counter("callers", "Posts verified, by the credential used: shows which one may go.", "credential"),
            received=counter("received_events", "Events acknowledged with 202."),
            received_bytes=counter("received_bytes", "Bytes of the bodies acknowledged, decompressed."),
            channels_opened=counter("channels_opened", "Notification channels opened, the first time or again."),
            acknowledged_seconds=histogram(
                "acknowledged_seconds", "From the request's head to its 202, appended and durable.", buckets=FAST
            ),
            posts_in_flight=gauge("posts_in_flight", "Posts read but not yet answered."),
            append_seconds=histogram("append_seconds", "One commit of the log, all waiting appends.", buckets=FAST),
            append_records=counter("append_records", "Records appended, by topic.", "topic"),
            append_failures=counter("append_failures", "Commits that failed, by reason.", "reason"),
            ghost_writes=counter("ghost_writes", "Records that landed in Kafka after their caller had given up."),
            producer_rebuilds=counter("producer_rebuilds", "Kafka producers replaced, by reason.", "reason"),
            rebalances=counter("rebalances", "Times that a group's partitions were given out anew.", "group"),
            log_pending_bytes=gauge("log_pending_bytes", "Bytes waiting for the log's writer."),
            log_size_bytes=gauge("log_size_bytes", "The embedded log on disk, by file.", "file"),
            log_removed=counter("log_removed_records", "Records removed by retention or compaction.", "topic"),
            spooling=gauge("spooling", "1 while events go through the spool, since Kafka does not take them."),
            spooled=counter("spooled_records", "Records acknowledged out of the spool."),
            spool_forwarded=counter("spool_forwarded_records", "Records that went from the spool to Kafka."),
            spool_records=gauge("spool_records", "Records that lie in the spool."),
            spool_bytes=gauge("spool_bytes", "Bytes of the records that lie in the spool."),
            spool_left_records=gauge("spool_left_records", "Records in a spool that a worker left who is no more."),
            spool_oldest_seconds=gauge("spool_oldest_seconds", "Age of the oldest record in the spool."),
            records=counter("records", "Records finished, by group and outcome.", "group", "outcome"),
            attempts=counter("failed_attempts", "Attempts that failed, by the error's kind.", "group", "error"),
            handler_seconds=histogram("handler_seconds", "One record in its handler, waits included.", "group"),
            lag_records=gauge("lag_records", "Records not yet finished, by partition.", "group", "partition"),
            lag_seconds=gauge("lag_seconds", "Age of the oldest record not yet finished.", "group"),
            waiting=gauge("waiting_records", "Records that wait for another attempt.", "group"),
            stuck_seconds=gauge("stuck_seconds", "Since when a group with work has not moved.", "group"),
            dead_letters=counter("dead_letters", "Records parked, by reason.", "group", "reason"),
            table_loads=counter("table_loads", "Tables rebuilt from the log, by topic.", "topic"),
            ticks=counter("ticks", "Periodic work done, by result.", "tick", "result"),
            published=counter("published_events", "Events put into clean topics.", "topic"),
            fates=counter("fates", "Deliveries that ended without a clean event, by fate.", "fate"),
            id_conflicts=counter("id_conflicts", "An id that came again with another body."),
            untrusted_zones=counter("untrusted_zones", "Agents whose time zone is unknown; read as UTC."),
            unknown_holidays=counter("unknown_holidays", "Holiday ids that the holidays table lacks."),
            lookups=counter("lookups", "Look-ups answered, by what was asked and the result.", "what", "result"),
            requests=counter(
                "requests", "Requests to far sides, by status (`error` = none came).", "far_side", "status"
            ),
            request_seconds=histogram("request_seconds", "One request to a far side.", "far_side"),
            breaker_open=gauge("breaker_open", "1 while a far side counts as down.", "far_side"),
            effects=counter("effects", "Changes made outside, by kind and status.", "kind", "status"),
            effect_seconds=histogram("effect_seconds", "One change made outside, from its first look on.", "kind"),
            effect_conflicts=counter(
                "effect_conflicts", "Times that somebody else was faster with a change, by kind.", "kind"
            ),
            latency_seconds=histogram("latency_seconds", "From the delivery's receipt to a stage.", "stage"),
            decisions=counter("decisions", "Decisions of the loop, by action.", "action"),
        )


LATER_AT_MOST = 200
"""Forms of secrets that came later (access tokens), the newest kept."""


class Redactor:
    """Takes known secret values out of text, also where they stand encoded."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """As the settings have them: of `user:password`, `Header: value` and `whsec_…` the last part counts alone too.

        Values shorter than four characters are left: they would blot out ordinary words.
        """
        self._first = tuple(sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True))
        self._later: deque[str] = deque(maxlen=LATER_AT_MOST)

    def add(self, secret: str) -> None:
        """A secret that came later."""
        self._later.extend(form for form in sorted(_forms(secret), key=len) if form not in self._later)

    def __call__(self, text: str) -> str:
        """The text with every known secret as `***`."""
        for form in (*self._first, *reversed(self._later)):
            if form in text:
                text = text.replace(form, "***")
        return text


def _forms(secret: str) -> set[str]:
    """How it may stand in a text: as it is, in JSON, in an address, in base64."""
    parts = {secret, *(part for part in re.split(r":\s*|^whsec_", secret)[-1:] if len(part) >= 8)}
    forms: set[str] = set()
    for part in parts:
        packed = base64.b64encode(part.encode()).decode()
        shown = (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])
        forms |= {part, *shown, quote(part, safe=""), packed, packed.rstrip("=")}
    return forms if len(secret) >= 4 else set()


STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One log record as one line of JSON: time, level, room, event, then the facts given as `extra`."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """A fact that JSON cannot say is written as its text; this never raises for one."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "room": record.name,
            "event": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        try:
            text = orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except (TypeError, ValueError):  # a lone surrogate, or a value nested without end
            text = json.dumps({name: str(value) for name, value in line.items()})
        return self._redactor(text)


class Seldom(logging.Filter):
    """Lines that can come without end: so many of the same words at once, then so many a second.

    They are what any caller can cause with each of his records, and what a library says each time that
    it asks a dead server. The next line that passes says how many were `suppressed`; other lines always pass.
    """

    EVENTS = frozenset({"dead-letter", "attempt-failed", "refused"})
    """As warnings; the metrics count them all, and errors pass."""
    LIBRARIES = frozenset({"aiokafka"})
    AT_ONCE, PER_SECOND = 100.0, 5.0
    LIBRARIES_AT_ONCE, LIBRARIES_PER_SECOND = 1.0, 0.1
    KNOWN = 200
    """Different words; of more the oldest are forgotten."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        words = record.getMessage()
        if record.name == "asyncio" and self._nobodys(record):
            return False
        if record.name.partition(".")[0] in self.LIBRARIES:
            return self._passes(record, words, self.LIBRARIES_AT_ONCE, self.LIBRARIES_PER_SECOND)
        if record.levelno < logging.ERROR and words in self.EVENTS:
            return self._passes(record, words, self.AT_ONCE, self.PER_SECOND)
        return True

    def _nobodys(self, record: logging.LogRecord) -> bool:
        """An error of a library that nobody waits for any more: who asked has had his answer."""
        kind = record.exc_info[0] if record.exc_info else None
        return kind is not None and kind.__module__.partition(".")[0] in self.LIBRARIES

    def _passes(self, record: logging.LogRecord, words: str, at_once: float, per_second: float) -> bool:
        now = self._monotonic()
        left, then, suppressed = self._known.pop(words, (at_once, now, 0))
        left = min(at_once, left + (now - then) * per_second)
        passes = left >= 1
        self._known[words] = (left - 1, now, 0) if passes else (left, now, suppressed + 1)
        if len(self._known) > self.KNOWN:
            del self._known[next(iter(self._known))]
        if passes and suppressed:
            record.suppressed = suppressed
        return passes


def configure_logging(redactor: Redactor, stream: TextIO | None = None, level: int | str = "INFO") -> None:
    """Every logger of the process writes JSON lines to `stream` (stderr), secrets taken out.

    Calling it again replaces what the last call set.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(redactor))
    handler.addFilter(Seldom())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    # Every access would be a line; refusals are told by the receiver itself.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    # Its steps and retries, some of which belong to every transaction; we tell of ours.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
