"""What the client may do: the roles that it was granted, and what is in them."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.genesys.guard import Call, Guard, Json, Route, not_found
from sandbox.names import HOME, uid

ROLE = uid("role", "Processor")


class Authorization:
    """One role, with all that the operations of the sandbox need, less what the guard knows to be missing."""

    def __init__(self, guard: Guard, everything: Callable[[], tuple[str, ...]]) -> None:
        self._guard = guard
        self._everything = everything

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("GET", "/api/v2/authorization/subjects/me", lambda _: self.subject()),
            Route("GET", "/api/v2/authorization/roles/{roleId}", self.role, ("authorization:role:view",)),
        ]

    def subject(self) -> Json:
        """The grant, with the role by its name only."""
        role = {"id": ROLE, "name": "Processor", "policies": [], "selfUri": f"/api/v2/authorization/roles/{ROLE}"}
        return {"id": uid("client", "Processor"), "grants": [{"division": {"id": HOME}, "role": role}], "version": 1}

    def role(self, call: Call) -> Json:
        """The role with its permissions."""
        if call.parameters["roleId"] != ROLE:
            raise not_found("role")
        policies = [
            {"domain": domain, "entityName": entity, "actionSet": [action]}
            for domain, entity, action in (one.split(":") for one in self._everything())
            if f"{domain}:{entity}:{action}" not in self._guard.missing
        ]
        return {"id": ROLE, "name": "Processor", "permissionPolicies": policies}
