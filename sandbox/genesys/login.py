"""The login host: client credentials for a token that expires."""

from __future__ import annotations

import base64
import binascii
import secrets
import time

from aiohttp import web

from sandbox.genesys.guard import Guard
from sandbox.options import Options


class Login:
    """`POST /oauth/token`, and the guides' second form. `down`: it breaks every connection. `issued` counts tokens.

    `forms`: which of the two are there; a test takes one away. `scopes`: what the guides' clients
    were given, less what the guard knows to be missing.
    """

    def __init__(self, options: Options, guard: Guard) -> None:
        self._options = options
        self._guard = guard
        self.down = False
        self.token_seconds = options.token_seconds
        self.issued = 0
        self.forms = {"body", "query"}
        self.scopes: tuple[str, ...] = ()

    def routes(self) -> list[web.RouteDef]:
        """What is served; the second form in the guide dialect only."""
        served = [web.post("/oauth/token", self.token)]
        if self._options.dialect == "guide":
            served.append(web.post("/api/v2/oauth/token", self.token_by_query))
        return served

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Basic authentication and a form, as `login.{region}` and G1 want them."""
        form = await request.post()
        return self._issue(request, "body", str(form.get("grant_type")))

    async def token_by_query(self, request: web.Request) -> web.StreamResponse:
        """G4's form: Basic authentication, the grant in the query, and a body that holds nothing."""
        return self._issue(request, "query", request.query.get("grant_type", ""))

    def _issue(self, request: web.Request, form: str, grant: str) -> web.StreamResponse:
        if self.down:
            if request.transport:
                request.transport.abort()
            return web.Response(status=503)
        if form not in self.forms:
            return self._error(404, "not_found", f"no operation POST {request.path}")
        if _credentials(request) != (self._options.client_id, self._options.client_secret):
            return self._error(401, "invalid_client", "authentication failed")
        if grant != "client_credentials":
            return self._error(400, "unsupported_grant_type", "grant_type must be client_credentials")
        token = secrets.token_urlsafe(32)
        self.issued += 1
        self._guard.tokens[token] = time.monotonic() + self.token_seconds
        body: dict[str, object] = {"access_token": token, "token_type": "bearer", "expires_in": int(self.token_seconds)}
        if self._options.dialect == "guide":
            body["scope"] = " ".join(scope for scope in self.scopes if scope not in self._guard.missing)
        return self._guard.answer(200, body)

    def _error(self, status: int, error: str, description: str) -> web.Response:
        body = {"error": error, "description": description, "error_description": description}
        return self._guard.answer(status, body)


def _credentials(request: web.Request) -> tuple[str, str]:
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (user, password) if scheme.lower() == "basic" else ("", "")
