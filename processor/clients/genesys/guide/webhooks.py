"""Our receiver among the guides' webhooks: looked for before it is made, so that a repeat leaves one.

The guides show the POST alone. That the same address lists its webhooks and replaces one by PUT is
how such an API is built; where it lists none, what we have made before is remembered elsewhere, and
nothing is made that could be there already.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from processor.clients.api import Api, NotAllowed, NotFound, Unreachable
from processor.clients.genesys.pages import entities, path_id
from processor.clients.genesys.registered import Registered
from processor.errors import RefusedError, RetryableError, UnknownEnd

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


class Memory(Protocol):
    """What we have made so far, for a Genesys that does not say."""

    async def known(self, name: str) -> str | None:
        """The id of the webhook with this name; "" when one was begun and nobody knows its end, None for none."""
        ...

    async def begun(self, name: str) -> None:
        """Kept before the POST is tried."""
        ...

    async def made(self, name: str, webhook_id: str) -> None:
        """It was taken."""
        ...

    async def not_made(self, name: str, error: str) -> None:
        """It was not taken."""
        ...


class Webhooks:
    """Makes them so. The memory is opened only where Genesys lists no webhooks."""

    def __init__(self, api: Api, open_memory: Callable[[], Awaitable[Memory]]) -> None:
        self._api = api
        self._open_memory = open_memory
        self._memory: Memory | None = None

    async def make(self, wanted: Mapping[str, Any], *, anew: bool = False) -> Registered:
        """One webhook with this name, as wanted.

        What is there is replaced even where it looks the same: passwords are not shown, so that it
        cannot be seen whether ours is still the one. `anew`: what is remembered was removed by hand.
        Raises `UnknownEnd` where one may be there and nobody can look.
        """
        name = str(wanted["name"])
        try:
            there = await self._listed(name)
        except (NotFound, NotAllowed):
            return await self._remembered(name, wanted, anew=anew)
        return await self._replace(there, name, wanted) if there else await self._post(name, wanted)

    async def _listed(self, name: str) -> str | None:
        async for webhook in entities(self._api, PATH):
            if webhook.get("name") == name:
                return str(webhook["id"])
        return None

    async def _replace(self, key: str, name: str, wanted: Mapping[str, Any]) -> Registered:
        await self._api.request("PUT", f"{PATH}/{path_id(key)}", json={**wanted, "id": key})
        return Registered(key, name, "updated")

    async def _post(self, name: str, wanted: Mapping[str, Any]) -> Registered:
        made = (await self._api.request("POST", PATH, json=wanted)).json()
        return Registered(str(made["id"]), name, "created")

    async def _remembered(self, name: str, wanted: Mapping[str, Any], *, anew: bool) -> Registered:
        memory = self._memory = self._memory or await self._open_memory()
        known = None if anew else await memory.known(name)
        if known == "":
            raise UnknownEnd(
                f"an earlier try to make {name!r} broke off, and Genesys lists no webhooks: it may be there",
                "look in Genesys, remove it if it is there, then register --anew",
            )
        if known:
            try:
                return await self._replace(known, name, wanted)
            except NotFound:
                pass  # removed since
            except NotAllowed as refusal:
                raise RefusedError(
                    f"{name!r} is there ({known}), and Genesys neither lists nor replaces webhooks: {refusal}",
                    "nothing needs to be done unless address or proof have changed; then remove it in Genesys, and "
                    "register --anew",
                ) from refusal
        return await self._announced(memory, name, wanted)

    async def _announced(self, memory: Memory, name: str, wanted: Mapping[str, Any]) -> Registered:
        await memory.begun(name)
        try:
            made = await self._post(name, wanted)
        except (RefusedError, RetryableError) as error:
            if not (isinstance(error, Unreachable) and error.sent):  # else it may have arrived
                await memory.not_made(name, str(error))
            raise
        await memory.made(name, made.id)
        return made
