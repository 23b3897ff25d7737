"""May the topics' document be changed like this? A reader of the old one must still understand every record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One sentence for each promise that `new` does not keep; empty = compatible. Additions are."""
    return [*_topics(old, new), *_schemas(old, new), *_headers(old, new)]


def _topics(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, channel in old["channels"].items():
        now = new["channels"].get(name)
        if now is None:
            yield f"topic {channel['address']} is gone"
        elif now["address"] != channel["address"]:
            yield f"topic {channel['address']} is now called {now['address']}"
    for name, message in old["components"]["messages"].items():
        now = new["components"]["messages"].get(name, message)
        yield from (
            f"{name}: {part} was {message[part]}, is {now[part]}"
            for part in ("name", "payload")
            if now[part] != message[part] and "$ref" in message["payload"]
        )


def _headers(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name, message in old["components"]["messages"].items():
        now = new["components"]["messages"].get(name, message)
        for header in sorted(set(message["headers"]["properties"]) - set(now["headers"]["properties"])):
            yield f"{name}: header {header} is gone"


def _schemas(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = old["components"]["schemas"], new["components"]["schemas"]
    taken = _taken(old)
    for name, schema in before.items():
        if name not in after:
            yield f"{name} is gone"
        else:
            yield from _schema(name, schema, after[name], taken=name in taken)


def _taken(document: Mapping[str, Any]) -> set[str]:
    """Schemas of what others write and we read: there a wider word breaks nothing, and a narrower one does."""
    asked = [one["channel"]["$ref"] for one in document["operations"].values() if one["action"] == "receive"]
    messages = [ref for one in asked for ref in _references(document["channels"][one.rpartition("/")[2]]["messages"])]
    left = [ref for one in messages for ref in _references(document["components"]["messages"][one]["payload"])]
    found: set[str] = set()
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _references(document["components"]["schemas"][name])
    return found


def _references(node: Any) -> list[str]:
    """The last step of each reference in there."""
    if isinstance(node, list):
        return [name for one in node for name in _references(one)]
    if not isinstance(node, dict):
        return []
    own = [str(node["$ref"]).rpartition("/")[2]] if isinstance(node.get("$ref"), str) else []
    return own + [name for one in node.values() for name in _references(one)]


def _schema(place: str, old: Mapping[str, Any], new: Mapping[str, Any], *, taken: bool) -> Iterator[str]:
    before, after = _kinds(old), _kinds(new)
    kept = (not after or (before and before <= after)) if taken else (not before or (after and after <= before))
    if not kept:
        yield f"{place}: was {_shown(old)}, is {_shown(new)}"
        return
    gone = set(old.get("properties", {})) - set(new.get("properties", {}))
    yield from (f"{place}.{field} is gone" for field in sorted(gone))
    added = set(new.get("required", ())) - set(old.get("required", ()))
    yield from (f"{place}.{field} is required now: old records may lack it" for field in sorted(added))
    for field, schema in old.get("properties", {}).items():
        if field in new.get("properties", {}):
            yield from _schema(f"{place}.{field}", schema, new["properties"][field], taken=taken)
    for part in ("items", "additionalProperties"):
        if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
            yield from _schema(f"{place}[]", old[part], new[part], taken=taken)
    if "enum" in old:
        yield from (f"{place}: {value} is gone" for value in old["enum"] if value not in new.get("enum", [value]))


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    """The kinds of values that may stand there; empty: any."""
    found: set[str] = set()
    for option in schema.get("anyOf", [schema]):
        if "$ref" in option:
            found.add(str(option["$ref"]))
        elif "type" in option:
            form = f" ({option['format']})" if "format" in option else ""
            found.add(f"{option['type']}{form}")
    return found


def _shown(schema: Mapping[str, Any]) -> str:
    return " or ".join(sorted(_kinds(schema))) or "anything"
