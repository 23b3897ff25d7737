"""The OpenAPI document of both ports: what may be sent, and what every answer means."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

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


def _parameter(name: str, where: str = "path", text: str = "") -> Json:
    return {"name": name, "in": where, "required": where == "path", "description": text, "schema": {"type": "string"}}


def _operation(summary: str, responses: Json, *parameters: Json, body: Json | None = None) -> Json:
    operation: Json = {"summary": summary, "responses": responses, "security": [{"admin": []}]}
    if parameters:
        operation["parameters"] = list(parameters)
    if body:
        operation["requestBody"] = _content(body)
    return operation


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
            "get": _operation("What the console shows", {"200": _answer("Counts, stages, lately done.", ok)})
        },
    }


def _operations() -> Json:
    one: Json = {"type": "object"}
    made = _answer("Written to the log; it happens within a second.", one)
    name = _parameter("id")
    wrong = _problems(s422="A field is wrong.")
    subject = _parameter("subject", "query", "Makes the search quick and complete.")
    queue = {**wrong, "202": made}
    return {
        "/queues": {"get": _operation("Queues, what is in force, who froze them", {"200": _answer("All.", one)})},
        "/queues/{id}/freeze": {"post": _operation("The loop leaves it alone", queue, name, body=BRAKE)},
        "/queues/{id}/resume": {"post": _operation("The loop minds it again", queue, name, body=BRAKE)},
        "/dead-letters": {"get": _operation("What could not be done", {"200": _answer("All that are kept.", one)})},
        "/dead-letters/{id}/replay": {
            "post": _operation("Do it again", {"202": made, **_problems(s404="None of this id.")}, name)
        },
        "/requests/{kind}": {
            "post": _operation(
                "Ask for a change in Genesys",
                {
                    "202": made,
                    **wrong,
                    **_problems(
                        s404="No such kind.", s409="Genesys is not configured, or the id is another request's."
                    ),
                },
                _parameter("kind"),
                _parameter("Idempotency-Key", "header", "Becomes the id: the same may be sent again."),
                body=one,
            )
        },
        "/requests/{id}": {
            "get": _operation(
                "What became of it", {"200": _answer("Its outcome.", one), **_problems(s404="None.")}, name
            )
        },
        "/events/{id}": {
            "get": _operation("Where is my event?", {"200": _answer("Fate, records, effects.", one)}, name, subject)
        },
    }


def openapi(version: str) -> Json:
    """The receiver's paths and the admin port's, each with its server."""
    receiver = {path: {**item, "servers": [{"url": "http://127.0.0.1:8080"}]} for path, item in _receiver().items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Genesys event processor", "version": version or "0"},
        "servers": [{"url": "http://127.0.0.1:8081"}],
        "paths": {**receiver, **_health(), **_operations()},
        "components": {"schemas": {"Problem": PROBLEM, "Accepted": ACCEPTED}, "securitySchemes": SCHEMES},
    }
