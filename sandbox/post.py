"""Posts events as an EventBridge API destination does: late, twice, out of order, and again until they are taken."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import Mapping

import aiohttp
import orjson

from sandbox.events import Emission
from sandbox.ledger import Entry, Ledger
from sandbox.options import Options

TIMEOUT = aiohttp.ClientTimeout(total=5)
AGAIN = {401, 407, 409, 429}
"""Beside 5xx and no answer, the statuses that are tried again; any other 4xx loses the event."""
AT_ONCE = 16
LONGEST_WAIT = 4.0
GIVE_UP = 24 * 3600.0


class Poster:
    """One target. Every event is a task of its own, so nothing waits for another's retries.

    `headers`: instead of EventBridge's, what a webhook was registered with.
    """

    def __init__(self, options: Options, target: str, ledger: Ledger, headers: Mapping[str, str] | None = None) -> None:
        self._own_headers = headers
        self._options = options
        self._target = target
        self._ledger = ledger
        self._random = random.Random(f"{options.seed}/post")
        self._room = asyncio.Semaphore(AT_ONCE)
        self._new: asyncio.Queue[tuple[Entry, bytes]] = asyncio.Queue()

    def send(self, emission: Emission) -> None:
        """Post it soon; it stands in the ledger at once."""
        self._new.put_nowait((self._ledger.emitted(emission), orjson.dumps(emission.body)))

    async def run(self) -> None:
        """Until cancelled. A new connection for each post, as EventBridge makes it."""
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session,
            asyncio.TaskGroup() as posts,
        ):
            while True:
                entry, body = await self._new.get()
                posts.create_task(self._deliver(session, entry, body))

    async def _deliver(self, session: aiohttp.ClientSession, entry: Entry, body: bytes) -> None:
        """Now and then it starts late; now and then it is posted once more although it was taken."""
        chance, most = self._random, self._options.late_seconds
        late, twice = chance.random() < self._options.late, chance.random() < self._options.twice
        try:
            await asyncio.sleep(chance.uniform(0.1, most) if late else 0)
            await self._until_taken(session, entry, body)
            if twice and entry.acked:
                await asyncio.sleep(chance.uniform(0, most))
                await self._once(session, entry, body)
        finally:
            self._ledger.pending -= 1

    async def _until_taken(self, session: aiohttp.ClientSession, entry: Entry, body: bytes) -> None:
        wait, end = 0.25, time.monotonic() + GIVE_UP
        while time.monotonic() < end:
            status, asked = await self._once(session, entry, body)
            if status is None or status in AGAIN or status >= 500:
                await asyncio.sleep(max(asked, self._random.uniform(wait / 2, wait)))
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                if not 200 <= status < 300:
                    entry.refused = status
                return

    async def _once(self, session: aiohttp.ClientSession, entry: Entry, body: bytes) -> tuple[int | None, float]:
        """The status (None: no answer) and the seconds that Retry-After asked for."""
        async with self._room:
            entry.posts += 1
            entry.posted = entry.posted or time.time()
            try:
                async with session.post(
                    self._target, data=body, headers=self._headers(), allow_redirects=False
                ) as answer:
                    await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError):
                return None, 0.0
        if 200 <= answer.status < 300:
            entry.copies += 1
            entry.acked = entry.acked or time.time()
        asked = answer.headers.get("Retry-After", "")
        return answer.status, float(asked) if asked.isdecimal() else 0.0

    def _headers(self) -> dict[str, str]:
        if self._own_headers is not None:
            return dict(self._own_headers)
        headers = {
            "User-Agent": "Amazon/EventBridge/ApiDestinations",
            "Content-Type": "application/json; charset=utf-8",
            "Range": "bytes=0-1048575",
            "Accept-Encoding": "gzip,deflate",
        }
        if self._options.basic:
            headers["Authorization"] = "Basic " + base64.b64encode(self._options.basic.encode()).decode()
        if self._options.api_key:
            name, _, value = self._options.api_key.partition(":")
            headers[name.strip()] = value.strip()
        return headers
