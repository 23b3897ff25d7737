"""Who asked to be called about what, in both forms the guides register with, and the calls that follow."""

from __future__ import annotations

import asyncio
import base64
import copy
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sandbox.clock import parse, stamp
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.guide.calls import called
from sandbox.guide.hub import Hub
from sandbox.ledger import Ledger
from sandbox.options import Options
from sandbox.post import Poster
from sandbox.world import World

EVENTS = ("schedule:updated", "routingQueueUpdated", "presence:updated")
SCOPES = ("webhook:write", "webhooks:write")
"""G1 has it in the singular, G4 in the plural: either will do."""
PATH = "/api/v2/webhooks"
FORBIDDEN = {"content-length", "host", "transfer-encoding", "connection"}


class Webhooks:
    """Kept by id. The guides show the POST only; list, replacement and removal are as any such API has them.

    `called` counts by webhook id. `listing`: whether the list is there at all; a test takes it away.
    """

    def __init__(self, options: Options, world: World, hub: Hub, ledger: Ledger) -> None:
        self._options = options
        self._world = world
        self._ledger = ledger
        self._posters: dict[str, Poster] = {}
        self._new: asyncio.Queue[Poster] = asyncio.Queue()
        self._said: dict[tuple[str, str], str] = {}
        self.kept: dict[str, Json] = {}
        self.called: dict[str, int] = {}
        self.listing = True
        hub.listeners.append(self.tell)

    def routes(self) -> list[Route]:
        """What is served."""
        one = f"{PATH}/{{webhookId}}"
        return [
            Route("POST", PATH, self.register, SCOPES, 201),
            Route("GET", PATH, self.listed, SCOPES),
            Route("GET", one, lambda call: _shown(self.kept[self._known(call)]), SCOPES),
            Route("PUT", one, self.replace, SCOPES),
            Route("DELETE", one, self.remove, SCOPES, 204),
        ]

    async def run(self) -> None:
        """Call, until cancelled."""
        async with asyncio.TaskGroup() as posters:
            while True:
                poster = await self._new.get()
                posters.create_task(poster.run())

    def register(self, call: Call) -> Json:
        """One more, even where the same is there already: it is the caller's to look first."""
        return self._keep(str(uuid.uuid4()), call.body)

    def listed(self, call: Call) -> Json:
        """In pages, without passwords."""
        if not self.listing:
            raise Refusal(405, "method.not.allowed", "GET is not allowed here")
        return page(call, [_shown(webhook) for webhook in self.kept.values()], self._options.most_on_page)

    def replace(self, call: Call) -> Json:
        """The whole of it."""
        return self._keep(self._known(call), call.body)

    def remove(self, call: Call) -> None:
        """No call is made any more."""
        key = self._known(call)
        del self.kept[key]
        del self._posters[key]

    def _known(self, call: Call) -> str:
        key = call.parameters["webhookId"]
        if key not in self.kept:
            raise not_found("webhook")
        return key

    def _keep(self, key: str, body: Any) -> Json:
        webhook = _checked(body)
        self.kept[key] = {**copy.deepcopy(webhook), "id": key}
        self._posters[key] = Poster(self._options, _target(webhook), self._ledger, _headers(webhook))
        self._new.put_nowait(self._posters[key])
        return _shown(self.kept[key])

    def tell(self, event: str, entity_id: str, resource: Json, at: datetime | None = None) -> None:
        """Call everybody who asked for it. The same change of the same thing is told once."""
        moment = at or self._moment(resource)
        mark = stamp(moment)
        if event == "presence:updated" and self._said.get((event, entity_id)) == mark:
            return
        self._said[event, entity_id] = mark
        for key, webhook in self.kept.items():
            if webhook.get("enabled", True) and _asked_for(webhook, event, entity_id):
                told = called(event, entity_id, resource, moment, self._zone(entity_id))
                self.called[key] = self.called.get(key, 0) + 1
                self._posters[key].send(told)

    def _moment(self, resource: Json) -> datetime:
        written = resource.get("modifiedDate")
        return parse(written) if written else self._world.now()

    def _zone(self, entity_id: str) -> str:
        agent = self._world.agents.get(entity_id)
        return agent.crew.zone if agent else "UTC"


def _checked(body: Any) -> Json:
    """G1's form has `uri` and `events`, G4's `endpoint` and `eventSubscriptions`."""
    if not isinstance(body, dict) or not body.get("name"):
        raise Refusal(400, "bad.request", "Invalid payload: name is required")
    target = _target(body)
    if not target.startswith(("http://", "https://")):
        raise Refusal(400, "bad.request", "Invalid payload: uri or endpoint must be an http or https address")
    events = list(_events(body))
    unknown = [event for event in events if event not in EVENTS]
    if not events or unknown:
        raise Refusal(400, "bad.request", f"Invalid payload: events must be of {', '.join(EVENTS)}")
    if body.get("httpMethod", "POST") != "POST":
        raise Refusal(400, "bad.request", "Invalid payload: httpMethod must be POST")
    authentication = body.get("authentication")
    if authentication is not None and (
        authentication.get("scheme") != "Basic"
        or not authentication.get("username")
        or "password" not in authentication
    ):
        raise Refusal(400, "bad.request", "Invalid payload: authentication is {scheme: Basic, username, password}")
    if FORBIDDEN & {name.lower() for name in body.get("headers") or {}}:
        raise Refusal(400, "bad.request", "Invalid payload: a header that the sender itself sets")
    return body


def _target(webhook: Mapping[str, Any]) -> str:
    return str(webhook.get("uri") or webhook.get("endpoint") or "")


def _events(webhook: Mapping[str, Any]) -> Iterator[str]:
    yield from webhook.get("events") or webhook.get("eventSubscriptions") or ()


def _asked_for(webhook: Json, event: str, entity_id: str) -> bool:
    """A filter of the event's type narrows it to the entities it names."""
    if event not in _events(webhook):
        return False
    filters = [one for one in webhook.get("eventFilters") or () if one.get("type") == event]
    wanted = [entity.get("id") for one in filters for entity in one.get("entityFilters") or ()]
    return not wanted or entity_id in wanted


def _headers(webhook: Json) -> dict[str, str]:
    headers = {str(name): str(value) for name, value in (webhook.get("headers") or {}).items()}
    headers.setdefault("Content-Type", webhook.get("contentType") or "application/json")
    if authentication := webhook.get("authentication"):
        proof = f"{authentication['username']}:{authentication['password']}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(proof).decode()
    return headers


def _shown(webhook: Json) -> Json:
    """As it is kept, without what proves the caller: its password, and the values of its headers."""
    shown = copy.deepcopy(webhook)
    if shown.get("authentication"):
        shown["authentication"].pop("password", None)
    if shown.get("headers"):
        hidden = {"authorization"} | {name.lower() for name in shown["headers"] if "key" in name.lower()}
        shown["headers"] = {
            name: "***" if name.lower() in hidden else value for name, value in shown["headers"].items()
        }
    return shown
