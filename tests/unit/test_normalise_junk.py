"""Whatever a caller bends an event into, it ends as an event, a fate or poison: never as a bug of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.normalise.bodies import NotJson
from handlers.normalise.envelopes import envelopes
from handlers.normalise.normaliser import tables
from handlers.normalise.readers import READERS
from processor.errors import PoisonError
from processor.event import Delivery, Envelope
from tests.unit.normalisedesk import NOW, Desk

SEEDS = json.loads((Path(__file__).parents[1] / "data" / "deliveries.json").read_text(encoding="utf-8"))
POSTED: list[Any] = SEEDS["posted"]
ANSWERED: list[tuple[str, str, Any]] = [tuple(answered) for answered in SEEDS["answered"]]
SUBJECTS = ("agent/a", "queue/q", "schedule-group/g", "schedule/s", "campaign/c", "profile/p", "business-unit/b", "")

NEST: Any = "deep"
for _ in range(600):
    NEST = [NEST]

ODD = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e300,
        -1e300,
        1e-300,
        2**53 + 1,
        2**63,
        2**64 - 1,
        2**70,
        "",
        "x",
        "NaN",
        "-Infinity",
        "1e400",
        "-1",
        "/",
        "../..",
        "a/b\u2028",
        "\x00\n",
        "\ud83d",
        "half \ude00 emoji",
        "\u20ac" * 300,
        "y" * 5_000,
        [],
        {},
        [None],
        [[]],
        [{}],
        [{}, 1],
        {"id": 5},
        {"id": {"id": []}},
        {"type": []},
        NEST,
        "UTC",
        "EST",
        "08:00",
        "24:00",
        "FREQ=DAILY;INTERVAL=99999999999",
        "FREQ=YEARLY;COUNT=99999",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31",
        "9999-12-31T23:59:59-23:00",
        "2200-12-31T23:59:59Z",
        "1970-01-01T00:00:00+14:00",
        -62135596800001,
        253402300799999,
        "2026-03-09T13:00:00Z",
        "2026-03-09T13:00:00Z/2026-03-09T12:00:00Z",
        "0001-01-01T00:00:00Z/9999-12-31T23:59:59Z",
        "/",
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in pairs for place in places(item, (*path, key)))]


def keys(value: Any) -> set[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (set(value) if isinstance(value, dict) else set()).union(*map(keys, inner))


WORDS = st.sampled_from(sorted(keys(POSTED).union(*(keys(body) for *_, body in ANSWERED)) | {"deleted", "campaign"}))
ANYTHING = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6), max_leaves=12
)


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
        place = draw(st.sampled_from([place for place in places(value) if len(place) < 20]))
        value = bent(value, place, draw(ODD))
    return value


async def ends_well(found: Any) -> None:
    """Also when it is written and read back, as the next start of the process will."""
    try:
        for event in await found:
            message = event.to_message()
            assert message.value is not None
            json.dumps([json.loads(message.value), dict(message.headers)], allow_nan=False).encode()
    except PoisonError:
        pass


@settings(max_examples=250, suppress_health_check=list(HealthCheck), deadline=None)
@given(bent_once_or_twice(POSTED), st.data())
async def test_a_bent_delivery(body: Any, data: st.DataObject):
    """Also where the subject is known already, so that there is something to merge with."""
    desk = await Desk.open()
    for known in POSTED if data.draw(st.booleans()) else ():
        await desk.post(known)
    await ends_well(desk.post(json.dumps(body).encode()))
    await desk.restart()


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(st.sampled_from(ANSWERED), st.data())
async def test_a_bent_answer(answered: tuple[str, str, dict[str, Any]], data: st.DataObject):
    what, subject, body = answered
    desk = await Desk.open()
    if data.draw(st.booleans()):
        await desk.answer(what, subject, body)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from([place for place in places(body)[1:] if len(place) < 20]))
        body = bent(body, place, data.draw(ODD))
    await ends_well(desk.answer(what, subject, body, name="again"))
    await desk.restart()


@pytest.mark.parametrize("odd", [None, 5, True, -1.5, "x", [], {}, [[]]], ids=str)
async def test_every_place_bent_in_turn(odd: Any):
    """Each value of every form replaced by one of another kind: what a dice may miss."""
    for body in POSTED:
        for place in places(body):
            await ends_well((await Desk.open()).post(json.dumps(bent(body, place, odd)).encode()))
    for what, subject, body in ANSWERED:
        for place in places(body):
            await ends_well((await Desk.open()).answer(what, subject, bent(body, place, odd)))


@pytest.mark.parametrize("kind", sorted(READERS))
@settings(max_examples=30, suppress_health_check=list(HealthCheck), deadline=None)
@given(body=ANYTHING, subject=st.sampled_from(SUBJECTS))
async def test_any_json_of_any_type(kind: str, body: Any, subject: str):
    """Straight to the reader, under any subject: whatever receiving made of it, normalising must bear it."""
    desk = await Desk.open()
    for wrapped in (body, {"topicName": kind, "eventBody": body}, {"event": kind, "data": body}):
        data = json.dumps(wrapped).encode()
        await ends_well(desk.take(Envelope("e", "genesys/o", kind, subject, NOW, NOW, data)))


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
