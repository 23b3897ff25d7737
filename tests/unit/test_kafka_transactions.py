"""Who is no longer the owner of a partition starts no producer in its name: that would fence the new one."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from processor.errors import Revoked
from processor.eventlog.kafka_transactions import Transactions


class NoReader:
    """Nothing is read."""


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
