"""Our token: fetched once for all who wait for it, used until shortly before it ends, fetched again when refused."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import timedelta

from processor.clients.api import Api, Unauthorised
from processor.errors import FarSideDown, RefusedError

MARGIN = 60.0
"""Seconds before its end at which a token is no longer used (half its life, where that is shorter)."""


class ClientCredentials:
    """The authoriser of both dialects: OAuth client credentials at the login host."""

    def __init__(self, login: Api, client_id: str, client_secret: str, monotonic: Callable[[], float]) -> None:
        """`login`: the login host's own `Api`, without an authoriser."""
        self._login = login
        self._proof = "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._monotonic = monotonic
        self._one_flight = asyncio.Lock()
        self._token = ""
        self._until = 0.0

    async def headers(self) -> Mapping[str, str]:
        """The bearer token. Raises `FarSideDown` when the login host refuses us: no record is at fault."""
        async with self._one_flight:
            if not self._token or self._monotonic() >= self._until:
                await self._fetch()
            return {"Authorization": f"Bearer {self._token}"}

    def refused(self, headers: Mapping[str, str]) -> None:
        """Forget the token, unless a newer one is already here."""
        if headers.get("Authorization") == f"Bearer {self._token}":
            self._token = ""

    async def _fetch(self) -> None:
        started = self._monotonic()
        try:
            reply = await self._login.request(
                "POST",
                "/oauth/token",
                data=b"grant_type=client_credentials",
                headers={"Authorization": self._proof, "Content-Type": "application/x-www-form-urlencoded"},
                repeatable=True,
            )
        except (RefusedError, Unauthorised) as refusal:
            # without the refusal's own text: a login host may echo what it was sent
            raise FarSideDown(
                "genesys: the login host refuses our credentials; check the client id, its secret and the region",
                timedelta(seconds=30),
            ) from refusal
        body = reply.json()
        life = float(body.get("expires_in") or MARGIN)
        self._token = str(body["access_token"])
        self._until = started + life - min(MARGIN, life / 2)
