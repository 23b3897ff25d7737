"""`queue-routing`: the guide's "Common errors"."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from processor.clients.api import Forbidden, Rejected
from processor.errors import FarSideDown, RetryableError
from sandbox.genesys.guard import Failure
from tests.contract.jobsdesk import desk
from tests.contract.queuedesk import QUEUE, deploy, plan


async def test_401_a_token_that_ended_is_renewed_and_a_wrong_secret_waits_for_a_person() -> None:
    async with desk("guide") as there:
        await plan(there)
        there.sandbox.guard.tokens.clear()
        await deploy(there)
        assert there.sandbox.login.issued == 2
        object.__setattr__(there.sandbox.options, "client_secret", "changed")
        there.sandbox.guard.tokens.clear()
        with pytest.raises(FarSideDown, match="client"):
            await plan(there, slaTarget=30)


async def test_403_names_the_scope_that_is_missing() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing = {"routing:queue:write"}
        with pytest.raises(Forbidden) as raised:
            await deploy(there)
    assert "routing:queue:write" in (raised.value.remedy or "")


async def test_400_the_far_sides_words_are_passed_on() -> None:
    async with desk("guide") as there:
        with pytest.raises(Rejected, match="queueType cannot be changed"):
            await deploy(there, queueType="voice")
        there.sandbox.guard.failures.append(Failure(QUEUE, "PUT", status=422, message="slaTarget: must be at least 10"))
        with pytest.raises(Rejected, match="slaTarget: must be at least 10"):
            await deploy(there)


async def test_429_during_polling_is_waited_out_as_long_as_asked() -> None:
    async with desk("guide") as there:
        there.sandbox.guide.queues.activation_seconds = 1
        send = there.jobs.queues.send

        async def then_too_many(write: Any) -> Any:
            taken = await send(write)
            there.sandbox.guard.failures.append(Failure(QUEUE, "GET", status=429, headers={"Retry-After": "4"}))
            return taken

        there.jobs.queues.send = then_too_many  # type: ignore[method-assign]
        done = await deploy(there)
        assert there.clock.elapsed >= 4
        there.sandbox.guard.failures.append(Failure(QUEUE, "GET", status=429, headers={"Retry-After": "90"}))
        with pytest.raises(RetryableError) as raised:
            await plan(there)
    assert done.status == "done"
    assert raised.value.retry_after == timedelta(seconds=90)
