"""Forgetting a subject where the log removes no single records: what ends, and what must have happened before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from processor.app.errands import waiting
from processor.app.errands.forgetting_kafka import STATES, forget_in
from processor.errors import FatalError
from processor.event import RAW
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from processor.settings import load
from tests.unit.memorylog import MemoryLog

ANNA = "agent/anna"
PRESENCE, SHIFTS = "genesys.presence", "genesys.shifts"
SYNC = "sync-wfm-presence"
SETTINGS = load(
    {
        "PROCESSOR_LOG": "kafka://127.0.0.1:1",
        "PROCESSOR_WFM_URL": "http://127.0.0.1:1",
        "PROCESSOR_WFM_TOPICS": "presence,queues",
    }
)


@pytest.fixture(autouse=True)
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TURN_SECONDS", 0)


class Shared(MemoryLog):
    """Beside us a product is at work: a group does its next record each time that it is asked how far it is.

    `patience`: how many records a group has time for before it is slow; none: all.
    """

    def __init__(self) -> None:
        super().__init__()
        self.patience: dict[str, int] = {}
        self.told: list[bytes | None] = []
        self.at_the_end: dict[str, int] = {}
        """How far each group was when the keys were ended."""

    async def append(self, messages: Sequence[Message]) -> None:
        await super().append(messages)
        if any(message.value is None for message in messages):
            self.at_the_end = {group: offsets.get(self.home, 0) for (group, _), offsets in self._offsets.items()}

    @property
    def home(self) -> int:
        return partition_of(ANNA, self.partitions)

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        found = await super().committed(group, topic)
        records = self._records[topic, self.home]
        position = found.get(self.home, 0)
        if position < len(records) and self.patience.setdefault(group, 1_000):
            self.patience[group] -= 1
            self._do(group, records[position].message)
            self._offsets[group, topic][self.home] = position + 1
        return found

    def _do(self, group: str, message: Message) -> None:
        if group == "normalise":
            of_type = message.headers.get("ce_type", "")
            for kind, topic in (("presence", PRESENCE), ("shifts", SHIFTS)):
                if of_type == f"answer.{kind}":
                    self.write("append", [Message(topic, message.key, message.value)])
        elif group == SYNC:
            self.told.append(message.value)

    def last(self, topic: str, key: str = ANNA) -> bytes | None:
        return [r.message.value for r in self._records[topic, self.home] if r.message.key == key][-1]


async def live() -> Shared:
    """Anna and a neighbour have states, and two posts of theirs are still to be normalised."""
    log = Shared()
    near = next(f"agent/{n}" for n in range(99) if partition_of(f"agent/{n}", log.partitions) == log.home)
    await log.append([Message(topic, key, b"{}") for topic in (PRESENCE, SHIFTS) for key in (ANNA, near)])
    await log.append([Message(RAW, key, b"{}", {"ce_type": "answer.presence"}) for key in (ANNA, near)])
    return log


def tombstones(log: MemoryLog) -> list[str]:
    return [topic for topic in STATES for record in log.all(topic) if record.message.value is None]


async def test_its_states_end_when_it_has_been_told_that_it_is_gone() -> None:
    log = await live()
    said = await forget_in(log, SETTINGS, ANNA)
    assert sorted(tombstones(log)) == [PRESENCE, SHIFTS]
    assert (log.last(PRESENCE), log.last(SHIFTS)) == (None, None)
    assert log.told[-1] == b'{"deleted":true}', "the far side has heard of it"
    assert log.at_the_end[SYNC] == len(log._records[PRESENCE, log.home]) - 1, "before its key ended"
    assert log.at_the_end["normalise"] == len(log._records[RAW, log.home])
    assert f"{ANNA}: ended in " in said[0]
    assert "told that it is gone: WFM" in said


@pytest.mark.parametrize("records", [3, 0], ids=["slow", "not there"])
async def test_nothing_ends_before_normalise_has_come_to_it_and_that_is_said(records: int) -> None:
    log = await live()
    log.patience["normalise"] = records  # two posts and two answers are to be done
    with pytest.raises(FatalError, match=r"agent/anna is not forgotten: normalise .* say forget once more"):
        await forget_in(log, SETTINGS, ANNA)
    assert tombstones(log) == []
    log.patience["normalise"] = 1_000
    said = await forget_in(log, SETTINGS, ANNA)
    assert (log.last(PRESENCE), log.last(SHIFTS)) == (None, None)
    assert "told that it is gone: WFM" in said


async def test_what_a_far_side_has_not_read_stays_until_it_has() -> None:
    log = await live()
    log.patience[SYNC] = 4  # all but what says that it is gone
    said = await forget_in(log, SETTINGS, ANNA)
    assert tombstones(log) == [SHIFTS]
    assert log.last(PRESENCE) == b'{"deleted":true}'
    assert [line for line in said if line.startswith(f"not told yet: {SYNC}; the last record of {PRESENCE} stays")]
    assert not [line for line in said if line.startswith("told")]
    log.patience[SYNC] = 1_000
    await forget_in(log, SETTINGS, ANNA)
    assert log.last(PRESENCE) is None


async def test_nobody_is_said_to_know_of_what_no_look_up_could_miss() -> None:
    said = await forget_in(Shared(), SETTINGS, "profile/p")
    assert not [line for line in said if line.startswith("told")]
    assert "not told, since nobody says of a profile that it is gone: WFM; delete it there" in said


async def test_where_nothing_is_to_be_read_any_more_nobody_is_waited_for() -> None:
    """Raw has gone with its time, and what Kafka remembered of the group too."""
    log = Shared()
    log.patience["normalise"] = 0

    async def bounds(topic: str, partition: int) -> tuple[int, int]:
        first, end = await MemoryLog.bounds(log, topic, partition)
        return (first + 7, end + 7) if topic == RAW else (first, end)

    log.bounds = bounds  # type: ignore[method-assign]
    said = await forget_in(log, SETTINGS, "business-unit/b")
    assert said[0] == "business-unit/b: no topic holds a state of it"
