"""Ten thousand requests for change at once: within what Genesys allows in a minute, and never before the loop."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from typing import Any

import orjson
import pytest
from yarl import URL

from handlers.requests.presence import PresenceRequest
from handlers.set_presence import SetPresence
from processor.clients.api import Api, ApiPolicy
from processor.clients.genesys import QueueChange
from processor.clients.genesys.guide import Guide
from processor.clients.genesys.guide.jobs import jobs
from processor.pace import Policy
from tests.unit.farside import Answer
from tests.unit.virtualtime import VirtualTime

REQUESTS, A_MINUTE = 10_000, 300
QUEUE = "/api/v2/routing/queues/q"
RULES = [{"type": "default", "routingStrategy": {"type": "random", "skills": []}}]


class Organisation:
    """Stands where the connection stands: any agent, one queue; answers at once, and remembers when it was asked."""

    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self.left: list[float] = []
        self.left_for_the_bulk: list[float] = []
        self.set: list[str] = []
        self.there: dict[str, dict[str, Any]] = {}
        self.queue: dict[str, Any] = {"version": 1, "queueType": "email", "slaTarget": 60, "routingRules": RULES}

    def request(self, method: str, url: URL, *, data: bytes | None, **_: Any) -> Answer:
        self.left.append(self._clock.elapsed)
        if url.path == QUEUE:
            if method == "PUT":
                self.queue |= {**orjson.loads(data or b""), "version": self.queue["version"] + 1}
            return Answer(orjson.dumps(self.queue))
        self.left_for_the_bulk.append(self._clock.elapsed)
        if url.path == "/api/v2/organizations":
            return Answer(b'{"id": "o"}')
        found = self.there.setdefault(url.path, {"presenceId": "Available"})
        if method == "PUT":
            self.set.append(url.path)
            found |= orjson.loads(data or b"")
        return Answer(orjson.dumps(found))


def within_a_minute(moments: list[float]) -> int:
    """The most in any span of 60 s."""
    return max(bisect_right(moments, begin + 60) - number for number, begin in enumerate(moments))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_bulk_of_requests_keeps_to_300_a_minute_and_adjustments_go_out_within_two_seconds() -> None:
    clock = VirtualTime()
    there = Organisation(clock)
    policy = ApiPolicy(per_minute=A_MINUTE)
    api = Api("genesys", "https://api.example", there, policy=policy, clocks=clock.time())  # type: ignore[arg-type]
    rules, guide = SetPresence(jobs(api, clock.time()), clock.time().now), Guide(api, clocks=clock.time())
    asked = asyncio.Queue[PresenceRequest]()
    for number in range(REQUESTS):
        asked.put_nowait(PresenceRequest.read({"userId": f"u-{number}", "presenceId": "Offline"}))
    statuses: list[str] = []
    took: list[float] = []

    async def lane() -> None:
        while not asked.empty():
            request = asked.get_nowait()
            result = await rules.carry_out(request, await rules.plan(request), started=False)
            statuses.append(result.status)

    async def loop() -> None:
        """Tightens and gives back, once a minute, as long as the bulk is at work."""
        while len(statuses) < REQUESTS:
            await clock.sleep(60)
            begun, present = clock.elapsed, float(there.queue["slaTarget"])
            aim = 45.0 if present == 60 else 60.0
            await guide.change_queue(QueueChange("q", "email", aim, (present,), tightened=aim == 45))
            took.append(clock.elapsed - begun)

    async def everything() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(loop())
            for _ in range(Policy().width):
                tasks.create_task(lane())

    await clock.run(everything())
    assert (statuses, len(set(there.set))) == (["done"] * REQUESTS, len(there.set))
    assert len(there.set) == REQUESTS
    assert within_a_minute(there.left) < A_MINUTE
    assert within_a_minute(there.left_for_the_bulk) == A_MINUTE * 4 // 5, "a fifth is kept for the loop, and only that"
    assert len(took) > 100, "the bulk takes hours, and the loop does not wait for its end"
    assert max(took) <= 2
