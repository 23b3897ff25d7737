"""A post's body, read and decompressed within bounds: neither its size nor its slowness can hurt us."""

from __future__ import annotations

import asyncio
import zlib

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

ENCODINGS = ("gzip", "deflate")
ACCEPTED = {"Accept-Encoding": ", ".join(ENCODINGS)}
ENCODINGS_AT_MOST = 2
MEMBERS_AT_MOST = 64
"""Parts of one gzip body: each costs a copy of the rest, so thousands of empty ones would be work."""


class Unreadable(Exception):
    """Why a body is not taken."""


class TooLarge(Unreadable):
    """More than the limit, as sent or as decompressed."""


class TooSlow(Unreadable):
    """The sender took too long, or went away in the middle."""


class TooMuch(Unreadable):
    """All the room there is for bodies is taken."""


class UnknownEncoding(Unreadable):
    """A Content-Encoding that we do not read."""


class Damaged(Unreadable):
    """Not what its Content-Encoding or Transfer-Encoding says."""


class Room:
    """The memory for bodies that are being read or wait to be written, all callers together."""

    def __init__(self, limit: int) -> None:
        self._left = limit

    def claim(self, size: int) -> None:
        """Takes so much, or raises TooMuch and takes nothing."""
        if size > self._left:
            raise TooMuch
        self._left -= size

    def release(self, size: int) -> None:
        """Gives it back."""
        self._left += size


def encodings(header: str | None) -> tuple[str, ...]:
    """In the order of decoding. Raises UnknownEncoding."""
    if not header:
        return ()
    names = [name.strip().lower().removeprefix("x-") for name in header.split(",")]
    wanted = tuple(name for name in reversed(names) if name not in ("", "identity"))
    if len(wanted) > ENCODINGS_AT_MOST or any(name not in ENCODINGS for name in wanted):
        raise UnknownEncoding(header)
    return wanted


async def read(request: web.BaseRequest, limit: int, seconds: float, room: Room) -> bytes:
    """All of it as it came; while it comes it takes room. Raises TooLarge, TooSlow, TooMuch, Damaged."""
    stream = request.content
    chunks: list[bytes] = []
    size = claimed = 0
    try:
        if stream.is_eof():  # the usual case: it came with its head
            body = stream.read_nowait()
            if len(body) > limit:
                raise TooLarge
            return body
        if (request.content_length or 0) > limit:
            raise TooLarge
        async with asyncio.timeout(seconds):
            while chunk := await stream.readany():
                size += len(chunk)
                if size > limit:
                    raise TooLarge
                room.claim(len(chunk))
                claimed += len(chunk)
                chunks.append(chunk)
    except (TimeoutError, ConnectionError) as error:
        raise TooSlow from error
    except (HttpProcessingError, web.RequestPayloadError) as error:
        raise Damaged from error
    finally:
        room.release(claimed)
    return b"".join(chunks)


async def ask_for(request: web.BaseRequest) -> None:
    """Tells a sender that waits for it to go on. Raises TooSlow when it went away meanwhile."""
    try:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    except ConnectionError as error:
        raise TooSlow from error
    request.writer.output_size = 0


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """At most `limit` bytes are ever made. Raises TooLarge, Damaged."""
    # 47: a gzip or a zlib head. Some senders mean the bare stream by `deflate`.
    bare = encoding == "deflate" and not _has_zlib_head(body)
    out = bytearray()
    try:
        for _ in range(MEMBERS_AT_MOST):
            stream = zlib.decompressobj(-15 if bare else 47)
            out += stream.decompress(body, limit + 1 - len(out))
            if len(out) > limit:
                raise TooLarge
            if not stream.eof:
                raise Damaged
            body = stream.unused_data
            if not body:
                return bytes(out)
    except zlib.error as error:
        raise Damaged from error
    raise Damaged


def _has_zlib_head(body: bytes) -> bool:
    return len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
