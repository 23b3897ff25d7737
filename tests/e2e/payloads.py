"""Events as Genesys sends them, made on the spot."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

MONDAY = datetime.fromisoformat("2026-03-09T13:00:00+00:00")


def at(seconds: float) -> str:
    return (MONDAY + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def eventbridge(topic: str, body: dict[str, Any], *, seconds: float = 0, name: str | None = None) -> dict[str, Any]:
    return {
        "version": "0",
        "id": name or str(uuid.uuid4()),
        "detail-type": topic,
        "source": "aws.partner/genesys.com/cloud/7f0c7a1e-4d1b-4c55-9a0e-0c2f6b1f9a10/wfm-sync",
        "account": "123456789012",
        "time": at(seconds)[:19] + "Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {"topicName": topic, "version": "2", "eventBody": body, "metadata": {}, "timestamp": at(seconds)},
    }


def presence(user: str, word: str, seconds: float, *, name: str | None = None) -> dict[str, Any]:
    body = {
        "source": "PURECLOUD",
        "presenceDefinition": {"id": "6a3af858-942f-489d-9700-5f9bcdcd0001", "systemPresence": word},
        "primary": True,
        "message": "",
        "modifiedDate": at(seconds),
    }
    return eventbridge(f"v2.users.{user}.presence", body, seconds=seconds, name=name)


GUIDE_SCHEDULE = {
    "event": "schedule:updated",
    "id": "evt-hours",
    "timestamp": at(0),
    "data": {
        "id": "s-1",
        "scheduleGroupId": "support-hours",
        "name": "Support Team Hours",
        "timezoneId": "Europe/Paris",
        "scheduleEntries": [
            {"daysOfWeek": ["monday", "friday"], "startTime": "08:00:00.000", "endTime": "18:00:00.000"}
        ],
        "holidays": [],
    },
}
