"""`serve`: builds every part of the product from its settings, and runs them until a signal."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

from handlers.normalise.envelopes import envelopes
from processor.admin import Admin, is_loopback
from processor.app.asyncapi import document, product_version
from processor.app.farsides import far_sides, redactor
from processor.app.feeds import Feeds
from processor.app.log import open_log, utc_now
from processor.app.operations import Desk
from processor.app.policy import policy
from processor.app.roles import Role, groups
from processor.app.switches import switched_off
from processor.consumer import run
from processor.errors import ProcessorError
from processor.eventlog import EventLog
from processor.eventlog.sqlite import SqliteLog
from processor.pace import Policy
from processor.progress import Progress
from processor.receiver import Limits, Receiver
from processor.settings import Settings, SettingsError
from processor.signatures import Verifier
from processor.telemetry import Metrics, configure_logging
from processor.web.callers import Proxies
from processor.web.listener import Tls, Where, listening, runner_of

COMPACT_EVERY = 3600.0
DRAIN_SECONDS = 10.0

log = logging.getLogger("processor.app")


async def serve(settings: Settings, roles: Sequence[Role], say: Callable[[dict[str, Any]], None]) -> None:
    """Run these roles until SIGTERM or Ctrl-C, then drain: callers are answered first, groups commit last.

    `say` gets the ready line once everything listens and the log takes an append. Raises
    `FatalError` (or a group of one) when the process must stop.
    """
    hide = redactor(settings)
    configure_logging(hide)
    if not settings.admin_token and not is_loopback(settings.admin_host):
        raise SettingsError(f"others can reach ADMIN_HOST={settings.admin_host}: set ADMIN_TOKEN, or use 127.0.0.1")
    verifier = _verifier(settings) if _receives(roles) else None
    metrics = Metrics.build()
    stop = _stop_on_signals()
    for sentence in switched_off(settings):
        log.warning("off", extra={"what": sentence})
    async with (
        open_log(settings, metrics) as event_log,
        far_sides(settings, metrics, utc_now) as far,
        asyncio.TaskGroup() as tasks,
    ):
        members = groups(roles, policy(settings), far, utc_now)
        progress = [Progress(group.name, group.topic) for group in members]
        drain = asyncio.Event()
        for group, its in zip(members, progress, strict=True):
            work = run(
                group, event_log, drain, policy=Policy(), metrics=metrics, now=utc_now, progress=its, redact=hide
            )
            tasks.create_task(work, name=group.name)
        background = []
        if isinstance(event_log, SqliteLog):  # Kafka's brokers do it themselves
            background.append(tasks.create_task(_compact(event_log, settings.log_max_bytes), name="compact"))
        async with AsyncExitStack() as ports:
            ready: dict[str, Any] = {"event": "ready", "receiver": None, "admin": None, "log": settings.log}
            if verifier:
                feeds = Feeds(settings.calendar_secret.get_secret_value()) if settings.calendar_secret else None
                if feeds:
                    await feeds.load(event_log)
                    background.append(tasks.create_task(feeds.follow(event_log), name="feeds"))
                receiver = _receiver(settings, event_log, verifier, metrics, feeds)
                where = _where(settings)
                ready["receiver"] = await ports.enter_async_context(
                    listening(runner_of(receiver.handle, where.drain_seconds), where)
                )
            admin = _admin(settings, event_log, progress, metrics)
            address = Where(settings.admin_host, settings.admin_port)
            ready["admin"] = await ports.enter_async_context(listening(admin.runner(), address))
            await event_log.check()
            say(ready)
            log.info("ready", extra=ready)
            await stop.wait()
            log.info("draining")
        drain.set()
        for task in background:
            task.cancel()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _receives(roles: Sequence[Role]) -> bool:
    return Role.ALL in roles or Role.RECEIVE in roles


def _verifier(settings: Settings) -> Verifier:
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
    settings: Settings, event_log: EventLog, verifier: Verifier, metrics: Metrics, feeds: Feeds | None
) -> Receiver:
    limits = Limits(
        max_bytes=settings.receiver_max_bytes,
        ack_deadline=timedelta(seconds=settings.ack_deadline_seconds),
        rate=settings.receiver_rate_limit,
    )
    return Receiver(
        event_log.append,
        envelopes,
        verifier,
        metrics,
        utc_now,
        limits=limits,
        proxies=Proxies(settings.trusted_proxies),
        routes=feeds.routes() if feeds else {},
    )


def _where(settings: Settings) -> Where:
    tls = None
    if settings.receiver_tls_cert and settings.receiver_tls_key:
        tls = Tls(settings.receiver_tls_cert, settings.receiver_tls_key)
    return Where(settings.receiver_host, settings.receiver_port, tls, drain_seconds=DRAIN_SECONDS)


def _admin(settings: Settings, event_log: EventLog, progress: Sequence[Progress], metrics: Metrics) -> Admin:
    return Admin(
        operations=Desk(settings, event_log, progress, metrics, utc_now),
        groups=lambda: progress,
        check=event_log.check,
        metrics=metrics,
        now=utc_now,
        host=settings.admin_host,
        token=settings.admin_token.get_secret_value() if settings.admin_token else "",
        asyncapi=document(event_log.partitions),
        version=product_version(),
    )


async def _compact(event_log: SqliteLog, most_bytes: int) -> None:
    """Retention and compaction, now and then hourly; an outage of the log waits for the next time."""
    while True:
        try:
            await event_log.compact(utc_now(), most_bytes)
        except ProcessorError as error:
            log.warning("compaction-failed", extra={"error": str(error)})
        await asyncio.sleep(COMPACT_EVERY)
