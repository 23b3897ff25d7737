"""A port that is open while its block runs: TLS that follows its files, a deep backlog, a drain at the end."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from processor.errors import FatalError, SettingsError
from processor.web.accepting import Introductions, Site
from processor.web.ordinary import OrdinaryConnection
from processor.web.plain import PlainConnection, PlainConnections, PlainPosts
from processor.web.wire import Wire

BACKLOG = 1024
"""EventBridge opens a connection for each event: a burst of them must not be turned away."""

KEPT_SECONDS = 3630.0
"""Proxies keep spare connections (nginx and AWS for a minute, Google for ten, Envoy for an hour by default) and must be
the first to close one: a post that is sent as we close is never read, and its sender hears 502."""

TLS_CHECK_SECONDS = 10.0

LINGER_SECONDS = 1.0
"""What comes of a body that was refused is read for so long, or its sender would hear of a broken connection only."""

log = logging.getLogger("processor.web.listener")


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate chain and key, PEM. Both are read again when either changes."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Where:
    """Where to listen. Port 0 = a free one; `shared` lets several processes listen on one port."""

    host: str
    port: int
    tls: Tls | None = None
    shared: bool = False
    drain_seconds: float = 10.0


class LowLevelServer(web.Server):
    """aiohttp without routes and middlewares: `handle` gets every request, its body undecoded unless `decompress`.

    All but `plain` posts, where those are taken.
    """

    def __init__(
        self,
        handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        idle_seconds: float = 30,
        kept_seconds: float = KEPT_SECONDS,
        decompress: bool = False,
        plain: PlainPosts | None = None,
    ) -> None:
        """Who says nothing for `idle_seconds` is closed, or for `kept_seconds` once it was answered 2xx."""
        super().__init__(handle)
        self._idle_seconds, self._kept_seconds = idle_seconds, kept_seconds
        self._decompress = decompress
        self._plain = PlainConnections(plain, self._ordinary, idle_seconds, kept_seconds) if plain else None

    def __call__(self) -> asyncio.Protocol:  # type: ignore[override]  # the loop asks no more of it
        """The protocol of one new connection."""
        return PlainConnection(self._plain) if self._plain else self._ordinary()

    @property
    def takes_plain(self) -> bool:
        """Whether plain posts have a way of their own here."""
        return self._plain is not None

    def pre_shutdown(self) -> None:
        """Idle connections are closed, the others with their answer."""
        if self._plain:
            self._plain.finish()
        super().pre_shutdown()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Returns when what is in flight was answered, or was cut after `timeout`."""
        if self._plain:
            await self._plain.changed()
        async with asyncio.TaskGroup() as tasks:
            if self._plain:
                tasks.create_task(self._plain.finished(timeout))
            tasks.create_task(super().shutdown(timeout))

    def _ordinary(self) -> web.RequestHandler:
        return OrdinaryConnection(
            self,
            loop=self._loop,
            auto_decompress=self._decompress,
            access_log=None,  # how AppRunner too turns it off
            idle_seconds=self._idle_seconds,
            keepalive_timeout=self._kept_seconds,
            lingering_time=LINGER_SECONDS,
            logger=log,
        )


class PagesRunner(web.AppRunner):
    """For `listening`: an application with routes. Broken requests to it too leave no line in the log.

    aiohttp's own server tells of them with the header line that it could not read, which may hold a secret.
    """

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        server = LowLevelServer(made.request_handler, decompress=True)
        server.request_factory = made.request_factory
        return server


def runner_of(
    handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
    drain_seconds: float,
    plain: PlainPosts | None = None,
) -> web.BaseRunner:
    """For `listening`: a port whose every request goes to `handle`, unless it is a `plain` post that is taken."""
    server = LowLevelServer(handle, plain=plain)
    return web.ServerRunner(server, handle_signals=False, shutdown_timeout=drain_seconds)


@asynccontextmanager
async def listening(runner: web.BaseRunner, where: Where) -> AsyncIterator[str]:
    """Yields the address (`http://127.0.0.1:8080`). Raises FatalError when the port cannot be had.

    At the end: no new connection, what is in flight is answered within the runner's drain time.
    """
    context = _tls_context(where.tls) if where.tls else None
    await runner.setup()
    try:
        site = _site(runner, where, context)
        try:
            await site.start()
        except OSError as error:
            raise FatalError(f"cannot listen on {where.host} port {where.port}: {_why(error)}") from error
        # No TaskGroup: it would wrap what the block raises, and the block is the caller's.
        follow = asyncio.create_task(_follow(where.tls, context)) if where.tls and context else None
        try:
            yield _address(runner, where, secure=context is not None)
        finally:
            if follow:
                follow.cancel()
                await asyncio.wait([follow])
    finally:
        await runner.cleanup()


def _why(error: OSError) -> str:
    """In the system's words; asyncio's own repeat the address."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)


def _site(runner: web.BaseRunner, where: Where, context: ssl.SSLContext | None) -> web.TCPSite:
    assert runner.server is not None  # noqa: S101 - it was set up
    made, shared = _made(runner.server, context), where.shared or None
    return Site(runner, where.host, where.port, made, backlog=BACKLOG, reuse_port=shared, ssl_context=context)


def _made(server: web.Server, context: ssl.SSLContext | None) -> Callable[[socket.socket, object], object]:
    if context is None and isinstance(server, LowLevelServer) and server.takes_plain:
        loop = asyncio.get_running_loop()
        return lambda connected, peer: Wire(loop, connected, peer, server())
    return Introductions(server, context)


def _address(runner: web.BaseRunner, where: Where, *, secure: bool) -> str:
    port = runner.addresses[0][1]
    host = f"[{where.host}]" if ":" in where.host else where.host
    return f"{'https' if secure else 'http'}://{host}:{port}"


def _load(context: ssl.SSLContext, tls: Tls) -> None:
    context.load_cert_chain(tls.certificate, tls.key)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # older OpenSSL lets a caller of TLS 1.2 ask for it without end
    try:
        _load(context, tls)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"RECEIVER_TLS_CERT and RECEIVER_TLS_KEY cannot be used: {error}") from error
    return context


def _stamp(tls: Tls) -> tuple[int, ...]:
    stats = [path.stat() for path in (tls.certificate, tls.key)]
    return tuple(number for stat in stats for number in (stat.st_mtime_ns, stat.st_ino, stat.st_size))


async def _follow(tls: Tls, context: ssl.SSLContext) -> None:
    """New handshakes use what the files hold now; a pair that does not fit leaves the old one in use."""
    loaded = _stamp(tls)
    while True:
        await asyncio.sleep(TLS_CHECK_SECONDS)
        try:
            found = _stamp(tls)
            if found == loaded:
                continue
            _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls)  # a trial: half a pair must not reach the port
            _load(context, tls)
        except (OSError, ssl.SSLError) as error:
            log.warning("tls-reload-failed", extra={"error": str(error)})
        else:
            loaded = found
            log.info("tls-reloaded")
