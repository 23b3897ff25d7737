"""Who are we, to a far side? The headers that say so, and what to do when they are refused."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Protocol


class Authoriser(Protocol):
    """Gives the credentials of each request. Their values never stand in an error or a log."""

    async def headers(self) -> Mapping[str, str]:
        """The credentials to send now; may fetch them first."""
        ...

    def refused(self, headers: Mapping[str, str]) -> None:
        """The far side answered 401 to these: the next `headers` must be fresh, if that is possible."""
        ...


class Anonymous:
    """No credentials."""

    async def headers(self) -> Mapping[str, str]:
        """None."""
        return {}

    def refused(self, headers: Mapping[str, str]) -> None:
        """There is nothing to renew."""


class Basic:
    """A user and a password (HTTP Basic)."""

    def __init__(self, user: str, password: str) -> None:
        self._value = "Basic " + b64encode(f"{user}:{password}".encode()).decode()

    async def headers(self) -> Mapping[str, str]:
        """Always the same."""
        return {"Authorization": self._value}

    def refused(self, headers: Mapping[str, str]) -> None:
        """There is nothing to renew: the second 401 tells the operator."""
