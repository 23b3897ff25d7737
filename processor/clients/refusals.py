"""Why there is no good answer: a status becomes the error that says what happens next, a broken call its reason."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Collection
from datetime import timedelta

import aiohttp

from processor.clients.breaker import Unreachable
from processor.clients.replies import (
    Forbidden,
    Invalid,
    NotAllowed,
    NotFound,
    NotModified,
    PreconditionFailed,
    Redirected,
    Rejected,
    Reply,
    Unauthorised,
    faults,
    missing_permission,
    retry_after,
    saying,
)
from processor.errors import ConflictError, ProcessorError, RetryableError


def refusal(what: str, reply: Reply, secrets: Collection[str]) -> ProcessorError:
    """The error that this answer is; `what` was asked."""
    status, said = reply.status, saying(reply, secrets)
    text = f"{what} answered {status}: {said}"
    if status >= 500:
        return Unreachable(text, retry_after(reply))
    if status in (408, 425, 429):
        return RetryableError(text, retry_after(reply))
    if status in (401, 407):
        return Unauthorised(f"{text}; the credentials are refused: check them", timedelta(seconds=30))
    return _refused(text, reply, said)


def _refused(text: str, reply: Reply, said: str) -> ProcessorError:
    status = reply.status
    if status == 403:
        return Forbidden(text, missing_permission(reply))
    if status in (409, 412):
        return (ConflictError if status == 409 else PreconditionFailed)(text, found=reply)
    if status in (404, 410):
        return NotFound(text, said=said)
    if status in (400, 422):
        named = faults(reply)
        told = "".join(f"; {where or 'it'}: {what}" for where, what in named if what not in said)
        return Invalid(text + told, places=named)
    kinds = {304: NotModified, 405: NotAllowed}
    return kinds.get(status, Redirected if status < 400 else Rejected)(text)


PLAIN: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "it did not answer in time"),
    (aiohttp.ServerDisconnectedError, "it closed the connection without an answer"),
    (aiohttp.ClientConnectorDNSError, "no such host"),
)
SAID_SHORT = {errno.ECONNREFUSED: "connection refused", errno.ECONNRESET: "it broke the connection off"}
"""By the number of the error; the system's own words for any other."""


def why(error: Exception) -> str:
    """Never the error's own text, which may hold the whole address with what stands in it."""
    for kind, words in PLAIN:
        if isinstance(error, kind):
            return words
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"TLS: {_certificate(error.certificate_error)}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _of_the_system(error.os_error)
    return _of_the_system(error) if isinstance(error, OSError) else type(error).__name__


def _of_the_system(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {_certificate(error)}"
    if error.errno in SAID_SHORT:
        return SAID_SHORT[error.errno]
    return (error.strerror or type(error).__name__).lower()


def _certificate(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); CA_FILE names further authorities"
    return str(getattr(error, "reason", "") or "the handshake failed").replace("_", " ").lower()
