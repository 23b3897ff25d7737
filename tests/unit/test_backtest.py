"""Recorded volume under the loop's rule: the same decisions that the loop would have made, and none without cause."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from processor.app.errands.backtesting import backtest, replay
from processor.cli.backtest import with_rule
from processor.cli.tail import as_dict
from processor.errors import PoisonError
from processor.eventlog import Record
from processor.settings import Settings, SettingsError
from tests.unit.looptables import QUEUE, START, queue, volume

BUSY = [volume(minute) for minute in range(60, 90, 2)]
CALM = [volume(minute, 300, 0.99) for minute in range(90, 120, 2)]


async def test_what_would_have_been_done() -> None:
    decisions = await replay(Settings(), {QUEUE: queue(60)}, [*BUSY, *CALM])
    assert [one.action for one in decisions if one.action != "suggest"] == ["adjust", "adjust", "restore"]
    assert [one.target.get("serviceLevelSeconds") for one in decisions if one.action == "adjust"] == [45.0, 30.0]


async def test_hours_are_judged_by_the_target_that_people_wanted_then() -> None:
    decisions = await replay(Settings(), {QUEUE: queue(45, at=200)}, [*BUSY, *CALM])
    assert [one.target.get("serviceLevelSeconds") for one in decisions if one.action != "suggest"] == [45.0, 30.0, 60.0]


async def test_what_the_loop_had_tightened_is_not_taken_for_peoples_wish() -> None:
    (adjusted, *_) = await replay(Settings(), {QUEUE: queue(60)}, BUSY)
    later = [volume(minute, offered=800, target=45) for minute in range(62, 80, 2)]
    rule = with_rule(Settings(), ["offered_above=700"])
    assert await replay(rule, {QUEUE: queue(60)}, [BUSY[0], *later], [adjusted]) == []
    (mistaken, *_) = await replay(rule, {QUEUE: queue(60)}, [BUSY[0], *later])
    assert mistaken.baseline["serviceLevelSeconds"] == 45


async def test_another_rule_decides_otherwise_and_queues_out_of_reach_are_left_alone() -> None:
    quiet = with_rule(Settings(), ["offered_above=700"])
    assert await replay(quiet, {QUEUE: queue(60)}, [*BUSY, *CALM]) == []
    elsewhere = Settings.model_validate({"loop_queues": "name:Sales*"})
    assert await replay(elsewhere, {QUEUE: queue(60)}, BUSY) == []
    assert await replay(Settings(), {}, BUSY) == []


async def test_lines_of_tail_are_read_whatever_their_order(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    records = [
        Record(message.topic, 0, offset, START, message)
        for offset, message in enumerate(event.to_message() for event in (*reversed(BUSY), queue(60)))
    ]
    file.write_bytes(b"\n".join(orjson.dumps(as_dict(record)) for record in records))
    (first, *_), names = await backtest(Settings(), [file])
    assert (first.action, names[first.subject]) == ("adjust", "Email Support")
    file.write_text("{}\n")
    with pytest.raises(PoisonError, match=r"recorded\.jsonl:1"):
        await backtest(Settings(), [file])
    with pytest.raises(PoisonError, match=r"none\.jsonl: cannot be read: No such file or directory$"):
        await backtest(Settings(), [tmp_path / "none.jsonl"])


def test_a_limit_that_does_not_exist_is_told_with_those_that_do() -> None:
    for word in ("offered=3", "offered_above", "offered_above=many"):
        with pytest.raises(SettingsError, match="offered_above"):
            with_rule(Settings(), [word])
