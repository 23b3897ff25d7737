"""The head of a plain post, read strictly: what is in the least unusual is not read here, but by a whole HTTP parser.

Senders say the same head again and again, and only the length changes; so heads are remembered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 4096
LINES_AT_MOST = 64
REMEMBERED = 512
LARGEST_BODY = 16 * 1024
"""Of a post that is taken at once; larger ones are read as they come, within bounds."""

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_UNUSUAL = frozenset(
    {
        "transfer-encoding",
        "content-encoding",
        "expect",
        "upgrade",
        "te",
        "trailer",
        "http2-settings",
        "proxy-connection",
        "sec-websocket-key1",
    }
)
"""With one of these there is more to do than to read so many bytes; the last one aiohttp does not take."""


@dataclass(frozen=True, slots=True)
class Head:
    """Header names in lower case; `length` of the body; whether the sender wants the connection closed."""

    headers: Mapping[str, str]
    length: int
    close: bool


class Heads:
    """Reads the heads of posts to one path."""

    def __init__(self, path: str) -> None:
        self._start = f"POST {path} HTTP/1.1\r\n".encode()
        self._recent: dict[bytes, Head] = {}
        self._former: dict[bytes, Head] = {}

    def read(self, head: bytes) -> Head | None:
        """All before the blank line. None: it is no plain post, or not so plain that this may judge it."""
        known = self._recent.get(head)
        if known is None:
            known = self._former.get(head) or self._learn(head)
            if known is not None:
                self._remember(head, known)
        return known

    def _remember(self, head: bytes, known: Head) -> None:
        if len(self._recent) >= REMEMBERED:  # those of one use go, those in use are found in the former and come back
            self._former, self._recent = self._recent, {}
        self._recent[head] = known

    def _learn(self, head: bytes) -> Head | None:
        if len(head) > LONGEST or not head.startswith(self._start):
            return None
        headers = _headers(head[len(self._start) :].split(b"\r\n"))
        if headers is None or "host" not in headers or not _UNUSUAL.isdisjoint(headers):
            return None
        length, connection = headers.get("content-length", ""), headers.get("connection", "keep-alive").lower()
        counted = length.isascii() and length.isdigit() and len(length) < 9 and int(length) <= LARGEST_BODY
        if not counted or connection not in ("keep-alive", "close"):
            return None
        return Head(headers, int(length), connection == "close")


def _headers(lines: list[bytes]) -> dict[str, str] | None:
    """By name in lower case; None where a line is no header, or a name stands twice."""
    if len(lines) > LINES_AT_MOST:
        return None
    found = [_LINE.fullmatch(line) for line in lines]
    headers = {
        line[1].decode().lower(): line[2].rstrip(b" \t").decode("utf-8", "surrogateescape") for line in found if line
    }
    return headers if len(headers) == len(lines) else None
