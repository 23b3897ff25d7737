"""A group that adds up facts the pure way, for tests of the engine."""

from __future__ import annotations

from processor.errors import PoisonError
from processor.routing import Group, on
from processor.table import Table, last
from tests.unit.engine import Fact, Note, fact, note
from tests.unit.memorylog import MemoryLog


class Sum:
    """Adds up the facts of each subject: only right when each is done once, in order, and state is kept."""

    def __init__(self) -> None:
        self.table = Table(Note, fold=last)
        self.broken = False

    async def __call__(self, event: Fact) -> list[Note]:
        if event.number == -1:
            raise PoisonError("no such number", "number")
        if event.number == -2 or self.broken:
            raise KeyError("bug")
        before = self.table.get(event.subject)
        return [note(event, (before.total if before else 0) + event.number)]

    def group(self, **more) -> Group:
        return Group("sum", Fact.topic, (on(Fact, self),), pure=True, owns=(self.table,), **more)


def totals(log: MemoryLog) -> dict[str, int]:
    return {r.message.key: Note.from_record(r).total for r in log.all(Note.topic)}


FACTS = [fact(f"s/{n % 7}", n) for n in range(100)]
EXPECTED = {f"s/{k}": sum(n for n in range(100) if n % 7 == k) for k in range(7)}
