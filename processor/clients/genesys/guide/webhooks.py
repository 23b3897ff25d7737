"""Our receiver among the guides' webhooks: looked for before it is made, so that a repeat leaves one.

The guides show the POST alone. That the same address lists its webhooks and replaces one by PUT is
how such an API is built; where it does not, nothing is made that could be there already.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processor.clients.api import Api, NotAllowed, NotFound
from processor.clients.genesys.pages import Entity, entities, path_id
from processor.clients.genesys.registered import Registered
from processor.errors import RefusedError

PATH = "/api/v2/webhooks"
HIDDEN = "…"


@dataclass(frozen=True, slots=True)
class Proof:
    """How a call shows who makes it: a user with a password, and headers."""

    user: str = ""
    password: str = ""
    headers: Mapping[str, str] | None = None


def schedule_webhook(url: str, proof: Proof) -> dict[str, Any]:
    """The first guide's form, which knows HTTP Basic alone; agents' presence is asked for in the same."""
    return {
        "name": "Event processor: schedules and presence",
        "uri": url,
        "events": ["schedule:updated", "presence:updated"],
        "enabled": True,
        "httpMethod": "POST",
        "contentType": "application/json",
        "authentication": {"scheme": "Basic", "username": proof.user, "password": proof.password},
    }


def queue_webhook(url: str, queue_ids: tuple[str, ...], proof: Proof) -> dict[str, Any]:
    """The fourth guide's form: narrowed to these queues (none: all of them), our proof among its headers."""
    wanted: dict[str, Any] = {"type": "routingQueueUpdated"}
    if queue_ids:
        wanted["entityFilters"] = [{"id": queue_id} for queue_id in queue_ids]
    return {
        "name": "Event processor: queues",
        "description": "Changes of queues, for the event processor",
        "enabled": True,
        "eventFilters": [wanted],
        "eventSubscriptions": ["routingQueueUpdated"],
        "endpoint": url,
        "httpMethod": "POST",
        "headers": {
            "Content-Type": "application/json",
            "X-Genesys-Event": "routing-sync",
            **(proof.headers or {}),
        },
    }


def without_secrets(webhook: Mapping[str, Any]) -> dict[str, Any]:
    """Fit to be shown: the password and all headers but the two that everybody knows are left out."""
    shown = dict(webhook)
    if "authentication" in shown:
        shown["authentication"] = {**shown["authentication"], "password": HIDDEN}
    if "headers" in shown:
        public = ("Content-Type", "X-Genesys-Event")
        shown["headers"] = {name: value if name in public else HIDDEN for name, value in shown["headers"].items()}
    return shown


class Webhooks:
    """Makes them so."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def make(self, wanted: Mapping[str, Any]) -> Registered:
        """One webhook with this name, as wanted.

        What is there is replaced even where it looks the same: passwords are not shown, so that it
        cannot be seen whether ours is still the one. Raises `RefusedError` where nothing is listed.
        """
        there = await self._there(str(wanted["name"]))
        if there is None:
            made = (await self._api.request("POST", PATH, json=wanted)).json()
            return Registered(str(made["id"]), str(wanted["name"]), "created")
        path = f"{PATH}/{path_id(str(there['id']))}"
        await self._api.request("PUT", path, json={**wanted, "id": there["id"]})
        return Registered(str(there["id"]), str(wanted["name"]), "updated")

    async def _there(self, name: str) -> Entity | None:
        try:
            async for webhook in entities(self._api, PATH):
                if webhook.get("name") == name:
                    return webhook
        except (NotFound, NotAllowed) as refusal:
            raise RefusedError(
                f"Genesys does not list its webhooks, so a second one could be made: {refusal}",
                "register it by hand, once: register --print shows the bodies",
            ) from refusal
        return None
