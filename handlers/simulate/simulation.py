"""What a simulation is given: a queue's rules, agents, and contacts that are listed or drawn. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag

from handlers.requests.rules import Rule, construct, review_rules
from handlers.requests.words import AN_ID, Fields, Id, Part, Problem
from handlers.simulate.routing import Agent

MOST_CONTACTS = 1_000_000
Share = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Queue(Part):
    """A queue's configuration as the guide deploys it: its rules, or the skills for which the guide makes two."""

    model_config = ConfigDict(**{**Part.model_config, "extra": "ignore"})  # a whole configuration may stand here

    routing_rules: tuple[Rule, ...] | None = None
    skill_ids: tuple[Id, ...] = ()


class Staff(Part):
    """An agent: what he can, what he has in hand, and how much that may be."""

    skills: tuple[Id, ...] = ()
    current_load: Annotated[int, Field(ge=0)] = 0
    max_capacity: Annotated[int, Field(ge=0)]


class Drawn(Part):
    """So many contacts, whose fields are drawn by these shares; the same seed draws the same ones."""

    count: Annotated[int, Field(ge=0, le=MOST_CONTACTS)]
    fields_: Annotated[Mapping[str, Annotated[Mapping[str, Share], Field(min_length=1)]], Field(alias="fields")] = {}
    """By field, the values and their shares: `priority: {high: 0.1, low: 0.9}`."""


Emails = Annotated[
    Annotated[tuple[Mapping[str, Any], ...], Tag("listed")] | Annotated[Drawn, Tag("drawn")],
    Discriminator(lambda said: "drawn" if isinstance(said, Mapping | Drawn) else "listed"),
]


class Simulation(Part):
    """A simulation file."""

    elsewhere = "examples/simulation.yaml has all of them"

    queue: Queue
    emails: Annotated[Emails, Field(examples=[{"count": 100, "fields": {"priority": {"high": 0.1, "low": 0.9}}}])]
    """The contacts, of whatever medium; only their `priority` and the fields that rules name matter."""
    agents: Mapping[str, Staff] = Field(examples=[{"agent-1": {"skills": [AN_ID], "maxCapacity": 5}}])
    seed: int = 1
    """For what is left to chance: drawn contacts, and the strategy `random`."""

    @classmethod
    def review(cls, fields: Fields) -> Iterator[Problem]:
        """The rules, the shares, and that there is somebody."""
        queue = fields.get("queue")
        if isinstance(queue, Mapping):
            if queue.get("routingRules") is None and queue.get("skillIds") is None:
                yield Problem("queue", "no rules", "routingRules, or skillIds for the guide's two rules")
            yield from review_rules(queue.get("routingRules"), "queue.routingRules")
            rules = queue.get("routingRules")
            for at, rule in enumerate(rules if isinstance(rules, list) else ()):
                if isinstance(rule, dict) and "operator" in rule:
                    spot = f"queue.routingRules[{at}]"
                    yield Problem(spot, "preferred agents are not simulated", "rules with type and routingStrategy")
        emails = fields.get("emails")
        drawn = emails.get("fields") if isinstance(emails, Mapping) else None
        for name, shares in drawn.items() if isinstance(drawn, Mapping) else ():
            if isinstance(shares, Mapping) and not any(shares.values()):
                yield Problem(f"emails.fields.{name}", "all shares are nothing", "{high: 0.1, low: 0.9}")
        if fields.get("agents") == {}:
            yield Problem("agents", "nobody to route to", "{agent-1: {skills: [...], maxCapacity: 5}}")

    def rules(self) -> list[Rule]:
        """Those of the queue, or the ones that the guide constructs."""
        if self.queue.routing_rules is not None:
            return list(self.queue.routing_rules)
        return [Rule.model_validate(rule) for rule in construct(self.queue.skill_ids)]

    def staff(self) -> list[Agent]:
        """In the order of the file."""
        return [
            Agent(key, frozenset(one.skills), one.current_load, one.max_capacity) for key, one in self.agents.items()
        ]

    def contacts(self) -> list[Mapping[str, Any]]:
        """Listed, or drawn and numbered."""
        if not isinstance(self.emails, Drawn):
            return list(self.emails)
        chance = random.Random(f"{self.seed}/contacts")
        columns = {
            name: chance.choices(list(shares), list(shares.values()), k=self.emails.count)
            for name, shares in self.emails.fields_.items()
        }
        return [
            {"id": f"e{number + 1}", **{name: values[number] for name, values in columns.items()}}
            for number in range(self.emails.count)
        ]
