"""When two things that a profile says are the same, and where they stand in an outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processor.clients.genesys.jobs.profiles import Place


def meaning(value: Any) -> Any:
    """Without what makes no difference: the order of skills and codes, names beside ids, how numbers are written."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return round(float(value), 1)
    if isinstance(value, Mapping):
        known = {key: meaning(item) for key, item in value.items()}
        return {"id": known["id"]} if known.keys() == {"id", "name"} else known
    items = [meaning(item) for item in value]
    if all(isinstance(item, dict) and ("skill" in item or "default" in item) for item in items):
        return sorted(items, key=str)
    return items


def same(one: Any, other: Any) -> bool:
    """Whether there is nothing to write."""
    return bool(meaning(one) == meaning(other))


def differing(expected: Mapping[str, Any], there: Mapping[str, Any], path: str = "") -> list[str]:
    """The places at which something else is there than was expected; what was not expected may be anything."""
    found: list[str] = []
    for name, value in expected.items():
        spot, present = f"{path}{name}", there.get(name)
        if name == "users" and isinstance(value, Mapping) and isinstance(present, Mapping):
            for user, state in value.items():
                found += differing(state, present.get(user) or {}, f"users.{user}.")
        elif name in there and not same(value, present):
            found.append(spot)
    return found


def under(states: dict[str, Any], place: Place, said: Mapping[str, Any], *, alone: bool) -> None:
    """Put what a place says where readers of an outcome find it: agents' states under `users` by their id."""
    if alone or "wrapUpCodes" in said:
        states.update(said)
        return
    users = dict(states.get("users") or {})
    users[place.id] = {**users.get(place.id, {}), **said}
    states["users"] = users
