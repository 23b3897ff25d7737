"""Tables that are rebuilt from the log are those that were folded while it was written, however its records are read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.events import Fate, VolumeUpdated
from handlers.normalise import fences
from handlers.normalise.normaliser import STATES, tables
from processor.errors import PoisonError
from processor.event import Event, Gone, Written
from processor.verbatim import glance
from tests.unit.normalisedesk import NOW, Desk, Log
from tests.unit.strange import ANSWERED, KINDS, POSTED, strange, through_its_class

SMALL = st.integers(0, 2)
POSTS = st.tuples(st.just("post"), st.integers(0, len(POSTED) - 1), SMALL, SMALL, st.integers(0, 9))
ANSWERS = st.tuples(st.just("answer"), st.integers(0, len(ANSWERED) - 1), SMALL)
ENDS = st.tuples(st.just("end"), st.integers(0, 99))
STRANGERS = st.tuples(st.just("stranger"), st.integers(0, 99))


def told(number: int, subject: int, name: int, minute: int) -> Any:
    """A delivery about one of three subjects, under one of three ids, at one of ten minutes."""
    text = json.dumps(POSTED[number])
    for one in ("u-1", "q-1", "g-1", "c-1", "p-1"):
        text = text.replace(f'"{one}"', f'"{one}{subject}"').replace(f".{one}", f".{one}{subject}")
    text = text.replace('"eb-1"', f'"eb-{name}"').replace('"evt-', f'"evt-{name}-')
    return json.loads(text.replace("T13:00:0", f"T13:{minute:02}:0"))


def rows(known: Any) -> Any:
    """All that tables hold."""
    return rows_of({topic: dict(table.items()) for topic, table in known.items()})


def rows_of(known: Any) -> Any:
    """All that is remembered, in its order: what is forgotten first depends on it."""
    return {
        topic: {
            subject: (row, list(row.known.items()), list(row.fences.items()), list(row.marks), list(row.silences))
            for subject, row in sorted(held.items())
        }
        for topic, held in known.items()
    }


async def rebuilt(log: Log) -> Any:
    known = tables()
    for table in known.values():
        await table.load(log, 0)
    return rows(known)


def one_by_one(log: Log) -> Any:
    """The same, each record through its class, one after the other.

    A state that was replaced counts as taken even if it cannot be read.
    """
    known: dict[str, dict[str, Any]] = {}
    for topic, kind in KINDS.items():
        histories: dict[str, list[tuple[Written, bool]]] = {}
        for record in log.records.get(topic, ()):
            if record.message.value is None:
                histories.pop(record.message.key, None)
            elif record.message.headers["ce_type"] == kind.type:
                event = through_its_class(kind, record)
                if seen := event or (glance(kind, record) if kind in STATES else None):
                    histories.setdefault(seen.subject, []).append((seen, event is not None))
        known[topic] = {subject: row for subject, history in histories.items() if (row := folded(kind, history))}
    return rows_of(known)


def folded(kind: type[Event], history: list[tuple[Written, bool]]) -> fences.Row | None:
    """Of one subject: what was seen of each record, and whether it could be read."""
    folds = {VolumeUpdated: fences.remember_volume, Fate: fences.remember_fate}
    _, newest_can = history[-1]
    row = None
    for seen, can in history:
        if can:
            row = folds.get(kind, fences.remember_state)(row, seen)
        elif newest_can:
            row = fences.pass_by(row, seen)
    return row


async def perform(desk: Desk, action: tuple[Any, ...], data: st.DataObject) -> None:
    what, *facts = action
    written = [record for topic in KINDS for record in desk.log.records.get(topic, ())]
    if what == "post":
        await desk.post(told(*facts))
    elif what == "answer":
        number, name = facts
        about, subject, body = ANSWERED[number]
        with suppress(PoisonError):
            await desk.answer(about, subject, body, name=f"answer-{name}")
    elif written:
        record = written[facts[0] % len(written)]
        if what == "end":
            gone = Gone(f"end-{len(written)}", record.topic, record.message.key, "genesys/unknown", NOW)
            desk.log.add(gone.to_message())
            desk.tables[record.topic].apply(gone)
        else:
            desk.log.add(data.draw(strange(record.message)))


@settings(deadline=None)
@given(st.lists(st.one_of(POSTS, POSTS, ANSWERS, ENDS), max_size=40), st.data())
async def test_what_is_rebuilt_is_what_was_folded(actions: list[tuple[Any, ...]], data: st.DataObject) -> None:
    desk = await Desk.open()
    for action in actions:
        await perform(desk, action, data)
    assert await rebuilt(desk.log) == rows(desk.tables)


@settings(deadline=None)
@given(st.lists(st.one_of(POSTS, POSTS, ANSWERS, ENDS, STRANGERS, STRANGERS), max_size=30), st.data())
async def test_whatever_lies_in_the_log_nothing_is_saved_at_the_cost_of_what_is_remembered(
    actions: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    desk = await Desk.open()
    for action in actions:
        await perform(desk, action, data)
    expected = one_by_one(desk.log)
    for most in (10_000, 1, 2):
        with patch("processor.table.MOST_UNREAD", most):
            assert await rebuilt(desk.log) == expected
