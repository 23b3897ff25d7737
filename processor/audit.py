"""The audit trail: outcomes chained by hashes, so that a change or a gap shows.

One chain per group and partition. A link is `sequence` (from 0), `previousHash` and `hash`, in
the outcome's JSON; the hash covers the id, the time, the subject and all data but itself. Times
and order of the chain are those in which this group appended. An append that was repeated
leaves the same link twice, which `verify` counts and accepts; two different links of one number
are a fork.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from processor.event import digest
from processor.eventlog import EventLog, Message, Record
from processor.eventlog.partitions import partition_of

OUTCOMES = "genesys.outcomes"
GENESIS = "0" * 64
"""The `previousHash` of a chain's first link."""
WINDOW = 500
"""Records that are read at once when the end of a chain is looked for, backwards."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last link of a chain."""

    sequence: int = -1
    hash: str = GENESIS


def without_content(value: bytes) -> bytes | None:
    """What stays of an outcome whose subject is forgotten: its link, so that the chain holds; None if it has none."""
    data = _parsed(value)
    link = {name: data[name] for name in ("chain", "sequence", "previousHash", "hash") if name in data}
    return orjson.dumps({**link, "erased": True}) if "chain" in link else None


def link_hash(previous: str, headers: Mapping[str, str], data: Mapping[str, Any]) -> str:
    """The hash of an outcome with these data; `hash` itself is left out."""
    covered = {name: value for name, value in data.items() if name != "hash"}
    facts = [previous, *(headers.get(name, "") for name in ("ce_id", "ce_time", "ce_subject")), covered]
    return hashlib.sha256(orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)).hexdigest()


class Chains:
    """The chains of one group, as far as this process continues them.

    Not for use side by side: the caller appends what `seal` returned before he seals more, and
    calls `forget` when he cannot know whether it landed.
    """

    def __init__(self, log: EventLog, group: str) -> None:
        self._log = log
        self._group = group
        self._heads: dict[int, Head] = {}

    async def seal(self, messages: Sequence[Message]) -> list[Message]:
        """The same messages in the same order, outcomes with their links."""
        return [await self._seal(message) if message.topic == OUTCOMES else message for message in messages]

    def forget(self) -> None:
        """Ask the log again where the chains end."""
        self._heads.clear()

    async def _seal(self, message: Message) -> Message:
        partition = partition_of(message.key, self._log.partitions)
        head = self._heads.get(partition)
        if head is None:
            head = await last_link(self._log, self._chain(partition), partition)
        data = orjson.loads(message.value or b"{}")
        data |= {
            "chain": self._chain(partition),
            "sequence": head.sequence + 1,
            "previousHash": head.hash,
        }
        data["hash"] = link_hash(head.hash, message.headers, data)
        self._heads[partition] = Head(head.sequence + 1, data["hash"])
        value = orjson.dumps(data)
        return message._replace(value=value, headers={**message.headers, "ce_datadigest": digest(value)})

    def _chain(self, partition: int) -> str:
        return f"{self._group}/{partition}"


async def last_link(log: EventLog, chain: str, partition: int) -> Head:
    """Where a chain ends, looked for from the partition's end; the empty head when it has no link that is kept."""
    first, end = await log.bounds(OUTCOMES, partition)
    window = WINDOW
    while end > first:
        start = max(first, end - window)
        head: Head | None = None
        async for record in log.read(OUTCOMES, partition, start, end):
            data = _data(record)
            if data.get("chain") == chain and (head is None or data["sequence"] >= head.sequence):
                head = Head(data["sequence"], data["hash"])
        if head:
            return head
        end, window = start, window * 4
    return Head()


@dataclass(slots=True)
class Report:
    """What `verify` saw. `broken` says of each fault where it is and what is wrong; empty = nothing was touched."""

    links: int = 0
    chains: int = 0
    repeated: int = 0
    unchained: int = 0
    erased: int = 0
    """Links without content: their subject was forgotten on purpose."""
    broken: list[str] = field(default_factory=list)


async def verify(log: EventLog) -> Report:
    """Walk all chains from the oldest outcome that is kept (what retention removed is no fault)."""
    report = Report()
    for partition in range(log.partitions):
        heads: dict[str, Head] = {}
        async for record in log.read(OUTCOMES, partition, *await log.bounds(OUTCOMES, partition)):
            _check(record, heads, report)
        report.chains += len(heads)
    return report


def _check(record: Record, heads: dict[str, Head], report: Report) -> None:
    data = _data(record)
    chain = data.get("chain")
    if not isinstance(chain, str):
        report.unchained += 1
        return
    where = f"{record.topic} {record.partition}-{record.offset} ({chain}, {data.get('sequence')})"
    if data.get("erased") is True:
        report.erased += 1
    elif data.get("hash") != link_hash(str(data.get("previousHash")), record.message.headers, data):
        report.broken.append(f"{where}: the content does not fit its hash")
    head = heads.get(chain)
    sequence = data.get("sequence")
    if head and sequence == head.sequence and data.get("hash") == head.hash:
        report.repeated += 1
        return
    if head and isinstance(sequence, int) and sequence <= head.sequence:
        report.broken.append(f"{where}: a second link of this number, or out of order")
    elif head and (sequence != head.sequence + 1 or data.get("previousHash") != head.hash):
        report.broken.append(f"{where}: does not follow {head.sequence}: links are missing or were changed")
    report.links += 1
    heads[chain] = Head(sequence if isinstance(sequence, int) else -1, str(data.get("hash")))


def _data(record: Record) -> dict[str, Any]:
    return _parsed(record.message.value)


def _parsed(value: bytes | None) -> dict[str, Any]:
    try:
        data = orjson.loads(value or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return data if isinstance(data, dict) else {}
