"""Whose post it is, and when it may send the next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.errors import FatalError
from processor.web.callers import CALLERS_AT_MOST, Proxies, RateLimit

PROXY = "10.0.0.1"


@pytest.mark.parametrize(
    ("peer", "headers", "caller"),
    [
        (PROXY, {"x-forwarded-for": "203.0.113.7"}, "203.0.113.7"),
        (PROXY, {"x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.0.0.2"}, "203.0.113.7"),
        (PROXY, {"x-forwarded-for": "203.0.113.7:4711"}, "203.0.113.7"),
        (PROXY, {"forwarded": 'for=6.6.6.6, for="[2001:db8::7]:4711";proto=https;by=10.0.0.1'}, "2001:db8::7"),
        (PROXY, {"forwarded": "For=203.0.113.7", "x-forwarded-for": "6.6.6.6"}, "203.0.113.7"),
        (PROXY, {"forwarded": "for=203.0.113.7, for=unknown"}, PROXY),
        (PROXY, {"x-forwarded-for": "junk"}, PROXY),
        (PROXY, {}, PROXY),
        (PROXY, {"x-forwarded-for": "2001:DB8:0:0::7"}, "2001:db8::7"),
        (PROXY, {"x-forwarded-for": "::ffff:203.0.113.7, ::FFFF:10.0.0.2"}, "203.0.113.7"),
        ("::ffff:10.0.0.1", {"x-forwarded-for": "203.0.113.7"}, "203.0.113.7"),
        ("203.0.113.9", {"x-forwarded-for": "6.6.6.6"}, "203.0.113.9"),
        ("", {"x-forwarded-for": "6.6.6.6"}, ""),
    ],
)
def test_only_trusted_proxies_are_believed(peer: str, headers: dict[str, str], caller: str) -> None:
    assert Proxies(["10.0.0.0/8"]).caller(peer, headers) == caller


def test_a_network_of_ipv4_addresses_may_be_written_as_one_of_ipv6() -> None:
    proxies = Proxies(["::ffff:10.0.0.0/104"])
    assert proxies.caller(PROXY, {"x-forwarded-for": "203.0.113.7"}) == "203.0.113.7"
    assert proxies.caller("11.0.0.1", {"x-forwarded-for": "203.0.113.7"}) == "11.0.0.1"


@given(st.text(max_size=80), st.sampled_from(["forwarded", "x-forwarded-for"]))
def test_no_header_breaks_it(value: str, name: str) -> None:
    assert Proxies(["10.0.0.0/8"]).caller(PROXY, {name: value})


def test_a_wrong_network_is_named() -> None:
    with pytest.raises(FatalError, match=r"10\.0\.0\.0/99"):
        Proxies(["10.0.0.0/99"])


def test_a_second_s_worth_at_once_then_the_rate() -> None:
    limit = RateLimit(4)
    assert [limit.wait("a", 100.0) for _ in range(4)] == [0.0] * 4
    assert limit.wait("a", 100.0) == pytest.approx(0.25)
    assert limit.wait("b", 100.0) == 0
    assert limit.wait("a", 100.25) == 0
    assert limit.wait("a", 100.25) > 0
    assert [limit.wait("a", 200.0) for _ in range(5)][:4] == [0.0] * 4


def test_a_slow_rate_still_lets_the_first_through() -> None:
    limit = RateLimit(0.1)
    assert limit.wait("a", 0.0) == 0
    assert limit.wait("a", 0.0) == pytest.approx(10)


def test_callers_are_forgotten_not_gathered() -> None:
    limit = RateLimit(1)
    for number in range(CALLERS_AT_MOST + 50):
        limit.wait(str(number), float(number))
    assert len(limit._buckets) == CALLERS_AT_MOST


def test_no_rate_limits_nobody() -> None:
    limit = RateLimit(0)
    assert not any(limit.wait("a", 0.0) for _ in range(1000))
