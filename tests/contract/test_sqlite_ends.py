"""Where the log in one file ends, and a hold on it."""

from __future__ import annotations

import pytest

from processor.errors import FatalError
from processor.eventlog import Message
from tests.contract.filelog import no_offsets, nothing, open_log


async def test_nothing_is_kept_for_a_hold_that_has_ended(file):
    async with open_log(file) as log:
        async with log.subscribe("things", "readers", nothing, no_offsets) as subscription:
            pass
        await log.append([Message("things", "a", b"1")])
        assert not subscription._parts[0].buffer


@pytest.mark.parametrize("partition", [-1, 1])
async def test_a_partition_that_the_log_does_not_have_is_fatal_and_named(file, partition):
    async with open_log(file) as log:
        with pytest.raises(FatalError, match=f"no partition {partition} of a topic 'states'"):
            await log.bounds("states", partition)
