"""Byte streams that a sender of HTTP might send, honest, odd or hostile: drawn by hypothesis, so that they shrink."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from processor.receiver import PATH
from processor.signing import sign
from tests.integration.door import BASIC, NOW

AUTHORIZATION = b"Authorization: " + BASIC["Authorization"].encode()
SECRET = "whsec_c2VjcmV0IG9mIHRoZSBzdHJlYW1z"
WRONG = b"Authorization: Basic Z2M6d3Jvbmc="
TARGET = PATH.encode()

METHODS = [
    b"GET",
    b"HEAD",
    b"OPTIONS",
    b"PUT",
    b"post",
    b"Post",
    b"POSTS",
    b"P\x00ST",
    b"CONNECT",
    b"PRI",
    b"",
    b" POST",
]
TARGETS = [TARGET + b"?a=b", b"http://x" + TARGET, b"HTTP://x:80" + TARGET, b"*", b"/", TARGET + b"/", TARGET + b"#f",
           b"/webhooks/%67enesys", b"/webhooks//genesys", b"/webhooks/./genesys", b"/" + b"a" * 9000, b"x" + TARGET,
           b"//x" + TARGET, TARGET + b"\xff", TARGET + b"%00", b"", TARGET.upper(), TARGET + b"\t"]  # fmt: skip
VERSIONS = [
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.2",
    b"http/1.1",
    b"HTTP/1.10",
    b"",
    b"HTTP/1.1 ",
    b"HTTP/1.1\t",
]
HOSTS = [[], [b"Host: x", b"Host: x"], [b"Host: x", b"host: y"], [b"Host:"], [b"Host: a b"], [b"Host : x"], [b"HOST:x:1"],
         [b"Host: x, y"], [b"Host: user@x"]]  # fmt: skip
LINES = [b"A: a\r\n b: folded", b"A:\r\n\tfolded", b"A:\x00", b"A: \x7f", b"A: \x0b", b": nameless", b"no colon", b"A : b",
         b"\xc3\xa9: x", b"A(b): c", b"A\x00B: c", b"A: \xff\xfe", b"A:\tb\t", b"A: b\rc", b"A: b\nC: d", b"A: " + b"a" * 5000,
         b"A: " + b"a" * 9000, b"Connection: close", b"Connection: Close", b"Connection: keep-alive", b"Connection: close, x",
         b"Connection: keep-alive, close", b"Connection:", b"Connection: close\r\nConnection: keep-alive", b"Keep-Alive: timeout=5",
         b"Connection: Upgrade\r\nUpgrade: websocket", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA",
         b"Upgrade: tcp", b"TE: trailers", b"Trailer: A", b"Expect: 100-continue", b"expect: 100-Continue", b"Expect: 200-ok",
         b"Content-Type: application/json; charset=utf-16", b"Content-Type: a\r\nContent-Type: b", b"User-Agent: a\r\nUser-Agent: b",
         b"X-Forwarded-For: 1.2.3.4", b"Proxy-Connection: close", b"Accept: */*\r\nAccept: a/b", b"Transfer-encoding:",
         b"Content-Encoding: identity", b"Content-Encoding: br", b"Sec-WebSocket-Key1: x", b"Set-Cookie: a\r\nSet-Cookie: b",
         b"\tA: b", b"A:b\r\nA:c", b"A-" + b"b" * 300 + b": c"]  # fmt: skip
LENGTHS = [b"+%d", b" %d ", b"\t%d", b"0%d", b"00000000%d", b"-%d", b"0x%d", b"%d, %d", b"%d %d", b"%d\x00", b"9%d", b"%d0", b"1",
           b"%d;", b"99999999999999999999%d", b"18446744073709551615", b"", b"\xd9\xa3", b"1e1", b"%d_0"]  # fmt: skip
TRANSFERS = [b"Chunked", b"chunked, chunked", b"gzip, chunked", b"chunked, identity", b"identity", b"xchunked", b"chunked;a=b",
             b"\tchunked", b"chunked ", b"\x0bchunked", b'"chunked"', b"chunked\r\nTransfer-Encoding: chunked", b""]  # fmt: skip
SIZES = [b"%x", b"%x", b"%x;a=b", b'%x;a="b;c"', b"00%x", b"%X", b"-%x", b"+%x", b"0x%x", b" %x", b"%x ", b"%xg", b"%x;\x00", b"%x\t;a",
         b"FFFFFFFFFFFFFFFF%x", b"1%x", b"%x;" + b"a" * 5000]  # fmt: skip
LASTS = [b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"000\r\n\r\n", b"0;a=b\r\n\r\n", b"0\r\nContent-Length: 5\r\n\r\n", b"0\n\n", b"0\r\n",
         b"", b"0\r\nA b\r\n\r\n", b"0\r\n" + b"A: b\r\n" * 200 + b"\r\n", b"0\r\n \r\n\r\n", b"-0\r\n\r\n", b"\r\n"]  # fmt: skip
BEFORE = [b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\r", b"\x00", b"\r\n" * 50, b"\xef\xbb\xbf"]
NO_REQUESTS = [
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(40)) + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x00" * 50,
    b"\r\n",
    b"a" * 40_000,
    b"GET\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"POST " + TARGET + b"\r\n\r\n",
    b"POST " + TARGET + b" HTTP/1.1\nHost: x\n" + AUTHORIZATION + b'\nContent-Length: 9\n\n{"a":"b"}',
]
BODIES = [b"", b"{", b"[]", b"<xml/>", b"\xff", b"nul"]


@dataclass(frozen=True)
class Stream:
    """What is sent, in these pieces: each so many turns of the event loop after the last, or when all is quiet.

    `log`: so many turns the log takes for a post. `ends`: our half is closed right behind the last piece.
    `fails`: the log takes nothing.
    """

    pieces: tuple[bytes, ...]
    turns: int | None
    log: int = 0
    ends: bool = False
    fails: bool = False

    @property
    def whole(self) -> bytes:
        return b"".join(self.pieces)


def plain(body: bytes, *lines: bytes) -> bytes:
    head = [b"POST " + TARGET + b" HTTP/1.1", b"Host: x", AUTHORIZATION, *lines, b"Content-Length: %d" % len(body)]
    return b"\r\n".join((*head, b"", body))


@st.composite
def signed(draw: st.DrawFn, name: str, body: bytes) -> bytes:
    """By Standard Webhooks, and now and then wrongly."""
    said = draw(mostly(body, [body + b" "]))
    signature = sign(SECRET, name, NOW, said).encode()
    proof = [
        b"webhook-id: " + name.encode(),
        b"webhook-timestamp: %d" % NOW.timestamp(),
        b"webhook-signature: " + signature,
    ]
    return plain(body, *proof[draw(mostly(0, [1, 2, 3])) :], *draw(mostly([], [proof, [b"svix-signature: v1,AA=="]])))


def mostly(usual: object, odd: list, share: int = 8) -> st.SearchStrategy:
    """`usual`, but one time in so many."""
    return st.integers(0, share - 1).flatmap(lambda number: st.just(usual) if number else st.sampled_from(odd))


@st.composite
def bodies(draw: st.DrawFn, name: str) -> bytes:
    one = b'{"id":"%s","n":1}' % name.encode()
    usual = [one, one, one, one, b"\xef\xbb\xbf" + one, b'[{"id":"%s-1"},{"id":"%s-2"}]' % (name.encode(), name.encode()),
             one + b" " * 9_000, one + b"\r\n\r\n" + plain(b'{"id":"hidden in %s"}' % name.encode())]  # fmt: skip
    return draw(mostly(None, BODIES)) or draw(st.sampled_from(usual))


@st.composite
def chunks(draw: st.DrawFn, body: bytes) -> bytes:
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=2)))
    parts = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    size = draw(st.sampled_from(SIZES))
    end = draw(mostly(b"\r\n", [b"\n", b"", b"\r\r\n", b"x\r\n"]))
    coded = b"".join((size % len(part)) + b"\r\n" + part + end for part in parts if part)
    return coded + draw(st.sampled_from(LASTS))


def _length(draw: st.DrawFn, body: bytes) -> list[bytes]:
    size = len(body)
    kind = draw(st.integers(0, 15))
    if kind < 10:
        return [b"Content-Length: %d" % size]
    if kind < 13:
        form = draw(st.sampled_from(LENGTHS))
        return [b"Content-Length: " + (form.replace(b"%d", b"%d" % size))]
    other = draw(st.sampled_from([size, size + 1, max(0, size - 1), 0]))
    return [[b"Content-Length: %d" % size, b"content-length: %d" % other], [], [b"Content-Length: %d" % other]][
        kind - 13
    ]


def nearly_plain(body: bytes) -> list[bytes]:
    """Plain posts of which one thing is otherwise, so that this alone keeps them off the quick way, or should not."""
    usual, size = plain(body), b"Content-Length: %d\r\n" % len(body)
    found = [plain(body, line) for line in LINES]
    found += [plain(body, b"Transfer-Encoding: " + coding) for coding in TRANSFERS]
    for length in LENGTHS:
        odd = b"Content-Length: " + length.replace(b"%d", b"%d" % len(body)) + b"\r\n"
        found += [usual.replace(size, odd), usual.replace(size, odd + size)]
    proofs = ([], [WRONG], [AUTHORIZATION] * 2, [WRONG, AUTHORIZATION])
    for line, others in ((b"Host: x", HOSTS), (AUTHORIZATION, proofs)):
        found += [usual.replace(line + b"\r\n", b"".join(one + b"\r\n" for one in other)) for other in others]
    for place, words in enumerate((METHODS, TARGETS, VERSIONS)):
        start = [b"POST", TARGET, b"HTTP/1.1"]
        for word in words:
            found.append(usual.replace(b" ".join(start), b" ".join((*start[:place], word, *start[place + 1 :]))))
    found += [before + usual for before in BEFORE]
    found += [plain(gzip.compress(body, 1, mtime=0), b"Content-Encoding: gzip"), plain(body, b"Content-Encoding: gzip")]
    for form, last in [(form, LASTS[0]) for form in SIZES] + [(SIZES[0], last) for last in LASTS]:
        coded = (form % len(body)) + b"\r\n" + body + b"\r\n" + last
        found.append(usual.replace(size + b"\r\n" + body, b"Transfer-Encoding: chunked\r\n\r\n" + coded))
    return [*found, plain(coded, b"Transfer-Encoding: chunked"), plain(b"")]


@st.composite
def requests(draw: st.DrawFn, name: str) -> bytes:
    """One, or what stands where one should."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(st.sampled_from(NO_REQUESTS))
    body = draw(bodies(name))
    if kind < 6:
        return plain(body)
    if kind < 8:
        return draw(signed(name, body))
    if kind < 16:
        return draw(st.sampled_from(nearly_plain(body)))
    lines = draw(mostly([b"Host: x"], HOSTS, 10)) + draw(mostly([AUTHORIZATION], [[], [WRONG], [AUTHORIZATION] * 2], 6))
    packed = draw(st.integers(0, 9))
    if packed < 2:
        body, coding = (gzip.compress(body, 1, mtime=0), b"gzip") if packed else (zlib.compress(body, 1), b"deflate")
        lines.append(b"Content-Encoding: " + coding)
    lines += draw(st.lists(st.sampled_from(LINES), max_size=2))
    framing = draw(st.integers(0, 9))
    if framing < 3:
        lines.append(b"Transfer-Encoding: " + draw(mostly(b"chunked", TRANSFERS, 4)))
        if framing == 0:
            lines += _length(draw, body)
        body = draw(chunks(body))
    else:
        lines += _length(draw, body)
    lines = draw(st.permutations(lines)) if draw(st.booleans()) else lines
    start = (
        draw(mostly(b"POST", METHODS, 6)),
        draw(mostly(TARGET, TARGETS, 8)),
        draw(mostly(b"HTTP/1.1", VERSIONS, 6)),
    )
    end = draw(mostly(b"\r\n", [b"\n", b"\r", b"\r\r\n"], 12))
    return draw(mostly(b"", BEFORE)) + end.join((b" ".join(start), *lines, b"", body))


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Some requests, one behind the other, cut anywhere, now and then short of their end."""
    parts = [draw(requests(f"r{number}")) for number in range(draw(st.integers(1, 5)))]
    whole = b"".join(parts)
    if draw(st.integers(0, 7)) == 0:
        whole = whole[: draw(st.integers(1, len(whole)))]
    near = draw(st.lists(st.sampled_from(range(len(parts) + 1)), max_size=2))
    ends = [sum(len(part) for part in parts[:number]) + draw(st.integers(-3, 3)) for number in near]
    anywhere = draw(st.lists(st.integers(1, max(1, len(whole))), max_size=3))
    cuts = sorted({0, len(whole), *(cut for cut in (*ends, *anywhere) if 0 < cut < len(whole))})
    pieces = tuple(whole[start:end] for start, end in pairwise(cuts))
    turns, log = draw(st.sampled_from([None, None, 0, 1, 2, 5])), draw(st.sampled_from([0, 3, 50]))
    return Stream(pieces, turns, log, draw(st.booleans()), draw(mostly(usual=False, odd=[True])))
