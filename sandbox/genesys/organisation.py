"""Who this organisation is, what the client may do, and who changed what."""

from __future__ import annotations

from sandbox.clock import parse, stamp
from sandbox.genesys.guard import Call, Json, Refusal, Route
from sandbox.genesys.pages import page
from sandbox.names import ORGANISATION
from sandbox.options import Options
from sandbox.world import Change, World


class Organisation:
    """The operations on the organisation itself."""

    def __init__(self, options: Options, world: World) -> None:
        self._options = options
        self._world = world

    def routes(self) -> list[Route]:
        """What is served."""
        return [
            Route("GET", "/api/v2/organizations/me", lambda _: self._shown()),
            Route("GET", "/api/v2/tokens/me", lambda _: self._token()),
            Route("POST", "/api/v2/audits/query/realtime", self.audits, ("audits:audit:view",)),
        ]

    def _shown(self) -> Json:
        return {
            "id": ORGANISATION,
            "name": "Sandbox Support",
            "defaultLanguage": "en-US",
            "domain": "sandbox",
            "version": 1,
            "state": "active",
            "productPlatform": "GenesysCloud",
            "selfUri": f"/api/v2/organizations/{ORGANISATION}",
        }

    def _token(self) -> Json:
        organisation = {"id": ORGANISATION, "name": "Sandbox Support"}
        client = {
            "id": self._options.client_id,
            "name": "Processor",
            "authorizedGrantType": "CLIENT-CREDENTIALS",
            "organization": organisation,
        }
        return {"organization": organisation, "homeOrganization": organisation, "OAuthClient": client}

    def audits(self, call: Call) -> Json:
        """The changes of the span, newest first, that meet every filter."""
        body = call.body if isinstance(call.body, dict) else {}
        try:
            start, end = (parse(text) for text in str(body.get("interval", "")).split("/"))
        except ValueError as error:
            raise Refusal(400, "missing.required.field", "The field [interval] is required") from error
        filters = {entry["property"]: entry["value"] for entry in body.get("filters", ())}
        entities = [
            audit(change, self._options.client_id)
            for change in reversed(self._world.audits)
            if start <= change.at < end
            and body.get("serviceName", change.service) == change.service
            and filters.get("EntityType", change.entity_type) == change.entity_type
            and filters.get("EntityId", change.entity_id) == change.entity_id
            and filters.get("Action", change.action) == change.action
        ]
        asked = {"pageSize": [str(body.get("pageSize", 25))], "pageNumber": [str(body.get("pageNumber", 1))]}
        listing = page(Call("POST", call.template, call.path, {}, asked, None), entities, self._options.most_on_page)
        return {name: listing[name] for name in ("entities", "pageSize", "pageNumber", "total", "pageCount")}


def audit(change: Change, client_id: str) -> Json:
    """A change as the query shows it."""
    by = {"client": {"id": change.by}} if change.by == client_id else {"user": {"id": change.by, "name": "Ana Admin"}}
    return {
        "id": f"{change.entity_id}-{stamp(change.at)}",
        **by,
        "serviceName": change.service,
        "level": "USER",
        "eventDate": stamp(change.at),
        "action": change.action,
        "entityType": change.entity_type,
        "entity": {"id": change.entity_id, "name": change.name},
        "status": "SUCCESS",
        "propertyChanges": list(change.changes),
        "context": {},
    }
