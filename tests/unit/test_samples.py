"""Every recorded sample that is a delivery: the right type, subject, time, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from handlers.normalise.envelopes import envelopes
from processor.errors import PoisonError
from processor.event import Delivery, instant
from tests.unit.normalisedesk import NOW, Desk, clean, fate, lookups

DATA = orjson.loads((Path(__file__).parents[1] / "data" / "samples.json").read_bytes())
OFFICIAL: list[dict[str, Any]] = DATA["official"]
GUIDES: list[dict[str, Any]] = DATA["guides"]
USER = "agent/2b6c1f52-8a3e-4d61-9a41-5be1b8a0c101"


def name_of(expected: dict[str, Any]) -> str:
    return str(expected["sample"])


async def became(body: bytes, to: str, data: dict[str, Any]) -> list[Any]:
    found = await (await Desk.open()).post(body)
    if not to.startswith("genesys."):
        assert fate(found) == to
        return found
    (event,) = clean(found)
    assert event.topic == to
    told = orjson.loads(event.data())
    assert {name: told[name] for name in data} == data
    return found


def one(body: bytes) -> Any:
    (envelope,) = envelopes(Delivery("genesys/unknown", {}, body, NOW, "basic:1"))
    assert envelope.data == body
    return envelope


@pytest.mark.parametrize("expected", OFFICIAL, ids=name_of)
async def test_through_event_bridge(shared: Path, expected: dict[str, Any]):
    body = (shared / "genesys/samples" / f"event.eb.{expected['sample']}.json").read_bytes()
    found = one(body)
    assert (found.type, found.subject, instant(found.time)) == (expected["type"], expected["subject"], expected["time"])
    assert found.time_source == ("" if expected["saysWhen"] else "envelope")
    assert found.id == orjson.loads(body)["id"]
    assert found.source == "genesys/7f0c7a1e-4d1b-4c55-9a0e-0c2f6b1f9a10"
    await became(body, expected["becomes"], expected["data"])


@pytest.mark.parametrize("expected", OFFICIAL, ids=name_of)
async def test_through_the_notification_channel(shared: Path, expected: dict[str, Any]):
    body = (shared / "genesys/samples" / f"event.ws.{expected['sample']}.json").read_bytes()
    found = one(body)
    assert (found.type, found.subject) == (expected["type"], expected["subject"])
    own = expected["saysWhen"]
    assert (instant(found.time), found.time_source) == ((expected["time"], "") if own else (instant(NOW), "received"))
    await became(body, expected["becomes"], expected["data"])


@pytest.mark.parametrize("expected", GUIDES, ids=name_of)
async def test_the_guides_callbacks(shared: Path, expected: dict[str, Any]):
    body = (shared / "genesys/samples" / f"{expected['sample']}.json").read_bytes()
    found = one(body)
    assert (found.type, found.subject) == (expected["type"], expected["subject"])
    assert instant(found.time) == (expected["time"] or instant(NOW))
    assert found.id == expected["id"] if expected["id"] else found.id.startswith("sha256:")
    await became(body, expected["becomes"], expected["data"])


async def test_the_batch(shared: Path):
    body = (shared / "genesys/samples/envelope.eb.batch.json").read_bytes()
    found = envelopes(Delivery("genesys/unknown", {}, body, NOW, "basic:1"))
    assert [envelope.id for envelope in found] == [event["id"] for event in orjson.loads(body)]
    assert all(envelope.data in body and envelope.data[:1] + envelope.data[-1:] == b"{}" for envelope in found)
    events = await (await Desk.open()).post(body)
    assert orjson.loads(events[-1].data())["presence"] == "ON_QUEUE"


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("envelope.eb.detailtype_concrete_id", "genesys.presence"),
        ("envelope.trigger.webservices_action", "looked-up"),
        ("envelope.ws.heartbeat", "ignored"),
        ("envelope.ws.pong", "ignored"),
        ("envelope.ws.socket_closing", "ignored"),
        ("envelope.ws.channel_gone", "ignored"),
        ("envelope.ws.subscribe.ok", "ignored"),
    ],
)
async def test_other_envelopes(shared: Path, name: str, to: str):
    await became((shared / "genesys/samples" / f"{name}.json").read_bytes(), to, {})


async def test_the_agents_of_a_notification_are_looked_at_one_by_one(shared: Path):
    body = (shared / "genesys/samples/event.eb.wfm.businessunits.schedules.json").read_bytes()
    assert lookups(await became(body, "looked-up", {})) == [("shifts", USER), ("shifts", USER[:-1] + "2")]


async def test_every_sample_ends_as_something_or_as_poison_with_its_field(shared: Path):
    desk = await Desk.open()
    fields = []
    for file in sorted((shared / "genesys/samples").glob("*.json")):
        try:
            await desk.post(file.read_bytes())
        except PoisonError as error:
            fields.append(error.field)
    assert all(fields)
