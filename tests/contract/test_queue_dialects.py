"""`queue-routing`: what one dialect has and the other lacks."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.requests.words import InvalidRequest
from processor.errors import NotValid
from sandbox.guide.queues import construction
from sandbox.names import EMAIL
from tests.contract.jobsdesk import desk
from tests.contract.queuedesk import BILLING, HOOK, deploy, plan


@pytest.mark.parametrize(
    ("dialect", "fields", "place"),
    [
        ("platform", {"routingRules": construction()}, "routingRules"),
        ("guide", {"routingRules": [{"operator": "ANY", "waitSeconds": 5}]}, "routingRules"),
        ("guide", {"wrapUpPolicy": "MANDATORY_TIMEOUT"}, "wrapUpPolicy"),
        ("platform", {"slaPercent": None, "slaTarget": None, "skillIds": [BILLING]}, "skillIds"),
        ("platform", {"webhookUrl": HOOK}, "webhookUrl"),
    ],
)
async def test_words_of_the_other_dialect_are_refused_with_what_does_the_same(
    dialect: str, fields: dict[str, Any], place: str
) -> None:
    async with desk(dialect) as there:
        with pytest.raises(InvalidRequest) as raised:
            await plan(there, **fields)
        assert list(there.sandbox.guard.seen) == []
    (problem,) = raised.value.problems
    assert problem.place == place
    assert problem.remedy


async def test_the_official_api_takes_preferred_agents_other_media_and_wrap_up() -> None:
    preferred = [{"operator": "MEETS_THRESHOLD", "threshold": 80, "waitSeconds": 10.0}, {"operator": "ANY"}]
    async with desk("platform") as there:
        done = await deploy(there, queueType="voice", routingRules=preferred, wrapUpPolicy="required")
        queue = there.sandbox.world.queues[EMAIL.id]
        again = await plan(there, queueType="voice", wrapUpPolicy="required")
        with pytest.raises(NotValid, match="no service level for chat") as raised:
            await plan(there, queueType="chat")
    assert raised.value.remedy == "one of email, voice, message"
    assert done.after["wrapUpPolicy"] == "MANDATORY"
    assert queue["acwSettings"] == {"wrapupPrompt": "MANDATORY", "timeoutMs": 30000}
    assert queue["routingRules"] == preferred
    assert queue["mediaSettings"]["call"]["serviceLevel"] == {"percentage": 0.9, "durationMs": 45000}
    assert queue["mediaSettings"]["email"]["serviceLevel"]["durationMs"] == 60000
    assert again.calls == []


async def test_a_prompt_of_the_official_api_that_asks_for_a_wrap_up_already_stays() -> None:
    """The guide's `required` and `optional` are several prompts there."""
    async with desk("platform") as there:
        queue = there.sandbox.world.queues[EMAIL.id]
        for prompt, policy, becomes in (
            ("MANDATORY_TIMEOUT", "required", "MANDATORY_TIMEOUT"),
            ("MANDATORY_TIMEOUT", "MANDATORY", "MANDATORY"),
            ("AGENT_REQUESTED", "required", "MANDATORY"),
            ("MANDATORY", "optional", "OPTIONAL"),
        ):
            queue["acwSettings"]["wrapupPrompt"] = prompt
            planned = await plan(there, wrapUpPolicy=policy)
            assert (planned.before["wrapUpPolicy"], planned.after["wrapUpPolicy"]) == (prompt, becomes)
