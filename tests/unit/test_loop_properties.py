"""Whatever happens, in whatever order: what the loop never does, and what it has always done in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.decide import tightened
from handlers.events import Decision, Outcome
from handlers.policy import Mode
from tests.unit.loopworld import MEDIA, POOL, RULE, World

KINDS = {"breach": (600, 0.5), "calm": (300, 0.99), "between": (600, 0.87), "unknown": (600, None), "none": (0, None)}
PLACES = ("joined", "before", "between", "after", "look")
TOLD_ONCE = ("floor", "cap", "observe", "silence", "giving-back", "gone")

medium = st.sampled_from(["email", *MEDIA])
heard = st.tuples(st.just("volume"), medium, st.sampled_from(["breach", "breach", "calm", *KINDS]))
minutes = st.tuples(st.just("minutes"), st.sampled_from([1, 3, 6, 11, 11, 30, 70]))
usual = st.tuples(st.sampled_from(["work", "work", "tick", "look", "repeat"]))
steps = st.one_of(
    heard,
    heard,
    minutes,
    minutes,
    usual,
    usual,
    st.tuples(st.just("late"), medium, st.sampled_from(["breach", "calm"]), st.sampled_from([1, 5, 30, 90])),
    st.tuples(st.just("partial"), medium, st.sampled_from(["breach", "calm"])),
    st.tuples(st.just("restart"), st.sampled_from(Mode), st.booleans(), st.sampled_from([POOL, (), POOL[:1]])),
    st.tuples(st.just("crash"), st.integers(1, 3)),
    st.tuples(st.just("fault"), st.sampled_from(PLACES), st.sampled_from(["refused", "503", "crash"])),
    st.tuples(st.just("person"), medium, st.sampled_from([60.5, 90.25, 121.0, 20.5, 33.3])),
    st.tuples(st.just("member"), st.sampled_from(POOL)),
    st.tuples(st.sampled_from(["freeze", "resume"]), st.booleans()),
)
BEGUN = [("volume", "email", "breach"), ("work",), ("look",), ("minutes", 11)]
"""The story begins with a queue that is adjusted."""


class Trial:
    """A world, and one step after the other, each judged by what it changed in Genesys."""

    def __init__(self) -> None:
        self.world = World()
        self.left_alone = False
        """Frozen by a person who did not ask for the baseline."""

    async def step(self, name: str, *how: Any) -> None:
        world, centre = self.world, self.world.genesys
        mode, named = world.configured
        writes, moves = len(centre.writes), len(centre.moves)
        do: Callable[..., Awaitable[None]] = getattr(self, f"_{name}")
        await do(*how)
        acts = mode is Mode.ACT and named
        for changed, seconds in centre.writes[writes:]:
            wanted = centre.wanted[changed]
            assert seconds == wanted or (acts and min(RULE.floor_seconds, wanted) <= seconds < wanted)
        for way, _, ours in centre.moves[moves:]:
            assert acts if way == "in" else ours
        assert not self.left_alone or (len(centre.writes), len(centre.moves)) == (writes, moves)

    async def _volume(self, medium: str, kind: str) -> None:
        await self.world.volume(medium, *KINDS[kind])

    async def _late(self, medium: str, kind: str, minutes: int) -> None:
        await self.world.volume(medium, *KINDS[kind], late=minutes)

    async def _partial(self, medium: str, kind: str) -> None:
        await self.world.volume(medium, *KINDS[kind], part=True)

    async def _repeat(self) -> None:
        if self.world.volumes:
            await self.world.hear(self.world.volumes[-1])

    async def _work(self) -> None:
        await self.world.work()

    async def _tick(self) -> None:
        self.world.tick()

    async def _look(self) -> None:
        self.world.look()

    async def _minutes(self, minutes: int) -> None:
        self.world.at += timedelta(minutes=minutes)

    async def _restart(self, mode: Mode, named: bool, pool: tuple[str, ...]) -> None:
        mind = self.world.mind
        before = {subject: decision.data() for subject, decision in mind.decisions.items()}
        await self.world.start(mode, named=named, pool=pool)
        assert {subject: decision.data() for subject, decision in self.world.mind.decisions.items()} == before

    async def _crash(self, batches: int) -> None:
        mode, named = self.world.configured
        await self.world.work(until=batches)
        await self.world.start(mode, named=named)

    async def _fault(self, place: str, kind: str) -> None:
        self.world.genesys.faults.append(f"{place}:{kind}")

    async def _person(self, medium: str, seconds: float) -> None:
        self.world.genesys.targets[medium] = self.world.genesys.wanted[medium] = seconds

    async def _member(self, user: str) -> None:
        centre, held = self.world.genesys, self.world.held
        if user in centre.members:
            centre.members.discard(user)
            centre.by_the_loop.discard(user)
        elif not (held and user in held.joined):
            centre.members.add(user)

    async def _freeze(self, restore: bool) -> None:
        self.world.ask("queue-freeze", restore=restore)
        self.left_alone = not restore

    async def _resume(self, restore: bool) -> None:
        self.world.ask("queue-resume", restore=restore)
        self.left_alone = False


def judged(decisions: list[Decision], outcomes: list[Outcome]) -> None:
    """How often, how far, and that each change has an outcome."""
    changes = [one.time for one in decisions if one.action == "adjust"]
    assert all(later - earlier >= RULE.cooldown for earlier, later in pairwise(changes))
    most = RULE.changes_per_hour
    assert all(late - early >= timedelta(hours=1) for early, late in zip(changes, changes[most:], strict=False))
    told: dict[tuple[str | None, str], Any] = {}
    for one in decisions:
        about = (one.media_type, one.about)
        if one.action == "restore":
            told = {key: at for key, at in told.items() if key[0] != one.media_type}
        if one.action == "suggest" and one.about in TOLD_ONCE:
            assert about not in told or one.time - told[about] >= RULE.remind_after
            told[about] = one.time
        if one.action == "adjust":
            told.pop((one.media_type, "giving-back"), None)
            baseline = one.baseline["serviceLevelSeconds"]
            assert one.target["serviceLevelSeconds"] >= tightened(RULE, baseline, one.step)
    done = {one.decision_id for one in outcomes}
    assert all(one.id in done for one in decisions if one.action in ("adjust", "restore"))


async def calm(world: World, minutes: int) -> None:
    """Nothing goes wrong any more, and the volume is small."""
    for minute in range(0, minutes, 4):
        world.at += timedelta(minutes=4)
        world.tick()
        for one in MEDIA:
            await world.volume(one, *KINDS["calm"])
        await world.work()
        world.tick()
        await world.work()
        if minute % 8:
            world.look()


async def tried(story: list[tuple[Any, ...]], mode: Mode, *, named: bool) -> None:
    trial = Trial()
    world, centre = trial.world, trial.world.genesys
    await world.start(Mode.ACT)
    world.look()
    for step in [*BEGUN, *story]:
        await trial.step(*step)
    centre.faults.clear()
    await world.start(mode, named=named)
    world.ask("queue-resume")
    await calm(world, 160)
    assert centre.targets == centre.wanted, "what people want is there again"
    assert not centre.by_the_loop, "helpers have left"
    assert world.latest is None or not world.latest.standing
    assert world.held is None or not (world.held.joined or world.held.standing)
    judged(world.decisions, world.topics[Outcome])
    await world.start(Mode.ACT)
    world.ask("queue-resume")
    world.tick()
    for _ in range(8):
        world.at += timedelta(minutes=4)
        await world.volume("email", *KINDS["breach"])
        await world.work()
        world.look()
    assert world.latest, "nothing of what happened keeps the loop from defending the queue again"
    assert "email" in world.latest.standing
    assert centre.members >= set(POOL)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(steps, min_size=12, max_size=40), st.sampled_from(Mode), st.booleans())
def test_what_is_ours_is_given_back_and_nothing_else_is_touched(
    story: list[tuple[Any, ...]],
    mode: Mode,
    named: bool,
) -> None:
    asyncio.run(tried(story, mode, named=named))
