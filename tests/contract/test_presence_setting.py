"""`presence` in both dialects: setting an agent's presence and message, and what comes of it in the log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml

from handlers.events import PresenceUpdated
from handlers.requests.operating_hours import Hours
from handlers.requests.plans import Story
from handlers.requests.presence import PresenceRequest
from handlers.requests.stories import finished, turned_down
from handlers.set_presence import SetPresence
from processor.clients.api import NotFound
from processor.errors import ConflictError, NotValid, RefusedError
from sandbox.events import Reporter
from sandbox.floor import Happening
from sandbox.guide.calls import called
from sandbox.guide.presence import STREAM
from sandbox.names import ORGANISATION, PRESENCES, uid
from tests.contract.jobsdesk import desk
from tests.contract.official import Official
from tests.contract.presencedesk import (
    AGENT,
    ANY_HOUR,
    BILLING,
    ENGLISH,
    both,
    by_a_person,
    carry_out,
    delivery,
    request,
    rules,
    sits,
)
from tests.unit.normalisedesk import Desk as Normaliser
from tests.unit.normalisedesk import clean, fate

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"


@dataclass
class Clockwork:
    """A clock that goes on by a quarter of a second whenever it is read."""

    at: datetime

    def now(self) -> datetime:
        self.at += timedelta(seconds=0.25)
        return self.at


@both
async def test_a_presence_and_its_message_are_set_once(dialect: str) -> None:
    async with desk(dialect) as there:
        by_a_person(there, "OnQueue")
        asked = request(presenceId="meeting", customStatusMessage="Until ten")
        plan, result = await carry_out(there, asked)
        (call,) = there.calls()
        (write,) = plan.calls
        assert (call.method, call.path, call.body) == (write.method, write.path, write.body)
        assert write.headers.items() <= {name.title(): value for name, value in call.headers.items()}.items()
        assert (sits(there), there.sandbox.floor.desks[AGENT].message) == ("Meeting", "Until ten")
        again, unchanged = await carry_out(there, asked)
        assert len(there.calls()) == 1
    assert plan.before == result.before == {"presenceId": "OnQueue", "customStatusMessage": ""}
    assert plan.after == result.after == again.before == {"presenceId": "Meeting", "customStatusMessage": "Until ten"}
    assert (result.status, again.calls, unchanged.status, unchanged.publish) == ("done", [], "done", [])
    assert result.facts["etag"] == ('"p-2"' if dialect == "guide" else None)
    assert plan.facts["systemPresence"] == "Meeting"


@both
async def test_the_example_runs_unchanged(dialect: str) -> None:
    file = EXAMPLES / f"presence.{dialect}.yaml"
    fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert fields.pop("kind") == PresenceRequest.kind
    asked = PresenceRequest.read(fields)
    async with desk(dialect) as there:
        assert sits(there) != "Offline"
        _, result = await carry_out(there, asked, Hours())
        assert sits(there) == "Offline"
        if dialect == "guide":
            assert there.sandbox.guide.presences.statuses == {AGENT: {BILLING: "Busy"}}
            assert len(there.sandbox.guide.presences.streams[STREAM]) == 1
        else:
            assert there.sandbox.skills.inactive == {(AGENT, BILLING)}
    assert result.status == "done"


@both
@pytest.mark.parametrize("event_first", [False, True])
async def test_our_own_change_coming_back_is_no_second_record(dialect: str, *, event_first: bool) -> None:
    """What Genesys answered, and the event that it sends of the same change, through the whole normaliser."""
    async with desk(dialect) as there:
        asked = request(presenceId="Busy", customStatusMessage="Papers")
        _, result = await carry_out(there, asked)
        seat, floor = there.sandbox.floor.desks[AGENT], there.sandbox.floor
        moment = floor.moment(seat.presence_since)
        if dialect == "guide":
            body = called(
                "presence:updated", AGENT, there.sandbox.guide.presences.shown(AGENT), moment, "America/New_York"
            ).body
        else:
            happening = Happening(moment, "presence", AGENT, seat.presence, seat.routing, moment, seat.message)
            body = Reporter(1, there.sandbox.world, floor).presence(happening)[0].body
    told = await Normaliser.open()
    told.now = there.clock.now()
    first = await told.post(body) if event_first else await told.take(delivery(result))
    second = await told.take(delivery(result)) if event_first else await told.post(body)
    (state,) = clean(first)
    assert isinstance(state, PresenceUpdated)
    assert (state.presence, state.message, state.presence_since) == (
        "BUSY",
        "Papers",
        moment.replace(microsecond=moment.microsecond // 1000 * 1000),
    )
    assert state.subject == f"agent/{AGENT}"
    if event_first and dialect == "platform":
        # the zone is news that only the request knows
        (more,) = clean(second)
        assert isinstance(more, PresenceUpdated)
        assert (more.presence, more.presence_since, more.time_zone) == (
            state.presence,
            state.presence_since,
            "America/New_York",
        )
    else:
        assert clean(second) == []
        assert fate(second) in ("stale", "coalesced")
    assert delivery(result).source == f"genesys/{ORGANISATION}"
    # and once more the same answer, as after a crash between append and commit
    assert clean(await told.take(delivery(result))) == []


@both
async def test_the_id_of_a_definition_does_as_well(dialect: str) -> None:
    async with desk(dialect) as there:
        _, result = await carry_out(there, request(presenceId=PRESENCES["Training"]))
        again, _ = await carry_out(there, request(presenceId="Training"))
        assert (sits(there), again.calls) == ("Training", [])
    assert result.after["presenceId"] == "Training"


@both
async def test_an_agent_who_is_not_there_and_a_presence_that_is_not(dialect: str) -> None:
    async with desk(dialect) as there:
        with pytest.raises(NotFound, match="there is no agent") as missing:
            await rules(there).plan(request(uid("user", "nobody")))
        assert [place for place, _ in missing.value.places] == ["userId"]
        with pytest.raises(NotValid) as raised:
            await carry_out(there, request(presenceId="Lunch"))
        assert sits(there) != "Lunch"
    assert "Lunch" in str(raised.value)
    if dialect == "platform":
        assert "one of Available, Busy, Away" in str(raised.value.remedy)
        assert [place for place, _ in raised.value.places] == ["presenceId"]


async def test_every_call_is_one_that_the_official_api_knows(shared: Path) -> None:
    official = Official(shared / "genesys" / "publicapi-v2-subset.json")
    async with desk("platform") as there:
        skills = [{"skillId": BILLING, "statusId": "Busy"}, {"skillId": ENGLISH, "statusId": "3"}]
        await carry_out(there, request(customStatusMessage="x", skillOverrides=skills))
        seen = list(there.sandbox.guard.seen)
    for call in seen:
        official.check(call.method, call.template, call.query, call.body)
    assert {
        "PATCH /api/v2/users/{userId}/presences/purecloud",
        "PUT /api/v2/users/{userId}/routingskills/{skillId}",
    } <= {f"{call.method} {call.template}" for call in seen}


@both
async def test_the_audit_is_the_guides_for_every_end(dialect: str, shared: Path) -> None:
    sample = json.loads((shared / "genesys" / "samples" / "guide5.audit_record.json").read_text())
    async with desk(dialect) as there:
        asked = request(skillOverrides=[{"skillId": BILLING, "statusId": "Busy"}])
        clock = Clockwork(there.clock.now())
        kind = SetPresence(there.jobs, clock.now, ANY_HOUR)
        plan = await kind.plan(asked)
        result = await kind.carry_out(asked, plan, started=False)
        begun = Story("r-1", there.clock.now(), "")
        done = kind.audit(asked, finished(begun, plan, result, 210.04))
        refused = kind.audit(asked, turned_down(begun, None, RefusedError("no"), 3))
        lost = kind.audit(asked, turned_down(begun, plan, ConflictError("no", {}), 3))
    first, second = done["auditLogs"]
    assert first == {name: value for name, value in done.items() if name != "auditLogs"}
    assert first.keys() == second.keys() == sample.keys() == refused.keys() == lost.keys()
    assert (first["action"], first["targetState"], first["latencyMs"], first["success"]) == (
        "presence_update",
        "Meeting",
        210.0,
        True,
    )
    assert (second["action"], second["latencyMs"], second["success"]) == ("skill_override", 250.0, True)
    assert (refused["success"], refused["etag"], lost["success"]) == (False, None, False)
