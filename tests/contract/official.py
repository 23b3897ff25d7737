"""Whether a request is one that the official API knows: operation, query parameters, body, types."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema


class Official:
    """The part of the official Swagger 2.0 document that the product touches."""

    def __init__(self, file: Path) -> None:
        document = json.loads(file.read_text())
        self.paths: dict[str, Any] = document["paths"]
        self._definitions = copy.deepcopy(document["definitions"])
        for definition in self._definitions.values():
            if "properties" in definition:
                definition.setdefault("additionalProperties", False)

    def check(self, method: str, template: str, query: Mapping[str, list[str]], body: Any) -> None:
        """Raises AssertionError or jsonschema's ValidationError with what is wrong."""
        operation = self.paths.get(template, {}).get(method.lower())
        assert operation is not None, f"no operation {method} {template}"
        parameters = {(one["in"], one["name"]): one for one in operation.get("parameters", [])}
        for name, values in query.items():
            parameter = parameters.get(("query", name))
            assert parameter is not None, f"{method} {template} has no query parameter {name}"
            allowed = parameter.get("enum") or parameter.get("items", {}).get("enum")
            assert not allowed or set(values) <= set(allowed), f"{name}={values} is none of {allowed}"
        wanted = next((one for (where, _), one in parameters.items() if where == "body"), None)
        if wanted is None:
            assert body is None, f"{method} {template} takes no body"
            return
        # Draft 4 is the one that Swagger 2.0 builds on; the document itself is not checked each time
        jsonschema.Draft4Validator({**wanted["schema"], "definitions": self._definitions}).validate(body)
