"""Real records of every kind that normalise writes, and what other versions, programs and people may make of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

from handlers.events import Fate, VolumeUpdated
from handlers.normalise.normaliser import STATES
from processor.errors import PoisonError
from processor.event import Event, Written
from processor.eventlog import Message, Record
from tests.unit.normalisedesk import Desk

SEEDS = json.loads((Path(__file__).parents[1] / "data" / "deliveries.json").read_text(encoding="utf-8"))
POSTED: list[Any] = SEEDS["posted"]
ANSWERED: list[tuple[str, str, Any]] = [tuple(answered) for answered in SEEDS["answered"]]
KINDS: dict[str, type[Event]] = {kind.topic: kind for kind in (*STATES, VolumeUpdated, Fate)}

TIMES = (
    "2026-03-09T13:00:04.010Z",
    "2026-03-09T13:00:04Z",
    "2026-03-09T14:00:04.010+01:00",
    "2026-03-09t13:00:04.010z",
    "2026-03-09 13:00:04.010Z",
    "2026-03-09T24:00:00.000Z",
    "2026-03-09T23:59:60.000Z",
    "2024-02-29T00:00:00.000Z",
    "2026-02-29T00:00:00.000Z",
    "2026-04-31T00:00:00.000Z",
    "0000-01-01T00:00:00.000Z",
    "0001-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
    "٢٠٢٦-03-09T13:00:04.010Z",
    "2026-W11-1T13:00:04.010Z",
    "2026-03-09",
)
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(TIMES),
    st.sampled_from([None, True, False, 0, 1, -1, 2**63, 2**64 - 1, 1.0, 20.0, 0.5, -0.0, 1e300, "", "x", "BUSY", "1"]),
    st.sampled_from([[], {}, [None], ["x"], [1], {"x": 1}, {"start": TIMES[0]}, "2024-02-29"]),
    st.text(max_size=3),
    st.lists(st.none() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3), max_size=3),
)
FENCE = st.tuples(
    st.sampled_from(TIMES), st.sampled_from([0, 7, True, 1.0, "3", None]), st.sampled_from(["e", 1, None])
)
FENCES = st.dictionaries(st.sampled_from(("presence", "x")), FENCE | ODD, max_size=2).map(
    lambda told: orjson.dumps(told).decode()
)
HEADERS = (
    "ce_fences",
    "ce_fences",
    "ce_id",
    "ce_time",
    "ce_subject",
    "ce_source",
    "ce_causationid",
    "ce_receivedat",
    "traceparent",
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each (container, key) within."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@st.composite
def strange(draw: st.DrawFn, message: Message) -> Message:
    """A record's message, something about it being otherwise."""
    headers, data = dict(message.headers), _object(message.value)
    for _ in range(draw(st.integers(1, 2))):
        if draw(st.booleans()):
            name = draw(st.sampled_from(HEADERS))
            told = FENCES if name == "ce_fences" else st.sampled_from(TIMES)
            if (text := draw(st.none() | told | st.text(max_size=3))) is None:
                headers.pop(name, None)
            else:
                headers[name] = text
        else:
            _bend(draw, data)
    value = draw(st.sampled_from([orjson.dumps(data)] * 5 + [json.dumps(data, indent=1).encode(), b"[]", b"{"]))
    return message._replace(headers=headers, value=value)


def _object(value: bytes | None) -> dict[str, Any]:
    """What it was before is no matter when it is bent for the second time."""
    try:
        found = orjson.loads(value or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _bend(draw: st.DrawFn, data: dict[str, Any]) -> None:
    found = list(places(data))
    if not found:
        return
    container, key = draw(st.sampled_from(found))
    what = draw(st.sampled_from(("put", "drop", "last", "add")))
    if what == "put":
        container[key] = draw(ODD)
    elif what == "add" and isinstance(container, dict):
        container[draw(st.sampled_from(("extra", "id", "fences", "from_", "timeSource", "userId")))] = draw(ODD)
    elif what == "last" and isinstance(container, dict):
        container[key] = container.pop(key)
    else:
        container.pop(key)


def through_its_class(kind: type[Event], record: Record) -> Written | None:
    try:
        return kind.from_record(record).as_written()
    except (ValueError, KeyError, TypeError):
        return None


async def every_record() -> list[Record]:
    """What normalise makes of every kind of delivery and answer."""
    desk = await Desk.open()
    for body in POSTED:
        await desk.post(body)
    for what, subject, body in ANSWERED:
        with suppress(PoisonError):
            await desk.answer(what, subject, body)
    await desk.post(POSTED[0])
    return [record for topic, records in desk.log.records.items() if topic in KINDS for record in records]
