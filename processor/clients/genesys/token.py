"""Our token: fetched once for all who wait for it, used until shortly before it ends, fetched again when refused."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from processor.clients.api import Api, NotAllowed, NotFound, Reply, Unauthorised
from processor.errors import RefusedError, RetryableError

MARGIN = 60.0
"""Seconds before its end at which a token is no longer used (half its life, where that is shorter)."""


@dataclass(frozen=True, slots=True)
class TokenForm:
    """How a token is asked for. All three are OAuth's client credentials with HTTP Basic authentication."""

    path: str
    body: bytes | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


FORM_BODY = TokenForm("/oauth/token", b"grant_type=client_credentials", {}, "application/x-www-form-urlencoded")
"""The official one, and the first guide's."""
IN_QUERY = TokenForm("/api/v2/oauth/token", None, {"grant_type": "client_credentials"})
"""The fourth guide's: the grant in the query, and nothing in the body."""
GUIDE_FORMS = (FORM_BODY, IN_QUERY)


class ClientCredentials:
    """The authoriser of both dialects: OAuth client credentials at the login host."""

    def __init__(
        self,
        login: Api,
        client_id: str,
        client_secret: str,
        monotonic: Callable[[], float],
        forms: Sequence[TokenForm] = (FORM_BODY,),
    ) -> None:
        """`login`: the login host's own `Api`, without an authoriser. `forms`: the first that is there is kept."""
        self._login = login
        self._proof = "Basic " + b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._monotonic = monotonic
        self._forms = tuple(forms)
        self._one_flight = asyncio.Lock()
        self._token = ""
        self._until = 0.0
        self._ends = 0.0
        self.scopes: frozenset[str] | None = None
        """What the last token may do; None where the login host does not say."""

    async def headers(self) -> Mapping[str, str]:
        """The bearer token. Raises `Unauthorised` when the login host refuses us: no record is at fault.

        While the login host is away the old token is used as long as it lives.
        """
        async with self._one_flight:
            if not self._token or self._monotonic() >= self._until:
                await self._renew()
            return {"Authorization": f"Bearer {self._token}"}

    def refused(self, headers: Mapping[str, str]) -> None:
        """Forget the token, unless a newer one is already here."""
        if headers.get("Authorization") == f"Bearer {self._token}":
            self._token = ""

    async def _renew(self) -> None:
        try:
            await self._fetch()
        except RetryableError:
            if not self._token or self._monotonic() >= self._ends:
                raise

    async def _fetch(self) -> None:
        started = self._monotonic()
        try:
            reply = await self._ask()
        except (RefusedError, Unauthorised) as refusal:
            # without the refusal's own text: a login host may echo what it was sent
            raise Unauthorised(
                "genesys: the login host refuses our credentials; check the client id, its secret and the region",
                timedelta(seconds=30),
            ) from refusal
        body = reply.json()
        life = float(body.get("expires_in") or MARGIN)
        self._token = str(body["access_token"])
        self._until = started + life - min(MARGIN, life / 2)
        self._ends = started + life
        scope = body.get("scope")
        self.scopes = frozenset(scope.split()) if isinstance(scope, str) else None

    async def _ask(self) -> Reply:
        *earlier, last = self._forms
        for form in earlier:
            try:
                reply = await self._ask_by(form)
            except (NotFound, NotAllowed):
                continue
            self._forms = (form,)
            return reply
        reply = await self._ask_by(last)
        self._forms = (last,)
        return reply

    async def _ask_by(self, form: TokenForm) -> Reply:
        return await self._login.request(
            "POST",
            form.path,
            data=form.body,
            params=form.query,
            headers={"Authorization": self._proof, "Content-Type": form.content_type},
            repeatable=True,
        )
