"""`queue-routing` in both dialects: others who write the same queue, and answers that get lost."""

from __future__ import annotations

from typing import Any

import pytest

from processor.errors import ConflictError
from sandbox.genesys.guard import Failure
from sandbox.names import EMAIL
from tests.contract.jobsdesk import desk
from tests.contract.queuedesk import BOTH, QUEUE, deploy, target


async def test_a_version_that_is_no_longer_present_is_met_with_a_fresh_read_and_a_merge() -> None:
    async with desk("guide") as there:
        queues = there.sandbox.guide.queues
        get = there.jobs.queues.get
        hands = iter(range(3))

        async def read_then_overtaken(queue_id: str) -> Any:
            found = await get(queue_id)
            if next(hands, None) == 1:
                queues.by_a_person(EMAIL.id, wrapUpPolicy="optional")
            return found

        there.jobs.queues.get = read_then_overtaken  # type: ignore[method-assign]
        done = await deploy(there)
        present = queues.present(EMAIL.id)
        assert there.sandbox.guard.counts["PUT /api/v2/routing/queues/{queueId} 409"] == 1
    assert (done.status, done.conflict_retries) == ("done", 1)
    assert (present["slaTarget"], present["wrapUpPolicy"]) == (45, "optional")
    assert done.before["wrapUpPolicy"] == "optional"


@BOTH
async def test_conflicts_without_end_are_told(dialect: str) -> None:
    async with desk(dialect) as there:
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", times=9, status=409, code="request.conflict"))
        with pytest.raises(ConflictError, match="4 attempts"):
            await deploy(there)
        assert target(there) == (0.85, 60)


@BOTH
async def test_a_write_whose_answer_was_lost_is_not_a_second_change(dialect: str) -> None:
    async with desk(dialect) as there:
        there.sandbox.guide.queues.activation_seconds = 0
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", drop=True, after=True))
        done = await deploy(there)
        assert target(there) == (0.9, 45)
    assert (done.status, done.before["slaTarget"], done.after["slaTarget"]) == ("done", 60, 45)


async def test_a_write_whose_answer_was_lost_is_no_conflict_while_it_is_on_its_way() -> None:
    """The edge shows the former version for a while: our own write must not be taken for somebody else's."""
    async with desk("guide") as there:
        there.sandbox.guide.queues.activation_seconds = 12
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", drop=True, after=True))
        done = await deploy(there)
        puts = {name: n for name, n in there.sandbox.guard.counts.items() if name.startswith("PUT")}
        assert puts["PUT /api/v2/routing/queues/{queueId} 409"] == 1
    assert (done.status, done.before["slaTarget"], done.after["slaTarget"]) == ("done", 60, 45)
