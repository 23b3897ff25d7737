"""The rooms of the guide dialect, each with the operations of one guide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sandbox.clock import stamp
from sandbox.floor import Floor, Happening
from sandbox.genesys.guard import Route
from sandbox.genesys.skills import Skills
from sandbox.genesys.wrapup import WrapUpCodes
from sandbox.guide.analytics import Analytics
from sandbox.guide.campaigns import Campaigns
from sandbox.guide.conversations import Conversations
from sandbox.guide.exports import Exports
from sandbox.guide.hub import Hub
from sandbox.guide.organisation import Organisation
from sandbox.guide.presence import Presences
from sandbox.guide.profiles import Profiles
from sandbox.guide.queues import Queues
from sandbox.guide.schedules import Schedules
from sandbox.guide.webhooks import Webhooks
from sandbox.ledger import Ledger
from sandbox.options import Options
from sandbox.world import World

Json = dict[str, Any]


class Rooms:
    """All of them, for tests that look inside; `routes` is what is served."""

    def __init__(self, options: Options, world: World, floor: Floor, skills: Skills, ledger: Ledger) -> None:
        self.hub = Hub()
        self.organisation = Organisation()
        self.analytics = Analytics(world, floor)
        self.webhooks = Webhooks(options, world, self.hub, ledger)
        self.skills = skills
        self.presences = Presences(world, floor, self.hub)
        self.schedules = Schedules(options, world, self.hub)
        self.conversations = Conversations(floor)
        self.campaigns = Campaigns(world)
        self.queues = Queues(options, world, floor, skills, self.hub)
        self.wrap_up_codes = WrapUpCodes(options, world)
        self.profiles = Profiles(options, world, self.hub)
        self.exports = Exports(options, world, self.hub)

    def routes(self) -> Iterator[Route]:
        """Every operation."""
        yield from self.organisation.routes()
        yield from self.analytics.routes()
        yield from self.webhooks.routes()
        yield from self.skills.routes()
        yield from self.schedules.routes()
        yield from self.conversations.routes()
        yield from self.campaigns.routes()
        yield from self.queues.routes()
        yield from self.presences.routes()
        yield from self.wrap_up_codes.listed()
        yield from self.profiles.routes()
        yield from self.exports.routes()

    def story(self) -> Iterator[tuple[float, Callable[[], object]]]:
        """What people edit, by minutes after the beginning: each group's first schedule opens half an hour later."""
        first = dict(reversed(self.schedules.items))
        for minutes, (group, schedule) in zip((22.0, 34.0, 46.0), first.items(), strict=False):
            yield minutes, partial(self._later, group, schedule)

    def _later(self, group: str, schedule: str) -> None:
        entries = self.schedules.items[group, schedule]["scheduleEntries"]
        moved = [{**entries[0], "startTime": entries[0]["startTime"].replace(":00:", ":30:", 1)}, *entries[1:]]
        self.schedules.by_a_person(group, schedule, scheduleEntries=moved)

    def heard(self, happening: Happening) -> None:
        """What agents do on the floor by themselves; whoever asked is called."""
        if happening.what == "presence":
            shown = {"presenceId": happening.presence, "modifiedDate": stamp(happening.at)}
            self.hub.announce("presence:updated", happening.id, shown)
