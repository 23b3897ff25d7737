"""A dead letter once more: who asked for it (`genesys.replays`), and what its group still has to do.

The owner of a group's partition reads the partition with the same number of `genesys.replays`,
as it does with a table, and hands what is asked of its group into the very path on which ordinary
records go: so order per key and the state of tables hold. What is done is told in the same topic
(`dlq_done`), since a group commits offsets of one topic only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from processor.deadletters import DEADLETTERS, REPLAYS
from processor.errors import PoisonError
from processor.eventlog import EventLog, Message, Record
from processor.retry import Outcome


@dataclass(frozen=True, slots=True)
class Replay:
    """`record` as it was in its own topic; `times`: the how-manieth replay this is; `offset` of the asking."""

    id: str
    times: int
    offset: int
    record: Record

    def done(self, group: str, outcome: Outcome) -> Message:
        """What tells that this asking was answered."""
        headers = {
            "dlq_id": self.id,
            "dlq_group": group,
            "dlq_done": str(self.offset),
            "dlq_outcome": outcome.value,
        }
        return Message(REPLAYS, self.record.message.key, None, headers)


def original(record: Record) -> Record:
    """What a record of `genesys.deadletters` or `genesys.replays` was where it failed."""
    headers = record.message.headers
    kept = {name: value for name, value in headers.items() if not name.startswith("dlq_")}
    message = Message(headers["dlq_topic"], record.message.key, record.message.value, kept)
    return Record(
        headers["dlq_topic"], int(headers["dlq_partition"]), int(headers["dlq_offset"]), record.timestamp, message
    )


class Replays:
    """What is asked of one group, by partition; each asking is handed out once until it is forgotten."""

    def __init__(self, log: EventLog, group: str) -> None:
        self._log = log
        self._group = group
        self._position: dict[int, int] = {}

    async def news(self, partition: int) -> Sequence[Replay]:
        """Asked since the last call (at the first: ever) and not yet done, in order."""
        first, end = await self._log.bounds(REPLAYS, partition)
        start = max(first, self._position.get(partition, 0))
        if start >= end:
            return ()
        asked: dict[int, Replay] = {}
        async for record in self._log.read(REPLAYS, partition, start, end):
            headers = record.message.headers
            if headers.get("dlq_group") != self._group:
                continue
            if "dlq_done" in headers:
                asked.pop(int(headers["dlq_done"]), None)
            else:
                times = int(headers["dlq_replayed"])
                asked[record.offset] = Replay(headers["dlq_id"], times, record.offset, original(record))
        self._position[partition] = end
        return tuple(asked.values())

    def forget(self, partition: int) -> None:
        """The partition has left: whoever gets it reads from the beginning."""
        self._position.pop(partition, None)


@dataclass(frozen=True, slots=True)
class Parked:
    """One dead letter as it stands now. `state`: parked, waiting (its replay was asked for), or done."""

    id: str
    group: str
    topic: str
    partition: int
    offset: int
    key: str
    type: str
    reason: str
    field: str
    error: str
    attempts: int
    time: datetime
    replayed: int
    state: str
    value: bytes | None
    headers: Mapping[str, str]

    def ask(self) -> Message:
        """The record that asks for one replay more."""
        return Message(REPLAYS, self.key, self.value, {**self.headers, "dlq_replayed": str(self.replayed + 1)})


async def list_dead(log: EventLog) -> list[Parked]:
    """Every dead letter that is kept, oldest first, each once however often it failed."""
    pages = await asyncio.gather(*(_dead_in(log, partition) for partition in range(log.partitions)))
    return sorted((item for page in pages for item in page), key=lambda item: (item.time, item.id))


async def show(log: EventLog, dead_id: str) -> Parked:
    """Raises PoisonError when there is none of this id."""
    return _find(await list_dead(log), dead_id)


async def replay(log: EventLog, ids: Iterable[str] | None, *, dry_run: bool = False) -> list[Parked]:
    """Ask for these once more, or (None) for all that are parked; returns them as they stood before.

    Again for one that is waiting or done is allowed and harmless: ids and tables make a repeat
    a duplicate. Raises PoisonError, and asks for nothing, when an id is unknown.
    """
    known = await list_dead(log)
    if ids is None:
        chosen = [item for item in known if item.state == "parked"]
    else:
        chosen = [_find(known, dead_id) for dead_id in dict.fromkeys(ids)]
    if chosen and not dry_run:
        await log.append([item.ask() for item in chosen])
    return chosen


def _find(known: Iterable[Parked], dead_id: str) -> Parked:
    for item in known:
        if item.id == dead_id:
            return item
    raise PoisonError(f"no dead letter {dead_id} is kept; `dead-letters list` shows those that are")


async def _dead_in(log: EventLog, partition: int) -> list[Parked]:
    letters: dict[str, Record] = {}
    async for record in log.read(DEADLETTERS, partition, *await log.bounds(DEADLETTERS, partition)):
        if "dlq_id" in record.message.headers:
            letters[record.message.headers["dlq_id"]] = record
    asked: dict[str, int] = {}
    open_: dict[str, set[int]] = {}
    outcome: dict[str, str] = {}
    async for record in log.read(REPLAYS, partition, *await log.bounds(REPLAYS, partition)):
        headers = record.message.headers
        dead_id = headers.get("dlq_id", "")
        if "dlq_done" in headers:
            open_.get(dead_id, set()).discard(int(headers["dlq_done"]))
            outcome[dead_id] = headers["dlq_outcome"]
        else:
            asked[dead_id] = int(headers["dlq_replayed"])
            open_.setdefault(dead_id, set()).add(record.offset)

    def state(dead_id: str) -> str:
        if open_.get(dead_id):
            return "waiting"
        return "done" if outcome.get(dead_id) == Outcome.DONE else "parked"

    return [_parked(record, state(dead_id), asked.get(dead_id, 0)) for dead_id, record in letters.items()]


def _parked(record: Record, state: str, asked: int) -> Parked:
    headers = record.message.headers
    return Parked(
        id=headers["dlq_id"],
        group=headers["dlq_group"],
        topic=headers["dlq_topic"],
        partition=int(headers["dlq_partition"]),
        offset=int(headers["dlq_offset"]),
        key=record.message.key,
        type=headers.get("ce_type", ""),
        reason=headers["dlq_reason"],
        field=headers["dlq_field"],
        error=headers["dlq_error"],
        attempts=int(headers["dlq_attempts"]),
        time=datetime.fromisoformat(headers["dlq_time"]),
        replayed=max(asked, int(headers["dlq_replayed"])),
        state=state,
        value=record.message.value,
        headers=headers,
    )
