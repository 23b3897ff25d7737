"""What events are made of: frozen values that are written and copied fast."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

from processor.instants import instant, whole_milliseconds

Instant = Annotated[
    AwareDatetime, AfterValidator(whole_milliseconds), PlainSerializer(instant, return_type=str, when_used="json")
]


class Shape(BaseModel):  # noqa: PLW1641 - pydantic gives frozen models their hash
    """A value inside an event: frozen, camelCase outside, tolerant of fields added later."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore", defer_build=False
    )

    def __eq__(self, other: object) -> bool:
        """The same kind with the same fields."""
        return self is other or (type(self) is type(other) and self.__dict__ == other.__dict__)


S = TypeVar("S", bound=Shape)


def renewed(shape: S, fields: dict[str, Any]) -> S:
    """A copy with these fields (by their Python names), taken as they are: for values that were validated before."""
    return _made(type(shape), {**shape.__dict__, **fields})


def made(kind: type[S], fields: dict[str, Any]) -> S:
    """One of this kind with these fields and the defaults of the rest, taken as they are: as `renewed`."""
    return _made(kind, {**defaults(kind), **fields})


def _made(kind: type[S], fields: dict[str, Any]) -> S:
    # `model_construct` and `model_copy` do the same some ten times slower: they serve models of every kind.
    new = kind.__new__(kind)
    put = object.__setattr__
    put(new, "__dict__", fields)
    put(new, "__pydantic_fields_set__", _names(kind))
    put(new, "__pydantic_extra__", None)
    put(new, "__pydantic_private__", None)
    return new


@cache
def defaults(kind: type[Shape]) -> dict[str, Any]:
    """All fields in their order: the defaults (shared: nobody changes them), else `...`, which cannot be written."""
    return {
        name: ... if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        for name, field in kind.model_fields.items()
    }


@cache
def _names(kind: type[Shape]) -> set[str]:
    return set(kind.model_fields)


@cache
def written_names(kind: type[Shape]) -> tuple[tuple[str, str], ...]:
    """(Python's name, the name in JSON) of each field, in order."""
    return tuple((name, field.serialization_alias or name) for name, field in kind.model_fields.items())


def written(fields: dict[str, Any]) -> bytes:
    """JSON of these fields and all shapes and times in them. Raises TypeError for what JSON cannot say."""
    return orjson.dumps(fields, default=_written, option=orjson.OPT_PASSTHROUGH_DATETIME)


def document(shape: Shape) -> dict[str, Any]:
    """The shape as it is written, as JSON that can be compared and written again without it."""
    fields = shape.__dict__
    told: dict[str, Any] = orjson.loads(written({alias: fields[name] for name, alias in written_names(type(shape))}))
    return told


def _written(value: object) -> object:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date):
        return value.isoformat()
    kind = type(value)
    if issubclass(kind, Shape):  # of an instance pydantic's own metaclass would be asked, some ten times slower
        fields = value.__dict__
        return {alias: fields[name] for name, alias in written_names(kind)}
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can say")
