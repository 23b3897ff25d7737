"""The audit trail: where a chain is taken up again, and what a fork looks like."""

from __future__ import annotations

from processor.audit import GENESIS, OUTCOMES, Chains, Head, last_link, verify
from processor.eventlog import Message
from processor.eventlog.partitions import partition_of
from tests.unit.engine import fact, told
from tests.unit.memorylog import MemoryLog

PARTITION = partition_of("s/1", 4)


def outcome(number: int) -> Message:
    return told(fact("s/1", number)).to_message()


async def test_a_chain_begins_at_the_genesis_and_others_messages_pass_untouched() -> None:
    log = MemoryLog()
    other = Message("t", "k", b"{}", {})
    first, same = await Chains(log, "g").seal([outcome(1), other])
    assert same is other
    assert b'"sequence":0' in (first.value or b"")
    assert GENESIS.encode() in (first.value or b"")
    assert await last_link(log, f"g/{PARTITION}", PARTITION) == Head()


async def test_the_end_of_a_chain_is_found_far_behind_other_groups_outcomes() -> None:
    log = MemoryLog()
    await log.append(await Chains(log, "rare").seal([outcome(n) for n in range(3)]))
    await log.append(await Chains(log, "busy").seal([outcome(n) for n in range(3_000)]))
    assert (await last_link(log, f"rare/{PARTITION}", PARTITION)).sequence == 2
    await log.append(await Chains(log, "rare").seal([outcome(3)]))
    report = await verify(log)
    assert (report.broken, report.links, report.chains) == ([], 3_004, 2)


async def test_two_writers_of_one_chain_show_as_a_fork() -> None:
    log = MemoryLog()
    one, two = Chains(log, "g"), Chains(log, "g")
    await log.append(await one.seal([outcome(1)]))
    zombie = await two.seal([outcome(2)])
    await log.append(await one.seal([outcome(3)]))
    await log.append(zombie)
    [fault] = (await verify(log)).broken
    assert "a second link of this number" in fault


async def test_outcomes_of_other_programs_are_counted_not_accused() -> None:
    log = MemoryLog()
    await log.append([outcome(1), Message(OUTCOMES, "s/1", b"no json", {})])
    report = await verify(log)
    assert (report.unchained, report.broken) == (2, [])
