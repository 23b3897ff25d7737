"""Every kind of request in both dialects, killed after each step: finished, told as it was, nothing done twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from handlers.events import Begun, Requested
from handlers.requests.kinds import read
from tests.contract.mortal import Mortal, mortal

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "requests"
KIND = ("schedule", "campaign-schedule", "routing-profile", "queue-routing", "presence")
HIS_OWN = {"id", "version", "dateCreated", "dateModified", "modifiedBy", "modifiedByApp", "modifiedDate", "createdBy"}
"""What Genesys counts, dates and numbers itself."""
SAID_AGAIN = ("/routingstatus", "/events")
"""G5: a skill's status cannot be read, so it is set again; a stream is told the same event again."""


def example(kind: str, dialect: str) -> dict[str, Any]:
    fields = yaml.safe_load((EXAMPLES / f"{kind}.{dialect}.yaml").read_text(encoding="utf-8"))
    del fields["kind"]
    told: dict[str, Any] = orjson.loads(orjson.dumps(fields))
    return told


def asked(there: Mortal, kind: str, request_id: str = "r-1") -> Requested:
    fields = example(kind, there.dialect)
    subject = read(kind, fields).subject()
    return Requested(id=request_id, time=there.clock.now(), subject=subject, kind=kind, fields=fields)


def meant(value: Any) -> Any:
    """Without what differs from one run to the next."""
    if isinstance(value, dict):
        return {str(name): meant(one) for name, one in value.items() if name not in HIS_OWN}
    return [meant(one) for one in value] if isinstance(value, list | tuple) else value


def there_is(there: Mortal) -> Any:
    """All that a request may change, as people see it; webhooks and stream events by what they say, once each."""
    world, guide = there.sandbox.world, there.sandbox.guide
    desks = {user: (desk.presence, desk.message) for user, desk in there.sandbox.floor.desks.items()}
    hooks = [meant(one) for one in guide.webhooks.kept.values()]
    told = [event["data"]["presenceId"] for events in guide.presences.streams.values() for event in events]
    rooms = (world.schedules, world.campaigns, world.queues, guide.schedules.items, guide.campaigns.schedules)
    return meant(
        [*rooms, guide.profiles.table, guide.presences.statuses, guide.skills.held, desks, hooks, sorted({*told})]
    )


def called(there: Mortal) -> list[tuple[str, str, bytes]]:
    """Every call that may have changed something and was let through, but those that may be said again."""
    changing = (call for call in there.sandbox.guard.seen if call.method != "GET")
    asking = ("/query", "/search", "/token", *SAID_AGAIN)
    return [(call.method, call.path, orjson.dumps(call.body)) for call in changing if not call.path.endswith(asking)]


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
        assert there.log.all(Begun.topic)[-1].message.value is None, "nothing is under way any more"
