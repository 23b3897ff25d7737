"""Whatever bytes come: no sender can tell the quick way of plain posts from aiohttp's, and nothing is lost or doubled.

Other streams: `make test PYTEST="tests/integration/test_both_ways.py --hypothesis-seed=7"`; more: STREAMS=10000.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from handlers.normalise.envelopes import envelopes
from processor import receiver
from processor.errors import RetryableError
from processor.signatures import Verifier
from tests.integration.door import Door, door
from tests.integration.streams import SECRET, Stream, nearly_plain, plain, streams
from tests.integration.talk import COMPLAINT, Answer, Caller

STREAMS = int(os.environ.get("STREAMS", "200"))
LAST = b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass
class Ways:
    """The same application twice, and the loop that both run in."""

    runner: asyncio.Runner
    ordinary: Door
    quick: Door


@dataclass(frozen=True)
class Told:
    """What a sender heard, and what landed."""

    answers: list[Answer]
    landed: list[tuple[str, bytes]]
    ends: bool
    """Whether we closed our half right behind what we sent: then chance decides whether the last answer says so too."""


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Ways]:
    monkeypatch.setattr(receiver, "FAILURES_AT_ONCE", 1e9)  # one sender for all streams: it must not become known
    with asyncio.Runner(debug=True) as runner:
        opened = AsyncExitStack()

        async def one(*, by_plain: bool) -> Door:
            verifier = Verifier.build(basic=["gc:pass"], secrets=[SECRET])
            return await opened.enter_async_context(door(by_plain=by_plain, envelopes=envelopes, verifier=verifier))

        yield Ways(runner, runner.run(one(by_plain=False)), runner.run(one(by_plain=True)))
        runner.run(opened.aclose())
    gc.collect()  # of what nobody asked how it ended it would be told now
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]


async def told(to: Door, stream: Stream) -> Told:
    """The stream, then one request more, which is answered when the connection was kept; then our half is closed."""
    to.log.messages.clear()
    to.log.turns = stream.log
    to.log.error = RetryableError("away", retry_after=timedelta(seconds=7)) if stream.fails else None
    caller = Caller(to.url)
    try:
        for piece in stream.pieces:
            await caller.say(piece)
            await caller.quiet(stream.turns)
        if not stream.ends:
            await caller.quiet()
            await caller.say(LAST)
        heard = await caller.end()
    finally:
        caller.close()
    landed = [(message.headers["ce_id"], message.value) for message in to.log.messages]
    return Told(heard, landed, stream.ends)


def bit_by_bit(stream: Stream) -> Stream:
    """So that no read holds the end of one request and the beginning of the next."""
    return Stream(
        tuple(run[0] for run in re.finditer(rb"(?s)(.)\1{15,}|.", stream.whole)),
        3,
        stream.log,
        stream.ends,
        stream.fails,
    )


def told_apart(wanted: Told, got: Told) -> str | None:
    """What a sender sees who gets both; None: nothing.

    One difference is meant. Whether a refusal ends the connection depends on whether the refused body was there
    when it was refused, so on chance; and the quick way waits for a body before it leaves a post to be refused.
    """
    for number, (one, other) in enumerate(zip(wanted.answers, got.answers, strict=False)):
        if one.meaning != other.meaning:
            return f"answer {number}: {one} != {other}"
        if one.closes != other.closes and not (got.ends and number == len(got.answers) - 1):
            return None if one.status != 202 else f"answer {number} closes or not"
    if len(wanted.answers) != len(got.answers):
        return f"{len(wanted.answers)} answers != {len(got.answers)}"
    return None if wanted.landed == got.landed else f"in the log: {wanted.landed} != {got.landed}"


def forgotten(singly: Told, got: Told) -> bool:
    """Whether `got` is what aiohttp says bit by bit, but for whole requests right before what it ends by complaining of."""
    *rest, last = got.answers
    begins = Told(singly.answers[: len(rest)], got.landed, ends=False)
    return last.meaning == COMPLAINT and told_apart(begins, Told(rest, got.landed, ends=False)) is None


def assert_kept(found: Told) -> None:
    """What landed was answered, in the order of the answers, once; and nothing else was."""
    accepted = [json.loads(answer.body)["ids"] for answer in found.answers if answer.status == 202]
    assert [name for ids in accepted for name in ids] == [name for name, _ in found.landed]
    closing = [answer.closes for answer in found.answers]
    assert not any(closing[:-1]), "something was answered behind the last answer"


def assert_same(ways: Ways, stream: Stream) -> None:
    """aiohttp forgets whole requests that came in one read with a broken one behind them, so that the complaint about
    that one is the only answer. Then the quick way must answer as aiohttp does when nothing comes in one read."""
    wanted, got = (ways.runner.run(told(way, stream)) for way in (ways.ordinary, ways.quick))
    assert_kept(wanted)
    assert_kept(got)
    if told_apart(wanted, got):
        singly = ways.runner.run(told(ways.ordinary, bit_by_bit(stream)))
        assert told_apart(singly, got) is None or forgotten(singly, got), told_apart(singly, got)


@pytest.mark.slow
def test_a_post_of_which_one_thing_is_otherwise_is_read_the_same_on_both_ways(ways: Ways) -> None:
    plain_one = plain(b'{"id":"p"}')
    for odd in nearly_plain(b'{"id":"o"}'):
        assert_same(ways, Stream((odd, plain_one), turns=None))
        assert_same(ways, Stream((plain_one + odd + plain_one,), turns=None))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_sender_can_tell_one_way_from_the_other(ways: Ways, pytestconfig: pytest.Config) -> None:
    @seed(pytestconfig.getoption("hypothesis_seed") or 0)
    @settings(max_examples=STREAMS, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
              suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])  # fmt: skip
    @given(streams())
    def sent(stream: Stream) -> None:
        assert_same(ways, stream)

    sent()
