"""The OpenAPI document of both ports: what may be sent, and what every answer means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]


class Kinds(NamedTuple):
    """What change requests are made of: by kind the name of its schema, and by name the schemas."""

    names: Mapping[str, str]
    schemas: Mapping[str, Json]


NO_KINDS = Kinds({}, {})

PROBLEM: Json = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong."},
        "remedy": {"type": "string", "description": "What the caller can do about it."},
        "field": {"type": ["string", "null"]},
        "problems": {
            "type": "array",
            "description": "All that is wrong with a request.",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("place", "message", "remedy")},
            },
        },
    },
}
ACCEPTED: Json = {
    "type": "object",
    "required": ["ids"],
    "properties": {
        "ids": {"type": "array", "items": {"type": "string"}, "description": "One for each event, in order."}
    },
}
PROOFS: list[Json] = [{"basic": []}, {"apiKey": []}, {"standardWebhooks": []}, {"hubSignature": []}]
SCHEMES: Json = {
    "basic": {"type": "http", "scheme": "basic"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "The name is a setting."},
    "standardWebhooks": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks, beside webhook-id and webhook-timestamp.",
    },
    "hubSignature": {"type": "apiKey", "in": "header", "name": "X-Hub-Signature-256"},
    "admin": {"type": "http", "scheme": "bearer"},
}
BRAKE: Json = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "by": {"type": "string", "description": "Who orders it, for the audit trail."},
        "restore": {"type": "boolean", "description": "Also put the queue's own settings back."},
    },
}


def _content(schema: Json, kind: str = "application/json") -> Json:
    return {"content": {kind: {"schema": schema}}}


def _answer(text: str, schema: Json | None = None) -> Json:
    return {"description": text, **(_content(schema) if schema else {})}


def _problems(**texts: str) -> Json:
    refers = {"$ref": "#/components/schemas/Problem"}
    return {
        status.removeprefix("s"): {"description": text, **_content(refers, "application/problem+json")}
        for status, text in texts.items()
    }


def _parameter(name: str, where: str = "path", text: str = "", **schema: Any) -> Json:
    described = {"description": text} if text else {}
    return {"name": name, "in": where, "required": where == "path", **described, "schema": {"type": "string", **schema}}


def _operation(
    summary: str, responses: Json, *parameters: Json, body: Json | None = None, needed: bool = False
) -> Json:
    operation: Json = {"summary": summary, "responses": responses, "security": [{"admin": []}]}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": needed, **_content(body)}
    return operation


def _guarded(paths: Json) -> Json:
    """With what any of these may answer to somebody who is not let in."""
    told = _problems(
        s401="ADMIN_TOKEN is set, and the bearer token is missing or another.",
        s403="Without ADMIN_TOKEN: asked under another name than this machine's own, or from another site's page.",
    )
    for item in paths.values():
        for operation in item.values():
            others = told if operation["security"] else {"403": told["403"]}
            operation["responses"] = {**operation["responses"], **others}
    return paths


def _receiver() -> Json:
    post = _operation(
        "Deliver events: one JSON object, a JSON array, or a CloudEvents batch",
        {
            "202": _answer("In the log, durable.", {"$ref": "#/components/schemas/Accepted"}),
            **_problems(
                s400="No JSON, or a damaged body. Do not repeat it.",
                s401="Proof of the caller is missing or wrong.",
                s408="The body did not come in time.",
                s413="Larger than PROCESSOR_RECEIVER_MAX_BYTES, decompressed.",
                s415="A Content-Encoding that is not gzip or deflate.",
                s429="This caller is too fast; see Retry-After.",
                s503="The log cannot take it in time; send the same again after Retry-After.",
            ),
        },
        body={},
        needed=True,
    )
    post["security"] = PROOFS
    options = _operation("CloudEvents handshake", {"200": _answer("WebHook-Allowed-Origin and -Rate.")})
    feed = _operation(
        "A calendar feed",
        {
            "200": {"description": "The calendar.", **_content({"type": "string"}, "text/calendar")},
            **_problems(s404="None."),
        },
        _parameter("name", text="`schedule-group-<id>.<token>` or `agent-<id>.<token>`"),
    )
    options["security"] = feed["security"] = []
    return {"/webhooks/genesys": {"post": post, "options": options}, "/calendars/{name}.ics": {"get": feed}}


def _health() -> Json:
    ok: Json = {"type": "object"}
    text: Json = {"type": "string"}
    alive = _operation("Does every stage move?", {"200": _answer("Yes.", ok), **_problems(s503="These do not.")})
    ready = _operation("Does the log take an append?", {"200": _answer("Yes.", ok), **_problems(s503="Why not.")})
    page = _operation("The console", {"200": {"description": "A page.", **_content(text, "text/html")}})
    alive["security"] = ready["security"] = page["security"] = []
    measures = _operation("Prometheus metrics", {"200": {"description": "Text.", **_content(text, "text/plain")}})
    return {
        "/": {"get": page},
        "/livez": {"get": alive},
        "/readyz": {"get": ready},
        "/metrics": {"get": measures},
        "/openapi.json": {"get": _operation("This document", {"200": _answer("OpenAPI 3.1.", ok)})},
        "/asyncapi.json": {"get": _operation("The topics", {"200": _answer("AsyncAPI 3.", ok)})},
        "/overview": {
            "get": _operation("What the console shows", {"200": _answer("Counts, stages, lately done.", ok), **LOG})
        },
    }


BODY: Json = _problems(s413="Larger than 1 MiB.", s422="A field is wrong.")
LOG: Json = _problems(s503="The log cannot be asked now; see Retry-After.")
ANY: Json = {"type": "object"}
NAMED: Json = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}


def _made(text: str) -> Json:
    """202, and LOG. Its id leads to what becomes of it."""
    return {"202": {**_answer(text, NAMED), **_link("outcome", "name", "id")}, **LOG}


def _link(operation: str, parameter: str, place: str) -> Json:
    """The answer holds, at this place, what another operation asks for."""
    return {"links": {operation: {"operationId": operation, "parameters": {parameter: f"$response.body#/{place}"}}}}


def _operations() -> Json:
    name = _parameter("id")
    none = _problems(s404="None of this id.")
    queue = {
        **_made("Written to the log; it happens within a second. Also for an id in Genesys's form not seen yet."),
        **BODY,
        **none,
    }
    subject = _parameter("subject", "query", "Makes the search quick and complete.")
    again = _operation("Do it again", {"202": _answer("It is done once more.", NAMED), **none, **LOG}, name)
    parked = {**_answer("All that are kept.", ANY), **_link("replay", "id", "deadLetters/0/id")}
    return {
        "/queues": {
            "get": _operation("Queues, what is in force, who froze them", {"200": _answer("All.", ANY), **LOG})
        },
        "/queues/{id}/freeze": {"post": _operation("The loop leaves it alone", queue, name, body=BRAKE)},
        "/queues/{id}/resume": {"post": _operation("The loop minds it again", queue, name, body=BRAKE)},
        "/dead-letters": {"get": _operation("What could not be done", {"200": parked, **LOG})},
        "/dead-letters/{id}/replay": {"post": {**again, "operationId": "replay"}},
        "/events/{id}": {
            "get": _operation(
                "Where is my event?", {"200": _answer("Fate, records, effects.", ANY), **LOG}, name, subject
            )
        },
    }


def _requests(kinds: Kinds) -> Json:
    """Each kind as a path of its own, with its fields; and the path that they are all of."""
    key = _parameter(
        "Idempotency-Key", "header", "Becomes the id: the same may be sent again.", pattern="^[!-~]{1,200}$"
    )
    trace = _parameter("traceparent", "header", "W3C trace context: the request and its outcome have it too.")
    answers = {
        **_made("In the log; GET /requests/{id} says what becomes of it."),
        **BODY,
        **_problems(s409="Genesys is not configured, or the id is another request's."),
    }
    text = f"A kind: {', '.join(kinds.names)}." if kinds.names else "A kind."
    outcome = _operation(
        "What became of it",
        {"200": _answer("Its outcome.", ANY), **_problems(s404="None of this id."), **LOG},
        _parameter("name", text="The id of a request."),
    )
    paths: Json = {
        "/requests/{name}": {
            "get": {**outcome, "operationId": "outcome"},
            "post": _operation(
                "Ask for a change in Genesys",
                {**answers, **_problems(s404="No such kind.")},
                _parameter("name", text=text),
                key,
                trace,
                body=ANY,
            ),
        }
    }
    for kind, schema in kinds.names.items():
        body = {"$ref": f"#/components/schemas/{schema}"}
        summary = str(kinds.schemas[schema].get("description", kind)).partition("\n")[0]
        paths[f"/requests/{kind}"] = {"post": _operation(summary, answers, key, trace, body=body, needed=True)}
    return paths


def openapi(version: str, kinds: Kinds = NO_KINDS) -> Json:
    """The receiver's paths and the admin port's, each with its server."""
    receiver = {path: {**item, "servers": [{"url": "http://127.0.0.1:8080"}]} for path, item in _receiver().items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Genesys event processor", "version": version or "0"},
        "servers": [{"url": "http://127.0.0.1:8081"}],
        "paths": {**receiver, **_guarded({**_health(), **_operations(), **_requests(kinds)})},
        "components": {
            "schemas": {"Problem": PROBLEM, "Accepted": ACCEPTED, **kinds.schemas},
            "securitySchemes": SCHEMES,
        },
    }
