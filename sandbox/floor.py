"""The floor of the contact centre: contacts wait, agents come, answer, pause and go. Pure, seeded, discrete events.

What a change of the queue's settings does here is what it does at Genesys, no more:

* A member who is joined serves the queue, beside the other queues that he serves. More members
  joined = shorter waits; what they leave undone elsewhere shows in those queues.
* An agent who becomes free takes the contact that has waited longest in any of his queues
  (scoring method TimestampAndPriority) and whose skill he has.
* The service level target routes nothing. A tighter target changes what counts as in time;
  it brings no agent, and does not reorder the waiting.
* Only where `overflow` is set (the guide dialect, whose adjustment has nothing but the target):
  a contact that has waited as long as the target is offered to members who are not joined too.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sandbox.demand import Arrival, Arrivals
from sandbox.names import Agent, QueueSpec
from sandbox.roster import MEAL, WORK, Roster

KEEP = 26 * 3600.0
"""Contacts older than this are forgotten."""
BREATH = 0.002
"""Between two routing statuses of an agent: their times, written in whole milliseconds, must differ."""


@dataclass(slots=True, eq=False)
class Contact:
    """One contact and what became of it; times in seconds since the floor's first midnight."""

    arrival: Arrival
    answered: float | None = None
    ended: float | None = None
    abandoned: float | None = None

    @property
    def wait(self) -> float:
        """Seconds until the answer; only when there was one."""
        return (self.answered or 0.0) - self.arrival.at


@dataclass(slots=True, eq=False)
class Desk:
    """Where an agent stands. `presence` as REST spells it."""

    agent: Agent
    presence: str = "Offline"
    presence_since: float = 0.0
    routing: str = "OFF_QUEUE"
    routing_since: float = 0.0
    contact: Contact | None = None
    message: str = ""
    """What he lets others read beside his presence."""


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that Genesys would tell: `what` is `presence`, `routing` or `volume` (of a queue).

    Of an agent it keeps how he stood at that moment: the floor goes on before it is told.
    """

    at: datetime
    what: str
    id: str
    presence: str = ""
    routing: str = ""
    routing_since: datetime | None = None
    message: str = ""


class Floor:
    """Driven by `advance`. `members` (queue id → user id → joined) may change at any time between calls."""

    def __init__(
        self,
        seed: int,
        roster: Roster,
        agents: Iterable[Agent],
        queues: Iterable[QueueSpec],
        members: Mapping[str, Mapping[str, bool]],
        *,
        overflow: Callable[[str], float] | None = None,
    ) -> None:
        """`overflow`: by queue id, the seconds after which members who are not joined may serve a contact."""
        self._overflow = overflow
        self.roster = roster
        self.queues = {queue.id: queue for queue in queues}
        self.desks = {agent.id: Desk(agent) for agent in agents}
        self.contacts: dict[str, deque[Contact]] = {key: deque() for key in self.queues}
        self.waiting: dict[str, deque[Contact]] = {key: deque() for key in self.queues}
        self._members = members
        self._arrivals = {key: Arrivals(queue, seed) for key, queue in self.queues.items()}
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._told: list[Happening] = []
        self.time = 0.0
        """Seconds since the floor's first midnight, up to which everything has happened."""
        self._new_day(0)
        for key in self.queues:
            self._expect(key)

    def moment(self, at: float) -> datetime:
        """Seconds since the first midnight as a time."""
        return self.roster.midnight + timedelta(seconds=at)

    def seconds(self, moment: datetime) -> float:
        """A time as seconds since the first midnight."""
        return (moment - self.roster.midnight).total_seconds()

    def advance(self, until: datetime) -> list[Happening]:
        """Let everything happen up to this time; what there is to tell, in order."""
        end = self.seconds(until)
        self._look_for_work()  # who was joined since the last call
        while self._heap and self._heap[0][0] <= end:
            self.time, _, act = heapq.heappop(self._heap)
            act()
        self.time = max(self.time, end)
        told, self._told = self._told, []
        return told

    def joined(self, queue_id: str) -> list[Desk]:
        """The agents who serve this queue when they are on queue."""
        return [self.desks[user] for user, joined in self._members[queue_id].items() if joined and user in self.desks]

    def _at(self, at: float, act: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._heap, (max(at, self.time), self._number, act))

    def _tell(self, what: str, key: str) -> None:
        now, desk = self.moment(self.time), self.desks.get(key)
        if desk is None:
            self._told.append(Happening(now, what, key))
        else:
            since = self.moment(desk.routing_since)
            self._told.append(Happening(now, what, key, desk.presence, desk.routing, since, desk.message))

    # The day: who comes, pauses and goes.

    def _new_day(self, day: int) -> None:
        for desk in self.desks.values():
            shift = self.roster.shift(desk.agent, day)
            for part in shift.parts if shift else ():
                self._at(self._punctual(desk, part.start), self._begin(desk, part.code))
            if shift:
                self._at(self.seconds(shift.end), lambda desk=desk: self.set_presence(desk, "Offline"))  # type: ignore[misc]  # the default binds the loop's value
        self._at((day + 1) * 86400.0, lambda: self._new_day(day + 1))
        for contacts in self.contacts.values():
            while contacts and contacts[0].arrival.at < self.time - KEEP:
                contacts.popleft()

    def _punctual(self, desk: Desk, start: datetime) -> float:
        """Nobody is on the second: up to a minute late, each in his own way."""
        return self.seconds(start) + int(desk.agent.id[:4], 16) % 60

    def _begin(self, desk: Desk, code: str) -> Callable[[], None]:
        if code != WORK:
            return lambda: self.set_presence(desk, "Meal" if code == MEAL else "Break")

        def arrive() -> None:
            self.set_presence(desk, "Available")
            self._at(self.time + 5, lambda: self.set_presence(desk, "OnQueue"))

        return arrive

    def set_presence(self, desk: Desk, presence: str) -> None:
        """The agent (or the API on his behalf) sets it; a contact in hand is finished first."""
        desk.presence, desk.presence_since = presence, self.time
        self._tell("presence", desk.agent.id)
        if desk.contact is None:
            self._settle(desk)

    def _settle(self, desk: Desk) -> None:
        """Without a contact: idle when on queue, else off queue."""
        self._route(desk, "IDLE" if desk.presence == "OnQueue" else "OFF_QUEUE")
        if desk.routing == "IDLE":
            self._take_next(desk)

    def _route(self, desk: Desk, status: str) -> None:
        if desk.routing != status:
            later = desk.routing_since + BREATH  # idle, and at once taken again: which was first must show
            desk.routing, desk.routing_since = status, max(self.time, later)
            self._tell("routing", desk.agent.id)

    # The contacts.

    def _expect(self, queue_id: str) -> None:
        arrival = self._arrivals[queue_id].next()
        self._at(arrival.at, lambda: self._arrive(queue_id, arrival))

    def _arrive(self, queue_id: str, arrival: Arrival) -> None:
        contact = Contact(arrival)
        self.contacts[queue_id].append(contact)
        self.waiting[queue_id].append(contact)
        self._tell("volume", queue_id)
        free = [desk for desk in self.joined(queue_id) if desk.routing == "IDLE" and _able(desk, contact)]
        if free:
            self._take_next(min(free, key=lambda desk: desk.routing_since))
        else:
            self._at(arrival.at + arrival.patience, lambda: self._give_up(queue_id, contact))
            if self._overflow:
                self._at(arrival.at + self._overflow(queue_id), self._look_for_work)
        self._expect(queue_id)

    def _give_up(self, queue_id: str, contact: Contact) -> None:
        if contact.answered is None:
            contact.abandoned = self.time
            self.waiting[queue_id].remove(contact)
            self._tell("volume", queue_id)

    def _take_next(self, desk: Desk) -> None:
        """The contact that has waited longest in any of his queues, if there is one he can take."""
        best: tuple[float, str, Contact] | None = None
        for key, waiting in self.waiting.items():
            longest = self._must_have_waited(desk, key)
            if longest is not None:
                contact = next((contact for contact in waiting if _able(desk, contact)), None)
                if contact and self.time - contact.arrival.at < longest:
                    continue
                if contact and (best is None or contact.arrival.at < best[0]):
                    best = contact.arrival.at, key, contact
        if best:
            self._answer(desk, best[1], best[2])

    def _must_have_waited(self, desk: Desk, queue_id: str) -> float | None:
        """Before this agent may take a contact of the queue; None when it is not his at all."""
        joined = self._members[queue_id].get(desk.agent.id)
        if joined is None or not (joined or self._overflow):
            return None
        return 0.0 if joined or self._overflow is None else self._overflow(queue_id)

    def _answer(self, desk: Desk, queue_id: str, contact: Contact) -> None:
        self.waiting[queue_id].remove(contact)
        contact.answered = self.time
        desk.contact = contact
        self._route(desk, "INTERACTING")
        self._tell("volume", queue_id)
        self._at(self.time + contact.arrival.handle, lambda: self._end(desk, queue_id, contact))

    def _end(self, desk: Desk, queue_id: str, contact: Contact) -> None:
        contact.ended = self.time
        desk.contact = None
        self._tell("volume", queue_id)
        self._settle(desk)

    def _look_for_work(self) -> None:
        for desk in self.desks.values():
            if desk.routing == "IDLE":
                self._take_next(desk)


def _able(desk: Desk, contact: Contact) -> bool:
    return not contact.arrival.billing or "billing" in desk.agent.skills
