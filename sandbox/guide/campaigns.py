"""G2's campaign schedules: several for a campaign, made by POST, never two at the same time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.clock import parse, stamp
from sandbox.genesys.guard import Call, Json, Refusal, Route, not_found
from sandbox.genesys.outbound import NAMES
from sandbox.names import VOICE, uid
from sandbox.world import World

READ, WRITE = ("outbound:campaign:read",), ("outbound:campaign:write",)
ROOT = "/api/v2/outbound/campaigns"
CALLS, AGENTS = 50, 20
"""The capacity of the guide's complete example."""
DAY = timedelta(days=1)
NEEDED = (
    "campaignId",
    "startTime",
    "endTime",
    "timezone",
    "dailySchedule",
    "maxConcurrentCalls",
    "maxConcurrentAgents",
)
Span = tuple[datetime, datetime]


class Campaigns:
    """The operations on campaigns' schedules, and what other people do to them (`plan`, `forget`)."""

    def __init__(self, world: World) -> None:
        self.campaigns: dict[str, Json] = {uid("campaign", name): _campaign(name) for name in NAMES}
        self.schedules: dict[str, list[Json]] = {key: [] for key in self.campaigns}
        self.active: dict[str, list[Span]] = {}
        """By campaign, windows of its own during which the server takes no schedule, without showing any."""
        today = world.now().date()
        self.plan(uid("campaign", NAMES[0]), _mornings(today))

    def routes(self) -> list[Route]:
        """What is served."""
        one = f"{ROOT}/{{campaignId}}"
        return [
            Route("GET", one, self.read, READ),
            Route("GET", f"{one}/schedules", lambda call: {"entities": self._of(call)}, READ),
            Route("POST", f"{one}/schedules", self.create, WRITE, status=201),
        ]

    def read(self, call: Call) -> Json:
        """The campaign with its limits."""
        self._of(call)
        return self.campaigns[call.parameters["campaignId"]]

    def _of(self, call: Call) -> list[Json]:
        key = call.parameters["campaignId"]
        if key not in self.schedules:
            raise not_found("campaign")
        return self.schedules[key]

    def create(self, call: Call) -> Json:
        """Under an id of the server's own."""
        there, body, key = self._of(call), call.body, call.parameters["campaignId"]
        missing = [name for name in NEEDED if not isinstance(body, dict) or name not in body]
        if missing:
            raise Refusal(400, "missing.required.field", f"The field [{missing[0]}] is required")
        try:
            spans = list(_spans(body))
        except (KeyError, TypeError, ValueError) as error:
            raise Refusal(400, "invalid.value", f"The schedule cannot be understood: {error}") from error
        for other in there:
            if _meet(spans, list(_spans(other))):
                message = f"Schedule already exists or overlaps with active configuration: {other['id']}"
                raise Refusal(409, "conflict", message)
        if _meet(spans, self.active.get(key, [])):
            raise Refusal(409, "conflict", "Schedule overlaps with an active campaign window")
        return self.plan(key, body)

    def plan(self, key: str, body: Json) -> Json:
        """Put a schedule there, as a person would, unchecked."""
        own = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{key}/{len(self.schedules[key])}/{body.get('id', '')}"))
        made = {**body, "id": own, "campaignId": key, "selfUri": f"{ROOT}/{key}/schedules/{own}"}
        self.schedules[key].append(made)
        return made

    def forget(self, key: str) -> None:
        """A person deletes all schedules of a campaign."""
        self.schedules[key].clear()


def _spans(body: Json) -> Iterator[Span]:
    """When it dials, in UTC."""
    where, start, end = ZoneInfo(body["timezone"]), parse(body["startTime"]), parse(body["endTime"])
    if start >= end:
        raise ValueError("endTime is not after startTime")
    when, last = start.astimezone(where).date(), end.astimezone(where).date()
    while when <= last:
        for slot in body["dailySchedule"]:
            if when.strftime("%A") in slot["days"]:
                opens, closes = (_moment(when, slot[name], where) for name in ("startTime", "endTime"))
                if max(opens, start) < min(closes, end):
                    yield max(opens, start), min(closes, end)
        when += DAY


def _moment(when: date, text: str, where: ZoneInfo) -> datetime:
    if text.startswith("24:"):
        return datetime.combine(when + DAY, time(), where).astimezone(UTC)
    return datetime.combine(when, time.fromisoformat(text), where).astimezone(UTC)


def _meet(some: list[Span], others: list[Span]) -> bool:
    both = sorted([*((*one, 0) for one in some), *((*one, 1) for one in others)])
    ends = [datetime.min.replace(tzinfo=UTC)] * 2
    for start, end, which in both:
        if start < ends[1 - which]:
            return True
        ends[which] = max(ends[which], end)
    return False


def _campaign(name: str) -> Json:
    return {
        "id": uid("campaign", name),
        "name": name,
        "queue": {"id": VOICE.id, "name": VOICE.name},
        "maxConcurrentCalls": CALLS,
        "maxConcurrentAgents": AGENTS,
    }


def _mornings(today: date) -> dict[str, Any]:
    where = ZoneInfo("America/Chicago")
    start, end = (datetime.combine(day, time(), where) for day in (today, today + timedelta(days=40)))
    return {
        "startTime": stamp(start),
        "endTime": stamp(end),
        "timezone": where.key,
        "dailySchedule": [
            {
                "startTime": "08:00:00",
                "endTime": "12:00:00",
                "days": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"],
            }
        ],
        "maxConcurrentCalls": 25,
        "maxConcurrentAgents": 10,
    }
