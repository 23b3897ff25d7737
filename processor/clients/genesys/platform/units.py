"""Where agents belong in workforce management: read from the units' lists, and one by one where these are behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from processor.clients.api import Api, Forbidden, NotFound, Time
from processor.clients.genesys.pages import Entity, entities, path_id, whole
from processor.clients.genesys.platform.cache import Cache

WFM = "/api/v2/workforcemanagement"


@dataclass(frozen=True, slots=True)
class Unit:
    """A management unit in its business unit; `zone` is empty where nobody told it."""

    id: str
    business_unit: str
    zone: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """All units, and the unit of each agent."""

    units: Mapping[str, Unit]
    agents: Mapping[str, Unit]


class Units:
    """Asks once an hour for all units and their agents: a request a unit, not one an agent."""

    def __init__(self, api: Api, clocks: Time) -> None:
        self._api = api
        self._directory = Cache[Directory](timedelta(hours=1), clocks.monotonic)

    async def of(self, user_id: str, *, fresh: bool = False) -> Unit:
        """The agent's unit; `fresh` asks for this agent. Raises `NotFound` when he has none."""
        directory = await self._directory.get("all", self._load)
        if not fresh and user_id in directory.agents:
            return directory.agents[user_id]
        body = (await self._api.request("GET", f"{WFM}/agents/{path_id(user_id)}/managementunit")).json()
        business, management = ((body.get(name) or {}).get("id") for name in ("businessUnit", "managementUnit"))
        if not business or not management:
            raise NotFound(f"agent {user_id} belongs to no management unit")
        return directory.units.get(management) or Unit(management, business)

    async def agents(self, kind: str, unit_id: str) -> list[str]:
        """The agents of `management-unit` or `business-unit` as they are now, each once."""
        units = [unit_id]
        if kind == "business-unit":
            units = [unit.id for unit in await self._listed() if unit.business_unit == unit_id]
        found = [user["id"] for unit in units for user in await self._users(unit)]
        return list(dict.fromkeys(found))

    async def _load(self, _: str) -> Directory:
        try:
            units = await self._listed()
            agents = {str(user["id"]): unit for unit in units for user in await self._users(unit.id)}
        except Forbidden:
            return Directory({}, {})  # then one by one, which asks for less permission
        return Directory({unit.id: unit for unit in units}, agents)

    async def _listed(self) -> list[Unit]:
        listed = entities(self._api, f"{WFM}/managementunits", {"expand": "details"})
        return [
            Unit(path_id(unit["id"]), str((unit.get("businessUnit") or {}).get("id") or ""), unit.get("timeZone") or "")
            async for unit in listed
        ]

    async def _users(self, unit_id: str) -> list[Entity]:
        return [user async for user in whole(self._api, f"{WFM}/managementunits/{unit_id}/users")]
