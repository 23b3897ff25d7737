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
    """`POST /oauth/token`. `down`: it breaks every connection. `issued` counts tokens."""

    def __init__(self, options: Options, guard: Guard) -> None:
        self._options = options
        self._guard = guard
        self.down = False
        self.token_seconds = options.token_seconds
        self.issued = 0

    async def token(self, request: web.Request) -> web.StreamResponse:
        """Basic authentication and a form, as `login.{region}` wants them."""
        form = await request.post()
        if self.down:
            if request.transport:
                request.transport.abort()
            return web.Response(status=503)
        if _credentials(request) != (self._options.client_id, self._options.client_secret):
            return self._error(401, "invalid_client", "authentication failed")
        if form.get("grant_type") != "client_credentials":
            return self._error(400, "unsupported_grant_type", "grant_type must be client_credentials")
        token = secrets.token_urlsafe(32)
        self.issued += 1
        self._guard.tokens[token] = time.monotonic() + self.token_seconds
        body = {"access_token": token, "token_type": "bearer", "expires_in": int(self.token_seconds)}
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
