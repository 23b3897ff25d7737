"""The end of a client that may hang: what it still had under way is dropped, whether or not a broker answers.

`stop()` waits for what can never be delivered, and one that is cut off leaves a sender task behind
that delivers it when the broker is back. So the sender is stopped by hand, with aiokafka's own parts.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

logger = logging.getLogger("processor.eventlog")

CLOSE_SECONDS = 5.0
RESET = struct.pack("ii", 1, 0)
"""No lingering: what the kernel still holds for a broker is dropped too, or it would come when that answers again."""


class _Forgiving(set[Any]):
    """A batch may be taken out that was taken out before: requests under way do so when they end."""

    def remove(self, batch: Any) -> None:
        self.discard(batch)


async def discard(client: AIOKafkaProducer) -> None:
    """Never raises; waits for no broker. What one had received of this client may still land, nothing else."""
    sender = client._sender  # noqa: SLF001 - there is no public way to stop a sender that waits for a dead broker
    task: asyncio.Task[Any] | None = sender.sender_task
    accumulator = client._message_accumulator  # noqa: SLF001 - as above
    # A batch that waits for its repeat is in no set, and would complain about that when it is failed.
    waiting = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001 - as above
    accumulator._pending_batches = _Forgiving([*accumulator._pending_batches, *waiting])  # noqa: SLF001 - as above
    accumulator.fail_all(KafkaError("this producer was replaced"))
    if task is not None:
        task.remove_done_callback(sender._fail_all)  # noqa: SLF001 - it would fail once more on what is failed
    ending = _tasks(sender)
    for one in ending:
        one.cancel()
    cut(client.client)
    if ending:
        ended, left = await asyncio.wait(ending, timeout=CLOSE_SECONDS)
        if left:
            logger.warning("sender-left-behind", extra={"tasks": len(left)})
        for one in ended:
            if not one.cancelled():
                one.exception()
    await _bounded(client.stop())
    manager = client._txn_manager  # noqa: SLF001 - it holds an error that nobody asks for any more
    waiter = manager._transaction_waiter if manager else None  # noqa: SLF001 - as above
    if waiter is not None and waiter.done() and not waiter.cancelled():
        waiter.exception()


def _tasks(sender: Any) -> set[asyncio.Task[Any]]:
    """Its routine, and its requests: the routine waits for these at its end, and they for news that never come.

    It keeps them where nobody can ask for them, and forgets them when it dies.
    """
    return {task for task in asyncio.all_tasks() if _owner(task.get_coro()) is sender}


def _owner(coroutine: Any) -> Any:
    """Whose method runs there."""
    frame = getattr(coroutine, "cr_frame", None)
    return frame.f_locals.get("self") if frame and coroutine.__qualname__.startswith("Sender.") else None


def cut(client: AIOKafkaClient) -> None:
    """Its connections are gone when this returns. To close them in order is to wait until a broker has read it all."""
    for connection in client._conns.values():  # noqa: SLF001 - there is no public way to end a connection at once
        if connection._writer is not None:  # noqa: SLF001 - as above
            with suppress(OSError):
                connected = connection._writer.get_extra_info("socket")  # noqa: SLF001 - as above
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection._writer.transport.abort()  # noqa: SLF001 - as above


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Leave the group; never raises. A `stop()` that waits for the others of a rebalance is cut off."""
    stopping = asyncio.get_running_loop().create_task(consumer.stop())
    await asyncio.wait({stopping}, timeout=CLOSE_SECONDS)
    if stopping.done():
        if not stopping.cancelled():
            stopping.exception()
        return
    coordinator, fetcher = consumer._coordinator, consumer._fetcher  # noqa: SLF001 - no public way to end their tasks
    names = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task", "_fetch_task")
    found = [getattr(owner, name, None) for owner in (coordinator, fetcher) for name in names]
    left: set[asyncio.Task[Any]] = {task for task in (*found, stopping) if task is not None}
    for task in left:
        task.cancel()
    await asyncio.wait(left, timeout=CLOSE_SECONDS)
    cut(consumer._client)  # noqa: SLF001 - else its connections stay open
    await _bounded(consumer._client.close())  # noqa: SLF001 - as above


async def _bounded(closing: Any) -> None:
    with suppress(KafkaError, OSError, TimeoutError, AssertionError, RuntimeError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await closing
