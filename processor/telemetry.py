"""What an operator counts: every metric, defined once. What the product says in words: `loglines.py`.

Metrics are built by `Metrics.build()` and handed down; nothing is registered at import. Names
follow Prometheus (`processor_…_total`, `…_seconds`, `…_bytes`); the text beside a name is its
documentation and what `/metrics` shows as HELP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

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
    topics_broken: Gauge
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
            topics_broken=gauge(
                "topics_broken", "Kafka's topics whose settings break a promise: the next start is refused."
            ),
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
