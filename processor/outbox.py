"""What handlers return, on its way to the log: outcomes get their links, all that wait at once are one append."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from processor.audit import OUTCOMES, Chains
from processor.eventlog import EventLog, Message
from processor.eventlog.partitions import partition_of
from processor.retry import Interrupted

Write = Callable[[int, Sequence[Message]], Awaitable[None]]
"""(partition, messages): as its owner; ends when they are in the log."""

Waiting = tuple[int, Sequence[Message], "asyncio.Future[None]"]


class Outbox:
    """One group's. Links of a chain must land in their order, so one batch goes out after another."""

    def __init__(self, log: EventLog, group: str, write: Write) -> None:
        self._partitions = log.partitions
        self._chains = Chains(log, group)
        self._write = write
        self._turn = asyncio.Lock()
        self._waiting: list[Waiting] = []

    async def append(self, partition: int, messages: Sequence[Message]) -> None:
        """In the log when it returns. Raises what `write` raises; whether they landed is not known then."""
        if not any(message.topic == OUTCOMES for message in messages):
            if messages:
                await self._write(partition, messages)
            return
        sent = asyncio.get_running_loop().create_future()
        self._waiting.append((partition, messages, sent))
        async with self._turn:
            if not sent.done():
                batch, self._waiting = self._waiting, []
                await self._send(batch)
        await sent

    async def forget(self) -> None:
        """Partitions have left: others may continue their chains."""
        async with self._turn:
            self._chains.forget()

    async def _send(self, batch: list[Waiting]) -> None:
        ended: dict[int, BaseException | None] = {}
        try:
            parts: dict[int, list[Message]] = {}
            for partition, messages, _ in batch:
                parts.setdefault(partition, []).extend(await self._chains.seal(messages))
            if any(self._astray(partition, messages) for partition, messages in parts.items()):
                for partition, messages in parts.items():
                    await self._write(partition, messages)
            else:
                writes = (self._write(partition, messages) for partition, messages in parts.items())
                ended = dict(zip(parts, await asyncio.gather(*writes, return_exceptions=True), strict=True))
        except BaseException as error:
            for _, _, sent in batch:
                sent.set_exception(error if isinstance(error, Exception) else Interrupted())
                sent.exception()  # taken note of: the waiter may be gone
            self._chains.forget()
            raise
        for partition, _, sent in batch:
            if failure := ended.get(partition):
                sent.set_exception(failure)
                sent.exception()
            elif not sent.done():
                sent.set_result(None)
        if any(ended.values()):
            self._chains.forget()

    def _astray(self, partition: int, messages: Sequence[Message]) -> bool:
        """Whether an outcome lies in another partition than the record behind it: then order between parts matters."""
        return any(
            message.topic == OUTCOMES and partition_of(message.key, self._partitions) != partition
            for message in messages
        )
