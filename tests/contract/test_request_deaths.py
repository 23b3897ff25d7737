"""Every kind of request in both dialects, killed after each step: finished, told as it was, nothing done twice."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from handlers.events import Begun
from tests.contract.mortal import Mortal, asked, meant, mortal, there_is

KIND = ("schedule", "campaign-schedule", "routing-profile", "queue-routing", "presence")
SAID_AGAIN = ("/routingstatus", "/events")
"""G5: a skill's status cannot be read, so it is set again; a stream is told the same event again."""


def called(there: Mortal) -> list[tuple[str, str, bytes]]:
    """Every call that may have changed something and was let through, but those that may be said again."""
    changing = (call for call in there.sandbox.guard.seen if call.method != "GET")
    asking = ("/query", "/search", "/token", *SAID_AGAIN)
    return [(call.method, call.path, orjson.dumps(call.body)) for call in changing if not call.path.endswith(asking)]


def streamed(there: Mortal) -> set[bytes]:
    """What streams were told, equal events once."""
    streams = there.sandbox.guide.presences.streams.values()
    return {orjson.dumps(event) for events in streams for event in events}


async def course(kind: str, dialect: str, at: int) -> tuple[Mortal, Any]:
    """What stands in the log and at Genesys when one process died after this step, and others went on."""
    async with mortal(dialect, at) as there:
        await there.log.append([asked(there, kind).to_message()])
        assert await there.until_handled(1) == bool(at)
        assert there.log.all("genesys.deadletters") == []
        return there, there_is(there)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["platform", "guide"])
@pytest.mark.parametrize("kind", KIND)
async def test_killed_after_any_step_it_is_finished_once_and_told_as_it_was(kind: str, dialect: str) -> None:
    whole, expected = await course(kind, dialect, 0)
    *announced, done = whole.outcomes()
    assert (done["status"], len(whole.fate.steps) >= 3) == ("done", True), done["error"]
    for at, step in enumerate(whole.fate.steps, start=1):
        there, found = await course(kind, dialect, at)
        *started, ended = there.outcomes()
        assert found == expected, step
        assert (len(started), ended["status"], ended["error"]) == (len(announced), "done", None), step
        assert meant((ended["before"], ended["after"])) == meant((done["before"], done["after"])), step
        refused = there.sandbox.guard.counts.get("PUT /api/v2/routing/queues/{queueId} 409", 0)
        assert len(called(there)) == len(called(whole)) + refused, step
        assert len(streamed(there)) == len(streamed(whole)), "told again it is the same event"
        assert there.log.all(Begun.topic)[-1].message.value is None, "nothing is under way any more"
