"""Who would get which contact: a queue's rules played through on contacts and agents. Pure, and the same every time.

As the guide has it (G4, step 7): contacts by priority, for each the first rule that it meets, then
an agent with all of the rule's skills and room for one more. What the guide's sketch leaves out is
here: rules are tried by their number with the default last, the strategy decides between agents
(the guide takes whoever is listed first), and nothing that is handed in is changed.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from handlers.requests.rules import Condition, Rule, Strategy

Contact = Mapping[str, Any]
URGENCY = {"high": 1, "medium": 2, "low": 3}
LEAST_URGENT = 3
"""G4: also for a priority that it does not know, and for none."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What an agent can do, has in hand, and can have in hand."""

    id: str
    skills: frozenset[str]
    load: int
    most: int


@dataclass(frozen=True, slots=True)
class Assigned:
    """A contact, who got it, and the place of the rule (in the order they were given) by which."""

    contact: Contact
    agent_id: str
    rule: int


@dataclass(frozen=True, slots=True)
class Simulated:
    """`unrouted` met no rule. The others who are left out met one, but nobody had the skills, or had room."""

    routed: Sequence[Assigned]
    unrouted: Sequence[Contact]
    without_skills: Sequence[Contact]
    without_room: Sequence[Contact]
    loads: Mapping[str, int]
    """By agent id, in the end."""

    @property
    def capacity_exceeded(self) -> int:
        """The guide's number: a rule, but no agent."""
        return len(self.without_skills) + len(self.without_room)


def simulate(rules: Sequence[Rule], contacts: Sequence[Contact], agents: Sequence[Agent], seed: int = 1) -> Simulated:
    """The more urgent first, and among equals as they were given. Equal input and seed give equal output."""
    loads = {agent.id: agent.load for agent in agents}
    room = _Room(agents, loads, random.Random(seed))
    tried = [_Tried(at, rule, room) for at, rule in sorted(enumerate(rules), key=lambda pair: _turn(*pair))]
    first = _First(tried)
    routed: list[Assigned] = []
    unrouted: list[Contact] = []
    unskilled: list[Contact] = []
    crowded: list[Contact] = []
    for contact in sorted(contacts, key=_urgency):
        met = first(contact)
        if met is None:
            unrouted.append(contact)
            continue
        agent_id = met.choice.take()
        if agent_id is not None:
            routed.append(Assigned(contact, agent_id, met.at))
        else:
            (crowded if met.choice.anybody else unskilled).append(contact)
    return Simulated(routed, unrouted, unskilled, crowded, loads)


def _turn(at: int, rule: Rule) -> tuple[bool, float, int]:
    return rule.type == "default", float("inf") if rule.priority is None else rule.priority, at


def _urgency(contact: Contact) -> int:
    priority = contact.get("priority")
    return URGENCY.get(priority, LEAST_URGENT) if isinstance(priority, str) else LEAST_URGENT


class _Tried:
    """A rule, ready to be asked a hundred thousand times."""

    def __init__(self, at: int, rule: Rule, room: _Room) -> None:
        self.at = at
        self._conditions = [(one.field, _judge(one)) for one in rule.conditions]
        self.fields = [name for name, _ in self._conditions]
        self.choice = room.choice(rule.routing_strategy or Strategy(type="random"))

    def meets(self, contact: Contact) -> bool:
        return all(judge(contact.get(name)) for name, judge in self._conditions)


class _First:
    """The first rule that a contact meets; contacts that are alike in what rules look at are judged once."""

    def __init__(self, tried: Sequence[_Tried]) -> None:
        self._tried = tried
        self._fields = sorted({name for one in tried for name in one.fields})
        self._known: dict[object, _Tried | None] = {}

    def __call__(self, contact: Contact) -> _Tried | None:
        values = [contact.get(name) for name in self._fields]
        key = (*values, *map(type, values))  # 1 and true are alike as keys
        try:
            return self._known[key]
        except KeyError:
            return self._known.setdefault(key, self._judge(contact))
        except TypeError:  # a list among the values
            return self._judge(contact)

    def _judge(self, contact: Contact) -> _Tried | None:
        return next((one for one in self._tried if one.meets(contact)), None)


def _same(one: object, other: object) -> bool:
    """As JSON compares: true is not 1, and "1" is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _judge(condition: Condition) -> Callable[[Any], bool]:
    """What a contact's value must be; one that is missing, or of another kind, is none that compares."""
    value = condition.value
    ordered: Mapping[str, Callable[[Any], bool]] = {
        "greaterThan": lambda found: found > value,
        "greaterThanOrEqual": lambda found: found >= value,
        "lessThan": lambda found: found < value,
        "lessThanOrEqual": lambda found: found <= value,
    }
    if condition.operator in ordered:
        compares = ordered[condition.operator]
        return lambda found: _number(found) and compares(found)
    others: Mapping[str, Callable[[Any], bool]] = {
        "equal": lambda found: _same(found, value),
        "notEqual": lambda found: not _same(found, value),
        "in": lambda found: any(_same(found, one) for one in value),
        "notIn": lambda found: not any(_same(found, one) for one in value),
        "contains": lambda found: _contains(found, value),
        "exists": lambda found: (found is not None) == (value is not False),
    }
    return others[condition.operator]


def _contains(found: object, value: object) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    return isinstance(found, list | tuple) and any(_same(one, value) for one in found)


class _Choice(Protocol):
    """Of the agents with certain skills, who is next. `anybody`: there is one at all, with room or without."""

    anybody: bool

    def take(self) -> str | None:
        """His load is one more then; None when nobody has room."""


class _Room:
    """What all choices share: how much each has in hand, and who was last given something."""

    def __init__(self, agents: Sequence[Agent], loads: dict[str, int], chance: random.Random) -> None:
        self.agents = agents
        self.loads = loads
        self.chance = chance
        self.given = [0] * len(agents)
        """By agent, the number of his last contact; 0 while he has got none."""
        self.count = 0
        self._choices: dict[tuple[str, frozenset[str]], _Choice] = {}

    def choice(self, strategy: Strategy) -> _Choice:
        """Rules that ask for the same share it."""
        key = (strategy.type, frozenset(strategy.skills))
        if key not in self._choices:
            able = [at for at, agent in enumerate(self.agents) if key[1] <= agent.skills]
            self._choices[key] = _LongestIdle(self, able) if strategy.type == "longest-idle" else _AtRandom(self, able)
        return self._choices[key]

    def has_room(self, at: int) -> bool:
        return self.loads[self.agents[at].id] < self.agents[at].most

    def give(self, at: int) -> str:
        self.count += 1
        self.given[at] = self.count
        self.loads[self.agents[at].id] += 1
        return self.agents[at].id


class _LongestIdle:
    """Whoever was given something longest ago; who got nothing yet, in the order they were given."""

    def __init__(self, room: _Room, able: Sequence[int]) -> None:
        self.anybody = bool(able)
        self._room = room
        self._heap = [(0, at) for at in able]

    def take(self) -> str | None:
        while self._heap:
            since, at = self._heap[0]
            if not self._room.has_room(at):
                heapq.heappop(self._heap)
            elif since != self._room.given[at]:  # another rule gave him something meanwhile
                heapq.heapreplace(self._heap, (self._room.given[at], at))
            else:
                agent_id = self._room.give(at)
                heapq.heapreplace(self._heap, (self._room.given[at], at))
                return agent_id
        return None


class _AtRandom:
    """Any of those who have room, each as likely."""

    def __init__(self, room: _Room, able: Sequence[int]) -> None:
        self.anybody = bool(able)
        self._room = room
        self._able = list(able)

    def take(self) -> str | None:
        while self._able:
            number = self._room.chance.randrange(len(self._able))
            at = self._able[number]
            if self._room.has_room(at):
                return self._room.give(at)
            self._able[number] = self._able[-1]
            self._able.pop()
        return None


def by_rule(found: Simulated, rules: Sequence[Rule]) -> list[tuple[str, int]]:
    """How many each rule gave to somebody, in the order of the rules."""
    counts = Counter(one.rule for one in found.routed)
    return [(str(rule.type), counts[at]) for at, rule in enumerate(rules)]
