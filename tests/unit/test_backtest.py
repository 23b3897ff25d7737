"""Recorded volume under the loop's rule: the same decisions that the loop would have made, and none without cause."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from processor.app.errands.backtesting import backtest, replay
from processor.cli.backtest import with_rule
from processor.cli.tail import as_dict
from processor.errors import PoisonError
from processor.event import Event
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


async def test_where_no_target_is_told_the_one_before_it_holds() -> None:
    untold = [volume(minute, target=None) for minute in range(62, 70, 2)]
    (first, *_) = await replay(Settings(), {QUEUE: queue(45, at=200)}, [volume(60, 300, 0.99), *untold])
    assert (first.baseline["serviceLevelSeconds"], first.target["serviceLevelSeconds"]) == (60, 45)


async def test_the_hour_for_which_the_loop_gave_a_target_back_was_still_of_its_own() -> None:
    (adjusted, *_) = await replay(Settings(), {QUEUE: queue(60)}, BUSY)
    restored = adjusted.model_copy(update={"time": START + timedelta(minutes=70), "standing": {}})
    rule = with_rule(Settings(), ["offered_above=700"])
    told = [BUSY[0], volume(70, offered=800, target=45)]
    assert await replay(rule, {QUEUE: queue(60)}, told, [adjusted, restored]) == []


async def test_a_target_that_the_loop_had_given_back_and_is_told_late_is_no_persons() -> None:
    (adjusted, *_) = await replay(Settings(), {QUEUE: queue(60)}, BUSY)
    restored = adjusted.model_copy(update={"time": START + timedelta(minutes=70), "standing": {}})
    late = [volume(72, target=45), volume(74, target=60)]
    tried = await replay(Settings(), {QUEUE: queue(60)}, [*BUSY[:6], *late], [adjusted, restored])
    assert "stand-back" not in {one.action for one in tried}


async def test_another_rule_decides_otherwise_and_queues_out_of_reach_are_left_alone() -> None:
    quiet = with_rule(Settings(), ["offered_above=700"])
    assert await replay(quiet, {QUEUE: queue(60)}, [*BUSY, *CALM]) == []
    elsewhere = Settings.model_validate({"loop_queues": "name:Sales*"})
    assert await replay(elsewhere, {QUEUE: queue(60)}, BUSY) == []
    assert await replay(Settings(), {}, BUSY) == []


def lines(*events: Event) -> bytes:
    messages = enumerate(event.to_message() for event in events)
    records = [Record(message.topic, 0, offset, START, message) for offset, message in messages]
    return b"\n".join(orjson.dumps(as_dict(record)) for record in records)


async def test_lines_of_tail_are_read_whatever_their_order(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    file.write_bytes(lines(*reversed(BUSY), queue(60)))
    (first, *_), names = await backtest(Settings(), [file])
    assert (first.action, names[first.subject]) == ("adjust", "Email Support")
    tightened = [volume(minute, offered=800, target=45) for minute in range(62, 80, 2)]
    before = first.model_copy(update={"time": START, "standing": {}})
    file.write_bytes(lines(queue(60), BUSY[0], *tightened, first, before))
    assert await backtest(with_rule(Settings(), ["offered_above=700"]), [file]) == ([], names)
    file.write_text("{}\n")
    with pytest.raises(PoisonError, match=r"recorded\.jsonl:1"):
        await backtest(Settings(), [file])
    with pytest.raises(PoisonError, match=r"none\.jsonl: cannot be read: No such file or directory$"):
        await backtest(Settings(), [tmp_path / "none.jsonl"])


def test_a_limit_that_does_not_exist_is_told_with_those_that_do() -> None:
    for word in ("offered=3", "offered_above", "offered_above=many"):
        with pytest.raises(SettingsError, match="offered_above"):
            with_rule(Settings(), [word])
