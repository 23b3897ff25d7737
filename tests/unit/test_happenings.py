"""The demo tells a breach, then what was decided about it, then what that changed: whoever noticed first."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from processor.demo.happenings import happened


def at(time: str) -> str:
    return f"2026-03-09T{time}.000Z"


def breach(start: str, end: str | None = None) -> dict[str, Any]:
    return {"queueId": "q", "start": at(start), "end": end and at(end), "offered": 510, "serviceLevel": 0.8}


def decision(time: str, action: str = "adjust", queue: str = "q") -> dict[str, Any]:
    return {"queueId": queue, "name": "", "time": at(time), "action": action, "reason": "why"}


def change(time: str) -> dict[str, Any]:
    return {"queueId": "q", "at": at(time), "targetSeconds": 45.0, "joined": 0}


def ledger(now: str, breaches: list[dict[str, Any]], changes: list[dict[str, Any]]) -> dict[str, Any]:
    queues = {name: {"name": name, "peopleWantSeconds": 60.0} for name in ("q", "other")}
    return {"now": at(now), "breaches": breaches, "changes": changes, "queues": queues}


def told(book: dict[str, Any], *decisions: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.when[11:19], one.words.split(" ")[0]) for one in happened(book, decisions)]


ALL = [("10:01:00", "BREACH"), ("10:01:00", "ADJUST"), ("10:01:00", "in"), ("10:20:00", "RESTORE"), ("10:20:02", "in")]


@pytest.mark.parametrize("newest", list(permutations([decision("10:00:30"), decision("10:20:00", "restore")])))
@pytest.mark.parametrize("changes", list(permutations([change("10:00:32"), change("10:20:02")])))
def test_an_adjustment_before_the_floor_judged_is_told_behind_the_breach(newest, changes):
    book = ledger("10:30:00", [breach("10:01:00", "10:15:00")], list(changes))
    assert told(book, *newest) == ALL


def test_at_the_same_time_the_breach_comes_first():
    assert told(ledger("10:02:00", [breach("10:01:00")], []), decision("10:01:00")) == ALL[:2]


def test_what_came_later_keeps_its_own_time():
    told_of = told(ledger("10:06:00", [breach("10:01:00")], [change("10:05:01")]), decision("10:05:00"))
    assert told_of == [("10:01:00", "BREACH"), ("10:05:00", "ADJUST"), ("10:05:01", "in")]


def test_while_the_floor_may_still_judge_the_queue_waits_and_no_other_does():
    book = ledger("10:00:50", [], [change("10:00:32")])
    assert told(book, decision("10:00:30"), decision("10:00:40", "suggest", "other")) == [("10:00:40", "NOTICE")]


def test_an_adjustment_for_which_the_floor_saw_no_breach_is_told_all_the_same():
    book = ledger("10:01:31", [breach("09:00:00", "09:30:00")], [change("10:00:32")])
    assert told(book, decision("10:00:30")) == [("09:00:00", "BREACH"), ("10:00:30", "ADJUST"), ("10:00:32", "in")]
