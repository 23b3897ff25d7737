"""What people are told, read as a supervisor would who has never seen our documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from handlers.escalate import Escalate
from handlers.events import Decision, QueueUpdated
from handlers.policy import Mode
from handlers.situation import KnownQueue, know
from processor.app.errands.backtesting import Blank
from processor.clients.wfm import PushEvent
from processor.table import Table
from tests.unit.loopworld import RULE, World
from tests.unit.test_giving_back import BREACH, CALM, adjusted, passes


async def told(world: World) -> list[dict[str, Any]]:
    """What a receiver of escalations gets, for each decision that was made."""
    bodies: list[dict[str, Any]] = []

    class People:
        async def push(self, event: PushEvent) -> None:
            bodies.append(orjson.loads(event.data))

    names: Table[QueueUpdated, KnownQueue] = Table(QueueUpdated, fold=know)
    blank: Any = Blank()
    await names.load(blank, 0)
    for queue in world.topics[QueueUpdated]:
        names.apply(queue)
    tell = Escalate(People(), PushEvent.of, names, RULE)
    for decision in world.decisions:
        await tell(decision)
    return bodies


async def begun(mode: Mode = Mode.ACT) -> World:
    world = World()
    await world.start(mode)
    world.look()
    return world


async def observed() -> World:
    world = await begun(Mode.OBSERVE)
    await passes(world, 1, BREACH)
    return world


async def recovered() -> World:
    world = await adjusted()
    await passes(world, 6, CALM)
    await passes(world, 6, CALM)
    return world


async def changed_by_a_person() -> World:
    world = await adjusted()
    world.genesys.targets["email"] = 90.25
    world.look()
    await passes(world, 6, BREACH)
    return world


async def at_its_floor() -> World:
    world = await adjusted()
    await passes(world, 11, BREACH)
    await passes(world, 11, BREACH)
    return world


async def spent() -> World:
    world = await begun()
    world.genesys.targets["email"] = world.genesys.wanted["email"] = 600.5
    world.look()
    for _ in range(5):
        await passes(world, 11, BREACH)
    return world


async def silent() -> World:
    world = await adjusted()
    await passes(world, 16)
    return world


async def refused() -> World:
    world = await begun()
    world.genesys.faults.append("before:refused")
    await passes(world, 1, BREACH)
    return world


async def not_taken_back() -> World:
    world = await adjusted()
    await passes(world, 6, CALM)
    world.genesys.faults.append("before:refused")
    await passes(world, 6, CALM)
    return world


async def turned_off() -> World:
    world = await adjusted()
    await world.start(Mode.OFF)
    await passes(world, 1, BREACH)
    return world


async def frozen() -> World:
    world = await adjusted()
    world.ask("queue-freeze")
    await passes(world, 1)
    return world


CASES: list[tuple[Callable[..., Any], str, str, str]] = [
    (
        observed,
        "breach, only observing: more than 500 offered and service level under 85%; acting would set the target from 60.5",
        "nothing was changed",
        "a person decides: with LOOP_MODE=act the loop would do this",
    ),
    (
        adjusted,
        "breach, adjusting: more than 500 offered and service level under 85% (600 offered in the hour",
        "target from 45.5 s to 30.5 s (step 2), the backup pool of 2 stays in",
        "another step after 10 minutes if the breach lasts; the baseline goes back after recovery",
    ),
    (
        recovered,
        "restored: recovered: the remembered baseline is put back (300 offered in the hour, service level 99.0%)",
        "target from 30.5 s to 60.5 s, 2 members of the backup pool leave whom the loop had joined",
        "nothing: the queue is as it was",
    ),
    (
        changed_by_a_person,
        "changed by a person, standing back: the target was changed by ana to 90.25 s",
        "nothing was changed",
        "until its volume has recovered or somebody resumes it; then members whom it had joined are taken out",
    ),
    (
        at_its_floor,
        "needs attention: the breach lasts, and the target of 30 s is at its floor (600 offered",
        "nothing was changed",
        "a person decides: the loop can do no more; the target of 60.5 s goes back when the volume has recovered",
    ),
    (
        spent,
        "needs attention: the breach lasts, and 4 changes in an hour are spent (600 offered",
        "nothing was changed",
        "a person decides: the loop goes on when an hour has passed since its first change",
    ),
    (
        silent,
        "needs attention: no volume since 2026-03-09T09:22:00.000Z while the queue is adjusted",
        "nothing was changed",
        "without volume nobody sees a recovery; `genesys-processor queues resume q-1 --restore` gives it back at once",
    ),
    (
        refused,
        "needs attention: Genesys refused to adjust: 403 missing permission (600 offered in the hour",
        "nothing was changed",
        "mend what was refused; the loop tries again after 60 minutes, or once the queue is resumed",
    ),
    (
        not_taken_back,
        "needs attention: Genesys refused to restore: 403 missing permission (300 offered in the hour",
        "nothing was changed",
        "or once the queue is resumed; the queue is adjusted until then",
    ),
    (
        turned_off,
        "the loop no longer acts on this queue; what it had changed stays until the volume has recovered",
        "nothing was changed",
        "the target of 60.5 s goes back when the volume has recovered; `genesys-processor queues resume q-1 --restore`",
    ),
    (
        frozen,
        "frozen: frozen by ana at 2026-03-09T09:22:00.000Z",
        "nothing was changed",
        "the loop leaves this queue alone until somebody resumes it",
    ),
]


@pytest.mark.parametrize(("happened", "headline", "done", "following"), CASES, ids=[case[0].__name__ for case in CASES])
async def test_each_case_says_queue_seen_threshold_done_and_next(
    happened: Callable[..., Any], headline: str, done: str, following: str
) -> None:
    body = (await told(await happened()))[-1]
    assert body["queueName"] == "Email Support"
    assert body["headline"].startswith("Email Support")
    assert headline in body["headline"]
    assert body["done"] == done
    assert following in body["next"]
    assert (body["threshold"]["offeredAbove"], body["threshold"]["serviceLevelBelow"]) == (500, 0.85)
    assert "memory" not in body


async def test_who_only_observes_says_what_acting_would_do() -> None:
    (body,) = await told(await observed())
    assert "acting would set the target from 60.5 s to 45.5 s and join the backup pool of 2" in body["headline"]
    assert body["headline"].endswith("(600 offered in the hour, service level 50.0%)")


async def test_a_queue_whose_name_nobody_knows_is_told_by_its_id() -> None:
    world = await observed()
    world.topics[QueueUpdated] = []
    (body,) = await told(world)
    assert body["headline"].startswith("q-1 (email): ")


async def test_people_hear_of_a_refusal_once_and_not_again_within_the_hour() -> None:
    world = await refused()
    for _ in range(9):
        await passes(world, 6, BREACH)
    assert [one.action for one in world.decisions] == ["adjust", "suggest"]
    assert isinstance(world.latest, Decision)
    assert world.latest.about == "refused"
