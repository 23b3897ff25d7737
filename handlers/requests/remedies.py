"""What would do in a place of a request: the bounds and a value that its schema has for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel

Schema = Mapping[str, Any]

LONGEST = 200
NEAR = 0.65
"""So alike a name must be to be what was perhaps meant (`difflib`)."""
TYPES: Mapping[str, tuple[str, str, str, str]] = {
    "boolean": ("true or false", "", "", ""),
    "integer": ("a whole number", "minimum", "maximum", ""),
    "number": ("a number", "minimum", "maximum", ""),
    "string": ("text", "minLength", "maxLength", " characters"),
    "array": ("a list", "minItems", "maxItems", ""),
    "object": ("names and values", "minProperties", "maxProperties", ""),
}
"""By JSON's type: our words for it, the two bounds that a schema may set, and of what."""


def would_do(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """For people, with a value at the end that would be taken there; empty for a place that the model does not have."""
    whole = _schema(model)
    found = _at(whole, whole, list(location))
    return "" if found is None else _said(whole, found)


def meant(model: type[BaseModel], location: Sequence[int | str]) -> str | None:
    """The field that is perhaps meant by the last step of a location, which is none there."""
    whole = _schema(model)
    found = _at(whole, whole, list(location[:-1]))
    names = [name for choice in _choices(whole, found or {}) for name in choice.get("properties", ())]
    lower = {name.lower(): name for name in names}
    near = get_close_matches(str(location[-1]).lower().replace("_", ""), lower, 1, NEAR)
    return lower[near[0]] if near else None


@cache
def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=True)


def _at(whole: Schema, node: Schema, location: list[int | str]) -> Schema | None:
    """A choice of several is one step of a location, or none: pydantic names the types of some."""
    choices = list(_choices(whole, node))
    if not location:
        return node if len(choices) > 1 else choices[0]
    step, rest = location[0], location[1:]
    for choice in choices:
        inner = _inside(choice, step)
        if inner is not None and (found := _at(whole, inner, rest)) is not None:
            return found
    return _at(whole, node, rest) if isinstance(step, str) and len(choices) > 1 else None


def _choices(whole: Schema, node: Schema) -> Iterator[Schema]:
    """What a node refers to; nothing (null) is no choice that would do."""
    if "$ref" in node:
        there = whole["$defs"][node["$ref"].rpartition("/")[2]]
        yield from _choices(whole, {**there, **{name: value for name, value in node.items() if name != "$ref"}})
    elif "anyOf" in node:
        own = {name: node[name] for name in ("default", "examples") if node.get(name) is not None}
        for one in node["anyOf"]:
            if one.get("type") != "null":
                yield from _choices(whole, {**one, **own})
    else:
        yield node


def _inside(node: Schema, step: int | str) -> Schema | None:
    if isinstance(step, int):
        items: Schema | None = node.get("items")
        return items
    inner = (node.get("properties") or {}).get(step)
    return inner if inner is not None else node.get("additionalProperties") or None


def _said(whole: Schema, node: Schema) -> str:
    choices = list(_choices(whole, node))
    bounds = " or ".join(dict.fromkeys(_bounds(choice) for choice in choices))
    if all("enum" in choice or "const" in choice or choice.get("type") == "boolean" for choice in choices):
        return bounds
    shown = orjson.dumps(sample(whole, node)).decode()
    return f"{bounds}, such as {shown}" if len(shown) <= LONGEST else bounds


def _bounds(node: Schema) -> str:
    if "enum" in node:
        return _either([str(one) for one in node["enum"]])
    if "const" in node:
        return str(node["const"])
    words, least, most, unit = TYPES.get(str(node.get("type")), ("a value", "", "", ""))
    low, high, above = node.get(least), node.get(most), node.get("exclusiveMinimum")
    edges = (
        f" above {above}" if above is not None else f" from {low}" if low is not None else "",
        f" up to {high}" if high is not None else "",
    )
    return f"{words}{''.join(edges)}{unit if any(edges) else ''}"


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def sample(whole: Schema, node: Schema) -> Any:
    """A value that the schema admits: the field's own example first, else what its type makes likely."""
    choice = next(_choices(whole, node))
    for value in (*choice.get("examples", ()), choice.get("default")):
        if isinstance(value, bool | int | float) or (value and not isinstance(value, Mapping)) or "examples" in choice:
            return value
    if "enum" in choice:
        return choice["enum"][0]
    kind = choice.get("type")
    if kind == "array":
        return [sample(whole, choice["items"])]
    if kind == "object":
        fields = choice.get("properties", {})
        return {name: sample(whole, fields[name]) for name in choice.get("required") or fields}
    bound = choice.get("minimum", choice.get("exclusiveMinimum", 0) + 1)
    return {"boolean": True, "integer": bound, "number": bound}.get(str(kind), choice.get("const", "text"))
