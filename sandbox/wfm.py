"""The stand-in for WFM systems and for the people who are called: verifies, takes each event once, keeps the books."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.signing import why_not

Json = dict[str, Any]


@dataclass(slots=True)
class Arrived:
    """An event of the product, as it was first taken."""

    id: str
    at: float
    """Real time (epoch) of its arrival."""
    told: Mapping[str, str]
    """Its type, subject, time and sequence."""
    times: int = 1
    """How often it was delivered in different batches: more than 1 is a duplicate that we had to swallow."""


@dataclass(slots=True)
class Books:
    """What arrived at one endpoint. `state`: by topic type and subject, the data with the highest sequence."""

    batches: Counter[str] = field(default_factory=Counter)
    """`webhook-id` → how often it came."""
    events: dict[str, Arrived] = field(default_factory=dict)
    state: dict[str, Json] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    bodies: list[Json] = field(default_factory=list)
    """Of `/schedules/sync`: the bodies, in order, repeats of a batch left out."""

    def take(self, event: Json, now: float) -> None:
        """Once by id; the highest sequence of a subject wins."""
        known = self.events.get(event["id"])
        if known:
            known.times += 1
            return
        told = {name: str(event[name]) for name in ("type", "subject", "time", "sequence")}
        self.events[event["id"]] = Arrived(event["id"], now, told)
        name = f"{event['type']} {event['subject']}"
        last = self.state.get(name)
        if last is None or _order(last["sequence"]) < _order(event["sequence"]):
            self.state[name] = {"sequence": event["sequence"], "id": event["id"], "data": event["data"]}

    def shown(self) -> Json:
        """As JSON."""
        return {
            "batches": len(self.batches),
            "repeatedBatches": sum(count - 1 for count in self.batches.values()),
            "refused": dict(self.refused),
            "events": [{"id": e.id, "at": e.at, "times": e.times, **e.told} for e in self.events.values()],
            "state": self.state,
            "bodies": self.bodies,
        }


def _order(sequence: str) -> tuple[int, int]:
    partition, _, offset = str(sequence).partition("-")
    return int(partition), int(offset)


class Wfm:
    """`POST /events`, `/schedules/sync`, `/escalations`. `answer_with`: a status for everything, while set."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self.books: dict[str, Books] = {"events": Books(), "schedules": Books(), "escalations": Books()}
        self.answer_with: int | None = None
        self.retry_after: int | None = None
        self.poison: set[str] = set()
        """Ids of events for which a batch is refused with 422."""
        self.unsigned = False
        """Take what is not signed (a destination without a secret)."""

    def app(self) -> web.Application:
        """The server."""
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/events", self._handler("events"))
        app.router.add_post("/schedules/sync", self._handler("schedules"))
        app.router.add_post("/escalations", self._handler("escalations"))
        app.router.add_post("/escalations/events", self._handler("escalations"))
        return app

    def _handler(self, endpoint: str) -> Any:
        async def handle(request: web.Request) -> web.Response:
            return self.receive(endpoint, request.headers, await request.read(), time.time())

        return handle

    def receive(self, endpoint: str, headers: Any, raw: bytes, now: float) -> web.Response:
        """What a WFM system does with a batch."""
        books = self.books[endpoint]
        if self.answer_with:
            wait = {"Retry-After": str(self.retry_after)} if self.retry_after else None
            return _no(books, self.answer_with, "down for maintenance", wait)
        signed = not self.unsigned or "webhook-signature" in headers
        if signed and (wrong := why_not(self._secret, headers, raw, now)):
            return _no(books, 401, wrong)
        try:
            body = json.loads(raw)
        except ValueError:
            return _no(books, 400, "no JSON")
        if wrong := _unfit(endpoint, body) or self._poisoned(body):
            return _no(books, 422, wrong)
        name = headers.get("webhook-id", "")
        books.batches[name] += 1
        if not name or books.batches[name] == 1:
            self._book(endpoint, books, body, now)
        return web.json_response({"taken": len(body.get("events", ())) or 1})

    def _book(self, endpoint: str, books: Books, body: Json, now: float) -> None:
        if endpoint == "schedules":
            books.bodies.append(body)
        for event in body.get("events", ()):
            books.take(event, now)

    def _poisoned(self, body: Json) -> str | None:
        bad = self.poison.intersection(event["id"] for event in body.get("events", ()))
        return f"cannot take {sorted(bad)}" if bad else None


def _unfit(endpoint: str, body: Any) -> str | None:
    if not isinstance(body, dict):
        return "an object is expected"
    if endpoint == "schedules":
        missing = {"scheduleId", "campaignId", "event", "timestamp"} - body.keys()
        return f"missing {sorted(missing)}" if missing else None
    events = body.get("events")
    if not isinstance(events, list) or not events:
        return "events must be a list with something in it"
    for event in events:
        missing = {"id", "type", "subject", "time", "sequence", "data"} - (
            event.keys() if isinstance(event, dict) else set()
        )
        if missing:
            return f"an event misses {sorted(missing)}"
    return None


def _no(books: Books, status: int, detail: str, headers: dict[str, str] | None = None) -> web.Response:
    books.refused[f"{status} {detail}"] += 1
    return web.json_response({"status": status, "detail": detail}, status=status, headers=headers)
