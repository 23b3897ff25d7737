"""Requests that nobody honest sends, and bent ones that somebody might: made from a seed, so any can be made again."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

DELIVERIES = json.loads((Path(__file__).parents[1] / "data" / "deliveries.json").read_text(encoding="utf-8"))
SEEDS: list[Any] = DELIVERIES["posted"]
PATH = b"/webhooks/genesys"

METHODS = [b"PUT", b"GET", b"OPTIONS", b"HEAD", b"CONNECT", b"TRACE", b"PRI", b"post", b"P\x00ST", b"", b"X" * 9000]
PATHS = [b"/", b"*", b"//webhooks/genesys", b"/webhooks/genesys/", b"/webhooks/%67enesys", b"/%ff%00%", b"http://[::1/x",
         b"http://x" + PATH, b"/calendars/agent-1.x.ics", b"/calendars/../../etc/passwd", b"/calendars/" + b"a" * 7000,
         b"/" + b"a" * 20_000, b"x:y", PATH + b"?a=%zz#f", PATH + b"#" + b"b" * 300, b"\xff\xfe", b"/webhooks/genesys\x00"]  # fmt: skip
VERSIONS = [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.1 x", b"HTTQ/1.1", b"", b"HTTP/9999999999.1"]
LENGTHS = [b"-1", b"+5", b"0x10", b"99999999999999999999999", b"1048577", b"1e3", b"5, 5", b"", b"\xd9\xa3", b" 5 5"]
ENCODINGS = [b"br", b"gzip", b"gzip, gzip", b"deflate", b"gzip, deflate, gzip", b"identity", b",", b"x" * 4000, b"\xff"]
TYPES = [b"application/json;charset=utf-16", b"text/plain;charset=utf-7", b"multipart/form-data", b"\xff", b"a" * 5000]
LINES = [b"A: a\r\n b: folded", b"A:\x00", b": nameless", b"no colon", b"A : b", b"\xc3\xa9: x", b"Transfer-Encoding: chunked",
         b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: xchunked",
         b"Expect: 100-continue", b"Expect: the moon", b"Connection: upgrade\r\nUpgrade: websocket", b"Upgrade: h2c",
         b"Connection: keep-alive, close", b"Range: bytes=5-1", b"Range: bytes=0-1048575", b"Trailer: Authorization",
         b"traceparent: 00-zz-zz-zz", b"X-Genesys-Event: " + b"q" * 3000, b"X-Genesys-Event: schedule:updated",
         b"ce-specversion: 1.0\r\nce-type: v2.users.u.presence\r\nce-id: " + b"i" * 4000, b"ce-specversion: 9\r\nce-type: \xff",
         b"X-Forwarded-For: " + b"1," * 2000, b"Forwarded: for=" + b'"' * 2000, b"Host: a\r\nHost: b", b"Host: \xff:99999999",
         b"X-Forwarded-For: ::::\r\nX-Forwarded-For: 127.0.0.1", b"Cookie: " + b"a=b;" * 1500, b"Content-Length: 3",
         b"X-Hub-Signature-256: sha256=AAAA", b"X-Hub-Signature-256: \xff", b"svix-signature: v1,AAAA v1a,AAAA"]  # fmt: skip
NUMBERS = ["1e999", "-0", "1" * 400, "0." + "3" * 300, "1E-400", "9007199254740993", "-1", "true", "null", '""']
WORDS = ["", "\u0000", "\ud800", "💥" * 50, "\u202e", "a" * 7_000, "../..", "NaN", "9999-12-31T23:59:59+23:59",
         "0001-01-01T00:00:00Z", "2026-03-09T13:00:00", "2026-02-30T25:61:00Z", "Europe/Nowhere", "EST", "v2.users.*.presence",
         "v2.audits.entitytype.Queue.entityid.", "queue/", "FREQ=SECONDLY;COUNT=999999999", "{id}", "P1000000Y"]  # fmt: skip
JUNK: list[Any] = [None, True, False, [], {}, [[]], [{}], {"id": {}}, -1, 0, 2**63, 2**200, 1e308, -1e-308, *WORDS]
BODIES = [
    b"", b" ", b"{", b"[", b"nul", b"NaN", b'{"a":NaN}', b'{"a":Infinity}', b"\xff\xfe{\x00}\x00", b"\x00", b"[1,]", b"'a'",
    b'{"a":1,"a":2}', b'{"id":"x","id":"y"}', b'"\\ud800"', b'{"\\udfff":"\\ud83d"}',
    b"[" * 500 + b"]" * 500, b"[" * 1100 + b"]" * 1100, b"\xef\xbb\xbf{}", b"\xef\xbb\xbf\xef\xbb\xbf{}", b'{"id":' + b"9" * 5000 + b"}",
    b"{}{}", b"{}\n{}", b"\xc0\x80", b'{"a":"\xff"}', b"<xml/>", b"a=b&c=d",
]  # fmt: skip
HEAVY = [
    b"[" * 900_000, b'{"a":' * 100_000, b"[" + b"{}," * 200_000 + b"{}]", b"[" + b"1," * 2_000 + b"1]", b"1" * 100_000,
    b'"' + b"a" * 1_000_000 + b'"', b"{" + b'"a":{},' * 50_000 + b'"b":1}', b"[" * 10_000_000,
]  # fmt: skip
BOMB = gzip.compress(b" " * 20_000_000, 1)


@dataclass(frozen=True, slots=True)
class Request:
    """`whole`: all of it is sent, so an answer must come."""

    data: bytes
    whole: bool


def request(chance: Random, authorization: bytes) -> Request:
    """One request; about half get as far as the body, so that what lies behind the door is tried too."""
    body, encoding = _packed(chance, _body(chance))
    head = [b"Host: x"]
    if chance.random() < 0.9:
        head.append(b"Authorization: " + authorization)
    elif chance.random() < 0.5:
        junk = chance.choice([b"Basic", b"Basic !", b"Bearer x", b"Basic " + b"A" * 8000, b"\xff", authorization[:-1]])
        head.append(b"Authorization: " + junk)
    if encoding or chance.random() < 0.05:
        head.append(b"Content-Encoding: " + (encoding or chance.choice(ENCODINGS)))
    if chance.random() < 0.2:
        head.append(b"Content-Type: " + chance.choice(TYPES))
    if chance.random() < 0.08:
        head += [b"X-%d: y" % number for number in range(chance.choice([40, 140, 3000]))]
    head += chance.sample(LINES, chance.choice([0, 0, 0, 1, 2]))
    chunked = chance.random() < 0.1
    if chunked:
        head.append(b"Transfer-Encoding: chunked")
        body = _chunks(chance, body)
    elif chance.random() < 0.95:
        head.append(b"Content-Length: %d" % len(body))
    else:
        head.append(b"Content-Length: " + chance.choice(LENGTHS))
    chance.shuffle(head)
    usual = chance.random() < 0.85
    line = [
        b"POST" if usual or chance.random() < 0.5 else chance.choice(METHODS),
        PATH if usual or chance.random() < 0.5 else chance.choice(PATHS),
        b"HTTP/1.1" if usual or chance.random() < 0.5 else chance.choice(VERSIONS),
    ]
    data = b" ".join(line) + b"\r\n" + b"".join(one + b"\r\n" for one in head) + b"\r\n" + body
    if chance.random() < 0.08:
        return Request(data[: chance.randrange(len(data) + 1)], whole=False)
    if chance.random() < 0.03:
        data = bytes(byte ^ 0x20 if chance.random() < 0.01 else byte for byte in data[:3000]) + data[3000:]
        return Request(data, whole=False)
    plain = usual and not chunked and head.count(b"Content-Length: %d" % len(body)) == 1
    return Request(data, whole=plain and not any(one in data for one in (b"Transfer-", b"Expect", b"Upgrade")))


def _body(chance: Random) -> bytes:
    kind = chance.random()
    if kind < 0.002:
        return chance.choice(HEAVY)
    if kind < 0.15:
        return chance.choice(BODIES)
    if kind < 0.2:
        return chance.randbytes(chance.randrange(300))
    if kind < 0.25:
        return b'{"n":%b,"m":[%b]}' % (chance.choice(NUMBERS).encode(), b",".join([b"1e5"] * 20))
    value = copy.deepcopy(chance.choice(SEEDS))
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        bent = _bent(chance, value)
        value = bent if isinstance(bent, dict) or chance.random() < 0.05 else value
    if kind < 0.35:
        value = [value] * chance.choice([1, 2, 30])
    mark = b"\xef\xbb\xbf" if kind > 0.98 else b""
    return mark + json.dumps(value).encode()


def _bent(chance: Random, value: Any) -> Any:
    """One place in it, at any depth, holds something else, is missing, or is there under another name."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {name: item for name, item in value.items() if name != key}
        if chance.random() < 0.05:
            return {(chance.choice(WORDS) if name == key else name): item for name, item in value.items()}
        return {**value, key: _bent(chance, value[key])}
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], _bent(chance, value[at]), *value[at + 1 :]]
    return chance.choice(JUNK)


def _packed(chance: Random, body: bytes) -> tuple[bytes, bytes]:
    kind = chance.random()
    if kind < 0.03:
        return BOMB, b"gzip"
    if kind < 0.06:
        return gzip.compress(body, 1)[: chance.randrange(1, 40)], b"gzip"
    if kind < 0.12:
        return gzip.compress(body, 1), b"gzip"
    if kind < 0.15:
        return zlib.compress(body, 1), b"deflate"
    return body, b""


def _chunks(chance: Random, body: bytes) -> bytes:
    size = chance.choice([b"%x", b"%x;a=b", b"0%x", b"-%x", b"%xg", b"FFFFFFFFFFFFFFFFF%x", b"%x", b"%x"])
    cut = chance.randrange(len(body) + 1)
    parts = [part for part in (body[:cut], body[cut:]) if part]
    end = chance.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nA: b\r\n\r\n", b"", b"0\r\n" + b"T: t\r\n" * 500 + b"\r\n"])
    return b"".join((size % len(part)) + b"\r\n" + part + b"\r\n" for part in parts) + end


def basic(pair: str) -> bytes:
    return b"Basic " + base64.b64encode(pair.encode())
