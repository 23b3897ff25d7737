"""`presence`: the guide's "Common errors", and what the official API answers instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from processor.clients.api import Forbidden, Unauthorised
from processor.errors import RetryableError
from sandbox.genesys.guard import Failure
from sandbox.guide.presence import STREAM
from tests.contract.jobsdesk import desk
from tests.contract.presencedesk import BILLING, PRESENCE, VERB, both, carry_out, delivery, request, rules


@both
async def test_g5_429_waits_as_long_as_the_server_says(dialect: str) -> None:
    async with desk(dialect) as there:
        slow = Failure(PRESENCE, VERB[dialect], 1, 429, "too.many.requests", "slow", {"Retry-After": "3"})
        there.sandbox.guard.failures.append(slow)
        _, result = await carry_out(there, request())
        assert (result.status, max(there.clock.slept)) == ("done", 3)
        there.sandbox.guard.failures.append(
            Failure(PRESENCE, VERB[dialect], 9, 429, "too.many.requests", "slow", {"Retry-After": "40"})
        )
        with pytest.raises(RetryableError) as raised:
            await carry_out(there, request(presenceId="Busy"))
        assert raised.value.retry_after == timedelta(seconds=40)


@pytest.mark.parametrize(
    ("scope", "fields"),
    [
        ("presence:read", {}),
        ("presence:write", {}),
        ("scheduling:read", {}),
        ("routing:write", {"skillOverrides": [{"skillId": BILLING, "statusId": "Busy"}]}),
        ("eventstreams:write", {"streamId": STREAM}),
    ],
)
async def test_g5_403_names_the_missing_scope(scope: str, fields: dict[str, Any]) -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing |= {scope} | ({"eventstreams:read"} if "eventstreams" in scope else set())
        try:
            _, result = await carry_out(there, request(**fields))
            assert result.status == "failed"
            said = str(result.error)
        except Forbidden as refusal:
            said = str(refusal.remedy)
    assert scope in said


async def test_who_may_not_ask_for_the_organisation_still_sets_a_presence() -> None:
    async with desk("guide") as there:
        there.sandbox.guard.missing.add("organization:read")
        _, result = await carry_out(there, request())
    assert (result.status, delivery(result).source) == ("done", "genesys/unknown")


async def test_403_of_the_official_api_names_the_permission() -> None:
    async with desk("platform") as there:
        there.sandbox.guard.missing |= {"presence:presenceDefinition:view"}
        with pytest.raises(Forbidden) as raised:
            await rules(there).plan(request())
    assert "presence:presenceDefinition:view" in str(raised.value.remedy)


@both
async def test_401_renews_the_token_once_and_then_says_what_to_check(dialect: str) -> None:
    async with desk(dialect) as there:
        await rules(there).plan(request())
        there.sandbox.guard.tokens.clear()
        _, result = await carry_out(there, request())
        assert (result.status, there.sandbox.login.issued) == ("done", 2)
        there.sandbox.guard.failures.append(Failure(PRESENCE, times=2, status=401, code="bad.credentials"))
        with pytest.raises(Unauthorised, match="check them"):
            await rules(there).plan(request())
