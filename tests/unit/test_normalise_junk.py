"""Whatever a caller bends an event into, it ends as an event, a fate or poison: never as a bug of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.normalise.bodies import NotJson
from handlers.normalise.envelopes import envelopes
from handlers.normalise.normaliser import tables
from processor.errors import PoisonError
from processor.event import Delivery
from tests.unit.normalisedesk import NOW, Desk

SEEDS = json.loads((Path(__file__).parents[1] / "data" / "deliveries.json").read_text(encoding="utf-8"))
POSTED: list[Any] = SEEDS["posted"]
ANSWERED: list[tuple[str, str, Any]] = [tuple(answered) for answered in SEEDS["answered"]]

ODD = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e300,
        2**70,
        "",
        "x",
        "\x00\n",
        "\u20ac" * 300,
        [],
        {},
        [None],
        [[]],
        {"id": 5},
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:00",
        -62135596800001,
        "2026-03-09T13:00:00Z",
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in pairs for place in places(item, (*path, key)))]


def bent(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    if not path:
        return odd
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = bent(value[path[0]], path[1:], odd)
    return copy


@st.composite
def bent_once_or_twice(draw: st.DrawFn, whole: list[Any]) -> Any:
    value = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(1, 2))):
        value = bent(value, draw(st.sampled_from(places(value))), draw(ODD))
    return value


async def ends_well(found: Any) -> None:
    try:
        for event in await found:
            assert event.to_message().value is not None
    except PoisonError:
        pass


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(bent_once_or_twice([body for body in POSTED if "v2.outbound" not in str(body)]))
async def test_a_bent_delivery(body: Any):
    await ends_well((await Desk.open()).post(json.dumps(body).encode()))


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.sampled_from(ANSWERED), st.data())
async def test_a_bent_answer(answered: tuple[str, str, dict[str, Any]], data: st.DataObject):
    what, subject, body = answered
    place = data.draw(st.sampled_from(places(body)[1:]))
    await ends_well((await Desk.open()).answer(what, subject, bent(body, place, data.draw(ODD))))


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_no_json(body: bytes):
    try:
        found = envelopes(Delivery("genesys/unknown", {}, body, NOW, "basic:1"))
    except NotJson:
        return
    assert all(envelope.id and envelope.to_message().key for envelope in found)


async def test_what_is_nested_beyond_reason_is_kept_and_parked():
    nest = b"[" * 900 + b"]" * 900
    for body in (b'[1,{"a":' + nest + b"}]", b'{"event":"routing-profile","id":"p","skillAssignments":' + nest + b"}"):
        desk = await Desk.open()
        for envelope in envelopes(Delivery("genesys/unknown", {}, body, NOW, "basic:1")):
            await ends_well(desk.take(envelope))


async def test_every_posted_form_is_understood_as_it_stands():
    for body in POSTED:
        desk = await Desk.open()
        assert await desk.post(body)
    for answered in ANSWERED:
        desk = await Desk.open()
        assert await desk.answer(*answered)
    assert "genesys.fates" in tables()
