"""`serve`: builds every part of the product from its settings, and runs them until a signal."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from processor.admin import Admin, is_loopback
from processor.app.auditfile import audit_group
from processor.app.documents.asyncapi import document, product_version
from processor.app.farsides import far_sides, redactor
from processor.app.listening import listen
from processor.app.log import open_later, open_log, utc_now
from processor.app.membership import member_id
from processor.app.operations import Desk
from processor.app.policy import policy
from processor.app.receiving import may_receive, receiving, verifier_of
from processor.app.requests.kinds import request_kinds
from processor.app.roles import Role, groups
from processor.app.short_secrets import short_secrets
from processor.app.signals import Signals
from processor.app.switches import switched_off
from processor.app.upkeep import upkeep
from processor.app.workers.parent import working
from processor.consumer import run
from processor.eventlog import EventLog
from processor.loglines import configure_logging
from processor.pace import Policy
from processor.progress import Progress
from processor.retry import FarSide
from processor.routing import Group
from processor.settings import Settings, SettingsError
from processor.telemetry import Metrics
from processor.web.listener import Where, listening

log = logging.getLogger("processor.app")


async def serve(
    settings: Settings,
    roles: Sequence[Role],
    say: Callable[[dict[str, Any]], None],
    workers: int = 1,
    *,
    channel: bool = False,
) -> None:
    """Run these roles until SIGTERM or Ctrl-C, then drain: callers are answered first, groups commit last.

    `say` gets the ready line once everything listens and the log (or the spool) takes an append.
    `workers` > 1: so many processes of their own receive. `channel`: events come over Genesys's
    notification channels, and over the receiver only where callers can prove themselves. Raises
    `FatalError` (or a group of one) when the process must stop.
    """
    hide = redactor(settings)
    configure_logging(hide)
    if not settings.admin_token and not is_loopback(settings.admin_host):
        raise SettingsError(f"others can reach ADMIN_HOST={settings.admin_host}: set ADMIN_TOKEN, or use 127.0.0.1")
    receives = _receiver_wanted(settings, roles, channel=channel)
    metrics = Metrics.build()
    signals = Signals()
    _tell_of(settings)
    async with (
        _log(settings, metrics, roles) as (event_log, opened),
        far_sides(settings, metrics, utc_now) as far,
        asyncio.TaskGroup() as tasks,
    ):
        members = [*groups(roles, policy(settings), far, utc_now), *_audit(settings, roles)]
        progress = [Progress(group.name, group.topic) for group in members]
        drain = asyncio.Event()
        sides: defaultdict[str, FarSide] = defaultdict(FarSide)

        async def begin() -> None:
            await opened()
            for group, its in zip(members, progress, strict=True):
                work = run(
                    group,
                    event_log,
                    drain,
                    policy=Policy(),
                    metrics=metrics,
                    now=utc_now,
                    progress=its,
                    redact=hide,
                    far_side=sides[group.far or group.name],
                )
                tasks.create_task(work, name=group.name)

        background = [
            tasks.create_task(begin(), name="begin"),
            tasks.create_task(upkeep(event_log, settings, metrics), name="upkeep"),
        ]
        if channel:
            background.append(tasks.create_task(listen(settings, event_log, metrics, utc_now), name="channel"))
        async with AsyncExitStack() as ports:
            ready: dict[str, Any] = {"event": "ready", "receiver": None, "admin": None, "log": settings.log}
            admin = _admin(settings, event_log, progress, metrics)
            if receives and workers > 1:
                crew = await ports.enter_async_context(working(settings, workers, metrics, signals))
                ready["receiver"] = crew.address
                admin = replace(admin, check=crew.check, metrics=crew.metrics, refresh=crew.refresh)
            elif receives:
                receiver = await ports.enter_async_context(receiving(settings, event_log, metrics, signals))
                ready["receiver"] = receiver.address
                admin = replace(admin, check=receiver.check)
            address = Where(settings.admin_host, settings.admin_port)
            ready["admin"] = await ports.enter_async_context(listening(admin.runner(), address))
            await admin.check()
            say(ready)
            log.info("ready", extra=ready)
            await signals.leave.wait()
            log.info("draining")
        drain.set()
        for task in background:
            task.cancel()


def _tell_of(settings: Settings) -> None:
    """What an operator may not have meant."""
    for sentence in switched_off(settings):
        log.warning("off", extra={"what": sentence})
    for sentence in short_secrets(settings):
        log.warning("short-secret", extra={"what": sentence})


def _receiver_wanted(settings: Settings, roles: Sequence[Role], *, channel: bool) -> bool:
    """Whether the receiver listens. Raises `SettingsError` when nobody could prove himself to it."""
    if not _receives(roles) or (channel and not may_receive(settings)):
        return False
    verifier_of(settings)
    return True


def _audit(settings: Settings, roles: Sequence[Role]) -> list[Group]:
    """The audit file is written where requests are carried out, for all processes that share the log.

    Raises `SettingsError` when it can be none.
    """
    if settings.audit_file is None or not (Role.ALL in roles or Role.REQUESTS in roles):
        return []
    if settings.audit_file.is_dir():
        raise SettingsError(f"AUDIT_FILE: {settings.audit_file} is a folder: name a file in it")
    return [audit_group(settings.audit_file)]


def _receives(roles: Sequence[Role]) -> bool:
    return Role.ALL in roles or Role.RECEIVE in roles


@asynccontextmanager
async def _log(
    settings: Settings, metrics: Metrics, roles: Sequence[Role]
) -> AsyncIterator[tuple[EventLog, Callable[[], Awaitable[None]]]]:
    """The log, and how to wait until groups can join it: with a spool here, callbacks are taken before it is there."""
    with member_id(settings, roles) as name:
        if settings.spool and _receives(roles):
            async with open_later(settings, metrics, name) as awaited:
                yield awaited, awaited.opened
        else:
            async with open_log(settings, metrics, name) as there:
                yield there, _at_once


async def _at_once() -> None:
    return


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
        kinds=request_kinds(),
        version=product_version(),
    )
