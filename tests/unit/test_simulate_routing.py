from __future__ import annotations

import copy
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.requests.rules import Rule, construct
from handlers.simulate.routing import Agent, Simulated, simulate


def rules(*said: dict[str, Any]) -> list[Rule]:
    return [Rule.model_validate(one) for one in said]


def rule(
    number: int, *conditions: tuple[str, str, Any], skills: tuple[str, ...] = (), how: str = "longest-idle"
) -> Any:
    listed = [{"field": field, "operator": operator, "value": value} for field, operator, value in conditions]
    return {"type": "priority", "priority": number, "conditions": listed, "routingStrategy": {"type": how, "skills": list(skills)}}  # fmt: skip


def default(*skills: str, how: str = "longest-idle") -> dict[str, Any]:
    return {"type": "default", "routingStrategy": {"type": how, "skills": list(skills)}}


def agent(name: str, *skills: str, load: int = 0, most: int = 10) -> Agent:
    return Agent(name, frozenset(skills), load, most)


def told(found: Simulated) -> list[tuple[str, str, int]]:
    return [(str(one.contact["id"]), one.agent_id, one.rule) for one in found.routed]


def contacts(*priorities: str | None) -> list[dict[str, Any]]:
    return [{"id": f"e{at}", **({"priority": p} if p else {})} for at, p in enumerate(priorities, 1)]


def test_the_guides_own_example() -> None:
    """Nobody has both skills: the guide's number is three, and here one sees why."""
    found = simulate(
        rules(*construct(("skill-id-1", "skill-id-2"))),
        contacts("high", "low", "high"),
        [agent("agent-1", "skill-id-1", load=2, most=5), agent("agent-2", "skill-id-2", load=4, most=5)],
    )
    assert (found.routed, found.unrouted, found.capacity_exceeded) == ([], [], 3)
    assert len(found.without_skills) == 3


def test_the_urgent_first_and_among_equals_in_their_order() -> None:
    found = simulate(rules(default()), contacts("low", "medium", None, "high", "urgent", "high"), [agent("a", most=99)])
    assert [name for name, _, _ in told(found)] == ["e4", "e6", "e2", "e1", "e3", "e5"]


def test_rules_are_tried_by_number_and_the_default_last_wherever_it_stands() -> None:
    found = simulate(
        rules(default() | {"priority": 1}, rule(2, ("priority", "equal", "high")), rule(1, ("vip", "equal", True))),
        [{"id": "e1", "priority": "high", "vip": True}, {"id": "e2", "priority": "high"}, {"id": "e3"}],
        [agent("a")],
    )
    assert [(name, at) for name, _, at in told(found)] == [("e1", 2), ("e2", 1), ("e3", 0)]


def test_without_a_default_some_meet_no_rule() -> None:
    found = simulate(rules(rule(1, ("priority", "equal", "high"))), contacts("high", "low"), [agent("a")])
    assert [one["id"] for one in found.unrouted] == ["e2"]
    assert found.capacity_exceeded == 0


def test_capacity_is_what_is_left() -> None:
    found = simulate(rules(default()), contacts(*["low"] * 5), [agent("a", load=2, most=3), agent("b", load=5, most=3)])
    assert [who for _, who, _ in told(found)] == ["a"]
    assert (len(found.without_room), found.loads) == (4, {"a": 3, "b": 5})


def test_the_longest_idle_is_whoever_got_something_longest_ago_by_whichever_rule() -> None:
    found = simulate(
        rules(rule(1, ("priority", "equal", "high"), skills=("s",)), default()),
        contacts("high", "high", "low", "low", "low", "low"),
        [agent("a", "s"), agent("b"), agent("c", "s")],
    )
    assert [who for _, who, _ in told(found)] == ["a", "c", "b", "a", "c", "b"]


def test_chance_is_even_and_the_same_for_the_same_seed() -> None:
    staff = [agent(name, most=10_000) for name in "abcd"]
    given_ = contacts(*["low"] * 8000)
    one, same, other = (simulate(rules(default(how="random")), given_, staff, seed) for seed in (1, 1, 2))
    assert told(one) == told(same) != told(other)
    counts = Counter(who for _, who, _ in told(one))
    assert all(1800 < counts[name] < 2200 for name in "abcd")


@pytest.mark.parametrize(
    ("operator", "value", "meets", "misses"),
    [
        ("equal", 1, [1, 1.0], [True, "1", None, [1]]),
        ("notEqual", "a", ["b", None, 1], ["a"]),
        ("in", ["a", 1], ["a", 1], ["b", True, None, ["a"]]),
        ("notIn", ["a"], ["b", None], ["a"]),
        ("greaterThan", 5, [6, 5.1], [5, "6", True, None]),
        ("greaterThanOrEqual", 5, [5], [4]),
        ("lessThan", 5, [4], [5, None]),
        ("lessThanOrEqual", 5, [5], [6]),
        ("contains", "a", ["cat", ["a", "b"]], ["dog", ["cat"], None, 5]),
        ("exists", True, [0, "", False], [None]),
        ("exists", False, [None], ["x"]),
    ],
)
def test_operators(operator: str, value: Any, meets: list[Any], misses: list[Any]) -> None:
    given_ = [{"id": str(at), "x": found} for at, found in enumerate([*meets, *misses])]
    found = simulate(rules(rule(1, ("x", operator, value))), given_, [agent("a", most=99)])
    assert [one["id"] for one in found.unrouted] == [str(at) for at in range(len(meets), len(given_))]


def test_every_condition_must_hold() -> None:
    both = rule(1, ("a", "equal", 1), ("b", "equal", 2))
    found = simulate(rules(both), [{"a": 1, "b": 2}, {"a": 1}, {"b": 2}, {}], [agent("a")])
    assert (len(found.routed), len(found.unrouted)) == (1, 3)


skills = st.lists(st.sampled_from("xyz"), max_size=2, unique=True)


@settings(max_examples=150, deadline=None)
@given(
    said=st.lists(st.tuples(st.sampled_from(["high", "low", "odd"]), skills, st.sampled_from(["longest-idle", "random"])), max_size=4),
    with_default=st.booleans(),
    given_=st.lists(st.sampled_from(["high", "medium", "low", "odd", None]), max_size=40),
    staff=st.lists(st.tuples(skills, st.integers(0, 5), st.integers(0, 8)), min_size=1, max_size=5),
    seed=st.integers(0, 5),
)  # fmt: skip
def test_nobody_is_lost_doubled_overloaded_or_changed(
    said: list[Any], with_default: bool, given_: list[Any], staff: list[Any], seed: int
) -> None:
    asked = rules(
        *(rule(at + 1, ("priority", "equal", p), skills=tuple(s), how=how) for at, (p, s, how) in enumerate(said)),
        *([default("x")] if with_default else []),
    )
    agents = [Agent(f"a{at}", frozenset(s), load, most) for at, (s, load, most) in enumerate(staff)]
    offered = contacts(*given_)
    before = copy.deepcopy((offered, agents, asked))
    found = simulate(asked, offered, agents, seed)
    assert (offered, agents, asked) == before
    ends = [one.contact for one in found.routed] + [*found.unrouted, *found.without_skills, *found.without_room]
    assert sorted(one["id"] for one in ends) == sorted(one["id"] for one in offered)
    able = {one.id: one for one in agents}
    assigned = Counter(one.agent_id for one in found.routed)
    for name, one in able.items():
        assert found.loads[name] == one.load + assigned[name]
        assert assigned[name] == 0 or found.loads[name] <= one.most
    for one in found.routed:
        strategy = asked[one.rule].routing_strategy
        assert strategy is not None
        assert set(strategy.skills) <= able[one.agent_id].skills
    for contact in found.without_room:  # whoever could have taken it is full in the end
        met = next(r for r in asked if r.type == "default" or r.conditions[0].value == contact.get("priority"))
        assert met.routing_strategy is not None
        wanted = set(met.routing_strategy.skills)
        assert all(found.loads[a.id] >= a.most for a in agents if wanted <= a.skills)


def test_a_hundred_thousand_contacts_in_less_than_five_seconds() -> None:
    many = [{"id": at, "priority": ("high", "medium", "low")[at % 3], "topic": at % 50} for at in range(100_000)]
    asked = rules(
        *(rule(at + 1, ("topic", "equal", at), skills=(f"s{at % 10}",)) for at in range(20)), default(how="random")
    )
    staff = [agent(f"a{at}", f"s{at % 10}", most=190) for at in range(500)]
    began = time.process_time()
    found = simulate(asked, many, staff)
    assert time.process_time() - began < 5
    assert len(found.routed) + found.capacity_exceeded == 100_000
