"""Schedules and schedule groups: versions in the body, 409 when they do not match."""

from __future__ import annotations

from typing import Any

from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.pages import page
from sandbox.options import Options
from sandbox.world import World

READ_ONLY = {"id", "dateCreated", "dateModified", "createdBy", "modifiedBy", "state", "selfUri", "version"}


class Architect:
    """The operations on opening hours."""

    def __init__(self, options: Options, world: World) -> None:
        self._options = options
        self._world = world

    def routes(self) -> list[Route]:
        """What is served."""
        world = self._world
        served: list[Route] = []
        for path, table, key, right, required in (
            ("schedules", world.schedules, "scheduleId", "schedule", ("name", "start", "end")),
            ("schedulegroups", world.groups, "scheduleGroupId", "scheduleGroup", ("name",)),
        ):
            whole, view, edit = f"/api/v2/architect/{path}", f"routing:{right}:view", f"routing:{right}:edit"
            served.append(Route("GET", whole, self._listing(table), (view,)))
            served += self._entity(f"{whole}/{{{key}}}", table, required, ((view,), (edit,)))
        return served

    def _listing(self, table: dict[str, Json]) -> Any:
        def listing(call: Call) -> Json:
            name, holding = call.first("name").strip("*").lower(), set(call.query.get("scheduleIds", ()))
            chosen = [
                entity
                for entity in table.values()
                if name in entity["name"].lower() and (not holding or holding & _references(entity))
            ]
            return page(call, chosen, self._options.most_on_page)

        return listing

    def _entity(
        self, path: str, table: dict[str, Json], required: tuple[str, ...], rights: tuple[tuple[str, ...], ...]
    ) -> list[Route]:
        def read(call: Call) -> Json:
            (key,) = call.parameters.values()
            if key not in table:
                raise not_found()
            return table[key]

        def write(call: Call) -> Json:
            old, body = read(call), call.body
            missing = [name for name in required if not isinstance(body, dict) or name not in body]
            if missing:
                raise Refusal(400, "missing.required.field", f"The field [{missing[0]}] is required")
            if body.get("version", old["version"]) != old["version"]:
                message = "2 or more modifications of the schedule were made at the same time."
                raise Refusal(409, "general.conflict", message)
            kept = {name: value for name, value in old.items() if name in READ_ONLY}
            new = {**{name: value for name, value in body.items() if name not in READ_ONLY}, **kept}
            return self._world.put(table, old["id"], new, self._options.client_id)

        return [Route("GET", path, read, rights[0]), Route("PUT", path, write, rights[1])]


def _references(group: Json) -> set[str]:
    roles = ("openSchedules", "closedSchedules", "holidaySchedules")
    return {reference["id"] for role in roles for reference in group.get(role, ())}
