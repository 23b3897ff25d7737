"""Handlers that act in steps: what is announced is in the log before it is tried, and is not announced twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable

from processor.errors import PoisonError, RetryableError
from processor.event import Event
from processor.eventlog import Message, Record
from processor.eventlog.partitions import partition_of
from processor.progress import Progress
from processor.replays import list_dead
from processor.routing import Group, on
from processor.table import Table, last
from tests.unit.engine import Fact, Told, fact, put, running, told, until
from tests.unit.memorylog import MemoryLog


class Announcing:
    """Announces, then acts; the act fails as often as it is told to."""

    def __init__(self, log: MemoryLog, failures: int = 0) -> None:
        self.announced: Table[Told, Told] = Table(Told, fold=last)
        self.failures = failures
        self.acted: list[list[str]] = []
        self._log = log

    async def __call__(self, event: Fact) -> AsyncGenerator[Iterable[Event], None]:
        if self.announced.get(event.subject) is None:
            yield [told(event)]
        seen = [message.headers["ce_id"] async for message in _messages(self._log, event.subject)]
        if self.failures:
            self.failures -= 1
            raise RetryableError("not yet")
        self.acted.append(seen)
        yield [told(event).model_copy(update={"id": f"{event.id}/done"})]


async def _messages(log: MemoryLog, subject: str) -> AsyncIterator[Message]:
    partition = partition_of(subject, log.partitions)
    async for record in log.read(Told.topic, partition, *await log.bounds(Told.topic, partition)):
        yield record.message


async def test_a_step_is_in_the_log_before_the_next_and_is_not_repeated_by_a_retry() -> None:
    log = MemoryLog()
    handler = Announcing(log, failures=2)
    group = Group("outside", Fact.topic, (on(Fact, handler),), follows=(handler.announced,))
    await put(log, [fact("s/1", 1)])
    async with running(group, log):
        await until(lambda: bool(handler.acted))
    announcement = told(fact("s/1", 1)).id
    assert handler.acted == [[announcement]]
    found = [message.headers["ce_id"] async for message in _messages(log, "s/1")]
    assert found[0] == announcement
    assert found[1:] == [f"{fact('s/1', 1).id}/done"]


async def test_a_group_may_read_what_other_programs_wrote_in_their_own_way() -> None:
    log, got = MemoryLog(), []

    async def keep(event: Fact) -> None:
        got.append(event.number)

    def reads(record: Record) -> Fact | None:
        if record.message.value == b"junk":
            raise PoisonError("no fact at all", "number")
        return Fact.from_record(record) if record.message.headers["ce_type"] != "nobody's" else None

    for number, kind in ((1, "somebody's"), (2, "nobody's"), (3, Fact.type)):
        message = fact("s/1", number).to_message()
        await log.append([message._replace(headers={**message.headers, "ce_type": kind})])
    await log.append([message._replace(value=b"junk")])
    async with running(Group("outside", Fact.topic, (on(Fact, keep),), reads=reads), log):
        await until(lambda: len(got) == 2)
    assert got == [1, 3]
    assert [parked.field for parked in await list_dead(log)] == ["number"]


async def test_log_to_log_there_are_no_steps() -> None:
    log = MemoryLog()
    group = Group("pure", Fact.topic, (on(Fact, Announcing(log)),), pure=True)
    await put(log, [fact("s/1", 1)])
    progress = Progress("pure", Fact.topic)
    async with running(group, log, progress=progress):
        await until(lambda: progress.parked == 1)
    (parked,) = await list_dead(log)
    assert "no steps" in parked.error
