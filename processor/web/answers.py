"""What we say over HTTP: JSON, and problems as RFC 9457 with what to do about them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter


def answer(status: int, content: object, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON, whatever `content` is made of."""
    body = orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS)
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")


def problem(
    status: int,
    detail: str,
    *,
    remedy: str = "",
    headers: Mapping[str, str] | None = None,
    close: bool = False,
    **facts: Any,
) -> web.Response:
    """An error as `application/problem+json`: `detail` says what is wrong, `remedy` what the caller can do.

    `close` ends the connection after it, for callers whose body we did not read.
    """
    content: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    content["detail"] = detail
    if remedy:
        content["remedy"] = remedy
    content.update(facts)
    response = web.Response(
        status=status,
        body=orjson.dumps(content, default=str),
        headers=headers,
        content_type="application/problem+json",
    )
    if close:
        response.force_close()
    return response


def retry_after(wait: timedelta | None, otherwise: float) -> dict[str, str]:
    """The header; whole seconds, at least one (a negative value would stop EventBridge's retries)."""
    seconds = otherwise if wait is None else wait.total_seconds()
    return {"Retry-After": str(max(1, math.ceil(seconds)))}


@lru_cache(maxsize=2)
def _head(second: int) -> bytes:
    date = formatdate(second, usegmt=True)
    return f"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nDate: {date}\r\n".encode()


def accepted(ids: Sequence[str]) -> tuple[bytes, bytes]:
    """202 with the ids: the head up to its last header, and the body."""
    body = orjson.dumps({"ids": ids})
    return b"%bContent-Length: %d\r\n" % (_head(int(time.time())), len(body)), body


def whole(response: web.Response) -> tuple[bytes, bytes]:
    """Any answer in the same two pieces, for where aiohttp does not write it."""
    body = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} {response.reason}", f"Date: {formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items() if name.lower() != "content-length"]
    return "".join(f"{line}\r\n" for line in (*lines, f"Content-Length: {len(body)}")).encode(), body


class Accepted(web.StreamResponse):
    """202 with the ids, written in one piece: building an ordinary response costs more than verifying a post."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._ids = ids
        self._kept = True
        self._writer: AbstractStreamWriter | None = None

    @property
    def status(self) -> int:
        """What the server asks of any answer."""
        return 202

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open, known when it is written."""
        return self._kept

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Head and body."""
        self._kept = self._keep_alive is not False and request.keep_alive and request.version == HttpVersion11
        self._writer = request.writer
        transport = request.transport
        if transport is not None:
            head, body = accepted(self._ids)
            transport.write(b"%b%b\r\n%b" % (head, b"" if self._kept else b"Connection: close\r\n", body))
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - the response's signature
        """All was written; who does not read it is waited for, and sent no more meanwhile."""
        writer, self._writer = self._writer, None  # an answer may be known for longer than its connection
        if writer:
            await writer.drain()
