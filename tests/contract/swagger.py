"""Checks the sandbox's answers against the official Swagger document: required and known fields, types, enums, dates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FORMATS = {
    "date-time": re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"),
    "local-date-time": re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$"),
    "date": re.compile(r"^\d{4}-\d\d-\d\d$"),
}
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


class Swagger:
    """The document beside the checkout."""

    def __init__(self, shared: Path) -> None:
        self._document = json.loads((shared / "genesys" / "publicapi-v2-subset.json").read_text())
        self._templates = {re.sub(r"{\w+}", "{}", path): path for path in self._document["paths"]}

    def operation(self, method: str, template: str) -> dict[str, Any] | None:
        """The operation with this method and path; names of path parameters do not matter."""
        path = self._templates.get(re.sub(r"{\w+}", "{}", template))
        return self._document["paths"][path].get(method.lower()) if path else None

    def wrong_answer(self, operation: dict[str, Any], status: int, body: Any) -> list[str]:
        """What is wrong with this answer."""
        answer = operation["responses"].get(str(status))
        if answer is None:
            return [] if status == 204 else [f"status {status} is not declared"]
        return list(self._wrong(body, answer["schema"], "")) if "schema" in answer else []

    def _wrong(self, value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
        if "$ref" in schema:
            schema = self._document["definitions"][schema["$ref"].rpartition("/")[2]]
        kind = schema.get("type", "object")
        fits: bool = isinstance(value, TYPES[kind])
        if not fits or (kind in ("integer", "number") and isinstance(value, bool)):
            yield f"{place}: {value!r} is no {kind}"
        elif kind == "object":
            yield from self._wrong_object(value, schema, place)
        elif kind == "array":
            for number, item in enumerate(value):
                yield from self._wrong(item, schema["items"], f"{place}[{number}]")
        elif kind == "string":
            pattern = FORMATS.get(schema.get("format", ""))
            if pattern and not pattern.match(value):
                yield f"{place}: {value!r} is no {schema['format']}"
            if "enum" in schema and value not in schema["enum"]:
                yield f"{place}: {value!r} is none of {schema['enum'][:20]}"

    def _wrong_object(self, value: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
        properties, rest = schema.get("properties", {}), schema.get("additionalProperties")
        for name in set(schema.get("required", ())) - value.keys():
            yield f"{place}.{name} is missing"
        for name, item in value.items():
            if name in properties:
                yield from self._wrong(item, properties[name], f"{place}.{name}")
            elif isinstance(rest, dict):
                yield from self._wrong(item, rest, f"{place}.{name}")
            elif properties:
                yield f"{place}.{name} is not known"
