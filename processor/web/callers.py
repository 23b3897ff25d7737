"""Where a post came from, and whether that caller is too fast."""

from __future__ import annotations

import ipaddress
import math
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from processor.errors import SettingsError

CALLERS_AT_MOST = 10_000
_FORWARDED_FOR = re.compile(r'for=("[^"]*"|[^;,\s]+)', re.IGNORECASE)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


class Proxies:
    """The proxies that are believed when they say for whom they speak; nobody else is."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """CIDRs or addresses. Raises SettingsError naming the one that is neither."""
        self._networks: list[Network] = []
        for text in networks:
            try:
                self._networks.append(_network(text.strip()))
            except ValueError:
                raise SettingsError(f"TRUSTED_PROXIES: {text!r} is no address and no network like 10.0.0.0/8") from None

    def caller(self, peer: str, headers: Mapping[str, str]) -> str:
        """The address nearest to us that is not a trusted proxy; `headers` by lower-case name."""
        if not self._networks or not self._trusted(peer):
            return peer
        nearest = peer
        for text in reversed(_chain(headers)):
            address = _address(text)
            if address is None:
                break  # `unknown` or hidden: what stands before it cannot be checked
            nearest = str(address)
            if not self._trusted(nearest):
                break
        return nearest

    def _trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _chain(headers: Mapping[str, str]) -> list[str]:
    """The addresses from the farthest to the nearest; RFC 7239 goes before the older header."""
    if "forwarded" in headers:
        return [_bare(found) for found in _FORWARDED_FOR.findall(headers["forwarded"])]
    return [_bare(part) for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]


def _bare(node: str) -> str:
    """Without quotes, brackets and port."""
    node = node.strip().strip('"')
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node


def _network(text: str) -> Network:
    """Raises ValueError when it is none."""
    found = ipaddress.ip_network(text, strict=False)
    if found.version == 6 and found.subnet_of(MAPPED):
        return ipaddress.IPv4Network((int(found.network_address) & 0xFFFFFFFF, found.prefixlen - 96))
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """One caller has one address, however it is spelled: an IPv4 address inside an IPv6 one (`::ffff:`) is itself."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


class RateLimit:
    """A bucket per caller: `rate` posts a second, a second's worth (or `burst`) at once."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        """A rate of 0 limits nobody."""
        self._rate = rate
        self._burst = max(1.0, rate if burst is None else burst)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, now: float) -> float:
        """Seconds until this caller may post again; 0 when this post may pass (and counts)."""
        if not self._rate:
            return 0.0
        tokens, since = self._buckets.pop(caller, (self._burst, now))
        tokens = min(self._burst, tokens + max(0.0, now - since) * self._rate)
        passes = tokens >= 1
        self._buckets[caller] = (tokens - 1 if passes else tokens, now)
        if len(self._buckets) > CALLERS_AT_MOST:
            self._buckets.popitem(last=False)  # the one longest silent
        return 0.0 if passes else max((1 - tokens) / self._rate, math.ulp(1.0))
