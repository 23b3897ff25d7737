from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from handlers.events import QueueUpdated, VolumeUpdated
from handlers.policy import Hour, Rule, Selection, Verdict, hours, judge, remember
from tests.unit.looptables import START, queue, volume


def an_hour(offered: int, level: float, target: float | None = 60) -> Hour:
    return Hour(START, START + timedelta(hours=1), offered, level, target)


def only(records: Iterable[VolumeUpdated]) -> Hour:
    covered = hours(records)
    assert len(covered.runs) == 1
    return covered.newest


@pytest.mark.parametrize(
    ("offered", "level", "target", "adjusted", "verdict"),
    [
        (501, 0.8499, 60, False, Verdict.BREACH),
        (500, 0.10, 60, False, Verdict.RECOVERED),  # exactly 500 is none
        (501, 0.85, 60, False, Verdict.BETWEEN),  # exactly 85 % is none
        (501, 0.90, 60, True, Verdict.RECOVERED),
        (501, 0.10, 45, True, Verdict.UNCLEAR),  # measured against the tightened target
        (501, 0.90, 45, True, Verdict.RECOVERED),  # in time by the tighter target is in time by the baseline's
        (501, 0.95, 75, True, Verdict.UNCLEAR),  # by a looser one it says nothing
        (501, 0.10, None, True, Verdict.UNCLEAR),
        (501, 0.10, None, False, Verdict.BREACH),  # nothing is adjusted: the present target is the baseline
    ],
)
def test_limits_are_strict_and_judged_against_the_baseline(
    offered: int, level: float, target: float | None, adjusted: bool, verdict: Verdict
) -> None:
    assert judge(Rule(), an_hour(offered, level, target), 60, adjusted=adjusted) is verdict


def test_missing_numbers_cover_nothing() -> None:
    assert not hours([volume(60, offered=None), volume(61, level=None)])


def test_shorter_records_are_added_up_only_without_a_gap() -> None:
    halves = [volume(30, 200, 0.5, span=30), volume(60, 400, 0.8, span=30)]
    hour = only(halves)
    assert (hour.offered, round(hour.service_level, 2)) == (600, 0.7)
    assert not hours([volume(30, 200, 0.5, span=30), volume(90, 400, 0.8, span=30)])
    assert not hours(halves[1:])


def test_the_window_keeps_the_newest_word_of_an_interval_and_forgets_what_is_old() -> None:
    window = remember(remember(None, volume(60, 10)), volume(60, 20))
    assert [record.offered for record in window["email"]] == [20]
    assert [record.offered for record in remember(window, volume(60 * 5, 30))["email"]] == [30]


@pytest.mark.parametrize(
    ("words", "covered"),
    [
        ((), True),
        (("q-1",), True),
        (("q-2",), False),
        (("name:email*",), True),
        (("name:Voice*",), False),
        (("division:d-1",), True),
        (("media:email",), True),
        (("media:call",), False),
        (("q-1", "media:call"), False),
    ],
)
def test_the_selection_bounds_what_the_loop_may_touch(words: tuple[str, ...], covered: bool) -> None:
    known: QueueUpdated = queue(60).model_copy(update={"division_id": "d-1"})
    assert Selection.parse(words).covers(known, "email") is covered


def test_an_hour_in_which_nothing_came_needs_no_service_level() -> None:
    hour = only([volume(60, offered=0, level=None)])
    assert (hour.offered, judge(Rule(), hour, 60, adjusted=True)) == (0, Verdict.RECOVERED)


def test_a_silent_half_hour_counts_for_nothing_in_the_hours_level() -> None:
    hour = only([volume(30, span=30), volume(60, offered=0, level=None, target=None, span=30)])
    assert (hour.offered, hour.service_level, hour.target_seconds) == (600, 0.7, 60)


def test_an_hour_that_is_not_over_or_long_past_says_nothing() -> None:
    whole, half = volume(60), volume(60, span=30)
    filling = whole.model_copy(update={"time": START + timedelta(minutes=20)})
    assert not hours([filling])
    assert hours([filling.model_copy(update={"final": True})])
    assert not hours([volume(30, span=30), half.model_copy(update={"time": START + timedelta(minutes=40)})])
    waiting = volume(90, offered=None, level=None, span=0)  # something is heard, but nothing that counts
    assert not hours([whole, waiting])
    assert hours([whole, volume(70, offered=None, level=None, span=0)])


def test_shorter_records_speak_where_whole_hours_have_ceased() -> None:
    halves = [volume(minute, 300, 0.9, span=30) for minute in (60, 90)]
    assert only([volume(45, 900, 0.1), *halves]).offered == 600
    assert only([volume(85, 900, 0.1), *halves]).offered == 900
