"""Every recorded sample by its name, from the socket to the topics: a new file in the folder is a new test."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from handlers.normalise.readers import GUIDES
from processor.event import digest
from tests.conftest import SHARED
from tests.integration.through import NOW, Ending, through

FOLDER = SHARED / "genesys" / "samples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "INDEX")
DATA = json.loads((Path(__file__).parents[1] / "data" / "samples.json").read_bytes())
EXPECTED: dict[str, dict[str, Any]] = {one["sample"]: one for one in DATA["guides"]}
for one in DATA["official"]:
    EXPECTED[f"event.eb.{one['sample']}"] = EXPECTED[f"event.ws.{one['sample']}"] = one
ENVELOPES = {
    "envelope.eb.detailtype_concrete_id": "genesys.presence",
    "envelope.trigger.webservices_action": "looked-up",
    "envelope.ws.heartbeat": "ignored",
    "envelope.ws.pong": "ignored",
    "envelope.ws.socket_closing": "ignored",
    "envelope.ws.channel_gone": "ignored",
    "envelope.ws.subscribe.ok": "ignored",
}
BATCH = "envelope.eb.batch"
BY_SHAPE = {
    "guide1.schedule.get_put": "genesys.schedules",
    "guide2.campaign_schedule.post.response": "genesys.campaigns",
    "guide4.queue.get.response": "genesys.queues",
}
"""Answers of the guides' endpoints that are exactly what their callbacks carry: taken as such."""
KNOWN = {*EXPECTED, *ENVELOPES, *BY_SHAPE, BATCH}
NO_DELIVERIES = [name for name in NAMES if name not in KNOWN]


def is_as_promised(ending: Ending, body: bytes) -> None:
    """What holds for every post: one record in raw with these bytes, and exactly one fate."""
    assert ending.status == 202
    (raw,) = ending.of("genesys.raw")
    headers = raw.message.headers
    assert [headers["ce_id"]] == ending.ids
    assert raw.message.value == body
    assert raw.message.key == headers["ce_subject"]
    assert headers.get("ce_subjectsource") == ("id" if raw.message.key == headers["ce_id"] else None)
    assert headers["ce_datadigest"] == digest(body)
    published, parked = ending.clean(), ending.of("genesys.deadletters")
    assert bool(published) + len(ending.fates()) + len(parked) == 1
    for record in published:
        assert record.message.key == record.message.headers["ce_subject"]
        assert record.message.headers["ce_causationid"] == headers["ce_id"]
        assert record.message.headers["ce_type"] == f"{record.topic}.updated"
        assert record.message.headers["ce_specversion"] == "1.0"


def became(ending: Ending, to: str, data: dict[str, Any]) -> None:
    if not to.startswith("genesys."):
        assert ending.fates() == [to]
        return
    (record,) = ending.clean()
    assert record.topic == to
    told = json.loads(record.message.value or b"{}")
    assert {name: told[name] for name in data} == data


@pytest.mark.parametrize("name", [name for name in NAMES if name in EXPECTED])
async def test_a_delivery(tmp_path: Path, name: str) -> None:
    expected, body = EXPECTED[name], (FOLDER / f"{name}.json").read_bytes()
    ending = await through(tmp_path / "events.db", body)
    is_as_promised(ending, body)
    headers = ending.of("genesys.raw")[0].message.headers
    assert (headers["ce_type"], headers["ce_subject"]) == (expected["type"], expected["subject"])
    if name.startswith("event.ws.") and not expected["saysWhen"]:
        assert headers["ce_timesource"] == "received"
    elif expected["time"]:
        assert headers["ce_time"] == expected["time"]
    became(ending, expected["becomes"], expected["data"])
    for record in ending.clean():
        assert record.message.headers.get("ce_timesource") == headers.get("ce_timesource")
        if not name.endswith("wfm.adherence"):  # tells of a presence that is older than itself
            assert record.message.headers["ce_time"] == headers["ce_time"]


@pytest.mark.parametrize("name", [name for name in NAMES if name in ENVELOPES])
async def test_an_envelope(tmp_path: Path, name: str) -> None:
    body = (FOLDER / f"{name}.json").read_bytes()
    ending = await through(tmp_path / "events.db", body)
    is_as_promised(ending, body)
    became(ending, ENVELOPES[name], {})


@pytest.mark.parametrize("name", [name for name in NAMES if name in BY_SHAPE])
async def test_what_has_a_callbacks_shape(tmp_path: Path, name: str) -> None:
    body = (FOLDER / f"{name}.json").read_bytes()
    ending = await through(tmp_path / "events.db", body)
    is_as_promised(ending, body)
    became(ending, BY_SHAPE[name], {})


@pytest.mark.parametrize("name", NO_DELIVERIES)
async def test_what_is_no_delivery_is_kept_and_says_why(tmp_path: Path, name: str) -> None:
    body = (FOLDER / f"{name}.json").read_bytes()
    values = json.loads(body)
    ending = await through(tmp_path / "events.db", body)
    assert ending.status == 202
    assert len(ending.ids) == (len(values) if isinstance(values, list) else 1)
    assert not ending.clean()
    assert not ending.fates()
    parked = ending.of("genesys.deadletters")
    assert len(parked) == len(ending.of("genesys.raw")) == len(ending.ids)
    for record in parked:
        assert record.message.headers["ce_type"] in {"unknown", *GUIDES}
        assert record.message.headers["dlq_reason"] == "poison"
        assert record.message.headers["dlq_field"]
        assert record.message.headers["dlq_error"]


async def test_the_batch(shared: Path, tmp_path: Path) -> None:
    body = (shared / "genesys/samples" / f"{BATCH}.json").read_bytes()
    ending = await through(tmp_path / "events.db", body)
    assert (ending.status, ending.ids) == (202, [event["id"] for event in json.loads(body)])
    assert all((record.message.value or b"?") in body for record in ending.of("genesys.raw"))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"Content-Type": "application/cloudevents+json"},
        {"Content-Type": "text/plain;charset=UTF-16"},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "gzip", "Expect": "100-continue"},
    ],
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
async def test_the_same_in_any_wrapping(shared: Path, tmp_path: Path, change: dict[str, str], mark: bytes) -> None:
    body = (shared / "genesys/samples/event.eb.users.presence.json").read_bytes()
    sent = gzip.compress(mark + body) if "Content-Encoding" in change else mark + body
    ending = await through(tmp_path / "events.db", sent, change)
    is_as_promised(ending, body)
    became(ending, "genesys.presence", {"presence": "AVAILABLE"})


async def test_the_same_twice_is_one_event_and_a_duplicate(shared: Path, tmp_path: Path) -> None:
    body = (shared / "genesys/samples/event.eb.users.presence.json").read_bytes()
    ending = await through(tmp_path / "events.db", body, posts=2)
    assert (len(ending.clean()), ending.fates()) == (1, ["duplicate"])
    assert ending.of("genesys.raw")[0].timestamp == NOW
