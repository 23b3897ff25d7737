"""`presence`: the event streams of the guide, which the official API lacks."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from handlers.requests.words import InvalidRequest
from sandbox.guide.presence import STREAM
from sandbox.names import uid
from tests.contract.jobsdesk import desk
from tests.contract.presencedesk import AGENT, carry_out, delivery, request, rules, sits
from tests.unit.normalisedesk import Desk as Normaliser
from tests.unit.normalisedesk import clean


async def test_the_stream_is_told_in_the_guides_words_and_the_same_after_a_repeat(shared: Path) -> None:
    sample = json.loads((shared / "genesys" / "samples" / "guide5.presence_update_event.json").read_text())
    async with desk("guide") as there:
        asked = request(streamId=STREAM)
        plan, result = await carry_out(there, asked)
        again, _ = await carry_out(there, asked)
        first, second = there.sandbox.guide.presences.streams[STREAM]
        since = there.sandbox.guide.presences.shown(AGENT)["modifiedDate"]
    assert first == second
    assert (first.keys(), first["data"].keys()) == (sample.keys(), sample["data"].keys())
    assert first == {
        "eventType": "presence.update",
        "source": "presence-manager-api",
        "timestamp": since,
        "data": {"userId": AGENT, "presenceId": "Meeting", "etag": result.facts["etag"], "normalizedAt": since},
    }
    assert [call.method for call in plan.calls] == ["PUT", "POST"]
    assert [call.body for call in again.calls] == [first]
    told = await Normaliser.open()
    told.now = datetime.fromisoformat(since)
    assert clean(await told.take(delivery(result)))
    assert clean(await told.post(first)) == []


async def test_g5_404_of_the_stream_is_clear_and_the_presence_stands() -> None:
    async with desk("guide") as there:
        _, result = await carry_out(there, request(streamId=uid("event-stream", "nobody's")))
        assert (result.status, sits(there)) == ("failed", "Meeting")
    assert "there is no event stream" in str(result.error)
    assert "streamId" in str(result.error)
    assert "what stands: presence Meeting" in str(result.error)
    assert result.publish


async def test_the_official_api_has_no_streams_and_says_what_does_the_same() -> None:
    async with desk("platform") as there:
        with pytest.raises(InvalidRequest, match="no event streams") as raised:
            await rules(there).plan(request(streamId=STREAM))
        assert not there.sandbox.guard.seen, "nobody needs to be asked for that"
    (problem,) = raised.value.problems
    assert problem.place == "streamId"
    assert "v2.users.{id}.presence" in problem.remedy
