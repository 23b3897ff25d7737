"""The heads of plain posts: what is read, what is left to a whole parser, and what is remembered."""

from __future__ import annotations

import pytest

from processor.web.heads import LARGEST_BODY, LINES_AT_MOST, LONGEST, REMEMBERED, Heads

START = b"POST /here HTTP/1.1\r\n"


def head(*lines: bytes, start: bytes = START) -> bytes:
    return start + b"\r\n".join(lines)


def test_names_in_lower_case_and_values_without_the_blanks_around_them() -> None:
    found = Heads("/here").read(head(b"Host: a", b"X-One:\t b c \t", b"Content-Length: 12", b"X-None:", b"X-\xc3: x"))
    assert found is None  # a name is ASCII
    found = Heads("/here").read(head(b"Host: a", b"X-One:\t b c \t", b"Content-Length: 12", b"X-None:", b"Y: \xe9"))
    assert found is not None
    assert (found.length, found.close) == (12, False)
    assert found.headers == {"host": "a", "x-one": "b c", "content-length": "12", "x-none": "", "y": "\udce9"}


@pytest.mark.parametrize(("said", "close"), [(b"close", True), (b"Close", True), (b"Keep-Alive", False)])
def test_whether_it_is_the_last(said: bytes, close: bool) -> None:
    found = Heads("/here").read(head(b"Host: a", b"Content-Length: 1", b"Connection: " + said))
    assert found is not None
    assert found.close is close


@pytest.mark.parametrize(
    "odd",
    [
        b"Transfer-Encoding: chunked",
        b"Transfer-encoding: identity",
        b"Content-Encoding: gzip",
        b"Expect: 100-continue",
        b"Upgrade: h2c",
        b"TE: trailers",
        b"Trailer: X",
        b"Connection: close, X",
        b"Content-Length: 1",
        b"X : a",
        b" X: a",
        b"X",
        b": a",
        b"X: a\rY: b",
        b"X: a\nTransfer-Encoding: chunked",
        b"X: \x00",
        b"X: \x7f",
        b"",
    ],
)
def test_what_is_left_to_a_whole_parser(odd: bytes) -> None:
    usual = (b"Host: a", b"Content-Length: 1")
    assert Heads("/here").read(head(*usual)) is not None
    for lines in ((*usual, odd), (odd, *usual)):
        assert Heads("/here").read(head(*lines)) is None


@pytest.mark.parametrize(
    "length", [b"", b"-1", b"+1", b"1_0", b"0x1", b"1 1", b"1,1", "\u0661".encode(), b"0" * 9, b"16385"]
)
def test_a_length_that_is_no_plain_one(length: bytes) -> None:
    assert LARGEST_BODY == 16384
    assert Heads("/here").read(head(b"Host: a", b"Content-Length: 16384")) is not None
    assert Heads("/here").read(head(b"Host: a", b"Content-Length: " + length)) is None


@pytest.mark.parametrize(
    "start",
    [
        b"GET /here HTTP/1.1\r\n",
        b"POST /here HTTP/1.0\r\n",
        b"POST /here?a HTTP/1.1\r\n",
        b"POST /there HTTP/1.1\r\n",
        b"POST  /here HTTP/1.1\r\n",
        b"POST /here HTTP/1.1\n",
        b"\r\n" + START,
    ],
)
def test_another_request(start: bytes) -> None:
    assert Heads("/here").read(head(b"Host: a", b"Content-Length: 1", start=start)) is None


def test_no_host_and_too_much() -> None:
    usual = (b"Host: a", b"Content-Length: 1")
    assert Heads("/here").read(head(usual[1])) is None
    assert Heads("/here").read(head(*usual, b"X: " + b"a" * LONGEST)) is None
    more = [b"X%d: a" % number for number in range(LINES_AT_MOST - 2)]
    assert Heads("/here").read(head(*usual, *more)) is not None
    assert Heads("/here").read(head(*usual, *more, b"Y: a")) is None


def test_a_head_in_use_is_read_once_and_those_of_one_use_are_forgotten() -> None:
    heads = Heads("/here")
    used, once = head(b"Host: a", b"Content-Length: 1"), head(b"Host: a", b"Content-Length: 2")
    first, forgotten = heads.read(used), heads.read(once)
    for number in range(5 * REMEMBERED):
        heads.read(head(b"Host: a", b"Content-Length: 3", b"X: %d" % number))
        if number % 100 == 0:
            assert heads.read(used) is first
    assert heads.read(once) == forgotten
    assert heads.read(once) is not forgotten
    assert len(heads._recent) + len(heads._former) <= 2 * REMEMBERED


def test_what_is_not_read_is_not_remembered() -> None:
    heads = Heads("/here")
    for number in range(10):
        assert heads.read(b"GET /%d HTTP/1.1" % number) is None
    assert not heads._recent
