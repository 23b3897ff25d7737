"""Lets the floor live by the clock, and tells what happens there; in the first hours people also edit plans."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from sandbox.clock import SimClock
from sandbox.events import HALF_HOUR, Emission, Reporter
from sandbox.floor import Floor, Happening
from sandbox.ledger import Witness
from sandbox.names import ADMIN
from sandbox.world import Change, World

STEP = 0.05
"""Real seconds between two looks at the clock."""


class Life:
    """`send` takes every event; while `quiet`, none is made, though the floor goes on."""

    def __init__(
        self,
        *,
        clock: SimClock,
        world: World,
        floor: Floor,
        reporter: Reporter,
        witness: Witness,
        send: Callable[[Emission], None],
        quiet: bool,
    ) -> None:
        self._clock = clock
        self._world = world
        self._floor = floor
        self._reporter = reporter
        self._witness = witness
        self._send = send
        self.quiet = quiet
        self.heard: list[Callable[[Happening], None]] = []
        """Who else wants to know what happens on the floor; not called while it is quiet."""
        self._changed: set[str] = set()
        self._observed: dict[str, datetime] = {}
        self._story = list(self._plan())
        world.listeners.append(self._tell_change)

    def expect(self, story: Iterable[tuple[float, Callable[[], object]]]) -> None:
        """People will do this too: (minutes after the beginning, what)."""
        begin = self._clock.begin
        planned = [*self._story, *((begin + timedelta(minutes=minutes), act) for minutes, act in story)]
        self._story = sorted(planned, key=lambda one: one[0])

    async def run(self) -> None:
        """For ever."""
        while True:
            self.step()
            await asyncio.sleep(STEP)

    def step(self) -> None:
        """Everything up to now."""
        now = self._clock.now()
        while not self.quiet and self._story and self._story[0][0] <= now:
            _, act = self._story.pop(0)
            act()
        for happening in self._floor.advance(now):
            self._tell(happening)
        self._observe(now)
        self._witness.look(now)

    def _out(self, emissions: Iterable[Emission]) -> None:
        if not self.quiet:
            for emission in emissions:
                self._send(emission)

    def _tell(self, happening: Happening) -> None:
        for listener in () if self.quiet else self.heard:
            listener(happening)
        if happening.what == "presence":
            self._out(self._reporter.presence(happening))
        elif happening.what == "routing":
            self._out([self._reporter.routing(happening)])
        else:
            self._changed.add(happening.id)

    def _tell_change(self, change: Change) -> None:
        self._out(self._reporter.change(change))

    def _observe(self, now: datetime) -> None:
        """On change, at most once a second (while time runs fast: four times in a real second)."""
        pause = timedelta(seconds=max(1.0, self._clock.speed() / 4))
        for queue_id in sorted(self._changed):
            last = self._observed.get(queue_id)
            if queue_id not in self._world.queues or (last and now - last < pause):
                continue
            half_hour = _half_hour(now)
            if last and last < half_hour:
                self._out([self._reporter.observations(queue_id, now, half_hour - HALF_HOUR)])
            self._out([self._reporter.observations(queue_id, now, half_hour)])
            self._observed[queue_id] = now
            self._changed.discard(queue_id)

    def _plan(self) -> Iterable[tuple[datetime, Callable[[], object]]]:
        """What people edit, by minutes after the beginning."""
        for minutes, act in (
            (20, self._longer_hours),
            (25, lambda: self.move_shift(1, 1, timedelta(hours=1))),
            (35, self._campaign),
            (45, self._group),
            (50, lambda: self.remove_shift(2, 1)),
        ):
            yield self._clock.begin + timedelta(minutes=minutes), act

    def _longer_hours(self) -> None:
        key, schedule = next(iter(self._world.schedules.items()))
        end = schedule["end"].replace("T18:", "T19:")
        self._world.put(self._world.schedules, key, {**schedule, "end": end}, ADMIN)

    def _campaign(self) -> None:
        key, campaign = next(iter(self._world.campaigns.items()))
        recurrence = {**campaign["recurrences"][0], "range": {"type": "Numbered", "numberOfOccurrences": 20}}
        self._world.put(self._world.campaigns, key, {**campaign, "recurrences": [recurrence]}, ADMIN)

    def _group(self) -> None:
        key, group = next(iter(self._world.groups.items()))
        self._world.put(self._world.groups, key, {**group, "closedSchedules": []}, ADMIN)

    def move_shift(self, agent: int, day: int, by: timedelta) -> None:
        """Edit the shift of the n-th agent; what Genesys tells of it goes out."""
        who = list(self._world.agents.values())[agent]
        shift = self._world.roster.move(who, day, by)
        self._out(self._reporter.shifts(who, shift, "Edited", self._clock.now()))

    def remove_shift(self, agent: int, day: int) -> None:
        """Take a shift of the n-th agent out."""
        who = list(self._world.agents.values())[agent]
        shift = self._world.roster.shift(who, day)
        if shift:
            self._world.roster.remove(who, day)
            self._out(self._reporter.shifts(who, shift, "Deleted", self._clock.now()))


def _half_hour(moment: datetime) -> datetime:
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)
