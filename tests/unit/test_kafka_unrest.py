"""The alarm about a group that finds no rest: told when it never ends, silent about joins and leaves."""

from __future__ import annotations

import pytest

from processor.eventlog.kafka_unrest import TOO_OFTEN, WITHIN_SECONDS, Unrest


def alarms(caplog: pytest.LogCaptureFixture) -> int:
    return [record.getMessage() for record in caplog.records].count("unrest")


def test_a_group_without_rest_is_told_and_told_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    unrest = Unrest("sync", lambda: clock[0])
    for _ in range(TOO_OFTEN - 1):
        clock[0] += 1
        unrest.rebalanced()
    assert alarms(caplog) == 0
    unrest.rebalanced()
    assert alarms(caplog) == 1
    (record,) = caplog.records
    assert (record.levelname, "KAFKA_MEMBER_ID" in record.hint) == ("ERROR", True)
    for _ in range(TOO_OFTEN):
        unrest.rebalanced()
    assert alarms(caplog) == 2


def test_where_members_have_no_names_two_of_one_name_are_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    unrest = Unrest("sync", lambda: 0.0, named=False)
    for _ in range(TOO_OFTEN):
        unrest.rebalanced()
    (record,) = caplog.records
    assert ("KAFKA_MEMBER_ID" in record.hint, "started and ended" in record.hint) == (False, True)


def test_members_that_come_and_go_are_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    clock = [0.0]
    unrest = Unrest("sync", lambda: clock[0])
    for _ in range(10 * TOO_OFTEN):
        clock[0] += WITHIN_SECONDS / (TOO_OFTEN - 2)
        unrest.rebalanced()
    assert alarms(caplog) == 0
