"""Who the organisation is, as G3 asks for it before it judges a quota."""

from __future__ import annotations

from sandbox.genesys.guard import Call, Json, Route
from sandbox.names import ORGANISATION


class Organisation:
    """`GET /api/v2/organizations`. `max_concurrent_sessions` None: the field is absent, as the guide allows for."""

    def __init__(self) -> None:
        self.max_concurrent_sessions: int | None = None
        self.features: Json = {"routingConfiguration": True}

    def routes(self) -> list[Route]:
        """What is served."""
        return [Route("GET", "/api/v2/organizations", self.shown, ("organization:read",))]

    def shown(self, _: Call) -> Json:
        """The organisation itself, not a list of some."""
        body: Json = {"id": ORGANISATION, "name": "Sandbox Support", "features": self.features}
        if self.max_concurrent_sessions is not None:
            body["maxConcurrentSessions"] = self.max_concurrent_sessions
        return body
