"""A record of ours is read as it was written, where its form proves that its class would say the same of it.

Through the class it takes several times as long, and a start reads everything of a day. What has not
exactly the form in which this version writes (an older version's record, another program's) is left
to the class: it completes or refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import orjson

from processor.event import META, Event, Fence, Written
from processor.eventlog import Record
from processor.shapes import Instant, Shape, written_names

DAY = r"""(?!0000)(?:
    \d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)
    |\d\d(?:0[48]|[2468][048]|[13579][26])-02-29)"""
"""Of the leap days all but those of the years that end with 00."""
IS_DAY = re.compile(DAY, re.ASCII | re.VERBOSE).fullmatch
IS_INSTANT = re.compile(rf"{DAY}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{{3}}Z", re.ASCII | re.VERBOSE).fullmatch

NO_DATA: Mapping[str, Any] = {}
NO_FENCES: Mapping[str, Fence] = {}


class Form(NamedTuple):
    """What JSON must be so that it is the same after it was read through a type and written again."""

    kinds: frozenset[type]
    """Of these types exactly."""
    check: Callable[[Any], object] | None = None
    """And true of this, unless it is null."""


def read(kind: type[Event], record: Record) -> Written:
    """The event of a record, complete and as it is written. Raises what `Event.from_record` raises."""
    return verbatim(kind, record) or kind.from_record(record).as_written()


def verbatim(kind: type[Event], record: Record) -> Written | None:
    """The same without its class, or None where only that can tell."""
    message = record.message
    headers = message.headers
    get = headers.get
    try:
        time = headers["ce_time"]
        received_at = get("ce_receivedat")
        if not IS_INSTANT(time) or not (received_at is None or IS_INSTANT(received_at)):
            return None
        data = orjson.loads(message.value or b"{}")
        check = _of_event(kind)
        if check is None or type(data) is not dict or not check(data):
            return None
        told = get("ce_fences")
        return Written(
            kind,
            headers["ce_id"],
            time,
            headers["ce_subject"],
            data,
            get("ce_source", "genesys/unknown"),
            get("ce_causationid", ""),
            get("ce_causedigest", ""),
            get("ce_timesource", ""),
            NO_FENCES if told is None else _fences(told),
            get("traceparent", ""),
            received_at or "",
        )
    except (KeyError, TypeError, ValueError):
        return None


def glance(kind: type[Event], record: Record) -> Written | None:
    """What the headers say, without data and fences: enough of a record that a newer one has replaced.

    None where they are not as we write them.
    """
    headers = record.message.headers
    get = headers.get
    time, received_at = get("ce_time", ""), get("ce_receivedat")
    name, subject = get("ce_id"), get("ce_subject")
    if name is None or subject is None or not IS_INSTANT(time) or not (received_at is None or IS_INSTANT(received_at)):
        return None
    return Written(
        kind,
        name,
        time,
        subject,
        NO_DATA,
        get("ce_source", "genesys/unknown"),
        get("ce_causationid", ""),
        get("ce_causedigest", ""),
        get("ce_timesource", ""),
        NO_FENCES,
        get("traceparent", ""),
        received_at or "",
    )


def _fences(told: str) -> Mapping[str, Fence]:
    """Raises ValueError or TypeError for what is not as we write it."""
    found = orjson.loads(told)
    if type(found) is not dict:
        raise TypeError
    for name, (time, version, by) in found.items():
        if type(version) is not int or type(by) is not str or not IS_INSTANT(time):
            raise TypeError
        found[name] = Fence(time, version, by)
    return found


@cache
def _of_event(kind: type[Event]) -> Callable[[Any], object] | None:
    """Of the data of a record of this kind; None where its fields do not say alone how it is read and written."""
    below = kind.__mro__[: kind.__mro__.index(Event)]
    ways = {name for base in below for name in vars(base)} & {"data", "from_record"}
    if ways or kind.also_data:
        return None
    try:
        return _of_shape(kind, META).check
    except TypeError:
        return None


def _of_shape(kind: type[Shape], beside: set[str] | frozenset[str] = frozenset()) -> Form:
    """All names in their order, each with its value; the fields `beside` are told elsewhere."""
    forms = _of_fields(kind, beside)
    names = tuple(forms)

    @lru_cache(maxsize=256)
    def within(kinds: tuple[type, ...]) -> tuple[tuple[int, Callable[[Any], object]], ...] | None:
        """What is left to be checked when the values are of these types, by place; None when they may not be."""
        pairs = list(zip(kinds, forms.values(), strict=True))
        if any(one not in form.kinds for one, form in pairs):
            return None
        return tuple((n, form.check) for n, (one, form) in enumerate(pairs) if form.check and one is not NoneType)

    def check(value: Mapping[str, Any]) -> bool:
        if tuple(value) != names:
            return False
        values = tuple(value.values())
        left = within(tuple(map(type, values)))
        if left is None:
            return False
        for place, is_right in left:  # noqa: SIM110 - slower with `all`
            if not is_right(values[place]):
                return False
        return True

    return Form(frozenset({dict}), check)


def _of_fields(kind: type[Shape], beside: set[str] | frozenset[str]) -> dict[str, Form]:
    if kind.model_config != Shape.model_config or kind.__pydantic_decorators__ != Shape.__pydantic_decorators__:
        raise TypeError(f"{kind.__name__} reads or writes in ways of its own")
    hints = get_type_hints(kind, include_extras=True)
    forms = {}
    for name, alias in written_names(kind):
        if name not in beside:
            if kind.model_fields[name].metadata and hints[name] != Instant:
                raise TypeError(f"{kind.__name__}.{name} has bounds of its own")
            forms[alias] = _of(hints[name])
    return forms


def _of(hint: Any) -> Form:
    """Raises TypeError for types of which this module knows nothing."""
    if hint is Any:  # orjson reads only what it writes in the same way
        return Form(frozenset({NoneType, bool, int, float, str, list, dict}))
    if hint == Instant:
        return Form(frozenset({str}), IS_INSTANT)
    if hint is date:
        return Form(frozenset({str}), IS_DAY)
    if isinstance(hint, type) and not get_origin(hint):
        return _of_type(hint)
    return _of_several(get_origin(hint), get_args(hint))


def _of_type(kind: type) -> Form:
    if kind in (str, int, float, bool):
        return Form(frozenset({kind}))
    if issubclass(kind, StrEnum):
        return Form(frozenset({str}), frozenset(word.value for word in kind).__contains__)
    if issubclass(kind, Shape):
        return _of_shape(kind)
    raise TypeError(f"{kind.__name__} is nothing that is known here")


def _of_several(origin: Any, parts: tuple[Any, ...]) -> Form:
    if origin in (Union, UnionType) and parts[1:] == (NoneType,):
        one = _of(parts[0])
        return one._replace(kinds=one.kinds | {NoneType})
    if origin is tuple and parts[1:] == (...,):
        form = _of(parts[0])
        return Form(frozenset({list}), lambda value: _all(form, value))
    if origin is Mapping and parts[0] is str:
        form = _of(parts[1])
        return Form(frozenset({dict}), lambda value: _all(form, list(value.values())))
    raise TypeError(f"{origin} of {parts} is nothing that is known here")


def _all(form: Form, values: list[Any]) -> bool:
    check = form.check
    return form.kinds.issuperset(map(type, values)) and (
        check is None or all(value is None or check(value) for value in values)
    )
