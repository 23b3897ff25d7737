"""Stopped in the midst of a write while another process took over: a real calendar server keeps the newer state."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextvars import Context
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from processor import tenure
from processor.clients.api import Api, open_session
from processor.clients.authorise import Basic
from processor.clients.calendar_entries import Entry
from processor.clients.calendars import Calendars, Wanted
from processor.clients.replies import Reply
from processor.errors import FarSideDown
from tests.contract.caldavserver import PASSWORD, USER, Server, radicale

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = Entry("shift-1", "Shift", datetime(2026, 3, 4, 8), datetime(2026, 3, 4, 16), "UTC")  # noqa: DTZ001 - wall times
SECOND = replace(FIRST, start=datetime(2026, 3, 4, 9))  # noqa: DTZ001 - as above
THIRD = replace(FIRST, start=datetime(2026, 3, 4, 10))  # noqa: DTZ001 - as above


@pytest.fixture
def server(tmp_path) -> Iterator[Server]:
    with radicale(tmp_path) as running:
        yield running


@dataclass
class Stopped:
    """The way of a process to the server; it sleeps before its first PUT, and another one does its work meanwhile."""

    api: Api
    meanwhile: Any
    knows_after: int
    """So many requests more until it knows that it may have lost the partition."""
    slept: bool = False
    name: str = "calendars"

    def holds(self) -> bool:
        if self.slept:
            self.knows_after -= 1
        return self.knows_after >= 0

    async def request(self, method: str, path: str, **more: Any) -> Reply:
        if method == "PUT" and not self.slept:
            await self.meanwhile()
            self.slept = True
        return await self.api.request(method, path, **more)


def wanted(*entries: Entry) -> Wanted:
    return Wanted("agent-1", "Shifts", entries, NOW)


async def begun(stopped: Stopped) -> None:
    """What a lane does with the second state."""
    tenure.act_while(stopped.holds)
    await Calendars(stopped, lambda: NOW).write(wanted(SECOND))


@pytest.mark.parametrize(
    ("knows_after", "shown"),
    [(0, THIRD), (1, THIRD), (99, SECOND)],
    ids=["at once", "after a 412", "never: what the far side's conditions alone are worth"],
)
async def test_an_old_state_is_not_put_over_a_newer_one(server: Server, knows_after: int, shown: Entry) -> None:
    async with open_session() as session:
        api = Api("calendars", server.home, session, auth=Basic(USER, PASSWORD))
        another = Calendars(api, lambda: NOW)
        await another.write(wanted(FIRST))

        async def meanwhile() -> None:
            for state in (SECOND, THIRD):
                await asyncio.create_task(another.write(wanted(state)), context=Context())

        stopped = Stopped(api, meanwhile, knows_after)
        ended = await asyncio.gather(asyncio.create_task(begun(stopped)), return_exceptions=True)
        assert (await another.write(wanted(shown))).unchanged == 1, "it is what stands there"
    assert [type(one) for one in ended] == [type(None) if shown is SECOND else FarSideDown]
