"""What events are made of: times cut to milliseconds, and frozen values that are written and copied fast."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel

WITH_MICROSECONDS = len('"2026-03-09T13:00:04.123456Z"')


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and Z: the one form in which this product writes times."""
    text = orjson.dumps(_in_utc(moment), option=orjson.OPT_UTC_Z).decode()  # three times as fast as `isoformat`
    return f"{text[1:24]}Z" if len(text) == WITH_MICROSECONDS else f"{text[1:20]}.000Z"


def _in_utc(moment: datetime) -> datetime:
    """Raises ValueError for one that only its offset keeps within the years 1 to 9999."""
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"a time beyond the calendar: {moment.isoformat()}") from error


def as_written(text: str) -> str:
    """A time with its offset in that one form. Raises ValueError for what is none."""
    read = datetime.fromisoformat(text)
    if is_written(text):
        return text
    if read.tzinfo is None:
        raise ValueError(f"a time without its offset: {text:.40}")
    return instant(read)


def is_written(text: str) -> bool:
    """Whether what is known to be an ISO time has that one form, in which text compares as the instants do."""
    return len(text) == 24 and text[10] == "T" and text[19] == "." and text[23] == "Z" and text[5] != "W"


def whole_milliseconds(moment: datetime) -> datetime:
    """In UTC, cut to milliseconds: what is compared in memory is what was written."""
    moment = _in_utc(moment)
    beyond = moment.microsecond % 1000
    return moment.replace(microsecond=moment.microsecond - beyond) if beyond else moment


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
