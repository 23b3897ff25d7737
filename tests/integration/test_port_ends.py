"""A port that stops, beside another on the same port or alone: who was let in is answered, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack

from processor.receiver import Receiver
from processor.signatures import Verifier
from processor.telemetry import Metrics
from processor.web.listener import Where, listening, runner_of
from tests.integration.door import NOW, Log, door, split
from tests.integration.talk import Caller
from tests.integration.test_plain import answer, connection, post

CALLERS = 40
"""Among two that share a port: each gets some, but for a chance of one in half a trillion."""


def caller_of(url: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))


async def test_who_is_in_the_queue_when_we_stop_is_answered() -> None:
    """Whom the kernel let in, or whose post it holds, before we knew of it."""
    async with AsyncExitStack() as callers:
        async with door() as to:
            reader, writer = await callers.enter_async_context(connection(to))
            writer.write(post("e1"))
            assert await answer(reader) == (202, {"ids": ["e1"]})
            writer.write(post("e2"))
            queued = callers.enter_context(caller_of(to.url))
            queued.sendall(post("e3"))
        assert await answer(reader) == (202, {"ids": ["e2"]})
        assert queued.recv(1 << 16).startswith(b"HTTP/1.1 202 ")
        assert sorted(message.key for message in to.log.messages) == ["e1", "e2", "e3"]


async def test_two_at_one_port_share_the_callers_and_one_takes_over_from_the_other() -> None:
    logs = [Log(), Log()]

    def runner(log: Log) -> object:
        receiver = Receiver(log.append, split, Verifier.build(insecure=True), Metrics.build(), lambda: NOW)
        return runner_of(receiver.handle, 5, receiver.plain)

    async with AsyncExitStack() as second, AsyncExitStack() as first:
        url = await first.enter_async_context(listening(runner(logs[0]), Where("127.0.0.1", 0, shared=True)))
        port = int(url.rpartition(":")[2])
        await second.enter_async_context(listening(runner(logs[1]), Where("127.0.0.1", port, shared=True)))
        callers = [Caller(url) for _ in range(CALLERS)]
        for number, caller in enumerate(callers):
            await caller.say(post(f"a{number}"))
            await caller.quiet()
        assert all(log.messages for log in logs)
        logs[0].gate = asyncio.Event()
        for number, caller in enumerate(callers):
            await caller.say(post(f"b{number}"))
        stopping = asyncio.ensure_future(first.aclose())
        for number in range(CALLERS):  # all that come now come to the other
            callers.append(Caller(url))
            await callers[-1].say(post(f"c{number}"))
            await callers[-1].quiet()
        logs[0].gate.set()
        await asyncio.wait_for(stopping, 10)
        heard = [await caller.end() for caller in callers]
        for caller in callers:
            caller.close()
    assert [len(one) for one in heard] == [2] * CALLERS + [1] * CALLERS
    assert {one.status for all_of_one in heard for one in all_of_one} == {202}
    landed = [message.key for log in logs for message in log.messages]
    assert sorted(landed) == sorted(f"{kind}{number}" for kind in "abc" for number in range(CALLERS))
    assert sum(one.closes for all_of_one in heard for one in all_of_one)
