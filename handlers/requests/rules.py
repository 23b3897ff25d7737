"""The rules by which a queue hands contacts to agents: the guide's, and the official API's preferred agents. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from handlers.requests.words import Fields, Id, Part, Problem

Operator = Literal[
    "equal",
    "notEqual",
    "in",
    "notIn",
    "greaterThan",
    "greaterThanOrEqual",
    "lessThan",
    "lessThanOrEqual",
    "contains",
    "exists",
]
"""The guide shows `equal`; the others say what one expects of their names."""
LISTED = ("in", "notIn")
ORDERED = ("greaterThan", "greaterThanOrEqual", "lessThan", "lessThanOrEqual")


class Condition(Part):
    """What a contact must be like."""

    field: str = Field(min_length=1, max_length=100)
    """A field of the contact, such as `priority`."""
    operator: Operator = "equal"
    """How the contact's field is compared with `value`."""
    value: Any = None
    """With what; a list for `in` and `notIn`, true (or nothing) or false for `exists`."""


class Strategy(Part):
    """Whom a contact goes to, among those who have every one of the skills."""

    type: Literal["longest-idle", "random"]
    """Of those who may have it: whoever got nothing for longest, or anybody."""
    skills: tuple[Id, ...] = ()
    """Their ids; none: every member."""


class Rule(Part):
    """One of two forms, by its fields: `type, priority, conditions, routingStrategy` or `operator, threshold, waitSeconds`."""  # noqa: E501  # one sentence

    type: Literal["priority", "default"] | None = None
    """Guide dialect. `priority`: for contacts that meet every condition. `default`: for all the others."""
    priority: Annotated[int, Field(ge=1)] | None = None
    """The lowest number is tried first; `default` is always last."""
    conditions: tuple[Condition, ...] = ()
    """Guide dialect. All of them must hold."""
    routing_strategy: Strategy | None = None
    """Guide dialect. Whom such a contact goes to."""

    operator: Literal["MEETS_THRESHOLD", "ANY"] | None = None
    """Official API: preferred agents whose score meets the threshold, or any."""
    threshold: int | None = None
    """Official API: that score."""
    wait_seconds: Annotated[float, Field(ge=0)] | None = None
    """Official API: so long before the next rule."""

    def shown(self) -> dict[str, Any]:
        """As Genesys has it: with the operators that were left out, without the other form's fields."""
        said = self.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: value for name, value in said.items() if name != "conditions" or value}


GUIDE = ("type", "priority", "conditions", "routingStrategy")
OFFICIAL = ("operator", "threshold", "waitSeconds")


def construct(skill_ids: Sequence[str]) -> list[dict[str, Any]]:
    """The two rules that the guide constructs: high priority to the longest idle, the rest at random (G4, step 1)."""
    return [
        {
            "type": "priority",
            "priority": 1,
            "conditions": [{"field": "priority", "operator": "equal", "value": "high"}],
            "routingStrategy": {"type": "longest-idle", "skills": list(skill_ids)},
        },
        {"type": "default", "routingStrategy": {"type": "random", "skills": list(skill_ids)}},
    ]


def form(rules: Sequence[Fields]) -> Literal["conditions", "preferred-agents"] | None:
    """Which dialect's rules these are; None where there is none."""
    if not rules:
        return None
    return "conditions" if any(name in rule for rule in rules for name in GUIDE) else "preferred-agents"


def skills_of(rules: object) -> list[str]:
    """Every skill that any of the guide's rules asks for, once, in order."""
    found: dict[str, None] = {}
    for rule in rules if isinstance(rules, list | tuple) else ():
        strategy = rule.get("routingStrategy") if isinstance(rule, Mapping) else None
        listed = strategy.get("skills") if isinstance(strategy, Mapping) else None
        found |= dict.fromkeys(map(str, listed if isinstance(listed, list | tuple) else ()))
    return list(found)


def review_rules(said: object, spot: str) -> Iterator[Problem]:
    """What is wrong beyond the shape of each field; `spot` is where the list stands in the file."""
    rules = [rule if isinstance(rule, dict) else {} for rule in said] if isinstance(said, list | tuple) else []
    kind = form(rules)
    default: int | None = None
    for at, rule in enumerate(rules):
        here = f"{spot}[{at}]"
        if kind == "preferred-agents":
            yield from _official(rule, here)
            continue
        yield from _guide(rule, here)
        if default is not None and rule.get("type") == "default":
            yield Problem(here, f"{spot}[{default}] is the default rule already", "one default rule")
        elif default is not None:
            yield Problem(here, f"no contact gets past the default rule {spot}[{default}]", "put the default last")
        default = at if default is None and rule.get("type") == "default" else default


def _official(rule: Fields, here: str) -> Iterator[Problem]:
    if rule.get("operator") is None:
        yield Problem(
            f"{here}.operator", "a rule has a type (guide dialect) or an operator (official API)", "MEETS_THRESHOLD"
        )
    elif rule.get("operator") == "MEETS_THRESHOLD" and rule.get("threshold") is None:
        yield Problem(f"{here}.threshold", "which score is good enough is not said", "a whole number, such as 80")


def _guide(rule: Fields, here: str) -> Iterator[Problem]:
    for name in OFFICIAL:
        if rule.get(name) is not None:
            yield Problem(f"{here}.{name}", "rules with conditions have no such field", "leave it out")
    if rule.get("type") is None:
        yield Problem(f"{here}.type", "what kind of rule it is is not said", "priority or default")
    if rule.get("routingStrategy") is None:
        yield Problem(
            f"{here}.routingStrategy", "whom contacts go to is not said", "{type: longest-idle, skills: [...]}"
        )
    conditions = rule.get("conditions")
    for number, one in enumerate(conditions if isinstance(conditions, list | tuple) else ()):
        if isinstance(one, dict):
            yield from _condition(one, f"{here}.conditions[{number}]")
    if rule.get("type") == "default" and conditions:
        yield Problem(f"{here}.conditions", "the default rule takes every contact", "leave it out, or type: priority")
    if rule.get("type") == "priority":
        yield from _priority(rule, here)


def _priority(rule: Fields, here: str) -> Iterator[Problem]:
    if rule.get("priority") is None:
        yield Problem(f"{here}.priority", "a priority rule has a number", "1 is tried first")
    if not rule.get("conditions"):
        yield Problem(f"{here}.conditions", "for which contacts it is is not said", "see examples, or type: default")


def _condition(one: Fields, here: str) -> Iterator[Problem]:
    operator, value = one.get("operator", "equal"), one.get("value")
    if operator in LISTED and not isinstance(value, list | tuple):
        yield Problem(f"{here}.value", f"{operator} compares with a list", "[high, medium]")
    elif operator in ORDERED and (isinstance(value, bool) or not isinstance(value, int | float)):
        yield Problem(f"{here}.value", f"{operator} compares with a number", "5")
    elif operator == "exists" and not isinstance(one.get("value", True), bool):
        yield Problem(f"{here}.value", "exists is true or false", "true")
    elif operator not in (*LISTED, *ORDERED, "exists") and value is None:
        yield Problem(f"{here}.value", "what to compare with is not said", "high")
