"""The topics as an AsyncAPI 3 document: what other people's programs may rely on, generated from the models."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from handlers import events
from handlers.events import Requested
from processor.app.documents.words import (
    CHAIN,
    CLEAN_HEADERS,
    COMMON,
    DEAD_LETTER_HEADERS,
    DESCRIPTIONS,
    KEYS,
    RAW_HEADERS,
    REPLAY_HEADERS,
    TYPES_IN_RAW,
    WRITERS_OUTSIDE,
)
from processor.app.requests.kinds import request_kinds
from processor.app.topics import TOPICS
from processor.event import META, Event
from processor.eventlog import Topic

Json = dict[str, Any]

EVENTS: Mapping[str, type[Event]] = {
    one.topic: one
    for one in (
        events.ScheduleUpdated,
        events.ShiftsUpdated,
        events.PresenceUpdated,
        events.QueueUpdated,
        events.VolumeUpdated,
        events.CampaignUpdated,
        events.ProfileUpdated,
        events.ExportCursor,
        events.PoolUpdated,
        events.Lookup,
        events.Fate,
        events.Decision,
        events.Outcome,
        events.FreezeRequested,
        events.Begun,
    )
}
"""By topic: the model of its records' values."""


def product_version() -> str:
    """As it was installed."""
    try:
        return version("genesys-processor")
    except PackageNotFoundError:  # run from a folder, not installed
        return "0"


def document(partitions: int = 12) -> Json:
    """The whole document; the same models, the same text."""
    channels = {_name(topic): _channel(topic, partitions) for topic in TOPICS}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Genesys event processor: the topics",
            "version": product_version(),
            "description": (
                "Every record is a CloudEvents 1.0 event in Kafka binary mode: value = JSON data, key = subject, "
                "attributes in headers. Times are UTC with Z. Unknown fields may be added at any time; none is removed "
                "or changes its meaning. In a compacted topic a record without a value says that its key is no more "
                "(ce_type ends in .deleted, or in .forgotten where it was erased). The embedded log keeps the same "
                "records: `genesys-processor tail TOPIC --json`."
            ),
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {name: _operation(name, topic) for name, topic in zip(channels, TOPICS, strict=True)},
        "components": {
            "messages": {_name(topic): _message(topic) for topic in TOPICS} | _request_messages(),
            "schemas": dict(sorted({**_schemas(), **_request_schemas()}.items())),
        },
    }


def _name(topic: Topic) -> str:
    return topic.name.removeprefix("genesys.")


def _channel(topic: Topic, partitions: int) -> Json:
    configuration: Json = {"cleanup.policy": ["compact" if topic.compact else "delete"]}
    if topic.retention:
        configuration["retention.ms"] = int(topic.retention.total_seconds() * 1000)
    messages = [_name(topic), *(_request_messages() if topic.name == Requested.topic else ())]
    return {
        "address": topic.name,
        "description": DESCRIPTIONS[topic.name],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {"topic": topic.name, "partitions": partitions, "topicConfiguration": configuration},
        },
    }


def _operation(name: str, topic: Topic) -> Json:
    """From this product's side: it sends all topics; what others may write it also receives."""
    outside = topic.name in WRITERS_OUTSIDE
    return {
        "action": "receive" if outside else "send",
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": f"{'Read from' if outside else 'Written to'} {topic.name}.",
    }


def _message(topic: Topic) -> Json:
    model = EVENTS.get(topic.name)
    headers = {"genesys.raw": RAW_HEADERS, "genesys.deadletters": DEAD_LETTER_HEADERS}.get(topic.name, CLEAN_HEADERS)
    if topic.name == "genesys.replays":
        headers = REPLAY_HEADERS
    message: Json = {
        "name": model.type if model else topic.name,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {name: {"type": "string", "description": text} for name, text in headers.items()},
            "required": [name for name in ("ce_specversion", "ce_id", "ce_type") if name in headers],
        },
        "bindings": {"kafka": {"key": {"type": "string", "description": KEYS[topic.name]}}},
    }
    message["payload"] = (
        {"$ref": f"#/components/schemas/{model.__name__}"}
        if model
        else {"description": TYPES_IN_RAW if topic.name == "genesys.raw" else "The value of the record it came from."}
    )
    return message


def _request_messages() -> Json:
    """One for each kind that other programs may write. They need no headers: what is missing is found."""
    properties = {name: {"type": "string", "description": text} for name, text in COMMON.items()}
    return {
        f"request.{kind}": {
            "name": Requested.type,
            "title": kind,
            "contentType": "application/json",
            "headers": {"type": "object", "properties": properties},
            "bindings": {"kafka": {"key": {"type": "string", "description": KEYS[Requested.topic]}}},
            "payload": {"$ref": f"#/components/schemas/{name}"},
        }
        for kind, name in request_kinds().names.items()
    }


def _request_schemas() -> Json:
    """The fields of each kind, and `kind` beside them."""
    kinds = request_kinds()
    schemas = {name: _plain(schema) for name, schema in kinds.schemas.items()}
    for kind, name in kinds.names.items():
        schema = schemas[name]
        schema["properties"] = {"kind": {"const": kind}, **schema["properties"]}
        schema["required"] = ["kind", *schema.get("required", ())]
    return schemas


def _schemas() -> Json:
    """JSON Schemas of the values: what travels in headers is left out, and so are generated titles."""
    models: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in EVENTS.values()]
    _, generated = models_json_schema(models, by_alias=True, ref_template="#/components/schemas/{model}")
    schemas = {name: _plain(schema) for name, schema in generated["$defs"].items()}
    for model in EVENTS.values():
        _without_headers(schemas[model.__name__], META - model.also_data)
    schemas["Outcome"]["properties"] |= {name: dict(schema) for name, schema in CHAIN.items()}
    schemas.pop("Fence", None)
    return dict(sorted(schemas.items()))


def _without_headers(schema: Json, names: set[str]) -> None:
    own = Event.model_fields
    for name in names:
        alias = own[name].alias or name
        schema["properties"].pop(alias, None)
        if alias in schema.get("required", ()):
            schema["required"].remove(alias)
    schema["required"] = sorted(schema.get("required", ()))


def _plain(node: Any, *, names: bool = False) -> Any:
    """Without `title`, except where it is a field's name; line breaks of docstrings are folded."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _plain(value, names=key == "properties") for key, value in node.items() if names or key != "title"}
    if not names and isinstance(plain.get("description"), str):
        plain["description"] = " ".join(plain["description"].split())
    return plain
