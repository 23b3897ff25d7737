from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest

from handlers.requests.rules import construct
from handlers.requests.words import InvalidRequest
from handlers.simulate.distribution import MOST_ROWS, as_picture
from processor.app.errands.simulating import predict
from processor.cli import main
from processor.drawing import Box, Picture, Words
from processor.drawing.letters import POINTS, points
from processor.drawing.png import SIGNATURE, png
from processor.drawing.svg import svg

ASKED: dict[str, Any] = {
    "queue": {"routingRules": construct(("s1",)), "slaPercent": 90, "members": []},
    "emails": [{"id": "e1", "priority": "high"}, {"id": "e2", "priority": "low"}, {"id": "e3"}],
    "agents": {
        "ana": {"skills": ["s1"], "currentLoad": 4, "maxCapacity": 5},
        "bo & <co>": {"skills": ["s1"], "maxCapacity": 1},
        "dee": {"maxCapacity": 9},
    },
}


def file(tmp_path: Path, asked: Any) -> Path:
    path = tmp_path / "simulation.json"
    path.write_bytes(asked if isinstance(asked, bytes) else orjson.dumps(asked))
    return path


def pixels(data: bytes) -> list[bytes]:
    """The rows of red, green and blue, read as any viewer reads them."""
    assert data.startswith(SIGNATURE)
    chunks, at = {}, len(SIGNATURE)
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + size
    width, height, depth, kind_of_colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind_of_colour) == (8, 2)
    raw = zlib.decompress(chunks[b"IDAT"])
    assert len(raw) == height * (1 + 3 * width)
    rows = [raw[y * (1 + 3 * width) :][: 1 + 3 * width] for y in range(height)]
    assert all(row[0] == 0 for row in rows)
    return [row[1:] for row in rows]


def test_the_guides_three_results_and_the_distribution(tmp_path: Path) -> None:
    data = predict(file(tmp_path, ASKED)).data
    assert [(one["email"]["id"], one["rule"]) for one in data["routed"]] == [("e1", "priority"), ("e2", "default")]
    assert {one["assignedAgent"] for one in data["routed"]} == {"ana", "bo & <co>"}
    assert (data["unrouted"], data["capacityExceeded"]) == ([], 1)
    spread = data["distribution"]
    assert spread["agents"][0] == {"agentId": "ana", "assigned": 1, "load": 5, "maxCapacity": 5, "share": 0.5}
    assert spread["rules"] == [{"rule": "priority", "routed": 1}, {"rule": "default", "routed": 1}]
    assert [one["priority"] for one in spread["priorities"]] == ["high", "low", "none"]
    assert (spread["withoutSkills"], spread["withoutRoom"]) == (0, 1)


def test_skills_alone_mean_the_guides_two_rules_and_contacts_may_be_drawn(tmp_path: Path) -> None:
    shares = {"priority": {"high": 1, "low": 3}}
    asked = {**ASKED, "queue": {"skillIds": []}, "emails": {"count": 400, "fields": shares}}
    first, again = (predict(file(tmp_path, asked)).data for _ in range(2))
    assert first == again
    high = first["distribution"]["priorities"][0]
    assert 60 < sum(value for value in high.values() if isinstance(value, int)) < 140


def test_the_picture_shows_every_agent_and_what_became_of_all(tmp_path: Path) -> None:
    found = predict(file(tmp_path, ASKED))
    document = ET.fromstring(found.svg())
    texts = [element.text for element in document.iter("{http://www.w3.org/2000/svg}text")]
    assert "3 contacts: 2 routed, 0 unrouted, 1 capacity exceeded" in texts
    assert {"ana", "bo & <co>", "dee"} <= set(texts)
    assert {"routed", "unrouted", "capacity exceeded", "load before", "free"} <= set(texts), "what each colour means"
    rows = pixels(found.png())
    assert (int(document.get("width") or 0) * 3, int(document.get("height") or 0)) == (len(rows[0]), len(rows))
    colours = {row[at : at + 3] for row in rows for at in range(0, len(row), 3)}
    boxes = {shape.colour for shape in as_picture(found.data).shapes if isinstance(shape, Box)}
    assert {bytes.fromhex(colour[1:]) for colour in boxes} <= colours


def test_bars_are_as_wide_as_their_shares() -> None:
    data = {"routed": [0] * 30, "unrouted": [0] * 10, "capacityExceeded": 60, "distribution": {"agents": []}}
    widths = [shape.width for shape in as_picture(data).shapes if isinstance(shape, Box)][:3]
    assert sum(widths) == 820
    assert widths == [246, 82, 492]


def test_many_agents_are_counted_and_nothing_divides_by_nothing() -> None:
    row = {"agentId": "x" * 200, "assigned": 0, "load": 0, "maxCapacity": 0}
    agents = [row] * (MOST_ROWS + 5)
    picture = as_picture({"routed": [], "unrouted": [], "capacityExceeded": 0, "distribution": {"agents": agents}})
    texts = [shape.text for shape in picture.shapes if isinstance(shape, Words)]
    assert "and 5 more agents" in texts
    assert max(map(len, texts)) < 60
    assert pixels(png(picture))


def test_letters_are_drawn_where_they_stand_and_nothing_outside() -> None:
    assert points("a") == points("A") != points("B")
    assert points("\u00e9") == points("?")
    assert len(set(POINTS.values())) == len(POINTS)
    rows = pixels(png(Picture(20, 12, "t", (Words(20, 0, "L", "#000000", right=True), Box(-5, -5, 6, 6, "#ff0000")))))
    black = {(at // 3, y) for y, row in enumerate(rows) for at in range(0, 60, 3) if row[at : at + 3] == b"\0\0\0"}
    assert min(x for x, _ in black) == 12
    assert (rows[0][:3], rows[0][3:6]) == (b"\xff\0\0", b"\xff\xff\xff")


def test_nothing_in_a_name_becomes_markup() -> None:
    text = svg(Picture(9, 9, "<b>\x00'\"", (Words(0, 0, "</text><script>"), Box(0, 0, 1, 1, "#000000"))))
    document = ET.fromstring(text)
    assert document.get("aria-label") == "<b>?'\""
    assert [element.tag.rpartition("}")[2] for element in document] == ["title", "rect", "text", "rect"]


@pytest.mark.parametrize(
    ("change", "places"),
    [
        ({"agents": {}}, ["agents"]),
        ({"queue": {}}, ["queue"]),
        ({"queue": {"routingRules": [{"operator": "ANY"}]}}, ["queue.routingRules[0]"]),
        ({"agents": {"a": {"maxCapacity": -1}}, "emails": {"count": "x"}}, ["emails", "agents.a.maxCapacity"]),
        ({"emails": {"count": 1, "fields": {"priority": {"high": 0}}}}, ["emails.fields.priority"]),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(tmp_path: Path, change: Any, places: list[str]) -> None:
    with pytest.raises(InvalidRequest) as raised:
        predict(file(tmp_path, {**ASKED, **change}))
    found = [problem.place for problem in raised.value.problems]
    assert all(any(one.startswith(place) for one in found) for place in places)


@pytest.mark.parametrize("content", [b"[1, 2]", b"a: [", b"\xff\xfe\x00"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidRequest, match="simulation"):
        predict(file(tmp_path, content))


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "simulation.yaml"
    pictures = tmp_path / "a.svg", tmp_path / "a.png"
    assert main(["simulate", str(example), "--svg", str(pictures[0]), "--png", str(pictures[1])]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["routed"]) + len(data["unrouted"]) + data["capacityExceeded"] == 120
    assert pictures[0].read_text().startswith("<svg")
    assert pixels(pictures[1].read_bytes())
    assert main(["simulate", str(example), "--table"]) == 0
    assert "capacity exceeded" in capsys.readouterr().out
    assert main(["simulate", str(file(tmp_path, {**ASKED, "agents": {}}))]) == 3
    assert "agents" in capsys.readouterr().err
    assert main(["simulate", str(tmp_path / "nothing.yaml")]) == 3
