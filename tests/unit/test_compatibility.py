"""The gate on the topics' document: what breaks a promise is told, what only adds is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from handlers.events import Decision, Outcome, QueueUpdated
from handlers.requests.kinds import KINDS
from processor.app.documents.asyncapi import EVENTS, document
from processor.app.documents.compatibility import breaks
from processor.app.requests.files import read_files
from processor.app.topics import TOPICS
from processor.cli import main
from processor.cli.asyncapi import text

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs" / "asyncapi.json"
REQUESTS = ROOT / "examples" / "requests"


def test_the_document_keeps_what_the_committed_one_promised() -> None:
    assert breaks(orjson.loads(KEPT.read_bytes()), document()) == []


def test_the_committed_document_is_the_present_one() -> None:
    assert KEPT.read_text(encoding="utf-8") == text(), "run: genesys-processor asyncapi --write docs/asyncapi.json"


def test_every_topic_has_a_channel_with_its_policy() -> None:
    channels = document(7)["channels"]
    assert [channel["address"] for channel in channels.values()] == [topic.name for topic in TOPICS]
    assert channels["presence"]["bindings"]["kafka"]["topicConfiguration"] == {"cleanup.policy": ["compact"]}
    assert channels["raw"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == 7 * 86_400_000
    assert {channel["bindings"]["kafka"]["partitions"] for channel in channels.values()} == {7}


def test_every_reference_leads_somewhere() -> None:
    made = document()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                at: Any = made
                for part in node["$ref"].removeprefix("#/").split("/"):
                    at = at[part]
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(made)


@pytest.mark.parametrize("topic", sorted(EVENTS))
def test_each_schema_is_one_and_lists_the_fields_that_travel_in_the_value(topic: str) -> None:
    made = document()
    model = EVENTS[topic]
    schema = made["components"]["schemas"][model.__name__]
    jsonschema.Draft7Validator.check_schema(schema)
    own = {field.alias or name for name, field in model.model_fields.items()}
    assert set(schema["properties"]) - own <= {"chain", "sequence", "previousHash", "hash"}
    assert not {"id", "causeDigest", "fences", "receivedAt"} & set(schema["properties"])


def test_a_record_is_valid_under_its_schema() -> None:
    made = document()
    queue = QueueUpdated(id="1", time="2026-03-01T00:00:00Z", subject="queue/1", queue_id="1", name="Support")
    schema = {"$ref": "#/components/schemas/QueueUpdated", "components": made["components"]}
    validator = jsonschema.Draft7Validator(schema)
    validator.validate(orjson.loads(queue.data()))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(orjson.loads(queue.data()) | {"queueId": 1})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_request_of_another_program_is_valid_under_its_schema(kind: str) -> None:
    made = document()
    assert f"request.{kind}" in made["channels"]["requests"]["messages"]
    payload = made["components"]["messages"][f"request.{kind}"]["payload"]
    validator = jsonschema.Draft202012Validator({**payload, "components": made["components"]})
    requests = read_files(sorted(REQUESTS.glob(f"{kind}.*")))
    examples = [{"kind": kind, **request.fields()} for request in requests]
    assert examples
    for example in examples:
        validator.validate(example)
        for wrong in ({**example, "kind": "other"}, {**example, "colour": "blue"}):
            with pytest.raises(jsonschema.ValidationError):
                validator.validate(wrong)


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def act(made: dict[str, Any]) -> None:
        *way, last = path.split("/")
        at: Any = made
        for part in way:
            at = at[part]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return act


QUEUE = "components/schemas/QueueUpdated"
ASKED = "components/schemas/QueueRequest"


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (change(f"{QUEUE}/properties/name", None), "QueueUpdated.name is gone"),
        (change(f"{QUEUE}/properties/name", {"type": "integer"}), "QueueUpdated.name: was string, is integer"),
        (change(f"{QUEUE}/properties/name", {}), "QueueUpdated.name: was string, is anything"),
        (
            change(f"{QUEUE}/properties/name", {"anyOf": [{"type": "string"}, {"type": "null"}]}),
            "QueueUpdated.name: was string, is null or string",
        ),
        (change(f"{QUEUE}/required", ["name", "queueId"]), "QueueUpdated.name is required now"),
        (change("components/schemas/Shift/properties/start/format", "date"), "Shift.start: was string (date-time)"),
        (change("components/schemas/Presence/enum", ["AVAILABLE"]), "Presence: BUSY is gone"),
        (change("components/schemas/Standing", None), "Standing is gone"),
        (change(f"{ASKED}/properties/slaTarget", {"type": "null"}), "QueueRequest.slaTarget: was integer or null"),
        (change(f"{ASKED}/properties/slaPercent", None), "QueueRequest.slaPercent is gone"),
        (change(f"{ASKED}/required", ["kind", "queueId", "slaTarget"]), "QueueRequest.slaTarget is required now"),
        (change("components/schemas/Strategy/properties/type/enum", ["random"]), "Strategy.type: longest-idle is gone"),
        (change("channels/volume", None), "topic genesys.volume is gone"),
        (change("channels/volume/address", "volume"), "topic genesys.volume is now called volume"),
        (change("components/messages/queues/headers/properties/ce_id", None), "queues: header ce_id is gone"),
        (change("components/messages/queues/name", "other"), "queues: name was genesys.queues.updated, is other"),
    ],
)
def test_a_broken_promise_is_named(act: Callable[[dict[str, Any]], None], says: str) -> None:
    old = document()
    new = copy.deepcopy(old)
    act(new)
    assert any(line.startswith(says) for line in breaks(old, new)), breaks(old, new)


@pytest.mark.parametrize(
    "act",
    [
        change(f"{QUEUE}/properties/more", {"type": "string"}),
        change("components/schemas/Another", {"type": "object"}),
        change(f"{QUEUE}/required", []),
        change(f"{QUEUE}/properties/modifiedBy", {"type": "string"}),
        change("components/messages/queues/headers/properties/ce_more", {"type": "string"}),
        change(f"{ASKED}/properties/slaTarget", {}),
        change(f"{ASKED}/properties/queueId", {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
    ],
)
def test_an_addition_a_narrower_answer_or_a_wider_question_breaks_nothing(
    act: Callable[[dict[str, Any]], None],
) -> None:
    old = document()
    new = copy.deepcopy(old)
    act(new)
    assert breaks(old, new) == []


def test_the_file_is_not_overwritten_when_a_promise_would_break(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = document()
    old["components"]["schemas"]["QueueUpdated"]["properties"]["colour"] = {"type": "string"}
    file = tmp_path / "asyncapi.json"
    file.write_bytes(orjson.dumps(old))
    assert main(["asyncapi", "--write", str(file)]) == 4
    assert "QueueUpdated.colour is gone" in capsys.readouterr().err
    assert orjson.loads(file.read_bytes()) == old
    assert main(["asyncapi", "--check", str(file)]) == 4
    file.unlink()
    assert main(["asyncapi", "--write", str(file)]) == 0
    assert main(["asyncapi", "--check", str(file)]) == 0
    assert main(["asyncapi", "--check", str(tmp_path / "none.json")]) == 3


def test_the_outcomes_schema_has_the_links_of_the_chain() -> None:
    properties = document()["components"]["schemas"][Outcome.__name__]["properties"]
    assert {"chain", "sequence", "previousHash", "hash"} <= set(properties)
    assert "standing" in document()["components"]["schemas"][Decision.__name__]["properties"]


def test_openapi_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    made = orjson.loads(capsys.readouterr().out)
    assert {"/webhooks/genesys", "/queues/{id}/freeze", "/asyncapi.json"} <= set(made["paths"])
