"""Which proxy stands between us and a host, as the environment says: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.

aiohttp's own `trust_env` would also take credentials out of a `.netrc`; ours come from the settings alone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.request import getproxies_environment
from urllib.request import proxy_bypass_environment as bypassed  # type: ignore[attr-defined]  # typeshed lacks it

from yarl import URL

from processor.errors import SettingsError

SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
"""WebSockets go the way of the scheme that they are upgraded from."""


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxy by scheme, `no` for the hosts that are reached without. Loopback always is."""

    by_scheme: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls) -> Proxies:
        """As it is now. Raises SettingsError for a proxy whose address is none."""
        found = getproxies_environment()
        for scheme in ("http", "https"):
            if (address := found.get(scheme)) and not _is_address(address):
                raise SettingsError(f"{scheme.upper()}_PROXY is no address such as http://proxy.example.com:3128")
        return cls(found)

    def to(self, url: URL) -> URL | None:
        """The proxy for this address, None for none. Its credentials, if any, are in it."""
        address = self.by_scheme.get(SCHEMES.get(url.scheme, ""))
        host = url.host or ""
        if not address or _is_loopback(host) or bypassed(f"{host}:{url.port}", dict(self.by_scheme)):
            return None
        return URL(address)


def _is_address(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
