"""The receiver as its settings want it: who may post, where it listens, and what keeps events while Kafka is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from handlers.normalise.envelopes import envelopes
from processor.admin import is_loopback
from processor.app.feeds import Feeds
from processor.app.log import file_of, utc_now
from processor.app.signals import Signals
from processor.errors import RetryableError
from processor.event import RAW
from processor.eventlog import EventLog
from processor.eventlog.awaited import AwaitedLog
from processor.eventlog.kafka import KafkaLog
from processor.intake import Append
from processor.receiver import Limits, Receiver
from processor.settings import Settings, SettingsError
from processor.signatures import Verifier
from processor.spool import Spool
from processor.spool_forward import Patience
from processor.spool_left import adopt, left_over, spool_of
from processor.telemetry import Metrics
from processor.web.callers import Proxies
from processor.web.listener import Tls, Where, listening, runner_of

DRAIN_SECONDS = 10.0

log = logging.getLogger("processor.app")


@dataclass(frozen=True, slots=True)
class Receiving:
    """A receiver that takes posts. `check` raises RetryableError when it would answer 503 now."""

    address: str
    check: Callable[[], Awaitable[None]]


@asynccontextmanager
async def receiving(
    settings: Settings,
    event_log: EventLog,
    metrics: Metrics,
    signals: Signals,
    *,
    worker: int | None = None,
    workers: int = 1,
) -> AsyncIterator[Receiving]:
    """At the end: what is in flight is answered, then the spool is emptied, unless a second signal comes.

    `worker`: its number among `workers` that share one port. Each has a spool of its own; the first
    also sends what lies in those of former ones.
    """
    verifier = verifier_of(settings)
    feeds = Feeds(settings.calendar_secret.get_secret_value()) if settings.calendar_secret else None
    if feeds:
        await _load(feeds, event_log)
    async with _spool(settings, event_log, metrics, signals, worker=worker, workers=workers) as spool:
        append = spool.append if spool else event_log.append
        receiver = _receiver(settings, append, verifier, metrics, feeds)
        where = _where(settings, shared=worker is not None)
        following = asyncio.create_task(feeds.follow(event_log), name="feeds") if feeds else None
        try:
            async with listening(runner_of(receiver.handle, where.drain_seconds, receiver.plain), where) as address:
                yield Receiving(address, spool.check if spool else event_log.check)
        finally:
            if following:
                following.cancel()


async def _load(feeds: Feeds, event_log: EventLog) -> None:
    try:
        await feeds.load(event_log)
    except RetryableError as error:  # they are loaded once it is there
        log.warning("feeds-behind", extra={"error": str(error)})


@asynccontextmanager
async def _spool(
    settings: Settings, event_log: EventLog, metrics: Metrics, signals: Signals, *, worker: int | None, workers: int
) -> AsyncIterator[Spool | None]:
    if not settings.spool or not isinstance(event_log, KafkaLog | AwaitedLog):
        yield None
        return
    file = file_of(settings.spool)
    whole = settings.ack_deadline_seconds
    patience = Patience(direct=min(1.0, whole / 3), abandon=whole / 3, last=min(0.3, whole / 10))
    send = partial(
        adopt,
        upstream=event_log,
        topic=RAW,
        partitions=event_log.partitions,
        now=utc_now,
        metrics=metrics,
        patience=patience,
    )
    where = Spool.open(
        spool_of(file, worker),
        event_log,
        RAW,
        event_log.partitions,
        utc_now,
        metrics=metrics,
        patience=patience,
        most_bytes=settings.spool_max_bytes,
    )
    async with where as spool, asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(spool.run(), name="spool")]
        if worker in (None, 1):
            running.append(tasks.create_task(_adopt_all(left_over(file, workers), send), name="left-spools"))
        try:
            yield spool
            await _left_empty(spool, signals)
        finally:
            for task in running:
                task.cancel()


async def _adopt_all(files: Sequence[Path], send: Callable[[Path], Awaitable[None]]) -> None:
    """One after the other; what is left at the end waits for the next start."""
    for file in files:
        await send(file)


async def _left_empty(spool: Spool, signals: Signals) -> None:
    """What lies here is safe, but nobody reads it: leave once it is in Kafka, or when told twice."""
    emptied = asyncio.create_task(spool.emptied())
    hurry = asyncio.create_task(signals.hurry.wait())
    try:
        await asyncio.wait({emptied, hurry}, return_when=asyncio.FIRST_COMPLETED)
        if not emptied.done():
            log.error("spool-left-behind", extra={"remedy": "start this process again, with the same SPOOL"})
    finally:
        for task in (emptied, hurry):
            task.cancel()


def may_receive(settings: Settings) -> bool:
    """Whether there is anybody whom the receiver would let in."""
    schemes = (
        settings.webhook_basic,
        settings.webhook_api_key,
        settings.webhook_secrets,
        settings.webhook_public_keys,
        settings.webhook_genesys_secret,
    )
    return settings.insecure_no_auth or any(schemes)


def verifier_of(settings: Settings) -> Verifier:
    """Fails closed: without a credential only `--insecure-no-auth` on loopback is let in."""
    verifier = Verifier.build(
        secrets=[one.get_secret_value() for one in settings.webhook_secrets],
        public_keys=settings.webhook_public_keys,
        genesys=[one.get_secret_value() for one in settings.webhook_genesys_secret],
        basic=[one.get_secret_value() for one in settings.webhook_basic],
        api_keys=[one.get_secret_value() for one in settings.webhook_api_key],
        insecure=settings.insecure_no_auth,
    )
    if settings.insecure_no_auth and not is_loopback(settings.receiver_host):
        raise SettingsError("--insecure-no-auth works on loopback only: set a credential, or RECEIVER_HOST=127.0.0.1")
    if not verifier.configured and not settings.insecure_no_auth:
        raise SettingsError(
            "no caller could prove who he is: set WEBHOOK_BASIC, WEBHOOK_API_KEY, WEBHOOK_SECRETS, "
            "WEBHOOK_PUBLIC_KEYS or WEBHOOK_GENESYS_SECRET (or, to try things on this machine, --insecure-no-auth)"
        )
    return verifier


def _receiver(
    settings: Settings, append: Append, verifier: Verifier, metrics: Metrics, feeds: Feeds | None
) -> Receiver:
    limits = Limits(
        max_bytes=settings.receiver_max_bytes,
        ack_deadline=timedelta(seconds=settings.ack_deadline_seconds),
        rate=settings.receiver_rate_limit,
    )
    return Receiver(
        append,
        envelopes,
        verifier,
        metrics,
        utc_now,
        limits=limits,
        proxies=Proxies(settings.trusted_proxies),
        routes=feeds.routes() if feeds else {},
    )


def _where(settings: Settings, *, shared: bool) -> Where:
    tls = None
    if settings.receiver_tls_cert and settings.receiver_tls_key:
        tls = Tls(settings.receiver_tls_cert, settings.receiver_tls_key)
    return Where(settings.receiver_host, settings.receiver_port, tls, shared=shared, drain_seconds=DRAIN_SECONDS)
