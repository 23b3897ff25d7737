from __future__ import annotations

from typing import Any

import pytest

from handlers.requests.kinds import read
from handlers.requests.queue import QueueRequest
from handlers.requests.rules import construct, form, skills_of
from handlers.requests.words import InvalidRequest

PRIORITY = construct(("s1",))[0]
DEFAULT = construct(("s1",))[1]


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        read("queue-routing", fields)
    assert all(problem.remedy or problem.message for problem in raised.value.problems)
    return {problem.place: problem.message for problem in raised.value.problems}


def test_the_guides_example_is_a_request() -> None:
    request = read(
        "queue-routing",
        {
            "queueId": "your-queue-id",
            "skillIds": ["skill-id-1", "skill-id-2"],
            "slaPercent": 90,
            "slaTarget": 60,
            "webhookUrl": "https://your-external-gateway.com/sync",
        },
    )
    assert isinstance(request, QueueRequest)
    assert request.subject() == "queue/your-queue-id"
    assert (request.sla_percent, request.sla_target, request.on_constraint) == (90, 60, "warn")
    assert isinstance(request.sla_percent, int)  # the body that is sent says 90, as the guide's does


def test_everything_that_is_wrong_is_told_at_once_with_its_place() -> None:
    found = problems(
        queueId="no id!",
        skillIds=["s1", "s2", "s1"],
        slaPercent=101,
        slaTarget=0,
        wrapUpPolicy="never",
        webhookUrl="http://gateway.example/sync",
        onConstraint="ignore",
        colour="red",
        routingRules=[
            {**DEFAULT, "conditions": PRIORITY["conditions"]},
            {"type": "priority", "routingStrategy": {"type": "round-robin"}},
            DEFAULT,
        ],
    )
    assert {
        "queueId",
        "skillIds[2]",
        "slaPercent",
        "slaTarget",
        "wrapUpPolicy",
        "webhookUrl",
        "onConstraint",
        "colour",
        "routingRules[0].conditions",
        "routingRules[1]",
        "routingRules[1].priority",
        "routingRules[1].conditions",
        "routingRules[1].routingStrategy.type",
        "routingRules[2]",
    } <= found.keys()


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"queueId": "q"}, ""),
        ({"queueId": "q", "slaTarget": 60.5}, "slaTarget"),
        ({"queueId": "q", "slaTarget": "soon"}, "slaTarget"),
        ({"queueId": "q", "slaPercent": float("nan")}, "slaPercent"),
        ({"queueId": "q", "slaPercent": 0}, "slaPercent"),
        ({"slaTarget": 60}, "queueId"),
        ({"queueId": "q", "webhookUrl": "https://me:secret@gateway.example"}, "webhookUrl"),
        ({"queueId": "q", "webhookUrl": "gateway.example"}, "webhookUrl"),
    ],
)
def test_one_thing_wrong(fields: dict[str, Any], place: str) -> None:
    assert list(problems(**fields)) == [place]


def test_a_password_in_an_address_is_not_told_on() -> None:
    said = problems(queueId="q", webhookUrl="https://me:hunter2@gateway.example")
    assert "hunter2" not in str(said)


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({**PRIORITY, "threshold": 5}, "routingRules[0].threshold"),
        ({"type": "default"}, "routingRules[0].routingStrategy"),
        ({"priority": 1, "conditions": PRIORITY["conditions"], "routingStrategy": DEFAULT["routingStrategy"]}, "routingRules[0].type"),
        ({"operator": "MEETS_THRESHOLD"}, "routingRules[0].threshold"),
        ({"waitSeconds": 5}, "routingRules[0].operator"),
        ({**PRIORITY, "priority": 0}, "routingRules[0].priority"),
        ({**PRIORITY, "conditions": [{"field": "a", "operator": "in", "value": "x"}]}, "routingRules[0].conditions[0].value"),
        ({**PRIORITY, "conditions": [{"field": "a", "operator": "lessThan", "value": True}]}, "routingRules[0].conditions[0].value"),
        ({**PRIORITY, "conditions": [{"field": "a", "operator": "exists", "value": "yes"}]}, "routingRules[0].conditions[0].value"),
        ({**PRIORITY, "conditions": [{"field": "a"}]}, "routingRules[0].conditions[0].value"),
        ({**PRIORITY, "conditions": [{"field": "a", "operator": "like", "value": 1}]}, "routingRules[0].conditions[0].operator"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_followed(rule: dict[str, Any], place: str) -> None:
    assert place in problems(queueId="q", routingRules=[rule])


def test_rules_are_shown_as_genesys_has_them() -> None:
    said = [
        {"type": "priority", "priority": 1, "conditions": [{"field": "priority", "value": "high"}], "routingStrategy": {"type": "longest-idle", "skills": ["s1"]}},
        {"type": "default", "routingStrategy": {"type": "random", "skills": ["s1"]}},
    ]  # fmt: skip
    request = read("queue-routing", {"queueId": "q", "routingRules": said})
    assert isinstance(request, QueueRequest)
    assert request.rules() == construct(("s1",))
    assert skills_of(request.rules()) == ["s1"]


def test_which_dialects_rules() -> None:
    assert form([]) is None
    assert form(construct(())) == "conditions"
    assert form([{"operator": "ANY"}]) == "preferred-agents"
