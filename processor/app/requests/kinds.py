"""The fields of every kind of request as JSON schemas, for the OpenAPI document."""

from __future__ import annotations

from pydantic.json_schema import models_json_schema

from handlers.requests.kinds import KINDS
from processor.admin.description import Kinds


def request_kinds() -> Kinds:
    """Every kind with the name of its schema, and the schemas with what they refer to."""
    _, found = models_json_schema(
        [(model, "validation") for model in KINDS.values()], ref_template="#/components/schemas/{model}"
    )
    return Kinds({kind: model.__name__ for kind, model in KINDS.items()}, found["$defs"])
