"""Callers as unruly as EventBridge: many at once, out of order, each event perhaps several times, again after any refusal."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import aiohttp

from tests.chaos.history import HOURS, Post

AGENTS = 40
PRESENCES = ("AVAILABLE", "BUSY", "AWAY", "BREAK", "MEAL", "MEETING", "TRAINING", "ON_QUEUE")
ROUTING = ("OFF_QUEUE", "IDLE", "INTERACTING", "NOT_RESPONDING", "COMMUNICATING")
START = datetime(2026, 3, 9, 13, tzinfo=UTC)
GROUPS = 4
HOURS_EVERY = 30
SHUFFLED = 60
"""Events of so many in a row come in any order."""


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def events(seed: int, *, hours: bool = False) -> Iterator[Post]:
    """Without end: presences and routing statuses of some agents, and now and then what nobody can use.

    `hours`: opening hours of some groups too, as the guides call back about them.
    """
    chance = random.Random(seed)
    number = 0
    while True:
        window = []
        for _ in range(SHUFFLED):
            number += 1
            # two in a row share their time now and then: the larger id wins
            at = START + timedelta(milliseconds=137 * (number - chance.choice((0, 0, 0, 1))))
            make = _hours if hours and not number % HOURS_EVERY else _event
            window.append(make(chance, f"chaos-{seed}-{number:07}", stamp(at)))
        chance.shuffle(window)
        yield from window


def _event(chance: random.Random, event_id: str, at: str) -> Post:
    agent = f"u-{chance.randrange(AGENTS)}"
    facet = chance.choices(("presence", "routing", "junk"), (10, 10, 1))[0]
    if facet == "presence":
        value = chance.choice(PRESENCES)
        body = {"source": "PURECLOUD", "presenceDefinition": {"id": "p", "systemPresence": value}, "modifiedDate": at}
        topic = f"v2.users.{agent}.presence"
    elif facet == "routing":
        value = chance.choice(ROUTING)
        body = {"id": agent, "routingStatus": {"status": value, "startTime": at}}
        topic = f"v2.users.{agent}.routingStatus"
    else:
        value, body, topic = "", {"presenceDefinition": {"systemPresence": "PURPLE"}}, f"v2.users.{agent}.presence"
    detail = {"topicName": topic, "version": "2", "eventBody": body, "timestamp": at}
    source = "aws.partner/genesys.com/cloud/org-7/chaos"
    envelope = {"version": "0", "id": event_id, "detail-type": "chaos", "source": source, "time": at, "detail": detail}
    return Post(event_id, f"agent/{agent}", facet, value, at, json.dumps(envelope), acknowledged=False)


def _hours(chance: random.Random, event_id: str, at: str) -> Post:
    """One schedule for each group, under another name and at other times with each callback."""
    group, opens = chance.randrange(GROUPS), chance.randrange(6, 12)
    days = chance.sample(("monday", "tuesday", "wednesday", "thursday", "friday"), 3)
    entry = {"daysOfWeek": days, "startTime": f"{opens:02}:00:00.000", "endTime": f"{opens + 8}:30:00.000"}
    schedule = {
        "id": f"s-{group}",
        "scheduleGroupId": f"g-{group}",
        "name": f"Hours {event_id}",
        "timezoneId": ("Europe/Paris", "America/New_York", "Asia/Kolkata", "UTC")[group],
        "scheduleEntries": [entry],
        "holidays": [],
    }
    body = json.dumps({"event": "schedule:updated", "id": event_id, "timestamp": at, "data": schedule})
    subject = f"schedule-group/g-{group}"
    return Post(event_id, subject, HOURS, f"Hours {event_id}", at, body, acknowledged=False)


@dataclass(slots=True)
class Answers:
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0


class Callers:
    """They know no other answer than 202 as good; `posts` is what they remember."""

    def __init__(self, seed: int, *, hours: bool = False) -> None:
        self._events = events(seed, hours=hours)
        self._chance = random.Random(f"{seed}/callers")
        self._again: deque[str] = deque()
        self._known: dict[str, Post] = {}
        self.answers = Answers()
        self.wrong: list[str] = []
        """Answers that no caller should ever get."""

    @property
    def posts(self) -> list[Post]:
        return list(self._known.values())

    async def call(self, url: str, at_once: int, stop: asyncio.Event, pause: float = 0) -> None:
        """Until `stop`: from `at_once` senders, a new connection for each tenth post as EventBridge does."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            asyncio.TaskGroup() as all_,
        ):
            for _ in range(at_once):
                all_.create_task(self._sender(session, url, stop, pause))

    async def finish(self, url: str, at_once: int = 8) -> None:
        """Everything once more that was never acknowledged, as its senders would."""
        self._again.extend(post.id for post in self._known.values() if not post.acknowledged)
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            asyncio.TaskGroup() as all_,
        ):
            for _ in range(at_once):
                all_.create_task(self._rest(session, url))

    async def _rest(self, session: aiohttp.ClientSession, url: str) -> None:
        while self._again:
            await self._send(session, url, self._known[self._again.popleft()])

    async def _sender(self, session: aiohttp.ClientSession, url: str, stop: asyncio.Event, pause: float) -> None:
        while not stop.is_set():
            await self._send(session, url, self._next())
            if pause:
                await asyncio.sleep(self._chance.uniform(0, 2 * pause))

    def _next(self) -> Post:
        if self._again and self._chance.random() < 0.5:
            return self._known[self._again.popleft()]
        post = next(self._events)
        self._known[post.id] = post
        if self._chance.random() < 0.15:
            self._again.append(post.id)
        return post

    async def _send(self, session: aiohttp.ClientSession, url: str, post: Post) -> None:
        close = {"Connection": "close"} if self._chance.random() < 0.1 else {}
        try:
            async with session.post(url, data=post.body, headers=close) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            self.answers.unanswered += 1
            self._again.append(post.id)
            await asyncio.sleep(0.01)  # nobody there: EventBridge waits far longer
            return
        if status == 202 and json.loads(text) == {"ids": [post.id]}:
            self.answers.acknowledged += 1
            self._known[post.id] = replace(self._known[post.id], acknowledged=True)
        elif status == 503:
            self.answers.refused += 1
            self._again.append(post.id)
        else:
            self.wrong.append(f"{post.id}: {status} {text[:200]}")
