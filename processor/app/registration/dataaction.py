"""The data action by which a workflow posts an event to our receiver: what `register --print trigger` shows of it."""

from __future__ import annotations

from typing import Any

from processor.app.registration.eventbridge import Caller


def data_action(url: str, caller: Caller) -> dict[str, Any]:
    """As Genesys imports it. Credentials are the integration's own (user defined): none stands here."""
    if caller.header:
        proof = {caller.header: "${credentials.value}"}
    else:
        proof = {"Authorization": 'Basic $encoding.base64("${credentials.username}:${credentials.password}")'}
    text = {"type": "string"}
    schema = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "properties": {"topicName": text, "eventBody": {**text, "description": "the event's body, as JSON text"}},
        "required": ["topicName", "eventBody"],
        "additionalProperties": True,
    }
    body = '{"topicName":"${input.topicName}","eventBody":${input.eventBody},"source":"genesys-process-automation"}'
    return {
        "name": "Post to the event processor",
        "integrationType": "custom-rest-actions",
        "actionType": "custom",
        "config": {
            "request": {
                "requestUrlTemplate": url,
                "requestType": "POST",
                "headers": {"Content-Type": "application/json", **proof},
                "requestTemplate": body,
            },
            "response": {"translationMap": {}, "translationMapDefaults": {}, "successTemplate": "${rawResult}"},
        },
        "contract": {
            "input": {"inputSchema": schema},
            "output": {
                "successSchema": {
                    "type": "object",
                    "properties": {"ids": {"type": "array", "items": text}},
                    "additionalProperties": True,
                }
            },
        },
        "secure": False,
    }
