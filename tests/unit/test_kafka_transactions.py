"""Who is no longer the owner of a partition starts no producer in its name: that would fence the new one."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from processor.errors import Revoked
from processor.eventlog import Message
from processor.eventlog.kafka_records import encode
from processor.eventlog.kafka_transactions import Doubt, Transactions


class NoReader:
    """Nothing is read, nothing was committed."""

    def forget(self) -> None:
        """Nothing is known."""

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        return {}


def never_made(_: str) -> Any:
    raise AssertionError("it would fence the new owner")


async def test_trap_7_a_zombie_whose_client_is_gone_asks_before_it_takes_over_again() -> None:
    async def gone() -> None:
        raise Revoked("readers")

    reader: Any = NoReader()
    writer = Transactions(never_made, reader, "readers", TopicPartition("things", 0), still_ours=gone)
    for _ in range(2):
        with pytest.raises(Revoked):
            await writer.write({}, {0: 1})
    assert writer.fenced


async def test_records_of_which_nothing_tells_whether_they_landed_are_written_again() -> None:
    """A broker that knows a batch already and has forgotten where it lies says success, without an offset."""
    reader: Any = NoReader()
    writer = Transactions(never_made, reader, "readers", TopicPartition("things", 0), still_ours=never_asked)
    rows = encode([Message("things", "k", b"1")], 1, {"things": 1000})
    assert not await writer._landed(Doubt(rows, {}, None, -1))
    assert not await writer._landed(Doubt(rows, {0: 1}, None, -1)), "the offset would have been committed with it"


async def never_asked() -> None:
    raise AssertionError
